//! Errors as `application/problem+json` (RFC 9457), with the place in the SQL.

use arachne_engine::query::QueryId;
use arachne_engine::{Error, ErrorCode};
use axum::Json;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse, Response};

use super::body::QUERY_ID;
use super::document::ProblemDocument;

/// An error on its way to a client.
#[derive(Debug)]
pub struct Problem {
    error: Error,
    query_id: Option<QueryId>,
    status: StatusCode,
}

/// What clients are asked to wait when there is too much to do; queries rarely end sooner.
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("2");

impl Problem {
    pub fn new(error: Error) -> Self {
        Self { status: status(error.code), error, query_id: None }
    }

    pub(super) fn of_query(error: Error, query_id: QueryId) -> Self {
        Self { query_id: Some(query_id), ..Self::new(error) }
    }

    /// A request that cannot be understood.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Error::new(ErrorCode::InvalidArgument, message))
    }

    /// With a status that HTTP has and errors of queries do not.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.error = self.error.with_hint(hint);
        self
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self::new(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { error, query_id, status } = self;
        let document = ProblemDocument {
            title: error.code.label().to_owned(),
            status: status.as_u16(),
            detail: error.message,
            code: error.code.into(),
            line: error.position.map(|position| position.line),
            column: error.position.map(|position| position.column),
            hint: error.hint,
            query_id: query_id.as_ref().map(|id| id.0.clone()),
        };
        let mut response = (status, Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
        }
        if let Some(id) = query_id.and_then(|id| HeaderValue::from_str(&id.0).ok()) {
            headers.insert(QUERY_ID, id);
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
