//! What happens around each request: a span, and its place in the counters when its answer has been read to the end or dropped.
//!
//! Paths are shown as patterns of routes, methods as those that exist: what a caller makes up is in no label and no span.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Code;
use tracing::{Instrument as _, Span, field, info, info_span};

use super::context::join;
use super::metrics::{Metrics, known_method};

/// Where Prometheus scrapes.
pub(crate) const METRICS_ROUTE: &str = "/metrics";

/// For requests that no route takes.
const NO_ROUTE: &str = "other";

/// Around the HTTP door.
pub(crate) async fn http_request(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str).to_owned();
    let method = known_method(request.method());
    let span = info_span!(
        "http request",
        otel.name = format!("{method} {route}"),
        otel.kind = "server",
        http.request.method = method,
        http.route = route,
        http.response.status_code = field::Empty,
        query_id = field::Empty,
    );
    join(&span, request.headers());
    let response = next.run(request).instrument(span.clone()).await;
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    if let Some(id) = response.headers().get("x-arachne-query-id").and_then(|id| id.to_str().ok()) {
        span.record("query_id", id);
    }
    let took = started.elapsed();
    metrics.http_request(method, &route, status, took);
    span.in_scope(|| info!(milliseconds = took.as_millis() as u64, "request answered"));
    watched(response, span, |_| {})
}

/// Around the Flight SQL door. The code of a call is known when its answer has been read.
pub(crate) async fn flight_call(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = flight_method(request.uri().path());
    let span = info_span!(
        "flight call",
        otel.name = format!("arrow.flight.protocol.FlightService/{method}"),
        otel.kind = "server",
        rpc.system = "grpc",
        rpc.method = method,
        rpc.grpc.status_code = field::Empty,
        query_id = field::Empty,
    );
    join(&span, request.headers());
    let response = next.run(request).instrument(span.clone()).await;
    if let Some(id) = response.headers().get("x-arachne-query-id").and_then(|id| id.to_str().ok()) {
        span.record("query_id", id);
    }
    let took = started.elapsed();
    let at_once = code_of(response.headers());
    watched(response, span.clone(), move |trailers| {
        let code = at_once.or_else(|| trailers.and_then(code_of)).unwrap_or(Code::Cancelled);
        span.record("rpc.grpc.status_code", i32::from(code));
        metrics.flight_call(method, code, took);
        span.in_scope(|| info!(method, ?code, milliseconds = started.elapsed().as_millis() as u64, "call answered"));
    })
}

const FLIGHT_METHODS: [&str; 10] = [
    "Handshake",
    "ListFlights",
    "GetFlightInfo",
    "PollFlightInfo",
    "GetSchema",
    "DoGet",
    "DoPut",
    "DoExchange",
    "DoAction",
    "ListActions",
];

fn flight_method(path: &str) -> &'static str {
    let name = path.strip_prefix("/arrow.flight.protocol.FlightService/");
    FLIGHT_METHODS.into_iter().find(|known| Some(*known) == name).unwrap_or(NO_ROUTE)
}

fn code_of(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()))
}

/// Calls `ended` once: with the trailers, or without any when the body broke off or was dropped.
fn watched(response: Response, span: Span, ended: impl FnOnce(Option<&HeaderMap>) + Send + 'static) -> Response {
    response.map(|body| Body::new(Watched { body, span, ended: Some(Box::new(ended)) }))
}

struct Watched {
    body: Body,
    span: Span,
    ended: Option<Box<Ended>>,
}

/// Told of the trailers, where there are any.
type Ended = dyn FnOnce(Option<&HeaderMap>) + Send;

impl Watched {
    fn end(&mut self, trailers: Option<&HeaderMap>) {
        if let Some(ended) = self.ended.take() {
            ended(trailers);
        }
    }
}

impl HttpBody for Watched {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let polled = {
            let this = &mut *self;
            let _entered = this.span.enter();
            Pin::new(&mut this.body).poll_frame(context)
        };
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            self.end(Some(trailers));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end(None);
    }
}
