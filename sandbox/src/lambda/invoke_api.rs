//! The Invoke API as AWS SDKs and the AWS CLI speak it (<https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;
use serde_json::json;
use uuid::Uuid;

use super::cut_answer::{AnswerBody, CutShort, deliver};
use super::function::{Answer, Function, NotRun};
use super::http_server::{BodyError, READ_LIMIT_BYTES, read_body};
use super::name::{self, FunctionName, LATEST};
use super::service_error::ServiceError;
use super::signature::Verifier;

/// Payloads of synchronous and asynchronous invocations, as the quotas have it
/// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const MAX_SYNC_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;
const MAX_ASYNC_PAYLOAD_BYTES: usize = 1024 * 1024;

pub(super) struct InvokeApi {
    function: Arc<Function>,
    verifier: Verifier,
}

impl InvokeApi {
    pub(super) fn new(function: Arc<Function>) -> Self {
        let settings = function.settings();
        let verifier = Verifier::new(settings.access_key.clone(), settings.secret_key.clone());
        Self { function, verifier }
    }

    pub(super) async fn handle(&self, request: Request<Incoming>) -> Response<AnswerBody> {
        let request_id = Uuid::new_v4().to_string();
        let mut response = self.answer(&request_id, request).await.unwrap_or_else(|error| {
            tracing::debug!(request_id, ?error, "request refused");
            error.into_response()
        });
        if let Ok(request_id) = HeaderValue::from_str(&request_id) {
            response.headers_mut().insert("x-amzn-requestid", request_id);
        }
        deliver(response)
    }

    async fn answer(
        &self,
        request_id: &str,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, ServiceError> {
        let (parts, body) = request.into_parts();
        let body = match read_body(body, READ_LIMIT_BYTES).await {
            Ok(body) => body,
            Err(BodyError::TooLarge) => return Err(too_large(None, InvocationType::RequestResponse)),
            Err(BodyError::Broken(message)) => return Err(ServiceError::InvalidContent { message }),
        };
        self.verifier.verify(&parts, &body)?;

        let path = parts.uri.path().strip_prefix("/2015-03-31/functions").ok_or(ServiceError::UnknownOperation)?;
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        match (&parts.method, segments.as_slice()) {
            (&Method::POST, [function, "invocations"]) => {
                self.check_name(function, &parts)?;
                self.invoke(request_id, &parts.headers, body).await
            }
            (&Method::GET, []) => Ok(json_answer(&json!({"Functions": [self.configuration()]}))),
            (&Method::GET, [function]) => {
                self.check_name(function, &parts)?;
                Ok(json_answer(&json!({"Configuration": self.configuration()})))
            }
            (&Method::GET, [function, "configuration"]) => {
                self.check_name(function, &parts)?;
                Ok(json_answer(&self.configuration()))
            }
            _ => Err(ServiceError::UnknownOperation),
        }
    }

    /// The qualifier may come in the name or in the query, and can only be `$LATEST`.
    fn check_name(&self, text: &str, parts: &Parts) -> Result<(), ServiceError> {
        let function = FunctionName::parse(text);
        let in_query = parts.uri.query().and_then(|query| {
            let value = query.split('&').find_map(|pair| pair.strip_prefix("Qualifier="))?;
            Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
        });
        let qualifier = function.qualifier.or(in_query.as_deref());
        let settings = self.function.settings();
        if function.name == settings.function && qualifier.is_none_or(|qualifier| qualifier == LATEST) {
            return Ok(());
        }
        let mut arn = name::arn(&settings.region, function.name);
        if let Some(qualifier) = qualifier {
            arn = format!("{arn}:{qualifier}");
        }
        Err(ServiceError::FunctionNotFound { arn })
    }

    async fn invoke(
        &self,
        request_id: &str,
        headers: &HeaderMap,
        body: Bytes,
    ) -> Result<Response<Full<Bytes>>, ServiceError> {
        let invocation_type = InvocationType::from_headers(headers)?;
        if body.len() > invocation_type.max_payload_bytes() {
            return Err(too_large(Some(body.len()), invocation_type));
        }
        let payload = if body.is_empty() { Bytes::from_static(b"{}") } else { body };
        serde_json::from_slice::<IgnoredAny>(&payload)
            .map_err(|error| ServiceError::InvalidContent { message: error.to_string() })?;

        match invocation_type {
            InvocationType::DryRun => Ok(empty_answer(StatusCode::NO_CONTENT)),
            InvocationType::Event => {
                self.function.invoke_later(request_id.to_owned(), payload);
                Ok(empty_answer(StatusCode::ACCEPTED))
            }
            InvocationType::RequestResponse => {
                let answer =
                    self.function.invoke(request_id.to_owned(), payload).await.map_err(|refused| match refused {
                        NotRun::Throttled { retry_after } => ServiceError::TooManyRequests { retry_after },
                        NotRun::ServiceFailed => ServiceError::ServiceException,
                        NotRun::Stopping => ServiceError::Stopping,
                    })?;
                let wants_log = headers.get("x-amz-log-type").is_some_and(|value| value == "Tail");
                Ok(invocation_answer(answer, wants_log))
            }
        }
    }

    fn configuration(&self) -> serde_json::Value {
        let settings = self.function.settings();
        json!({
            "FunctionName": settings.function,
            "FunctionArn": self.function.arn(),
            "Runtime": "provided.al2023",
            "Role": format!("arn:aws:iam::{}:role/local", name::ACCOUNT),
            "Handler": "bootstrap",
            "Timeout": settings.timeout.as_secs(),
            "MemorySize": settings.memory_mb,
            "Version": LATEST,
            "PackageType": "Zip",
            "State": "Active",
            "LastUpdateStatus": "Successful",
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum InvocationType {
    RequestResponse,
    Event,
    DryRun,
}

impl InvocationType {
    fn from_headers(headers: &HeaderMap) -> Result<Self, ServiceError> {
        match headers.get("x-amz-invocation-type").map(HeaderValue::as_bytes) {
            None | Some(b"RequestResponse") => Ok(Self::RequestResponse),
            Some(b"Event") => Ok(Self::Event),
            Some(b"DryRun") => Ok(Self::DryRun),
            Some(other) => {
                let message = format!("unknown invocation type {}", String::from_utf8_lossy(other));
                Err(ServiceError::InvalidParameter { message })
            }
        }
    }

    fn max_payload_bytes(self) -> usize {
        match self {
            Self::RequestResponse | Self::DryRun => MAX_SYNC_PAYLOAD_BYTES,
            Self::Event => MAX_ASYNC_PAYLOAD_BYTES,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::RequestResponse => "RequestResponse",
            Self::Event => "Event",
            Self::DryRun => "DryRun",
        }
    }
}

fn too_large(size: Option<usize>, invocation_type: InvocationType) -> ServiceError {
    let limit = invocation_type.max_payload_bytes();
    ServiceError::RequestTooLarge { size, limit, invocation_type: invocation_type.name() }
}

fn invocation_answer(answer: Answer, wants_log: bool) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.payload.clone()));
    if answer.is_cut {
        response.extensions_mut().insert(CutShort(answer.payload));
    }
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.insert("x-amz-executed-version", HeaderValue::from_static(LATEST));
    if answer.is_function_error {
        headers.insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    if wants_log && let Ok(log) = HeaderValue::from_str(&STANDARD.encode(&answer.log_tail)) {
        headers.insert("x-amz-log-result", log);
    }
    response
}

fn json_answer(body: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}

fn empty_answer(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
