//! The exchange over a real S3: emptied at every end of a query and by age, and reads that do not wait for late answers.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use arachne_engine::ErrorCode;
use arachne_engine::query::Swept;
use arachne_sandbox::faults::S3Fault;
use arachne_tests::answer::{Order, assert_same};
use arachne_tests::engine::{Engine, Width};
use arachne_tests::faults::{Case, Dose};
use arachne_tests::sandbox::{EXCHANGE, LAKE, Sandbox, block_on};
use arachne_tests::tpch::{Dataset, Form, TABLES, TpchQuery, ddl};
use object_store::ObjectStoreExt;
use object_store::path::Path;

const RUN: &str = "0190b5a4-3f1e-7c3a-9d55-2f1e7c3a9d55";
const OTHER_RUN: &str = "5a40190b-1e3f-4c3a-8d55-7c3a9d552f1e";

#[test]
fn nothing_is_left_of_a_query_however_it_ends() {
    let sandbox = Sandbox::start().unwrap();
    let engine = tpch(&sandbox, Width { tasks: 3, partitions: 2 });
    let query = TpchQuery::get(18);
    let spread = [("arachne.merge_groups", "0")];

    let right = engine.run_with(query.sql, &spread).unwrap();
    assert!(right.stats.requests.bytes_exchanged > 0, "rows went through the exchange: {:?}", right.stats);
    assert_empty(&engine, &sandbox, "a query that ended well");

    // The groups are written before the division is looked at.
    let failing = "SELECT 1 / (sum(l_linenumber) - sum(l_linenumber)) FROM lineitem GROUP BY l_orderkey";
    engine.run_with(failing, &spread).expect_err("a division by zero");
    assert_empty(&engine, &sandbox, "a query that failed");

    for give_up in [true, false] {
        sandbox.s3.conditions().set_latency(Duration::from_millis(100));
        let running = engine.start(query.sql, &spread);
        wait_until("something is in the exchange", || !objects(&sandbox).is_empty());
        if give_up {
            drop(running);
        } else {
            running.handle().cancel();
            assert_eq!(running.finish().expect_err("cancelled").code, ErrorCode::Cancelled);
        }
        sandbox.s3.conditions().set_latency(Duration::ZERO);
        assert_empty(
            &engine,
            &sandbox,
            if give_up { "a query that was dropped" } else { "a query that was cancelled" },
        );
    }
}

#[test]
fn what_died_with_its_coordinator_is_swept_by_age() {
    let sandbox = Sandbox::start().unwrap();
    let names = |run: &str| [format!("tests/{run}/1/0/0.arrow"), format!("tests/{run}/2/1/3.request.json")];
    let foreign = ["tests/readme".to_owned(), format!("elsewhere/{RUN}/1/0/0.arrow")];
    for name in names(RUN).iter().chain(&names(OTHER_RUN)).chain(&foreign) {
        let store = sandbox.bucket(EXCHANGE);
        block_on(store.put(&Path::from(name.as_str()), "rows".into())).unwrap();
    }
    let sweep = |older_than| {
        let service = Engine::lambda(&sandbox, Width { tasks: 1, partitions: 1 }).sweeping(EXCHANGE, now);
        block_on(service.sweep_exchange(older_than)).unwrap()
    };
    assert_eq!(sweep(Duration::from_secs(3600)), Swept::default(), "all of it is young");
    assert_eq!(objects(&sandbox).len(), 6);
    // S3 tells time in whole seconds.
    std::thread::sleep(Duration::from_millis(2100));
    assert_eq!(sweep(Duration::from_secs(1)), Swept { runs: 2, objects: 4, bytes: 16 });
    let mut left = objects(&sandbox);
    left.sort();
    assert_eq!(left, ["elsewhere/0190b5a4-3f1e-7c3a-9d55-2f1e7c3a9d55/1/0/0.arrow", "tests/readme"]);
}

#[test]
fn an_answer_that_is_late_is_asked_for_a_second_time() {
    let sandbox = Sandbox::start().unwrap();
    let data = Dataset::shared();
    let engine = Engine::embedded().with_bucket(&sandbox, LAKE);
    create(&engine, &sandbox);
    let dose = Dose { seed: 3, rate: 0.1, delay: Duration::from_secs(4) };
    Case::S3(S3Fault::SlowFirstByte).begin(&sandbox, dose);
    let mut hedged = 0;
    for number in [3, 6, 18] {
        let query = TpchQuery::get(number);
        let outcome = engine.run(query.sql).unwrap();
        assert_same(&data.answer(query).unwrap(), &outcome.answer, Order::Kept, query.sql);
        hedged += outcome.stats.requests.hedged;
    }
    let injected = Case::S3(S3Fault::SlowFirstByte).end(&sandbox);
    assert!(hedged > 0, "of {injected:?} none was asked for again");
}

fn tpch(sandbox: &Sandbox, width: Width) -> Engine {
    let engine = Engine::lambda(sandbox, width);
    create(&engine, sandbox);
    engine
}

fn create(engine: &Engine, sandbox: &Sandbox) {
    let url = sandbox.upload_tpch(Dataset::shared(), Form::Parquet).unwrap();
    for table in &TABLES {
        engine.run(&ddl(table, table.name, Form::Parquet, &format!("{url}{}/", table.name))).unwrap();
    }
}

/// Once workers have stopped. The object that stopped them may stay as long as one of them may still look for it.
fn assert_empty(engine: &Engine, sandbox: &Sandbox, what: &str) {
    engine.idle();
    wait_until("no worker is busy", || sandbox.lambda.workers().iter().all(|worker| !worker.busy));
    let left: Vec<_> = objects(sandbox).into_iter().filter(|name| !name.ends_with("/cancelled")).collect();
    assert_eq!(left, Vec::<String>::new(), "left of {what}");
}

fn objects(sandbox: &Sandbox) -> Vec<String> {
    sandbox.objects_in(EXCHANGE)
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(120), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
