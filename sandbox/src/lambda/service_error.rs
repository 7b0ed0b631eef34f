//! The errors of the Invoke API itself: no function ran.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;

/// What the service answers instead of invoking
/// (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors>).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ServiceError {
    MissingAuthentication,
    UnknownAccessKey,
    InvalidSignature,
    FunctionNotFound {
        arn: String,
    },
    /// No such path, or not with this method.
    UnknownOperation,
    InvalidParameter {
        message: String,
    },
    RequestTooLarge {
        size: Option<usize>,
        limit: usize,
        invocation_type: &'static str,
    },
    InvalidContent {
        message: String,
    },
    TooManyRequests {
        /// Whether the answer says when to come back.
        retry_after: bool,
    },
    /// Something went wrong inside Lambda.
    ServiceException,
    Stopping,
}

impl ServiceError {
    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let (status, error_type, body) = match &self {
            Self::MissingAuthentication => (
                StatusCode::FORBIDDEN,
                "MissingAuthenticationTokenException",
                json!({"message": "Missing Authentication Token"}),
            ),
            Self::UnknownAccessKey => (
                StatusCode::FORBIDDEN,
                "UnrecognizedClientException",
                json!({"message": "The security token included in the request is invalid."}),
            ),
            Self::InvalidSignature => (
                StatusCode::FORBIDDEN,
                "InvalidSignatureException",
                json!({"message": "The request signature we calculated does not match the signature you provided. \
                    Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}),
            ),
            Self::FunctionNotFound { arn } => (
                StatusCode::NOT_FOUND,
                "ResourceNotFoundException",
                json!({"Type": "User", "Message": format!("Function not found: {arn}")}),
            ),
            Self::UnknownOperation => (
                StatusCode::NOT_FOUND,
                "UnknownOperationException",
                json!({"message": "the local Lambda serves Invoke, GetFunction, GetFunctionConfiguration and ListFunctions"}),
            ),
            Self::InvalidParameter { message } => {
                (StatusCode::BAD_REQUEST, "InvalidParameterValueException", json!({"Type": "User", "message": message}))
            }
            Self::RequestTooLarge { size, limit, invocation_type } => {
                let size = size.map_or("the".to_owned(), |size| format!("{size} byte"));
                let message = format!(
                    "{size} payload is too large for the {invocation_type} invocation type (limit {limit} bytes)"
                );
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", json!({"Type": "User", "message": message}))
            }
            Self::InvalidContent { message } => (
                StatusCode::BAD_REQUEST,
                "InvalidRequestContentException",
                json!({"Type": "User", "message": format!("Could not parse request body into json: {message}")}),
            ),
            Self::TooManyRequests { .. } => (
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequestsException",
                json!({"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}),
            ),
            Self::ServiceException => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "ServiceException",
                json!({"Type": "Service", "Message": "An error occurred and the request cannot be processed."}),
            ),
            Self::Stopping => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "ServiceException",
                json!({"Type": "Service", "Message": "the local Lambda is shutting down"}),
            ),
        };
        let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        headers.insert("x-amzn-errortype", HeaderValue::from_static(error_type));
        if self == (Self::TooManyRequests { retry_after: true }) {
            headers.insert("retry-after", HeaderValue::from_static("1"));
        }
        response
    }
}
