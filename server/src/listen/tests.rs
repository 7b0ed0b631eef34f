use std::sync::Arc;

use arachne_engine::access::Principal;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;
use tower_http::catch_panic::CatchPanicLayer;

use super::body::{self, BodyLimits};
use super::entrance::Entrance;
use super::error::EntranceError;
use super::{http, same_machine};
use crate::settings::Settings;

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let app = Router::new().route("/", get(|| async { "ok" })).layer(middleware::from_fn(same_machine::check));
    let ask = async |name: &str, value: &str| {
        let request = Request::get("/").header(name, value).body(Body::empty()).unwrap();
        app.clone().oneshot(request).await.unwrap().status()
    };
    for (name, value) in [("origin", "https://evil.example"), ("host", "evil.example:8642"), ("origin", "null")] {
        assert_eq!(ask(name, value).await, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    for (name, value) in [("origin", "http://localhost:8642"), ("host", "127.0.0.1:8642"), ("host", "[::1]:8642")] {
        assert_eq!(ask(name, value).await, StatusCode::OK, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_that_does_not_say_why() {
    let panics = async || -> &'static str { panic!("planted secret") };
    let app = Router::new().route("/", get(panics)).layer(CatchPanicLayer::custom(http::panicked));
    let response = app.oneshot(Request::get("/").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let text = text(response).await;
    assert!(text.contains("internal") && !text.contains("planted"), "{text}");
}

#[tokio::test]
async fn a_body_is_whole_or_refused() {
    let limits = BodyLimits { bytes: 10, time: std::time::Duration::from_millis(50) };
    let app = Router::new()
        .route("/", post(async |body: String| body))
        .layer(middleware::from_fn_with_state(limits, body::read));
    let send = async |body: Body| app.clone().oneshot(Request::post("/").body(body).unwrap()).await.unwrap().status();
    let chunks = |texts: &[&'static str]| {
        let chunks: Vec<_> = texts.iter().map(|text| Ok::<_, std::io::Error>(*text)).collect();
        Body::from_stream(futures::stream::iter(chunks))
    };
    assert_eq!(send(Body::from("0123456789")).await, StatusCode::OK);
    assert_eq!(send(chunks(&["01234", "56789"])).await, StatusCode::OK);
    assert_eq!(send(chunks(&["01234", "567890"])).await, StatusCode::PAYLOAD_TOO_LARGE);
    let broken = futures::stream::iter([Ok("0"), Err(std::io::Error::other("gone"))]);
    assert_eq!(send(Body::from_stream(broken)).await, StatusCode::BAD_REQUEST);
    let endless = futures::stream::pending::<Result<&'static str, std::io::Error>>();
    assert_eq!(send(Body::from_stream(endless)).await, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn settings_that_do_not_fit_together_open_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let refused = async |text: &str| {
        let settings: Settings = toml::from_str(text).unwrap();
        Entrance::open(&settings, dir.path()).await.unwrap_err()
    };
    let user = "[access.users.ana]\n";
    let anywhere = "[http]\naddress = \"0.0.0.0:0\"\n[flight_sql]\nenabled = false\n";
    assert!(matches!(refused(anywhere).await, EntranceError::NobodyKnown(_)));
    assert!(matches!(refused(&format!("{anywhere}{user}")).await, EntranceError::NoTls(_)));
    assert!(matches!(refused("http.enabled = false\nflight_sql.enabled = false\n").await, EntranceError::NoDoor));
    let wrong = refused("[access.users.ana]\npassword = \"hunter2\"\n").await;
    assert!(
        wrong.is_usage() && wrong.to_string().contains("`ana`") && !wrong.to_string().contains("hunter2"),
        "{wrong}"
    );
}

#[tokio::test]
async fn the_start_lines_say_where_and_warn() {
    let dir = tempfile::tempdir().unwrap();
    let text = "tls.self_made = true\nhttp.address = \"127.0.0.1:0\"\nflight_sql.address = \"127.0.0.1:0\"\n[access.users.ana]\n";
    let entrance = Entrance::open(&toml::from_str(text).unwrap(), dir.path()).await.unwrap();
    let lines = entrance.start_lines();
    assert!(lines[0].contains("https://127.0.0.1:") && lines[1].contains("grpc+tls://127.0.0.1:"), "{lines:?}");
    assert!(lines[2].contains("fingerprint") && lines[3].contains("access.grants"), "{lines:?}");
    assert!(!entrance.auth.is_open() && !entrance.access.locations.local_files);
}

#[tokio::test]
async fn who_calls_is_known_to_the_door() {
    use super::identify::{self, Identify};
    let doors = doors_with_a_user();
    let who = async |Extension(principal): Extension<Principal>| principal.user;
    let app = Router::new()
        .route("/who", get(who))
        .route("/healthz", get(|| async { "ok" }))
        .layer(middleware::from_fn_with_state(Identify { doors: doors.clone(), open_metrics: false }, identify::http));
    let token = doors.auth.issue(&Principal::user("ana")).text;
    let ask = async |path: &str, token: Option<&str>| {
        let request = Request::get(path);
        let request = match token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        let response = app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        (response.status(), text(response).await)
    };
    assert_eq!(ask("/who", Some(&token)).await, (StatusCode::OK, "ana".to_owned()));
    assert_eq!(ask("/who", None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("/who", Some("x")).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(ask("/healthz", None).await.0, StatusCode::OK);
    assert!(doors.metrics.text(0, 0).contains(r#"arachne_denied_total{reason="token"} 1"#));
}

fn doors_with_a_user() -> crate::Doors {
    use crate::auth::{Authenticator, AuthenticatorSettings, Credentials, SigningKey, UserEntry};
    use arachne_engine::access::Access;
    use arachne_engine::query::{Coordination, EngineSettings, NoObserver, PriceBook, QueryService, QueryServiceParts};
    use arachne_engine::storage::{ObjectStores, StorageSettings};

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
    });
    let auth = Authenticator::new(AuthenticatorSettings {
        credentials: Credentials { users: [("ana".to_owned(), UserEntry::default())].into(), ..Credentials::default() },
        key: SigningKey::random(),
        token_lifetime: std::time::Duration::from_secs(60),
        clock: crate::wiring::now,
    });
    crate::Doors { auth: Arc::new(auth.unwrap()), ..crate::Doors::open(service.unwrap()) }
}

async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}
