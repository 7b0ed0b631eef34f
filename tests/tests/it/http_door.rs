//! `arachne serve`: statements over HTTP, with rows that come at once and with rows that are kept.

use std::time::{Duration, Instant};

use arachne_tests::cli::Cli;
use arachne_tests::server::{Server, wait_until};
use serde_json::json;

/// Far more than anybody waits for, an operator that yields, and a join that does not for long.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1";
const ENDLESS_JOIN: &str = "SELECT count(*) FROM generate_series(1, 3000000) a JOIN generate_series(1, 3000000) b ON a.value % 11 < b.value % 7";

#[test]
fn one_request_is_one_answer() {
    let server = Server::alone(&[]);
    let reply = server.sql("SELECT 1 AS one, 'a,b' AS two");
    assert_eq!((reply.status, reply.body.as_str()), (200, "one,two\n1,\"a,b\"\n"));
}

#[test]
fn a_wrong_statement_is_a_problem_with_its_place() {
    let server = Server::alone(&[]);
    let reply = server.sql("SELECT 1,\n nope");
    assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    let problem = reply.json();
    assert!(reply.status < 500 && problem["line"] == 2, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("nope"), "{problem}");
}

#[test]
fn a_submitted_query_goes_on_by_itself_and_its_rows_are_read_later_and_in_pages() {
    let server = Server::alone(&[]);
    let id = server.submitted(&json!({"sql": "SELECT value AS n FROM generate_series(1, 20000) ORDER BY n"}));
    let query = server.wait_for(&id, &["SUCCEEDED", "FAILED"]);
    assert_eq!((query["state"].as_str(), query["user"].as_str()), (Some("SUCCEEDED"), Some("local")), "{query}");
    assert_eq!((query["stats"]["rows"].as_u64(), query["has_result"].as_bool()), (Some(20000), Some(true)), "{query}");
    assert!(query["ended_ms"].as_i64() >= query["submitted_ms"].as_i64(), "{query}");

    let whole = server.results(&id, "");
    assert_eq!((whole.status, whole.body.lines().count()), (200, 20001));
    let page = server.results(&id, "?offset=9998&limit=3");
    assert_eq!(page.body, "n\n9999\n10000\n10001\n");
    // A query that is not there, and one that was wrong.
    assert_eq!(server.results("nowhere", "").status, 404);
    let wrong = server.submitted(&json!({"sql": "SELECT nope"}));
    let query = server.wait_for(&wrong, &["FAILED"]);
    assert!(query["error"]["message"].as_str().unwrap().contains("nope"), "{query}");
    assert!(server.results(&wrong, "").body.contains("nope"));
}

#[test]
fn the_history_lists_queries_of_every_door_with_the_last_ones_first() {
    let cli = Cli::new();
    cli.sql("SELECT 'by the command line'", &[]).succeeds();
    let server = Server::start(&cli);
    server.sql("SELECT 'by http'");
    let id = server.submitted(&json!({"sql": "SELECT 'kept'"}));
    server.wait_for(&id, &["SUCCEEDED"]);
    wait_until("all three have ended", || {
        let all = server.request("GET", "/v1/queries?state=SUCCEEDED", &[], "").json();
        all["queries"].as_array().unwrap().len() == 3
    });
    let sqls = |filter: &str| -> Vec<String> {
        let all = server.request("GET", &format!("/v1/queries{filter}"), &[], "").json();
        let queries = all["queries"].as_array().unwrap().iter();
        queries.map(|query| query["sql"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(sqls(""), ["SELECT 'kept'", "SELECT 'by http'", "SELECT 'by the command line'"]);
    assert_eq!(sqls("?user=bob"), Vec::<String>::new());
    assert_eq!(sqls("?door=embedded"), ["SELECT 'by the command line'"]);
    assert_eq!(sqls("?limit=1"), ["SELECT 'kept'"]);
    assert_eq!(sqls(&format!("?before={id}&limit=1")), ["SELECT 'by http'"]);
    assert_eq!(server.request("GET", "/v1/queries?state=LOST", &[], "").status, 400);
    // What came at once was not kept.
    let streamed =
        server.request("GET", "/v1/queries", &[], "").json()["queries"][1]["id"].as_str().unwrap().to_owned();
    assert_eq!(server.results(&streamed, "").status, 404);
}

#[test]
fn the_same_token_is_the_same_query() {
    let server = Server::alone(&[]);
    let document = json!({"sql": "SELECT 1", "token": "once"});
    let id = server.submitted(&document);
    assert_eq!(server.submitted(&document), id);
    server.wait_for(&id, &["SUCCEEDED"]);
    assert_eq!(server.submitted(&document), id);
    let other = server.submit(&json!({"sql": "SELECT 2", "token": "once"}));
    assert_eq!((other.status, &other.json()["code"]), (409, &json!("already_exists")), "{other:?}");
    let all = server.request("GET", "/v1/queries", &[], "").json();
    assert_eq!(all["queries"].as_array().unwrap().len(), 1, "{all}");
}

#[test]
fn a_query_is_cancelled_by_its_id_even_if_it_keeps_every_thread_busy() {
    let server = Server::alone(&[]);
    for sql in [ENDLESS, ENDLESS_JOIN] {
        let id = server.submitted(&json!({"sql": sql}));
        server.wait_for(&id, &["RUNNING"]);
        assert_eq!(server.results(&id, "").status, 409);
        std::thread::sleep(Duration::from_millis(300));
        let asked = Instant::now();
        let reply = server.cancel(&id);
        assert_eq!((reply.status, reply.json()["state"].as_str()), (200, Some("CANCELLED")), "{reply:?}");
        assert!(asked.elapsed() < Duration::from_secs(30), "it took its time: {:?}", asked.elapsed());
        let query = server.wait_for(&id, &["CANCELLED"]);
        assert_eq!(query["error"]["code"], "cancelled");
        assert_eq!(server.results(&id, "").status, 409);
    }
    assert_eq!(server.cancel("nowhere").status, 404);
    assert_eq!(server.sql("SELECT 1 AS one").body, "one\n1\n");
}

#[test]
fn a_client_that_hangs_up_cancels_its_query() {
    let server = Server::alone(&[]);
    let connection = server.send("POST", "/v1/sql", &[], ENDLESS);
    let running = || server.request("GET", "/v1/queries?limit=1", &[], "").json()["queries"][0].clone();
    wait_until("it runs", || running()["state"] == "RUNNING");
    drop(connection);
    wait_until("it is cancelled", || running()["state"] == "CANCELLED");
}
