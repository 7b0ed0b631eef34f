//! Around `s3s`, per request: waits the latency, counts bytes both ways, and writes the log.

use std::collections::BTreeSet;
use std::io;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::future::poll_fn;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use percent_encoding::percent_decode_str;
use s3s::service::S3Service;
use s3s::{S3Result, StdError, s3_error};

use super::access::OperationName;
use super::request_log::{RequestLog, RequestRecord};

/// How much of a refused request's body is read all the same, in bytes, so that its client can read the answer.
const DRAIN_LIMIT: u64 = 64 * 1024 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");

/// What a running server does to requests beside answering them. It can be changed at any time.
#[derive(Debug, Default)]
pub struct S3Conditions {
    latency_us: AtomicU64,
    denied_buckets: RwLock<BTreeSet<String>>,
}

impl S3Conditions {
    /// Makes every request wait this long before it is served.
    pub fn set_latency(&self, latency: Duration) {
        self.latency_us.store(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Answers requests to this bucket with 403 `AccessDenied`.
    pub fn deny_bucket(&self, bucket: &str) {
        self.denied_buckets.write().unwrap_or_else(PoisonError::into_inner).insert(bucket.to_owned());
    }

    /// Takes back [`deny_bucket`](Self::deny_bucket).
    pub fn allow_bucket(&self, bucket: &str) {
        self.denied_buckets.write().unwrap_or_else(PoisonError::into_inner).remove(bucket);
    }

    pub(crate) fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        if self.denied_buckets.read().unwrap_or_else(PoisonError::into_inner).contains(bucket) {
            return Err(s3_error!(AccessDenied, "Access Denied"));
        }
        Ok(())
    }

    async fn wait(&self) {
        let latency = self.latency_us.load(Ordering::Relaxed);
        if latency > 0 {
            tokio::time::sleep(Duration::from_micros(latency)).await;
        }
    }
}

/// Answers the requests of all connections.
pub(crate) struct LoggedService {
    pub(crate) s3: S3Service,
    pub(crate) conditions: Arc<S3Conditions>,
    pub(crate) log: Arc<RequestLog>,
    pub(crate) last_request: AtomicU64,
}

impl LoggedService {
    pub(crate) async fn serve(&self, request: Request<Incoming>) -> io::Result<Response<LoggedBody>> {
        let (mut head, body) = request.into_parts();
        let operation = OperationName::default();
        head.extensions.insert(operation.clone());
        let received = RequestBody::new(body);
        let mut pending = PendingRecord::new(Arc::clone(&self.log), &head, operation, Arc::clone(&received.bytes));
        let headless = head.method == Method::HEAD;
        let waits_for_continue = head.headers.contains_key(header::EXPECT);

        self.conditions.wait().await;
        let body = s3s::Body::http_body_unsync(received.clone());
        // An error here (s3s could not even write its error document) closes the connection.
        let answered = self.s3.call(Request::from_parts(head, body)).await;
        let mut response = answered.map_err(|error| io::Error::other(StdError::from(error)))?;

        let status = response.status();
        if (status.is_client_error() || status.is_server_error()) && !waits_for_continue {
            received.drain().await;
        }
        if headless || status == StatusCode::NOT_MODIFIED {
            // Errors come with XML, which these answers must not carry.
            mem::take(response.body_mut());
        }
        pending.record.status = status.as_u16();
        let id = self.last_request.fetch_add(1, Ordering::Relaxed) + 1;
        response.headers_mut().insert(REQUEST_ID, HeaderValue::from(id));
        let (head, body) = response.into_parts();
        let body = LoggedBody::new(body, content_length(&head.headers), pending);
        Ok(Response::from_parts(head, body))
    }
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
    inner: s3s::Body,
    /// Body bytes still to come, when that is known.
    remaining: Option<u64>,
    pending: Option<PendingRecord>,
}

impl LoggedBody {
    fn new(inner: s3s::Body, length: Option<u64>, pending: PendingRecord) -> Self {
        let remaining = if inner.is_end_stream() { Some(0) } else { length.or(inner.size_hint().exact()) };
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
        let frame = Pin::new(&mut self.inner).poll_frame(cx).map_err(io::Error::other);
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
