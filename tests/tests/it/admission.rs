//! Too many queries at once: they wait their turn, or are refused, and nothing collapses.

use arachne_tests::cli::Cli;
use arachne_tests::guarded;
use arachne_tests::server::{Client, Server, wait_until};
use serde_json::json;

const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1";

#[test]
fn queries_wait_and_those_beyond_the_queue_are_refused() {
    let settings = [("LIMITS__CONCURRENT_QUERIES", "1"), ("LIMITS__QUEUED_QUERIES", "2")];
    let server = Server::alone(&settings);
    let first = server.submitted(&json!({"sql": ENDLESS}));
    server.wait_for(&first, &["RUNNING"]);
    let [second, third] = ["SELECT 2 AS n", "SELECT 3 AS n"].map(|sql| server.submitted(&json!({"sql": sql})));
    assert_eq!(server.query(&second)["state"], "QUEUED");

    for reply in [server.submit(&json!({"sql": "SELECT 4"})), server.sql("SELECT 4")] {
        assert_eq!(reply.status, 429, "{reply:?}");
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
        assert_eq!(reply.json()["code"], "throttled");
        assert!(reply.json()["hint"].as_str().unwrap().contains("limits.concurrent_queries"), "{reply:?}");
    }
    // What was refused has left no trace, and statements of the catalog need no place.
    assert_eq!(server.sql("SHOW TABLES").status, 200);
    let known = server.request("GET", "/v1/queries", &[], "").json();
    assert_eq!(known["queries"].as_array().unwrap().len(), 4, "{known}");

    assert_eq!(server.cancel(&second).json()["state"], "CANCELLED");
    assert_eq!(server.query(&third)["state"], "QUEUED");
    server.cancel(&first);
    let third = server.wait_for(&third, &["SUCCEEDED"]);
    assert!(third["stats"]["queued_ms"].as_u64().unwrap() > 0, "{third}");
    assert_eq!(server.wait_for(&second, &["CANCELLED"])["stats"]["rows"], 0);
}

#[test]
fn a_user_with_many_queries_does_not_hold_up_another() {
    let cli = Cli::new();
    let password = guarded::hash(&cli, "a long password");
    let settings = [
        ("LIMITS__CONCURRENT_QUERIES", "2"),
        ("LIMITS__CONCURRENT_QUERIES_PER_USER", "1"),
        ("ACCESS__USERS__ANN__PASSWORD", password.as_str()),
        ("ACCESS__USERS__BOB__PASSWORD", password.as_str()),
    ];
    let server = Server::start_with(&cli, &settings);
    let [ann, bob] = ["ann", "bob"].map(|name| server.user(name, "a long password"));
    let endless = |user: &Client| user.submitted(&json!({"sql": ENDLESS}));
    let queries: Vec<_> = (0..4).map(|_| endless(&ann)).collect();
    ann.wait_for(&queries[0], &["RUNNING"]);
    // One place is free, and it is not for ann.
    bob.wait_for(&endless(&bob), &["RUNNING"]);
    assert!(queries[1..].iter().all(|id| ann.query(id)["state"] == "QUEUED"));
    ann.cancel(&queries[0]);
    ann.wait_for(&queries[1], &["RUNNING"]);
    assert_eq!(ann.query(&queries[2])["state"], "QUEUED");
}

#[test]
fn one_query_after_the_other_never_waits() {
    let server = Server::alone(&[("LIMITS__CONCURRENT_QUERIES", "1"), ("LIMITS__QUEUED_QUERIES", "0")]);
    for n in 0..5 {
        // The place of the one before is free when its rows have ended, or a moment later.
        wait_until("there is a place", || server.sql(&format!("SELECT {n} AS n")).body == format!("n\n{n}\n"));
    }
}
