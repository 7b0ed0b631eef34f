use std::sync::Arc;

use arachne_catalog::MemoryCatalog;
use arachne_engine::access::{Access, Principal};
use arachne_engine::query::{Coordination, EngineSettings, NoObserver, PriceBook, QueryService, QueryServiceParts};
use arachne_engine::storage::{ObjectStores, StorageSettings};
use axum::Extension;
use axum::body::Body;
use axum::http::HeaderMap;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::*;

const PROBLEM: &str = "application/problem+json";

#[tokio::test]
async fn rows_come_in_the_format_that_is_accepted() {
    let door = Door::open();
    let rows = async |accept| door.ask("POST", "/v1/sql", &[("accept", accept)], "SELECT 1 AS a, 'x' AS b").await;
    assert_eq!(rows("text/csv").await.text(), "a,b\n1,x\n");
    assert_eq!(rows("*/*").await.text(), "[\n{\"a\":1,\"b\":\"x\"}\n]\n");
    assert_eq!(rows("application/x-ndjson").await.text(), "{\"a\":1,\"b\":\"x\"}\n");
    assert_eq!(rows("text/tab-separated-values").await.text(), "a\tb\n1\tx\n");
    let parquet = rows("application/vnd.apache.parquet").await.body;
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    let refused = rows("image/png").await;
    assert_eq!((refused.status, refused.header("content-type")), (406, PROBLEM));
    assert!(refused.json()["hint"].as_str().unwrap().contains("text/csv"));
    // What a format cannot hold is said with a status, and not by half a body.
    let parquet = [("accept", "application/vnd.apache.parquet")];
    let interval = door.ask("POST", "/v1/sql", &parquet, "SELECT INTERVAL '1' DAY AS i").await;
    assert_eq!((interval.status, interval.header("content-type")), (501, PROBLEM), "{}", interval.text());
    let none = door.ask("POST", "/v1/sql", &[("accept", "text/csv")], "SELECT 1 AS a WHERE false").await;
    assert_eq!((none.status, none.text().as_str()), (200, "a\n"));
}

