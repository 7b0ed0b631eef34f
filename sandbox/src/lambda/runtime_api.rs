//! The Runtime API that a worker program speaks
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>), for one environment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::failure::MAX_RESPONSE_BYTES;
use super::http_server::{BodyError, READ_LIMIT_BYTES, read_body};

/// One invocation on its way to the worker.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request_id: String,
    pub(super) payload: Bytes,
    pub(super) function_arn: String,
    pub(super) timeout: Duration,
    /// Told when the worker has taken it.
    pub(super) taken: oneshot::Sender<Instant>,
    pub(super) reply: oneshot::Sender<Reply>,
}

/// What the worker made of it.
#[derive(Debug)]
pub(super) enum Reply {
    Response(Bytes),
    ResponseTooLarge,
    Error(Bytes),
}

/// How far the worker's start has got.
#[derive(Debug, Clone)]
pub(super) enum Init {
    Starting,
    /// It has asked for work.
    Ready(Instant),
    Failed(Bytes),
}

#[derive(Debug)]
pub(super) struct RuntimeApi {
    init: watch::Sender<Init>,
    jobs: tokio::sync::Mutex<mpsc::Receiver<Job>>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    request_id: String,
    reply: oneshot::Sender<Reply>,
}

impl RuntimeApi {
    /// The API, where to put work, and how its start goes.
    pub(super) fn new() -> (Arc<Self>, mpsc::Sender<Job>, watch::Receiver<Init>) {
        let (sender, jobs) = mpsc::channel(1);
        let (init, init_state) = watch::channel(Init::Starting);
        let api = Self { init, jobs: tokio::sync::Mutex::new(jobs), running: Mutex::new(None) };
        (Arc::new(api), sender, init_state)
    }

    pub(super) async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        let Some(path) = parts.uri.path().strip_prefix("/2018-06-01/runtime/") else {
            return refusal(StatusCode::NOT_FOUND, "UnknownPath", "no such path in the runtime API");
        };
        let segments: Vec<&str> = path.split('/').collect();
        match (&parts.method, segments.as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", request_id, "response"]) => {
                self.finish(request_id, read_body(body, READ_LIMIT_BYTES).await, Reply::Response)
            }
            (&Method::POST, ["invocation", request_id, "error"]) => {
                self.finish(request_id, read_body(body, READ_LIMIT_BYTES).await, Reply::Error)
            }
            (&Method::POST, ["init", "error"]) => {
                let reason = read_body(body, READ_LIMIT_BYTES).await.unwrap_or_default();
                self.init.send_replace(Init::Failed(reason));
                accepted()
            }
            _ => refusal(StatusCode::NOT_FOUND, "UnknownPath", "no such path in the runtime API"),
        }
    }

    /// Waits for work, however long.
    async fn next(&self) -> Response<Full<Bytes>> {
        self.init.send_if_modified(|init| match init {
            Init::Starting => {
                *init = Init::Ready(Instant::now());
                true
            }
            Init::Ready(_) | Init::Failed(_) => false,
        });
        let Some(job) = self.jobs.lock().await.recv().await else {
            return refusal(StatusCode::GONE, "Shutdown", "this environment is shutting down");
        };
        let deadline = Utc::now().timestamp_millis() + i64::try_from(job.timeout.as_millis()).unwrap_or(i64::MAX / 2);
        let response = Response::builder()
            .header("content-type", "application/json")
            .header("lambda-runtime-aws-request-id", &job.request_id)
            .header("lambda-runtime-deadline-ms", deadline)
            .header("lambda-runtime-invoked-function-arn", &job.function_arn)
            .header("lambda-runtime-trace-id", trace_id(&job.request_id))
            .body(Full::new(job.payload));
        let running = Running { request_id: job.request_id, reply: job.reply };
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
        // An error says that nobody waits any more, which is no reason to withhold the work.
        let _ = job.taken.send(Instant::now());
        response.unwrap_or_else(|error| {
            refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", &error.to_string())
        })
    }

    fn finish(
        &self,
        request_id: &str,
        body: Result<Bytes, BodyError>,
        reply: fn(Bytes) -> Reply,
    ) -> Response<Full<Bytes>> {
        let running =
            self.running.lock().unwrap_or_else(PoisonError::into_inner).take_if(|it| it.request_id == request_id);
        let Some(running) = running else {
            return refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        };
        // An error says that nobody waits for the answer any more.
        match body {
            Ok(body) if body.len() <= MAX_RESPONSE_BYTES => {
                let _ = running.reply.send(reply(body));
                accepted()
            }
            Ok(_) | Err(BodyError::TooLarge) => {
                let _ = running.reply.send(Reply::ResponseTooLarge);
                let message = format!("Exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes).");
                refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &message)
            }
            Err(BodyError::Broken(message)) => refusal(StatusCode::BAD_REQUEST, "InvalidRequest", &message),
        }
    }
}

fn accepted() -> Response<Full<Bytes>> {
    json_response(StatusCode::ACCEPTED, json!({"status": "OK"}))
}

fn refusal(status: StatusCode, error_type: &str, message: &str) -> Response<Full<Bytes>> {
    json_response(status, json!({"errorType": error_type, "errorMessage": message}))
}

fn json_response(status: StatusCode, body: serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", http::HeaderValue::from_static("application/json"));
    response
}

/// X-Ray's form: `Root=1-<8 hex digits of the time>-<24 hex digits>`.
fn trace_id(request_id: &str) -> String {
    let digits: String = request_id.chars().filter(char::is_ascii_hexdigit).take(24).collect();
    format!("Root=1-{:08x}-{digits};Sampled=0", Utc::now().timestamp())
}
