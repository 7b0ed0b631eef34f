//! Errors as `application/problem+json` (RFC 9457), with the place in the SQL.

use arachne_engine::query::QueryId;
use arachne_engine::{Error, ErrorCode};
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

pub(super) struct Problem {
    error: Error,
    query_id: Option<QueryId>,
    status: StatusCode,
}

/// What clients are asked to wait when there is too much to do; queries rarely end sooner.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

impl Problem {
    pub(super) fn new(error: Error) -> Self {
        Self { status: status(error.code), error, query_id: None }
    }

    pub(super) fn of_query(error: Error, query_id: QueryId) -> Self {
        Self { query_id: Some(query_id), ..Self::new(error) }
    }

    pub(super) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }
}

#[derive(Serialize)]
struct Document<'a> {
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: ErrorCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_id: Option<&'a str>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status;
        let document = Document {
            title: self.error.code.label(),
            status: status.as_u16(),
            detail: &self.error.message,
            code: self.error.code,
            line: self.error.position.map(|position| position.line),
            column: self.error.position.map(|position| position.column),
            hint: self.error.hint.as_deref(),
            query_id: self.query_id.as_ref().map(|id| id.0.as_str()),
        };
        let mut response = (status, Json(document)).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        response
    }
}

fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Syntax | ErrorCode::InvalidArgument => StatusCode::BAD_REQUEST,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::AlreadyExists | ErrorCode::Cancelled => StatusCode::CONFLICT,
        ErrorCode::PermissionDenied => StatusCode::FORBIDDEN,
        ErrorCode::InvalidData => StatusCode::UNPROCESSABLE_ENTITY,
        ErrorCode::NotSupported => StatusCode::NOT_IMPLEMENTED,
        ErrorCode::ResourceExhausted => StatusCode::INSUFFICIENT_STORAGE,
        ErrorCode::Throttled => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
        ErrorCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