#[tokio::test]
async fn a_body_is_sql_or_json() {
    let door = Door::open();
    for (media, body) in [
        ("text/plain", "SELECT 1 AS a"),
        ("text/plain; charset=utf-8", "SELECT 1 AS a"),
        ("application/x-www-form-urlencoded", "SELECT 1 AS a"),
        ("application/x-www-form-urlencoded", r#"{"sql": "SELECT 1 AS a"}"#),
        ("application/json", r#"{"sql": "SELECT ? AS a", "parameters": [1]}"#),
        ("application/json", r#"{"sql": "SELECT $n AS a", "parameters": {"n": 1}}"#),
    ] {
        let reply = door.ask("POST", "/v1/sql", &[("content-type", media)], body).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "[\n{\"a\":1}\n]\n"), "{media} {body}");
    }
    for media in ["image/png", "text/plain; charset=utf-16"] {
        let reply = door.ask("POST", "/v1/sql", &[("content-type", media)], "SELECT 1").await;
        assert_eq!((reply.status, reply.header("content-type")), (415, PROBLEM), "{media}");
    }
    let packed = door.ask("POST", "/v1/sql", &[("content-encoding", "gzip")], "SELECT 1").await;
    assert_eq!(packed.status, 415);
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_with_the_place() {
    let door = Door::open();
    let bytes = door.ask_bytes("POST", "/v1/sql", &[], b"SELECT 1,\n 'a\xff'".to_vec()).await;
    assert_eq!((bytes.status, &bytes.json()["line"], &bytes.json()["column"]), (400, &json!(2), &json!(4)));
    let json_header = [("content-type", "application/json")];
    let cut = door.ask("POST", "/v1/queries", &json_header, "{\"sql\":\n \"SELECT 1").await;
    assert_eq!((cut.status, &cut.json()["line"]), (400, &json!(2)), "{}", cut.text());
    for body in ["", "[]", "{}", r#"{"sql": 1}"#, r#"{"sql": "SELECT 1", "sqll": 2}"#, r#"{"sql": " "}"#] {
        let reply = door.ask("POST", "/v1/queries", &json_header, body).await;
        assert_eq!((reply.status, reply.header("content-type")), (400, PROBLEM), "{body}: {}", reply.text());
    }
    let pairs = [
        ("wait", json!("ten")),
        ("wait", json!("2m")),
        ("limits", json!({"time": "soon"})),
        ("parameters", json!(7)),
        ("on_timeout", json!("cancel")),
    ];
    for (name, value) in pairs {
        let document = json!({"sql": "SELECT 1", name: value});
        let reply = door.ask("POST", "/v1/queries", &json_header, &document.to_string()).await;
        assert_eq!(
            (reply.status, &reply.json()["code"]),
            (400, &json!("invalid_argument")),
            "{document}: {}",
            reply.text()
        );
    }
}

#[tokio::test]
async fn an_error_is_a_problem_document_with_its_place() {
    let door = Door::open();
    let reply = door.ask("POST", "/v1/sql", &[], "SELECT 1 FROMM\n  nowhere nothing").await;
    assert_eq!((reply.status, reply.header("content-type")), (400, PROBLEM));
    let problem = reply.json();
    assert_eq!((&problem["code"], &problem["status"]), (&json!("syntax"), &json!(400)));
    assert!(problem["line"].is_u64() && problem["column"].is_u64() && problem["query_id"].is_string(), "{problem}");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let door = Door::open();
    for (method, path, status) in [
        ("GET", "/", 404),
        ("GET", "/v2/queries", 404),
        ("GET", "/v1/queries/nowhere", 404),
        ("GET", "/v1/queries/nowhere/results", 404),
        ("GET", "/v1/queries/nowhere/events", 404),
        ("GET", "/v1/queries/nowhere/plan", 404),
        ("DELETE", "/v1/queries/nowhere", 404),
        ("GET", "/v1/queries/%ff", 400),
        ("GET", "/v1/catalog/databases/nowhere", 404),
        ("GET", "/v1/catalog/databases/default/tables/nowhere", 404),
        ("GET", "/v1/sql", 405),
        ("PUT", "/v1/queries", 405),
        ("GET", "/v1/queries?limit=0", 400),
        ("GET", "/v1/queries?state=LOST", 400),
        ("GET", "/v1/queries?door=back", 400),
        ("GET", "/v1/queries?colour=red", 400),
    ] {
        let reply = door.ask(method, path, &[], "").await;
        assert_eq!(
            (reply.status, reply.header("content-type")),
            (status, PROBLEM),
            "{method} {path}: {}",
            reply.text()
        );
        assert!(reply.json()["detail"].is_string());
        assert_eq!(reply.status == 405, !reply.header("allow").is_empty(), "{method} {path}");
    }
}

#[tokio::test]
async fn a_query_is_waited_for_and_comes_with_its_first_rows() {
    let door = Door::open();
    let numbers = "SELECT value AS n FROM generate_series(1, 2500) ORDER BY n";
    let reply = door.submit(&json!({"sql": numbers, "wait": "30s"})).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let document = reply.json();
    assert_eq!((&document["query"]["state"], &document["query"]["door"]), (&json!("SUCCEEDED"), &json!("http")));
    assert_eq!(document["columns"][0]["type"], "bigint");
    assert_eq!(document["rows"].as_array().unwrap().len(), 1000);
    let mut seen = 1000;
    let mut next = document["next"].as_str().map(str::to_owned);
    while let Some(path) = next {
        let page = door.ask("GET", &path, &[], "").await;
        let rows = page.json();
        assert_eq!(rows[0]["n"], json!(seen + 1));
        seen += rows.as_array().unwrap().len();
        let link = page.header("link");
        next = link.strip_prefix('<').and_then(|link| link.split_once('>')).map(|(path, _)| path.to_owned());
    }
    assert_eq!(seen, 2500);
}

#[tokio::test]
async fn a_query_that_is_not_waited_for_is_accepted() {
    let door = Door::open();
    let reply = door.submit(&json!({"sql": "SELECT 1 AS a"})).await;
    assert_eq!(reply.status, 202);
    let location = reply.header("location").to_owned();
    assert_eq!(location, format!("/v1/queries/{}", reply.json()["id"].as_str().unwrap()));
    let events = door.ask("GET", &format!("{location}/events"), &[], "").await;
    assert_eq!(events.header("content-type"), "text/event-stream");
    let text = events.text();
    let last = text.trim_end().rsplit("\n\n").next().unwrap();
    assert!(last.starts_with("event: end\ndata: {") && last.contains("SUCCEEDED"), "{text}");
    let rows = door.ask("GET", &format!("{location}/results"), &[("accept", "text/csv")], "").await;
    assert_eq!(rows.text(), "a\n1\n");
    let plan = door.ask("GET", &format!("{location}/plan"), &[], "").await.json();
    assert!(plan["plan"].as_str().unwrap().contains("Projection"), "{plan}");
    let link = door.ask("GET", &format!("{location}/results?link=true"), &[], "").await;
    assert_eq!(link.status, 404, "a local folder has no links");
}

#[tokio::test]
async fn a_wait_that_is_over_leaves_or_cancels_the_query() {
    let door = Door::open();
    let endless = "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1";
    let reply = door.submit(&json!({"sql": endless, "wait": "50ms", "on_timeout": "cancel"})).await;
    assert_eq!((reply.status, &reply.json()["code"]), (409, &json!("cancelled")), "{}", reply.text());
    let id = reply.json()["query_id"].as_str().unwrap().to_owned();
    let query = door.ask("GET", &format!("/v1/queries/{id}"), &[], "").await.json();
    assert_eq!(query["state"], "CANCELLED");
    let reply = door.submit(&json!({"sql": endless, "wait": "50ms"})).await;
    assert_eq!(reply.status, 202);
    let path = reply.header("location").to_owned();
    assert_eq!(door.ask("GET", &format!("{path}/results"), &[], "").await.status, 409);
    assert_eq!(door.ask("DELETE", &path, &[], "").await.json()["state"], "CANCELLED");
}

#[tokio::test]
async fn a_wrong_statement_that_is_waited_for_is_a_problem() {
    let door = Door::open();
    let reply = door.submit(&json!({"sql": "SELECT nope", "wait": "30s"})).await;
    assert_eq!(reply.header("content-type"), PROBLEM, "{}", reply.text());
    assert!(reply.json()["detail"].as_str().unwrap().contains("nope"));
    let accepted = door.submit(&json!({"sql": "SELECT nope"})).await;
    assert_eq!(accepted.status, 202);
}

#[tokio::test]
async fn the_same_key_is_the_same_query_and_never_another() {
    let door = Door::open();
    let key = [("content-type", "application/json"), ("idempotency-key", "once")];
    let ask = |sql: &str| {
        let body = json!({"sql": sql}).to_string();
        let door = &door;
        async move { door.ask("POST", "/v1/queries", &key, &body).await }
    };
    let (first, second, other) = (ask("SELECT 1").await, ask("SELECT 1").await, ask("SELECT 2").await);
    assert_eq!(first.json()["id"], second.json()["id"]);
    assert_eq!((other.status, &other.json()["code"]), (409, &json!("already_exists")));
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_and_starts_nothing() {
    let door = Door::open();
    let reply = door.submit(&json!({"sql": "SELECT 1 AS a", "dry_run": true})).await;
    let document = reply.json();
    assert_eq!((reply.status, &document["bytes"], &document["columns"][0]["name"]), (200, &json!(0), &json!("a")));
    let wrong = door.submit(&json!({"sql": "SELECT nope", "dry_run": true})).await;
    assert_eq!((wrong.status >= 400, &wrong.json()["line"]), (true, &json!(1)), "{}", wrong.text());
    assert_eq!(door.ask("GET", "/v1/queries", &[], "").await.json()["queries"], json!([]));
}

#[tokio::test]
async fn limits_and_settings_are_those_of_the_query() {
    let door = Door::open();
    let over = door
        .submit(&json!({"sql": "SELECT value FROM generate_series(1, 10)", "limits": {"rows": 3}, "wait": "30s"}))
        .await;
    assert_eq!(over.json()["code"], "resource_exhausted", "{}", over.text());
    let unknown = door.submit(&json!({"sql": "SELECT 1", "settings": {"arachne.colour": "red"}, "wait": "30s"})).await;
    assert_eq!((unknown.status, &unknown.json()["code"]), (400, &json!("invalid_argument")));
}

#[tokio::test]
async fn the_catalog_is_shown() {
    let door = Door::open();
    door.sql("CREATE DATABASE sales").await;
    for day in ["2024-01-01", "2024-01-02"] {
        door.file(&format!("orders/day={day}/a.csv"), "1,2.50\n2,3.50\n");
    }
    let location = door.location("orders");
    door.sql(&format!(
        "CREATE EXTERNAL TABLE sales.orders (id bigint COMMENT 'its number', price decimal(10,2)) PARTITIONED BY (day date) \
         ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS TEXTFILE LOCATION '{location}' TBLPROPERTIES ('numRows'='4')"
    ))
    .await;
    door.sql("MSCK REPAIR TABLE sales.orders").await;
    let get = |path: &str| {
        let path = format!("/v1/catalog/databases{path}");
        let door = &door;
        async move {
            let reply = door.ask("GET", &path, &[], "").await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            reply
        }
    };
    let names: Vec<Value> =
        get("").await.json()["databases"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["default", "sales"]);
    assert_eq!(get("/SALES").await.json()["name"], "sales");
    let tables = get("/sales/tables").await.json();
    assert_eq!(
        (&tables["tables"][0]["name"], &tables["tables"][0]["columns"]),
        (&json!("orders"), &json!(["id", "price", "day"]))
    );
    let table = get("/sales/tables/orders").await.json();
    assert_eq!(table["columns"][0], json!({"name": "id", "type": "bigint", "comment": "its number"}));
    assert_eq!((&table["partition_keys"][0]["type"], &table["type"]), (&json!("date"), &json!("EXTERNAL_TABLE")));
    assert!(table["ddl"].as_str().unwrap().contains("PARTITIONED BY"), "{table}");
    let first = get("/sales/tables/orders/partitions?limit=1").await;
    assert_eq!(first.json()["partitions"][0]["values"], json!({"day": "2024-01-01"}));
    let next = first.json()["next"].as_str().unwrap().trim_start_matches("/v1/catalog/databases").to_owned();
    let second = get(&next).await.json();
    assert_eq!((&second["partitions"][0]["values"]["day"], second.get("next")), (&json!("2024-01-02"), None));
    let statistics = get("/sales/tables/orders/statistics").await.json();
    let expected = json!({"columns": 2, "partition_keys": 1, "partitions": 2, "files": 2, "bytes": 28, "rows": 4});
    assert_eq!(statistics, expected);
}

#[tokio::test]
async fn the_server_says_that_it_is_there_and_can_work() {
    let door = Door::open();
    for path in ["/healthz", "/health", "/readyz"] {
        let reply = door.ask("GET", path, &[], "").await;
        assert_eq!((reply.status, &reply.json()["status"]), (200, &json!("ok")), "{path}");
    }
    assert_eq!(door.ask("GET", "/openapi.json", &[], "").await.json()["info"]["title"], "Arachne");
}

/// A door with an empty catalog, and a folder for results and tables.
struct Door {
    router: Router,
    folder: TempDir,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Door {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let results = format!("file://{}/results/", folder.path().display());
        let parts = QueryServiceParts {
            catalog: Arc::new(MemoryCatalog::new()),
            stores: Arc::new(ObjectStores::new(StorageSettings::default())),
            invoker: None,
            settings: EngineSettings::default(),
            prices: PriceBook::built_in().unwrap(),
            clock: crate::wiring::now,
            coordination: Coordination { results: Some(results), ..Coordination::default() },
            access: Access::default(),
            observer: Arc::new(NoObserver),
        };
        let doors = Doors::open(QueryService::try_new(parts).unwrap());
        Self { router: router(doors).layer(Extension(Principal::local())), folder }
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.ask_bytes(method, path, headers, body.as_bytes().to_vec()).await
    }

    async fn ask_bytes(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    async fn submit(&self, document: &Value) -> Answer {
        self.ask("POST", "/v1/queries", &[("content-type", "application/json")], &document.to_string()).await
    }

    async fn sql(&self, sql: &str) {
        let reply = self.ask("POST", "/v1/sql", &[], sql).await;
        assert_eq!(reply.status, 200, "{sql}: {}", reply.text());
    }

    fn file(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn location(&self, name: &str) -> String {
        format!("file://{}/{name}/", self.folder.path().display())
    }
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Empty where there is none.
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
