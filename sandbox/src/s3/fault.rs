//! What a fault does to a request and its answer.

use std::time::Duration;

use http::{HeaderValue, Method, Response, StatusCode, header, request};
use std::ops::Range;

use super::shaped_body::Shape;
use crate::faults::{S3Fault, S3Operation};

/// A fault that one request is to have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Injected {
    pub(super) class: S3Fault,
    /// In `0..1`.
    pub(super) variant: f64,
    pub(super) delay: Duration,
}

impl Injected {
    /// The answer that is given without looking at the request.
    pub(super) fn refusal(&self) -> Option<Response<s3s::Body>> {
        match self.class {
            S3Fault::InternalError => Some(error(
                StatusCode::INTERNAL_SERVER_ERROR,
                "InternalError",
                "We encountered an internal error. Please try again.",
            )),
            S3Fault::SlowDown => Some(slow_down()),
            S3Fault::SlowDownRetryAfter => {
                let mut response = slow_down();
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
                Some(response)
            }
            S3Fault::Reset
            | S3Fault::AnswerLost
            | S3Fault::CutBody
            | S3Fault::SlowFirstByte
            | S3Fault::SlowBody
            | S3Fault::WrongRange => None,
        }
    }

    /// How the answer's body of `length` bytes is sent.
    pub(super) fn shape(&self, length: Option<u64>) -> Shape {
        match (self.class, length) {
            (S3Fault::CutBody, Some(length)) => Shape { cut_at: Some(length / 2), ..Shape::default() },
            (S3Fault::CutBody, None) => Shape { cut_at: Some(1), ..Shape::default() },
            (S3Fault::SlowBody, Some(length)) => Shape {
                bytes_per_second: Some(length as f64 / self.delay.as_secs_f64().max(0.001)),
                ..Shape::default()
            },
            _ => Shape::default(),
        }
    }

    pub(super) fn range_slip(&self) -> Option<RangeSlip> {
        (self.class == S3Fault::WrongRange).then(|| RangeSlip::of(self.variant))
    }
}

/// How the bytes that are sent differ from those that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RangeSlip {
    /// The first half of them.
    Fewer,
    /// Twice as many, as far as there are.
    More,
    /// As many, one byte further on.
    Shifted,
    /// The first half, under a `Content-Range` that promises all.
    Mislabelled,
}

impl RangeSlip {
    const ALL: [Self; 4] = [Self::Fewer, Self::More, Self::Shifted, Self::Mislabelled];

    fn of(variant: f64) -> Self {
        Self::ALL[(variant * Self::ALL.len() as f64) as usize % Self::ALL.len()]
    }

    /// What `Content-Range` says, and what is sent, for a range that lies within `size`. Where there is no room for this
    /// slip it is another; only the one byte of a one-byte object stays as it is.
    pub(crate) fn apply(self, asked: Range<u64>, size: u64) -> (Range<u64>, Range<u64>) {
        let half = asked.start..asked.start + (asked.end - asked.start) / 2;
        let shifted = if asked.end < size {
            asked.start + 1..asked.end + 1
        } else if asked.start > 0 {
            asked.start - 1..asked.end - 1
        } else {
            // The whole object.
            half.clone()
        };
        let more = asked.start..size.min(asked.end + (asked.end - asked.start));
        match self {
            _ if size < 2 => (asked.clone(), asked),
            Self::Fewer if !half.is_empty() => (half.clone(), half),
            Self::Mislabelled if !half.is_empty() => (asked, half),
            Self::More if more != asked => (more.clone(), more),
            Self::Fewer | Self::More | Self::Shifted | Self::Mislabelled => (shifted.clone(), shifted),
        }
    }
}

/// Which kind of request this is.
pub(super) fn operation(head: &request::Parts, key: Option<&str>) -> S3Operation {
    match (&head.method, key) {
        (&Method::GET, Some(_)) => S3Operation::Get,
        (&Method::GET, None) => S3Operation::List,
        (&Method::HEAD, _) => S3Operation::Head,
        (&Method::DELETE, _) => S3Operation::Delete,
        (&Method::POST, None) => S3Operation::Delete,
        (&Method::POST, Some(_)) => S3Operation::Upload,
        _ => S3Operation::Put,
    }
}

pub(super) fn slow_down() -> Response<s3s::Body> {
    error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate.")
}

fn error(status: StatusCode, code: &str, message: &str) -> Response<s3s::Body> {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut response = Response::new(s3s::Body::from(xml));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/xml"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_never_sends_what_was_asked_for() {
        for size in 2..12 {
            for start in 0..size {
                for end in start + 1..=size {
                    for slip in RangeSlip::ALL {
                        let (label, sent) = slip.apply(start..end, size);
                        assert_ne!(sent, start..end, "{slip:?} of {start}..{end} of {size}");
                        assert!(!sent.is_empty() && sent.end <= size && label.end <= size);
                        assert!(slip == RangeSlip::Mislabelled || label == sent);
                    }
                }
            }
        }
    }

    #[test]
    fn every_slip_happens() {
        assert_eq!([0.0, 0.3, 0.6, 0.9999].map(RangeSlip::of), RangeSlip::ALL);
    }
}
