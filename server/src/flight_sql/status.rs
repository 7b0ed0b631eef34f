//! Errors as gRPC statuses.
//!
//! The message is one text for people, because it is all that most drivers show: what is wrong, where, and what to try. The code of the
//! engine and the query's id go along as `x-arachne-error` and `x-arachne-query-id`.

use arachne_catalog::CatalogError;
use arachne_engine::query::QueryId;
use arachne_engine::{Error, ErrorCode};
use arrow::error::ArrowError;
use arrow_flight::error::FlightError;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::auth::{Denied, SealError};

/// In the headers of a stream of rows, and in the trailers of an error.
pub(super) const QUERY_ID: &str = "x-arachne-query-id";
const ERROR_CODE: &str = "x-arachne-error";

/// Java's gRPC refuses headers of more than 8 KiB, and a message grows when it is encoded.
const MAX_MESSAGE_CHARS: usize = 2000;

/// Why a call is not answered.
#[derive(Debug)]
pub(super) struct Refusal(Status);

pub(super) type Result<T, E = Refusal> = std::result::Result<T, E>;

impl Refusal {
    pub(super) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Error::new(code, message).into()
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }

    /// The same with a word on what it was about.
    pub(super) fn within(self, place: &str) -> Self {
        let Self(status) = self;
        let message = format!("{place}: {}", status.message());
        Self(Status::with_metadata(status.code(), message, status.metadata().clone()))
    }

    /// What has become of a query.
    pub(super) fn of_query(error: &Error, id: &QueryId) -> Self {
        let mut status = status(error);
        name_query(status.metadata_mut(), id);
        Self(status)
    }
}

/// Writes a query's id into the headers.
pub(super) fn name_query(headers: &mut MetadataMap, id: &QueryId) {
    if let Ok(id) = MetadataValue::try_from(id.0.as_str()) {
        headers.insert(QUERY_ID, id);
    }
}

fn status(error: &Error) -> Status {
    let mut status = Status::new(code(error.code), message(error));
    let label = error.code.label().replace(' ', "-");
    if let Ok(label) = MetadataValue::try_from(label) {
        status.metadata_mut().insert(ERROR_CODE, label);
    }
    status
}

fn message(error: &Error) -> String {
    let mut text = error.to_string();
    if let Some(position) = error.position {
        text.push_str(&format!(" (line {}, column {})", position.line, position.column));
    }
    if text.chars().count() > MAX_MESSAGE_CHARS {
        text = text.chars().take(MAX_MESSAGE_CHARS).chain("...".chars()).collect();
    }
    if let Some(hint) = &error.hint {
        let hint: String = hint.chars().take(MAX_MESSAGE_CHARS / 2).collect();
        text.push_str(&format!("\nhint: {hint}"));
    }
    text
}

fn code(code: ErrorCode) -> Code {
    match code {
        ErrorCode::Syntax | ErrorCode::InvalidArgument => Code::InvalidArgument,
        ErrorCode::NotFound => Code::NotFound,
        ErrorCode::AlreadyExists => Code::AlreadyExists,
        ErrorCode::PermissionDenied => Code::PermissionDenied,
        ErrorCode::InvalidData => Code::DataLoss,
        ErrorCode::NotSupported => Code::Unimplemented,
        // Not UNAVAILABLE for a full queue: gRPC libraries try such calls again at once, of their own accord.
        ErrorCode::ResourceExhausted | ErrorCode::Throttled => Code::ResourceExhausted,
        ErrorCode::Timeout => Code::DeadlineExceeded,
        ErrorCode::Cancelled => Code::Cancelled,
        ErrorCode::Unavailable => Code::Unavailable,
        ErrorCode::Internal => Code::Internal,
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self(status(&error))
    }
}

impl From<CatalogError> for Refusal {
    fn from(error: CatalogError) -> Self {
        Error::from(error).into()
    }
}

impl From<ArrowError> for Refusal {
    fn from(error: ArrowError) -> Self {
        Error::from(error).into()
    }
}

impl From<FlightError> for Refusal {
    fn from(error: FlightError) -> Self {
        match error {
            FlightError::Tonic(status) => Self(*status),
            FlightError::Arrow(error) => error.into(),
            FlightError::DecodeError(message) | FlightError::ProtocolError(message) => Self::invalid(message),
            FlightError::NotYetImplemented(message) => Self::new(ErrorCode::NotSupported, message),
            FlightError::ExternalError(error) => Self::new(ErrorCode::Internal, error.to_string()),
        }
    }
}

impl From<SealError> for Refusal {
    fn from(error: SealError) -> Self {
        Error::from(error).into()
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self(denied.into())
    }
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self(status)
    }
}

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        refusal.0
    }
}

impl From<Refusal> for FlightError {
    fn from(refusal: Refusal) -> Self {
        refusal.0.into()
    }
}

#[cfg(test)]
mod tests {
    use arachne_engine::Position;

    use super::*;

    #[test]
    fn a_message_has_the_place_and_the_hint_and_fits_into_headers() {
        let error =
            Error::new(ErrorCode::Syntax, "no column nope").at(Position { line: 2, column: 7 }).with_hint("use n");
        let status = Status::from(Refusal::of_query(&error, &QueryId("q1".to_owned())));
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(status.message(), "syntax error: no column nope (line 2, column 7)\nhint: use n");
        assert_eq!(status.metadata().get(QUERY_ID).unwrap(), "q1");
        assert_eq!(status.metadata().get(ERROR_CODE).unwrap(), "syntax-error");

        let long = Error::new(ErrorCode::Internal, "x".repeat(100_000)).with_hint("y".repeat(100_000));
        assert!(Status::from(Refusal::from(long)).message().len() < 4000);
    }
}
