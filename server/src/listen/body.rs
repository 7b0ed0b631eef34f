//! The body of a request: whole, in time, and not too long. Statements are small, so it is read here, after its sender is known
//! and before the door hears of it; a sender of a byte a minute does not hold up anything.

use std::time::Duration;

use axum::body::{self, Body};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::Next;
use axum::response::Response;

use super::problem::problem;

#[derive(Debug, Clone, Copy)]
pub(super) struct BodyLimits {
    pub(super) bytes: usize,
    pub(super) time: Duration,
}

pub(super) async fn read(State(limits): State<BodyLimits>, request: Request, next: Next) -> Response {
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if length.is_some_and(|length| length > limits.bytes) {
        return too_long(limits.bytes);
    }
    let (head, body) = request.into_parts();
    let read = tokio::time::timeout(limits.time, body::to_bytes(body, limits.bytes)).await;
    match read {
        Ok(Ok(bytes)) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        Ok(Err(error)) if is_too_long(&error) => too_long(limits.bytes),
        Ok(Err(_)) => problem(StatusCode::BAD_REQUEST, "invalid_argument", "the body of the request ended too early"),
        Err(_) => {
            let detail = format!("the body of the request did not arrive within {} s", limits.time.as_secs());
            problem(StatusCode::REQUEST_TIMEOUT, "timeout", &detail)
        }
    }
}

/// Of a request that is refused: clients that are still sending when the answer comes take it for a broken connection. Not much
/// of it, and not for long.
pub(super) async fn discard(body: Body) {
    const ENOUGH: usize = 1 << 20;
    const LONG_ENOUGH: Duration = Duration::from_secs(1);
    // Whatever it was.
    let _ = tokio::time::timeout(LONG_ENOUGH, body::to_bytes(body, ENOUGH)).await;
}

fn too_long(limit: usize) -> Response {
    let detail = format!("the body of the request is longer than {limit} bytes (http.max_body)");
    problem(StatusCode::PAYLOAD_TOO_LARGE, "resource_exhausted", &detail)
}

fn is_too_long(error: &axum::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.to_string().contains("length limit exceeded"))
}
