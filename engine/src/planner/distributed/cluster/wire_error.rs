//! Our errors on gRPC.
//!
//! The library carries errors of DataFusion's kinds as such, and of all others only the text. Ours travel as that text, written so
//! that it can be read back, whatever was wrapped around it on the way.

use std::fmt;

use datafusion::error::DataFusionError;
use url::Url;

use crate::error::{Error, ErrorCode};

/// Stands before the JSON of an [`Error`].
const MARK: &str = "\u{1}arachne error\u{1}";

/// A status goes into an HTTP/2 header, which both sides bound; longer messages are cut.
const MAX_MESSAGE: usize = 4096;

const LOST: &str = "look at its log, or take it out of compute.cluster.workers";

/// What a task or a session of a worker failed with, in the form that survives the way to the coordinator.
pub(super) fn to_wire(error: &DataFusionError) -> DataFusionError {
    let mut error = from_wire(error);
    if error.message.len() > MAX_MESSAGE {
        let end = (0..=MAX_MESSAGE).rev().find(|end| error.message.is_char_boundary(*end)).unwrap_or(0);
        error.message.truncate(end);
        error.message.push('…');
    }
    DataFusionError::External(Box::new(Travelling(error)))
}

/// What a worker does not even begin; its message goes on after the worker's name.
pub(super) fn refusal(error: &Error) -> String {
    Travelling(error.clone()).to_string()
}

/// Reads back what [`to_wire`] wrote; any other error is classified as it would be without gRPC.
pub(super) fn from_wire(error: &DataFusionError) -> Error {
    marked(&error.to_string()).unwrap_or_else(|| Error::from(error))
}

/// The same for an error that came over a connection to `worker`: what is wrong with the connection names the worker.
pub(super) fn of_worker(worker: &Url, error: &DataFusionError) -> Error {
    if let Some(status) = status(error) {
        if let Some(refused) = marked(status.message()) {
            return Error { message: format!("worker {worker} {}", refused.message), ..refused };
        }
        return Error::new(ErrorCode::Unavailable, format!("worker {worker} was lost: {}", detail(status)))
            .with_hint(LOST);
    }
    let text = error.to_string();
    if let Some(ours) = marked(&text) {
        return ours;
    }
    // The library's own limit of 10 s for a plan to arrive: the coordinator, or this worker, was too slow or is gone.
    if text.contains("timed-out while waiting for the plan") {
        return Error::new(
            ErrorCode::Unavailable,
            format!("worker {worker} was not given its part of the plan in time"),
        )
        .with_hint(LOST);
    }
    Error::from(error)
}

fn marked(text: &str) -> Option<Error> {
    let (_, json) = text.split_once(MARK)?;
    serde_json::Deserializer::from_str(json).into_iter().next()?.ok()
}

/// The transport's own words are for the outermost layer only; what happened is at the bottom.
fn detail(status: &tonic::Status) -> String {
    let mut text = match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    };
    let mut next = std::error::Error::source(status);
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// The library's errors are decoded by now, so a status that is left is the transport's.
fn status(error: &DataFusionError) -> Option<&tonic::Status> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = match error.find_root() {
        DataFusionError::External(inner) => Some(inner.as_ref()),
        _ => None,
    };
    while let Some(current) = next {
        if let Some(status) = current.downcast_ref::<tonic::Status>() {
            return Some(status);
        }
        next = current.source();
    }
    None
}

#[derive(Debug)]
struct Travelling(Error);

impl fmt::Display for Travelling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match serde_json::to_string(&self.0) {
            Ok(json) => write!(f, "{MARK}{json}"),
            Err(_) => self.0.fmt(f),
        }
    }
}

impl std::error::Error for Travelling {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn an_error_of_ours_is_the_same_after_any_number_of_wrappers() {
        let error = Error::new(ErrorCode::InvalidData, "s3://b/\"x\".csv, line 3: not a number\n{").with_hint("look");
        let mut wire = to_wire(&DataFusionError::from(error.clone()));
        for _ in 0..2 {
            wire = DataFusionError::Shared(Arc::new(wire.context("in a join")));
            // What the library leaves of an error that is none of DataFusion's.
            wire = DataFusionError::External(wire.to_string().into());
            wire = to_wire(&wire);
        }
        assert_eq!(from_wire(&wire), error);
    }

    #[test]
    fn other_errors_are_classified() {
        let exhausted = to_wire(&DataFusionError::ResourcesExhausted("sort needs 5 GB".to_owned()));
        assert_eq!(from_wire(&exhausted).code, ErrorCode::ResourceExhausted);
    }

    #[test]
    fn a_broken_connection_names_the_worker() {
        let worker = Url::parse("http://10.0.0.7:9000").unwrap();
        let status = tonic::Status::unavailable("connection reset");
        let error = of_worker(&worker, &DataFusionError::External(Box::new(status)));
        assert_eq!(error.code, ErrorCode::Unavailable);
        assert_eq!(error.message, "worker http://10.0.0.7:9000/ was lost: connection reset");
    }

    #[test]
    fn a_refusal_names_the_worker_and_keeps_its_code() {
        let worker = Url::parse("http://10.0.0.7:9000").unwrap();
        let status = tonic::Status::unavailable(refusal(&Error::new(ErrorCode::Throttled, "has its \"4\" tasks")));
        let error = of_worker(&worker, &DataFusionError::External(Box::new(status)));
        assert_eq!(error.to_string(), "throttled: worker http://10.0.0.7:9000/ has its \"4\" tasks");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let error = Error::internal("ä".repeat(5000));
        let read = from_wire(&to_wire(&DataFusionError::from(error)));
        assert!(read.message.len() <= MAX_MESSAGE + "…".len() && read.message.ends_with("ä…"));
    }
}
