//! Spans, as a collector gets them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::middleware;
use axum::routing::get;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::trace::v1::Span;
use tower::ServiceExt as _;
use tracing::instrument::WithSubscriber as _;
use tracing_subscriber::layer::SubscriberExt as _;

use super::install::{provider, spans};
use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_of_its_callers_trace() {
    let collector = Collector::default();
    let endpoint = collector.serve().await;
    let provider = provider(&endpoint).unwrap();
    let subscriber = tracing_subscriber::registry().with(spans(&provider));

    let metrics = Arc::new(Metrics::new());
    let app = Router::new()
        .route("/v1/queries/{id}", get(|| async { "ok" }))
        .layer(middleware::from_fn_with_state(metrics, http_request));
    let request = Request::get("/v1/queries/secret-path")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("authorization", "Bearer secret-token")
        .body(Body::empty())
        .unwrap();
    async { drop(app.oneshot(request).await.unwrap()) }.with_subscriber(subscriber).await;
    tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(Duration::from_secs(30)))
        .await
        .unwrap()
        .unwrap();

    let spans = collector.spans.lock().unwrap().clone();
    let span = spans.iter().find(|span| span.name == "GET /v1/queries/{id}").unwrap_or_else(|| panic!("{spans:?}"));
    assert_eq!(hex::encode(&span.trace_id), "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(hex::encode(&span.parent_span_id), "b7ad6b7169203331");
    let shown = format!("{spans:?}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[derive(Debug, Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    async fn serve(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let app = tonic::service::Routes::new(TraceServiceServer::new(self.clone())).prepare().into_axum_router();
        tokio::spawn(
            axum_server::Server::<std::net::SocketAddr>::from_listener(listener)
                .http2_only()
                .serve(app.into_make_service()),
        );
        endpoint
    }
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        let resources = request.into_inner().resource_spans;
        let scopes = resources.into_iter().flat_map(|resource| resource.scope_spans);
        self.spans.lock().unwrap().extend(scopes.flat_map(|scope| scope.spans));
        Ok(tonic::Response::new(ExportTraceServiceResponse::default()))
    }
}
