//! Workers that die, and a service that says "not now": the answer stays the same.

use std::process::Command;
use std::time::{Duration, Instant};

use arachne_sandbox::lambda::{InvocationStatus, WorkerProcess};
use arachne_tests::answer::{Order, assert_same};
use arachne_tests::engine::{Engine, Outcome, Width};
use arachne_tests::sandbox::{EXCHANGE, Sandbox};
use arachne_tests::tpch::{Dataset, Form, TABLES, TpchQuery, ddl};

#[test]
fn a_worker_that_is_killed_in_the_middle_of_a_query_changes_nothing() {
    let sandbox = Sandbox::start().unwrap();
    let engine = lineitem_and_friends(&sandbox, Width { tasks: 3, partitions: 2 });
    let query = TpchQuery::get(3);
    // Each request waits, so that tasks last long enough to be hit.
    sandbox.s3.conditions().set_latency(Duration::from_millis(300));
    let running = engine.start(query.sql, &[("arachne.merge_groups", "0")]);
    let mut killed = Vec::new();
    // One in the first stage, and one later.
    for _ in 0..2 {
        let victim = busy_worker(&sandbox, &killed);
        kill(victim);
        killed.push(victim);
    }
    sandbox.s3.conditions().set_latency(Duration::ZERO);
    let Outcome { answer, stats } = running.finish().unwrap();
    assert_same(&Dataset::shared().answer(query).unwrap(), &answer, Order::Kept, "q03 with killed workers");
    assert!(stats.retried >= 1, "a killed attempt is tried again: {stats:?}");
    assert!(stats.attempts > stats.tasks, "{stats:?}");
}

#[test]
fn a_concurrency_limit_below_the_width_slows_down_but_does_not_fail() {
    let sandbox = Sandbox::start_with(|lambda| lambda.concurrency = 2).unwrap();
    let engine = lineitem_and_friends(&sandbox, Width { tasks: 7, partitions: 2 });
    let query = TpchQuery::get(3);
    let outcome = engine.run(query.sql).unwrap();
    assert_same(&Dataset::shared().answer(query).unwrap(), &outcome.answer, Order::Kept, "q03 with 2 environments");
    let throttled =
        sandbox.lambda.invocation_log().iter().filter(|record| record.status == InvocationStatus::Throttled).count();
    assert!(throttled > 0, "seven tasks at once were never too many for two environments");
}

#[test]
fn a_cancelled_query_frees_its_workers() {
    let sandbox = Sandbox::start().unwrap();
    let engine = lineitem_and_friends(&sandbox, Width { tasks: 3, partitions: 2 });
    sandbox.s3.conditions().set_latency(Duration::from_millis(300));
    let running = engine.start(TpchQuery::get(3).sql, &[]);
    busy_worker(&sandbox, &[]);
    running.handle().cancel();
    let error = running.finish().expect_err("a cancelled query has no answer");
    assert_eq!(error.code, arachne_engine::ErrorCode::Cancelled, "{error}");
    sandbox.s3.conditions().set_latency(Duration::ZERO);
    wait_until("no worker is busy", || sandbox.lambda.workers().iter().all(|worker| !worker.busy));
    let invocations = sandbox.lambda.invocation_log().len();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(sandbox.lambda.invocation_log().len(), invocations, "nothing is started after a cancel");
}

#[test]
fn exchange_objects_are_gone_when_the_query_is_done() {
    let sandbox = Sandbox::start().unwrap();
    let engine = lineitem_and_friends(&sandbox, Width { tasks: 3, partitions: 2 });
    let outcome = engine
        .run_with("SELECT l_orderkey, count(*) FROM lineitem GROUP BY l_orderkey", &[("arachne.merge_groups", "0")])
        .unwrap();
    assert!(outcome.stats.requests.bytes_exchanged > 0, "the groups went through the exchange: {:?}", outcome.stats);
    engine.idle();
    assert_eq!(sandbox.objects_in(EXCHANGE), Vec::<String>::new());
}

fn lineitem_and_friends(sandbox: &Sandbox, width: Width) -> Engine {
    let url = sandbox.upload_tpch(Dataset::shared(), Form::Parquet).unwrap();
    let engine = Engine::lambda(sandbox, width);
    for table in TABLES.iter().filter(|table| ["lineitem", "orders", "customer"].contains(&table.name)) {
        engine.run(&ddl(table, table.name, Form::Parquet, &format!("{url}{}/", table.name))).unwrap();
    }
    engine
}

/// Waits for a worker that is at work on an invocation and not among `but`.
fn busy_worker(sandbox: &Sandbox, but: &[WorkerProcess]) -> WorkerProcess {
    let mut found = None;
    wait_until("a worker is busy", || {
        // It has asked S3 for something: it is past its start.
        let workers = sandbox.lambda.workers();
        found = workers.into_iter().find(|worker| worker.busy && !but.iter().any(|b| b.pid == worker.pid));
        found.is_some() && sandbox.s3.request_log().snapshot().iter().any(|record| record.method == "GET")
    });
    found.unwrap()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(120), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn kill(worker: WorkerProcess) {
    assert!(Command::new("kill").args(["-9", &worker.pid.to_string()]).status().unwrap().success());
}
