//! A coordinator that is killed leaves no lasting damage.

use std::time::Duration;

use arachne_tests::cli::Cli;
use arachne_tests::sandbox::{EXCHANGE, Sandbox};
use arachne_tests::server::{Server, wait_until};
use arachne_tests::tpch::{Dataset, Form, TABLES, ddl};
use serde_json::{Value, json};

const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1";

#[test]
fn after_a_kill_queries_have_failed_results_are_kept_and_the_exchange_is_swept() {
    let sandbox: &'static Sandbox = Box::leak(Box::new(Sandbox::start().unwrap()));
    let cli = Cli::in_sandbox(sandbox);
    create_lineitem(&cli, sandbox);
    // One at a time, so that the third one waits.
    let settings = [("LIMITS__CONCURRENT_QUERIES", "1"), ("COMPUTE__LAMBDA__TIMEOUT", "30s")];
    let server = Server::start_with(&cli, &settings);
    let finished = server.submitted(&json!({"sql": "SELECT value AS n FROM generate_series(1, 5) ORDER BY n"}));
    server.wait_for(&finished, &["SUCCEEDED"]);

    // Everything is slow, so that the query is in the middle of its stages for a while.
    sandbox.s3.conditions().set_latency(Duration::from_millis(200));
    let distributed = server.submitted(&json!({
        "sql": "SELECT count(*) FROM (SELECT l_orderkey, l_linenumber, count(*) FROM lineitem GROUP BY 1, 2) a \
                JOIN (SELECT l_orderkey, max(l_comment) FROM lineitem GROUP BY 1) b ON a.l_orderkey = b.l_orderkey",
        "settings": distributed_settings(),
    }));
    server.wait_for(&distributed, &["RUNNING"]);
    let waiting = server.submitted(&json!({"sql": "SELECT 1"}));
    wait_until("rows are in the exchange", || {
        let query = server.query(&distributed);
        assert_eq!(query["state"], "RUNNING", "it ended before its time: {query}");
        !sandbox.objects_in(EXCHANGE).is_empty()
    });
    assert_eq!(server.query(&waiting)["state"], "QUEUED");
    server.kill();
    sandbox.s3.conditions().set_latency(Duration::ZERO);
    assert!(!sandbox.objects_in(EXCHANGE).is_empty(), "the killed query left something");

    let server = Server::start_with(&cli, &settings);
    for id in [&distributed, &waiting] {
        let query = server.wait_for(id, &["FAILED"]);
        let message = query["error"]["message"].as_str().unwrap();
        assert_eq!(message, "the coordinator ended before the query did", "{query}");
        assert!(query["ended_ms"].is_i64() && query["has_result"] == false, "{query}");
    }
    assert_eq!(server.query(&finished)["state"], "SUCCEEDED");
    assert_eq!(server.results(&finished, "?offset=2").body, "n\n3\n4\n5\n");
    // The last object goes when no worker of the dead coordinator can be under way any more.
    wait_until("the exchange is swept", || sandbox.objects_in(EXCHANGE).is_empty());
    // And it goes on.
    let sql = "SELECT l_returnflag, count(*) AS n FROM lineitem GROUP BY 1 ORDER BY 1";
    let again = server.submitted(&json!({"sql": sql, "settings": distributed_settings()}));
    let query = server.wait_for(&again, &["SUCCEEDED", "FAILED"]);
    assert_eq!((&query["state"], &query["stats"]["distributed"]), (&json!("SUCCEEDED"), &json!(true)), "{query}");
}

#[test]
fn coordinators_of_one_history_leave_each_others_queries_alone_but_for_cancelling() {
    let cli = Cli::new();
    let one = Server::start(&cli);
    let running = one.submitted(&json!({"sql": ENDLESS}));
    one.wait_for(&running, &["RUNNING"]);
    let other = Server::start(&cli);
    other.wait_for(&running, &["RUNNING"]);
    let listed = other.request("GET", "/v1/queries?state=RUNNING", &[], "").json();
    assert_eq!(listed["queries"][0]["id"], running.as_str(), "{listed}");
    // Time for the other one to have looked after the dead.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(other.query(&running)["state"], "RUNNING");
    assert_eq!(other.cancel(&running).status, 200);
    assert_eq!(other.wait_for(&running, &["CANCELLED", "FAILED"])["state"], "CANCELLED");
    one.wait_for(&running, &["CANCELLED"]);
}

#[test]
fn a_coordinator_that_is_asked_to_end_says_so_of_its_queries() {
    let cli = Cli::new();
    let server = Server::start(&cli);
    let running = server.submitted(&json!({"sql": ENDLESS}));
    server.wait_for(&running, &["RUNNING"]);
    drop(server);
    let query = Server::start(&cli).query(&running);
    assert_eq!(query["state"], "CANCELLED", "{query}");
    assert!(query["error"]["message"].as_str().unwrap().contains("the server shuts down"), "{query}");
}

fn create_lineitem(cli: &Cli, sandbox: &Sandbox) {
    let url = sandbox.upload_tpch(Dataset::shared(), Form::Parquet).unwrap();
    let table = TABLES.iter().find(|table| table.name == "lineitem").unwrap();
    cli.sql(&ddl(table, "lineitem", Form::Parquet, &format!("{url}lineitem/")), &[]).succeeds();
}

fn distributed_settings() -> Value {
    json!({
        "arachne.compute": "lambda",
        "arachne.local_bytes": "0",
        "arachne.tasks_per_stage": "3",
        "arachne.partitions_per_task": "2",
        "arachne.merge_groups": "0",
    })
}
