//! Around `s3s`, per request: waits the latency, injects faults, counts bytes both ways, and writes the log.

use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::future::poll_fn;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use percent_encoding::percent_decode_str;
use s3s::dto::StreamingBlob;
use s3s::service::S3Service;
use s3s::{S3Result, StdError};

use super::access::OperationName;
use super::conditions::WriteCondition;
use super::fault::{Injected, operation, slow_down};
use super::request_log::{RequestLog, RequestRecord};
use super::server_conditions::S3Conditions;
use super::shaped_body::ShapedBody;
use super::store::{Attributes, Expected, Store, blocking, stage};
use super::wire::ResetSwitch;
use crate::faults::{FaultClass as _, S3Asked, S3Fault};

/// How much of a refused request's body is read all the same, in bytes, so that its client can read the answer.
const DRAIN_LIMIT: u64 = 64 * 1024 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// Answers the requests of all connections.
pub(crate) struct LoggedService {
    pub(crate) s3: S3Service,
    pub(crate) store: Arc<Store>,
    pub(crate) conditions: Arc<S3Conditions>,
    pub(crate) log: Arc<RequestLog>,
    pub(crate) last_request: AtomicU64,
}

impl LoggedService {
    /// An error closes the connection: because of a fault, or because `s3s` could not even write its error document.
    pub(crate) async fn serve(
        &self,
        request: Request<Incoming>,
        reset: &ResetSwitch,
    ) -> io::Result<Response<LoggedBody>> {
        let (mut head, body) = request.into_parts();
        let name = OperationName::default();
        head.extensions.insert(name.clone());
        let received = RequestBody::new(body);
        let mut pending = PendingRecord::new(Arc::clone(&self.log), &head, name, Arc::clone(&received.bytes));
        let fault = self.conditions.next_fault(&asked(&head, &pending.record));
        pending.record.fault = fault.map(|fault| fault.class.name());
        let headless = head.method == Method::HEAD;
        let waits_for_continue = head.headers.contains_key(header::EXPECT);

        let reads = matches!(head.method, Method::GET | Method::HEAD);
        let turn = self.conditions.next_turn(&path_of(&pending.record), reads);
        self.conditions.wait(&turn).await;
        let mut response = match turn.is_too_many {
            true => slow_down(),
            false => self.answer(head, &received, fault, reset).await?,
        };

        let status = response.status();
        if (status.is_client_error() || status.is_server_error()) && !waits_for_continue {
            received.drain().await;
        }
        if headless || status == StatusCode::NOT_MODIFIED {
            // Errors come with XML, which these answers must not carry.
            mem::take(response.body_mut());
        }
        pending.record.status = status.as_u16();
        self.replace_what_was_read(&pending.record).await;
        let id = self.last_request.fetch_add(1, Ordering::Relaxed) + 1;
        response.headers_mut().insert(REQUEST_ID, HeaderValue::from(id));
        let (head, body) = response.into_parts();
        let length = content_length(&head.headers).or(body.size_hint().exact());
        let shape = fault.map(|fault| fault.shape(length)).unwrap_or_default();
        let shape = shape.at_most(self.conditions.bytes_per_second()).at_most(turn.bytes_per_second);
        let body = LoggedBody::new(ShapedBody::new(body, shape), length, pending);
        Ok(Response::from_parts(head, body))
    }

    /// What `s3s` answers, or the fault instead.
    async fn answer(
        &self,
        mut head: http::request::Parts,
        received: &RequestBody,
        fault: Option<Injected>,
        reset: &ResetSwitch,
    ) -> io::Result<Response<s3s::Body>> {
        if let Some(refusal) = fault.and_then(|fault| fault.refusal()) {
            return Ok(refusal);
        }
        let class = fault.map(|fault| fault.class);
        if class == Some(S3Fault::Reset) {
            reset.turn_on();
            return Err(io::Error::other("reset on purpose"));
        }
        if let Some(fault) = fault.filter(|fault| fault.class == S3Fault::SlowFirstByte) {
            tokio::time::sleep(fault.delay).await;
        }
        if let Some(slip) = fault.and_then(|fault| fault.range_slip()) {
            head.extensions.insert(slip);
        }
        let body = s3s::Body::http_body_unsync(received.clone());
        let answered = self.s3.call(Request::from_parts(head, body)).await;
        if class == Some(S3Fault::AnswerLost) {
            reset.turn_on();
            return Err(io::Error::other("answer lost on purpose"));
        }
        answered.map_err(|error| io::Error::other(StdError::from(error)))
    }

    /// See [`S3Conditions::replace_after_reads`].
    async fn replace_what_was_read(&self, record: &RequestRecord) {
        let (Some(bucket), Some(key)) = (&record.bucket, &record.key) else { return };
        if record.method != "GET" || !matches!(record.status, 200 | 206) {
            return;
        }
        let Some(bytes) = self.conditions.count_read(bucket, key) else { return };
        if let Err(error) = self.replace(bucket, key, bytes).await {
            tracing::warn!(bucket, key, ?error, "an object could not be replaced");
        }
    }

