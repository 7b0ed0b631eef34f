use std::sync::Arc;

use arachne_catalog::MemoryCatalog;
use arachne_engine::query::{Coordination, EngineSettings, PriceBook, QueryServiceParts};
use arachne_engine::storage::{ObjectStores, StorageSettings};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use super::*;

#[tokio::test]
async fn rows_come_in_the_format_that_is_accepted() {
    let (status, text) = post("SELECT 1 AS a, 'x' AS b", &[("accept", "text/csv")]).await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, "a,b\n1,x\n"));
    let (status, text) = post(r#"{"sql": "SELECT 1 AS a"}"#, &[]).await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, "[\n{\"a\":1}\n]\n"));
    let (status, _) = post("SELECT 1", &[("accept", "image/png")]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_error_is_a_problem_document_with_its_place() {
    let (status, text) = post("SELECT 1 FROMM\n  nowhere nothing", &[]).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
    let problem: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(problem["code"], "syntax");
    assert!(problem["line"].is_u64() && problem["column"].is_u64(), "{text}");
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    for headers in [[("origin", "https://evil.example")], [("host", "evil.example:8642")], [("origin", "null")]] {
        assert_eq!(post("SELECT 1", &headers).await.0, StatusCode::FORBIDDEN, "{headers:?}");
    }
    for headers in [[("origin", "http://localhost:8642")], [("host", "127.0.0.1:8642")], [("host", "[::1]:8642")]] {
        assert_eq!(post("SELECT 1", &headers).await.0, StatusCode::OK, "{headers:?}");
    }
}

#[tokio::test]
async fn other_addresses_than_loopback_are_refused() {
    let error = bind("0.0.0.0:0".parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("no authentication"), "{error}");
}

async fn post(body: &str, headers: &[(&str, &str)]) -> (StatusCode, String) {
    let parts = QueryServiceParts {
        catalog: Arc::new(MemoryCatalog::new()),
        stores: Arc::new(ObjectStores::new(StorageSettings::default())),
        invoker: None,
        settings: EngineSettings::default(),
        prices: PriceBook::built_in().unwrap(),
        clock: crate::wiring::now,
        coordination: Coordination::default(),
    };
    let service = QueryService::try_new(parts).unwrap();
    let mut request = Request::post("/v1/sql");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router(service).oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}
