//! Spans, as a collector gets them.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arachne_engine::access::{Access, Principal};
use arachne_engine::query::{Coordination, EngineSettings, NoObserver, PriceBook, QueryService, QueryServiceParts};
use arachne_engine::storage::{ObjectStores, StorageSettings};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::middleware;
use axum::routing::get;
use http_body_util::BodyExt as _;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_query_is_a_span_below_its_request() {
    let collector = Collector::default();
    let endpoint = collector.serve().await;
    let provider = provider(&endpoint).unwrap();
    let subscriber = tracing_subscriber::registry().with(spans(&provider));

    let service = QueryService::try_new(QueryServiceParts {
        catalog: Arc::new(arachne_catalog::MemoryCatalog::new()),
        stores: Arc::new(ObjectStores::new(StorageSettings::default())),
        invoker: None,
        settings: EngineSettings::default(),
        prices: PriceBook::built_in().unwrap(),
        clock: crate::wiring::now,
        coordination: Coordination::default(),
        access: Access::default(),
        observer: Arc::new(NoObserver),
    })
    .unwrap();
    let doors = crate::Doors::open(service.clone());
    let app = crate::http::router(doors.clone())
        .layer(axum::Extension(Principal::local()))
        .layer(middleware::from_fn_with_state(doors.metrics, http_request));
    let request = Request::post("/v1/sql").body(Body::from("SELECT 'planted text' AS n")).unwrap();
    let answer = async {
        let response = app.oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    };
    let answer = answer.with_subscriber(subscriber).await;
    assert!(answer.starts_with(b"["), "{answer:?}");
    service.idle().await;
    tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(Duration::from_secs(30)))
        .await
        .unwrap()
        .unwrap();

    let spans = collector.spans.lock().unwrap().clone();
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap_or_else(|| panic!("{name}: {spans:?}"));
    let (request, query) = (named("POST /v1/sql"), named("query"));
    assert_eq!(query.parent_span_id, request.span_id);
    assert_eq!(query.trace_id, request.trace_id);
    assert!(query.attributes.iter().any(|attribute| attribute.key == "query_id"), "{query:?}");
    assert!(!format!("{spans:?}").contains("planted"), "{spans:?}");
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