    async fn replace(&self, bucket: &str, key: &str, bytes: Bytes) -> S3Result<()> {
        let bucket = self.store.bucket(bucket)?;
        let body = StreamingBlob::from(s3s::Body::from(bytes));
        let staged = stage(&bucket.staging_dir(), Some(body), Expected::default()).await?;
        let key = key.to_owned();
        blocking(move || bucket.put(&key, staged, Attributes::default(), &WriteCondition::Always)).await?;
        Ok(())
    }
}

/// Bucket and key, or bucket and listed prefix.
fn path_of(record: &RequestRecord) -> String {
    let key = record.key.as_deref().or(record.prefix.as_deref()).unwrap_or_default();
    format!("{}/{key}", record.bucket.as_deref().unwrap_or_default())
}

/// A request's body: counted, and reachable after `s3s` has let go of it.
#[derive(Clone)]
struct RequestBody {
    incoming: Arc<Mutex<Incoming>>,
    bytes: Arc<AtomicU64>,
}

impl RequestBody {
    fn new(incoming: Incoming) -> Self {
        Self { incoming: Arc::new(Mutex::new(incoming)), bytes: Arc::default() }
    }

    /// Reads what the client still sends. Without this the connection is reset while the client writes, and it never
    /// sees why it was refused.
    async fn drain(mut self) {
        while self.bytes.load(Ordering::Relaxed) < DRAIN_LIMIT {
            match poll_fn(|cx| Pin::new(&mut self).poll_frame(cx)).await {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            }
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut incoming = self.incoming.lock().unwrap_or_else(PoisonError::into_inner);
        let frame = Pin::new(&mut *incoming).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.bytes.fetch_add(frame.data_ref().map_or(0, Bytes::len) as u64, Ordering::Relaxed);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}

/// An answer's body, which finishes the request's record when its last byte is handed over or when it is dropped.
pub(crate) struct LoggedBody {
    inner: ShapedBody,
    /// Body bytes still to come, when that is known.
    remaining: Option<u64>,
    pending: Option<PendingRecord>,
}

impl LoggedBody {
    fn new(inner: ShapedBody, length: Option<u64>, pending: PendingRecord) -> Self {
        let remaining = if inner.is_end_stream() { Some(0) } else { length };
        let mut body = Self { inner, remaining, pending: Some(pending) };
        if remaining == Some(0) {
            body.complete();
        }
        body
    }

    fn count(&mut self, bytes: u64) {
        if let Some(pending) = &mut self.pending {
            pending.record.response_bytes += bytes;
        }
        self.remaining = self.remaining.map(|remaining| remaining.saturating_sub(bytes));
        if self.remaining == Some(0) {
            self.complete();
        }
    }

    fn complete(&mut self) {
        if let Some(mut pending) = self.pending.take() {
            pending.record.complete = true;
        }
    }
}

impl Body for LoggedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => self.count(frame.data_ref().map_or(0, Bytes::len) as u64),
            Poll::Ready(None) => self.complete(),
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A record that goes to the log when dropped, however the request ends.
struct PendingRecord {
    log: Arc<RequestLog>,
    record: RequestRecord,
    operation: OperationName,
    request_bytes: Arc<AtomicU64>,
    started: Instant,
}

impl PendingRecord {
    fn new(
        log: Arc<RequestLog>,
        head: &http::request::Parts,
        operation: OperationName,
        request_bytes: Arc<AtomicU64>,
    ) -> Self {
        let (bucket, key) = bucket_and_key(&head.uri);
        let record = RequestRecord {
            started_ms: unix_millis(),
            method: head.method.to_string(),
            bucket,
            key,
            prefix: head.uri.query().and_then(listed_prefix),
            range: head.headers.get(header::RANGE).map(|range| String::from_utf8_lossy(range.as_bytes()).into_owned()),
            ..RequestRecord::default()
        };
        Self { log, record, operation, request_bytes, started: Instant::now() }
    }
}

impl Drop for PendingRecord {
    fn drop(&mut self) {
        let mut record = mem::take(&mut self.record);
        record.operation = self.operation.get();
        record.request_bytes = self.request_bytes.load(Ordering::Relaxed);
        record.elapsed_us = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.log.push(record);
    }
}

fn asked<'a>(head: &http::request::Parts, record: &'a RequestRecord) -> S3Asked<'a> {
    let key = record.key.as_deref();
    S3Asked {
        operation: operation(head, key),
        bucket: record.bucket.as_deref().unwrap_or_default(),
        key: key.or(record.prefix.as_deref()).unwrap_or_default(),
        range: record.range.as_deref(),
    }
}

fn bucket_and_key(uri: &Uri) -> (Option<String>, Option<String>) {
    let path = percent_decode_str(uri.path().trim_start_matches('/')).decode_utf8_lossy();
    let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
    let named = |name: &str| (!name.is_empty()).then(|| name.to_owned());
    (named(bucket), named(key))
}

/// Only the prefix is taken from the query: a presigned URL has its signature there.
fn listed_prefix(query: &str) -> Option<String> {
    let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix="))?;
    Some(percent_decode_str(prefix).decode_utf8_lossy().into_owned())
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn unix_millis() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}
