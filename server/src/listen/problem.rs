//! Refusals that no door hears of, as `application/problem+json` (RFC 9457) like the HTTP door's own.

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse as _, Response};

/// `code` is for programs, `detail` for people.
pub(super) fn problem(status: StatusCode, code: &'static str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("error").to_lowercase();
    let document = serde_json::json!({"title": title, "status": status.as_u16(), "detail": detail, "code": code});
    let mut response = (status, Json(document)).into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}
