//! Compute `cluster`: gRPC workers as processes of their own. The same queries as elsewhere, and what can happen to workers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arachne_engine::cluster::{ClusterWorker, ClusterWorkerSettings};
use arachne_engine::query::QueryState;
use arachne_engine::storage::ObjectStores;
use arachne_engine::{Error, ErrorCode};
use arachne_tests::answer::Order::{self, Any, Kept};
use arachne_tests::answer::assert_same;
use arachne_tests::cluster::{ClusterProcesses, WorkerProcess};
use arachne_tests::engine::{Engine, Outcome, Width};
use arachne_tests::sandbox::{Sandbox, block_on};
use arachne_tests::tpch::{Dataset, Form, TABLES, TpchQuery, ddl, table_name};
use arachne_tests::traps::TrapTables;
use tokio::runtime::Handle;

const WIDTHS: [Width; 4] = [
    Width { tasks: 1, partitions: 2 },
    Width { tasks: 3, partitions: 2 },
    Width { tasks: 7, partitions: 1 },
    Width { tasks: 7, partitions: 4 },
];

const THREE_BY_TWO: Width = Width { tasks: 3, partitions: 2 };

macro_rules! tpch_queries {
    ($($name:ident = $number:literal;)*) => {
        mod tpch {
            $(#[test] fn $name() { super::equals_duckdb_at_all_widths($number); })*
        }
    };
}

tpch_queries! {
    q01 = 1; q02 = 2; q03 = 3; q04 = 4; q05 = 5; q06 = 6; q07 = 7; q08 = 8; q09 = 9; q10 = 10; q11 = 11;
    q12 = 12; q13 = 13; q14 = 14; q15 = 15; q16 = 16; q17 = 17; q18 = 18; q19 = 19; q20 = 20; q21 = 21; q22 = 22;
}

fn equals_duckdb_at_all_widths(number: usize) {
    let query = TpchQuery::get(number);
    let expected = Dataset::shared().answer(query).unwrap();
    for width in WIDTHS {
        let engine = Engine::tpch_over_cluster(width);
        for merge_groups in [1_000_000, 0] {
            let what = format!("q{number:02} {width:?}, merging {merge_groups} groups");
            let engine = engine.clone().with_setting("arachne.merge_groups", merge_groups);
            let Outcome { answer, stats } = engine.run(query.sql).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_same(&expected, &answer, order_of(query.sql), &what);
            assert!(stats.distributed && stats.tasks > 0, "{what} ran at home: {}", stats.placement);
            assert_eq!(stats.cost.lambda, 0.0, "{what}");
            let read = stats.requests.bytes_scanned + stats.requests.bytes_remembered;
            assert!(read > 0, "{what}: workers say what they read: {stats:?}");
        }
    }
}

#[test]
fn forty_tasks_a_stage_share_three_workers() {
    let engine = Engine::tpch_over_cluster(Width { tasks: 40, partitions: 2 }).with_setting("arachne.merge_groups", 0);
    for number in [3, 18] {
        let query = TpchQuery::get(number);
        let answer = engine.run(query.sql).unwrap_or_else(|error| panic!("q{number}: {error}")).answer;
        assert_same(&Dataset::shared().answer(query).unwrap(), &answer, order_of(query.sql), &format!("q{number}"));
    }
}

#[test]
fn csv_keeps_its_options_on_the_way_to_the_workers() {
    let engine = Engine::tpch_over_cluster(THREE_BY_TWO);
    for number in [1, 6, 18] {
        let query = TpchQuery::get(number);
        let expected = Dataset::shared().answer(query).unwrap();
        for form in [Form::Csv, Form::CsvGzip] {
            let sql = over(query.sql, form);
            let answer = engine.run(&sql).unwrap_or_else(|error| panic!("q{number} {}: {error}", form.name())).answer;
            assert_same(&expected, &answer, order_of(query.sql), &format!("q{number} {}", form.name()));
        }
    }
}

#[test]
fn queries_that_are_easily_wrong_are_right() {
    let cases = [
        (
            "SELECT max(s.rn), count(*), sum(s.rn * o.w) \
             FROM (SELECT k, row_number() OVER (ORDER BY v) AS rn FROM single) s JOIN other o ON s.k = o.k",
            Any,
        ),
        ("SELECT count(*), sum(o.w) FROM (SELECT k FROM single ORDER BY v LIMIT 7) s JOIN other o ON s.k = o.k", Any),
        ("SELECT k % 3, median(v) FROM single GROUP BY k % 3", Any),
        ("SELECT k, sum(v) FROM ordered GROUP BY k ORDER BY k", Kept),
        ("SELECT k, v FROM ordered ORDER BY k, v LIMIT 50", Kept),
        (
            "SELECT category, year, month, sum(price) AS total, avg(sum(price)) OVER (PARTITION BY category, year) AS average, \
             rank() OVER (PARTITION BY category ORDER BY year, month) AS rn \
             FROM sales JOIN dates ON sales.date_id = dates.date_id WHERE year = 1999 GROUP BY category, year, month",
            Any,
        ),
        ("SELECT count(*) FROM single WHERE v > (SELECT avg(w) FROM other WHERE w < (SELECT max(v) FROM single))", Any),
        // No encoding: it runs in the coordinator.
        (
            "WITH RECURSIVE r AS (SELECT 1 AS k UNION ALL SELECT k * 2 FROM r WHERE k < 10000) \
             SELECT count(*), sum(single.v) FROM r JOIN single ON r.k = single.k",
            Any,
        ),
        (
            "SELECT count(*), sum(s.v), sum(o.w) FROM single s FULL JOIN (SELECT * FROM other WHERE k % 2 = 0) o ON s.k = o.k + 1",
            Any,
        ),
        ("SELECT k, v FROM single UNION ALL SELECT k, w FROM other", Any),
    ];
    let sql: Vec<_> = cases.iter().map(|(sql, _)| *sql).collect();
    let expected = TrapTables::shared().duckdb().answers(&sql).unwrap();
    for width in WIDTHS {
        let engine = Engine::cluster(Sandbox::shared(), width).with_traps(TrapTables::shared());
        for ((sql, order), expected) in cases.iter().zip(&expected) {
            let outcome = engine.run(sql).unwrap_or_else(|error| panic!("{width:?} {sql}: {error}"));
            assert_same(expected, &outcome.answer, *order, &format!("{width:?} {sql}"));
        }
    }
}

#[test]
fn the_session_s_time_zone_reaches_the_workers() {
    let sql = "SELECT max(CAST(to_timestamp(k) AS varchar)), arrow_typeof(max(to_timestamp(w))) FROM other";
    let zone = [("datafusion.execution.time_zone", "America/New_York")];
    let embedded = Engine::embedded().with_traps(TrapTables::shared()).run_with(sql, &zone).unwrap().answer;
    assert!(embedded.rows[0][0].to_string().contains("-05:00"), "{embedded:?}");
    let engine = Engine::cluster(Sandbox::shared(), THREE_BY_TWO).with_traps(TrapTables::shared());
    assert_same(&embedded, &engine.run_with(sql, &zone).unwrap().answer, Any, "in New York");
}

#[test]
fn a_limit_ends_the_tasks_early() {
    let (sandbox, processes) = own_cluster(2);
    let engine = tables(&sandbox, &processes, THREE_BY_TWO);
    assert_eq!(engine.run("SELECT l_orderkey FROM lineitem LIMIT 5").unwrap().answer.rows.len(), 5);
    nothing_runs(&processes);
}

#[test]
fn a_query_that_one_worker_runs_whole() {
    let engine = Engine::tpch_over_cluster(Width { tasks: 1, partitions: 1 });
    let sql = "SELECT l_orderkey, l_linenumber FROM lineitem WHERE l_quantity = 7";
    let Outcome { answer, stats } = engine.run(sql).unwrap();
    assert_same(&Dataset::shared().answers(&[sql]).unwrap()[0], &answer, Any, sql);
    assert_eq!(stats.tasks, 1, "{stats:?}");
}

#[test]
fn the_bill_counts_what_workers_did() {
    let engine = Engine::tpch_over_cluster(THREE_BY_TWO);
    let sql = "SELECT l_returnflag, count(*) FROM lineitem GROUP BY l_returnflag";
    let Outcome { stats, .. } = engine.run(sql).unwrap();
    assert!(stats.tasks >= 3 && stats.stages[0].requests.bytes_scanned > 0, "{stats:?}");
    assert_eq!((stats.requests.put, stats.gb_seconds), (0, 0.0), "nothing goes through S3, nothing is billed by time");
    let rows: u64 = stats.stages[0].tasks_detail.iter().map(|task| task.rows_in).sum();
    let count = engine.run("SELECT count(*) FROM lineitem").unwrap().answer.rows[0][0].to_string();
    assert_eq!(rows.to_string(), count, "{:?}", stats.stages);
    let analyzed = engine.run(&format!("EXPLAIN ANALYZE {sql}")).unwrap();
    assert!(format!("{:?}", analyzed.answer).contains("3 tasks"), "{analyzed:?}");
}

#[test]
fn a_file_that_is_wrong_is_named_across_two_hops() {
    let sandbox = Sandbox::shared();
    sandbox.put("cluster-bad/good.csv", "k,v\n1,2\n2,3\n");
    sandbox.put("cluster-bad/bad.csv", "k,v\n3,4\n4,four\n");
    let engine = Engine::cluster(sandbox, THREE_BY_TWO).with_setting("arachne.merge_groups", 0);
    let table = "CREATE EXTERNAL TABLE bad (k bigint, v bigint) ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' \
                 STORED AS TEXTFILE LOCATION 's3://lake/cluster-bad/' TBLPROPERTIES ('skip.header.line.count'='1')";
    engine.run(table).unwrap();
    let lambda = Engine::lambda(sandbox, THREE_BY_TWO).with_setting("arachne.merge_groups", 0);
    lambda.run(table).unwrap();
    let sql = "SELECT k, sum(v) FROM bad GROUP BY k";
    let error = engine.run(sql).expect_err(sql);
    assert_eq!(error.code, ErrorCode::InvalidData, "{error}");
    assert!(error.message.contains("cluster-bad/bad.csv"), "{error}");
    let of_lambda = lambda.run(sql).expect_err(sql);
    assert_eq!((error.code, error.message), (of_lambda.code, of_lambda.message));
}

#[test]
fn a_file_that_is_replaced_under_the_query_is_an_error() {
    let sandbox = Sandbox::start().unwrap();
    let processes = ClusterProcesses::start(&sandbox, 2);
    let engine = tables(&sandbox, &processes, THREE_BY_TWO);
    sandbox.s3.conditions().set_latency(Duration::from_millis(400));
    let running = engine.start("SELECT l_comment, count(*) FROM lineitem GROUP BY l_comment", &[]);
    wait_until("the workers read", || log_of(&processes).contains("a task begins"));
    let file = sandbox.objects_in("lake").into_iter().find(|key| key.contains("lineitem/")).unwrap();
    sandbox.put(&file, "no longer Parquet");
    let error = running.finish().expect_err("an answer from two versions");
    assert_eq!(error.code, ErrorCode::InvalidData, "{error}");
}

#[test]
fn a_worker_that_dies_before_the_first_row_is_made_up_for() {
    let (sandbox, processes) = own_cluster(3);
    let engine = tables(&sandbox, &processes, THREE_BY_TWO).with_setting("arachne.merge_groups", 0);
    let query = TpchQuery::get(3);
    sandbox.s3.conditions().set_latency(Duration::from_millis(300));
    let running = engine.start(query.sql, &[]);
    wait_until("the victim works", || processes.workers[1].log().contains("a task begins"));
    processes.workers[1].signal("KILL");
    sandbox.s3.conditions().set_latency(Duration::ZERO);
    let Outcome { answer, stats } = running.finish().unwrap();
    assert_same(&Dataset::shared().answer(query).unwrap(), &answer, Kept, "q03 with a killed worker");
    assert!(stats.retried > 0, "{stats:?}");
    // It stays away, and nobody waits for it.
    engine.run(query.sql).unwrap();
}

#[test]
fn the_only_worker_s_death_is_one_clear_error() {
    let (sandbox, processes) = own_cluster(1);
    let engine = tables(&sandbox, &processes, THREE_BY_TWO);
    sandbox.s3.conditions().set_latency(Duration::from_millis(300));
    let running = engine.start(TpchQuery::get(3).sql, &[]);
    wait_until("the victim works", || processes.workers[0].log().contains("a task begins"));
    processes.workers[0].signal("KILL");
    let error = running.finish().expect_err("an answer from nobody");
    assert_eq!(error.code, ErrorCode::Unavailable, "{error}");
    assert!(error.message.contains(&processes.workers[0].url), "{error}");
    let error = engine.run("SELECT max(o_comment) FROM orders").expect_err("an answer from nobody");
    assert_eq!(error.code, ErrorCode::Unavailable, "{error}");
    assert!(error.message.contains("cannot be reached"), "{error}");
}

#[test]
fn a_cancelled_query_leaves_nothing_running() {
    let (sandbox, processes) = own_cluster(2);
    let engine =
        tables(&sandbox, &processes, Width { tasks: 7, partitions: 2 }).with_setting("arachne.merge_groups", 0);
    sandbox.s3.conditions().set_latency(Duration::from_millis(300));
    let running = engine.start(TpchQuery::get(3).sql, &[]);
    wait_until("the workers work", || processes.workers.iter().all(|worker| worker.log().contains("a task begins")));
    let progress = running.handle().progress();
    running.handle().cancel();
    let error = running.finish().expect_err("a cancelled query has no answer");
    assert_eq!(error.code, ErrorCode::Cancelled, "{error}");
    assert_eq!(progress.borrow().state, QueryState::Cancelled);
    sandbox.s3.conditions().set_latency(Duration::ZERO);
    // A request that is on its way may still be counted.
    std::thread::sleep(Duration::from_millis(700));
    let requests = sandbox.s3.request_log().snapshot().len();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(sandbox.s3.request_log().snapshot().len(), requests, "somebody still reads");
    nothing_runs(&processes);
}

/// A join that makes many rows of few never waits for anything, and so would not notice.
#[test]
fn a_query_that_only_computes_stops_when_it_is_cancelled() {
    let (sandbox, processes) = own_cluster(1);
    let engine = tables(&sandbox, &processes, THREE_BY_TWO);
    let running = engine.start(
        "SELECT count(*) FROM lineitem a JOIN lineitem b ON a.l_suppkey < b.l_suppkey AND a.l_comment < b.l_comment \
         JOIN orders c ON b.l_suppkey < c.o_custkey AND a.l_comment < c.o_comment",
        &[],
    );
    wait_until("the worker works", || processes.workers[0].log().contains("a task begins"));
    std::thread::sleep(Duration::from_millis(500));
    running.handle().cancel();
    running.finish().expect_err("a cancelled query has no answer");
    std::thread::sleep(Duration::from_secs(1));
    nothing_runs(&processes);
}

#[test]
fn a_worker_that_is_asked_to_stop_ends_what_it_runs() {
    let (sandbox, processes) = own_cluster(1);
    let engine = tables(&sandbox, &processes, THREE_BY_TWO);
    sandbox.s3.conditions().set_latency(Duration::from_millis(200));
    let query = TpchQuery::get(6);
    let running = engine.start(query.sql, &[]);
    // None of them begins after it was asked.
    wait_until("the worker has all tasks", || processes.workers[0].log().matches("a task begins").count() == 3);
    processes.workers[0].signal("TERM");
    let answer = running.finish().unwrap().answer;
    assert_same(&Dataset::shared().answer(query).unwrap(), &answer, Order::Any, "q06 on a worker that stops");
    wait_until("the worker has gone", || !processes.workers[0].lives());
}

#[test]
fn a_worker_of_another_version_is_refused_by_name() {
    let sandbox = Sandbox::shared();
    let other = "0.0.1+datafusion-1.0.0";
    let url = block_on(async {
        let mut settings = ClusterWorkerSettings::new(([127, 0, 0, 1], 0).into());
        settings.version = other.to_owned();
        let worker = ClusterWorker::bind(settings, Arc::new(ObjectStores::new(Default::default())), Handle::current())
            .await
            .unwrap();
        let url = format!("http://{}", worker.address());
        tokio::spawn(worker.serve(std::future::pending()));
        url
    });
    let engine = Engine::cluster_of(sandbox, vec![url.clone()], THREE_BY_TWO).with_traps(TrapTables::shared());
    let error = engine.run("SELECT k, count(*) FROM other GROUP BY k").expect_err("an answer of another version");
    assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
    assert!(error.message.contains(other) && error.message.contains(&url), "{error}");
    // Beside others it is left out.
    let urls = [ClusterProcesses::of(sandbox).urls(), vec![url]].concat();
    let engine = Engine::cluster_of(sandbox, urls, THREE_BY_TWO).with_traps(TrapTables::shared());
    engine.run("SELECT k, count(*) FROM other GROUP BY k").unwrap();
}

#[test]
fn without_workers_it_says_what_to_do() {
    let nowhere = |workers: Vec<String>| -> Error {
        let engine = Engine::cluster_of(Sandbox::shared(), workers, THREE_BY_TWO).with_traps(TrapTables::shared());
        engine.run("SELECT k, count(*) FROM other GROUP BY k").expect_err("an answer of nobody")
    };
    let error = nowhere(Vec::new());
    assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
    assert!(error.hint.unwrap().contains("arachne worker --cluster"));
    // Nobody listens on port 9 of this machine.
    let error = nowhere(vec!["http://127.0.0.1:9".to_owned()]);
    assert_eq!(error.code, ErrorCode::Unavailable, "{error}");
    assert!(error.message.contains("http://127.0.0.1:9"), "{error}");
}

#[test]
fn a_worker_refuses_more_tasks_than_it_may_run() {
    let sandbox = Sandbox::shared();
    let worker = WorkerProcess::start(sandbox, &["--max-tasks", "2"]);
    let engine = |tasks| {
        let width = Width { tasks, partitions: 2 };
        Engine::cluster_of(sandbox, vec![worker.url.clone()], width).with_traps(TrapTables::shared())
    };
    let sql = "SELECT w % 7, count(*) FROM other GROUP BY w % 7";
    let error = engine(3).run(sql).expect_err("three tasks on a worker for two");
    assert_eq!(error.code, ErrorCode::Throttled, "{error}");
    assert!(error.message.contains(&worker.url), "{error}");
    // Those that ran are gone with the query.
    let outcome = engine(1).run(sql).unwrap();
    assert_eq!(outcome.stats.tasks, 1, "{:?}", outcome.stats);
}

fn own_cluster(workers: usize) -> (Sandbox, ClusterProcesses) {
    let sandbox = Sandbox::start().unwrap();
    let processes = ClusterProcesses::start(&sandbox, workers);
    (sandbox, processes)
}

fn tables(sandbox: &Sandbox, processes: &ClusterProcesses, width: Width) -> Engine {
    let url = sandbox.upload_tpch(Dataset::shared(), Form::Parquet).unwrap();
    let engine = Engine::cluster_of(sandbox, processes.urls(), width);
    for table in TABLES.iter().filter(|table| ["lineitem", "orders", "customer"].contains(&table.name)) {
        engine.run(&ddl(table, table.name, Form::Parquet, &format!("{url}{}/", table.name))).unwrap();
    }
    engine
}

/// A worker that has nothing to do leaves at once when it is asked to, and says so.
fn nothing_runs(processes: &ClusterProcesses) {
    for worker in &processes.workers {
        worker.signal("TERM");
    }
    for worker in &processes.workers {
        wait_until("the worker has gone", || !worker.lives());
        wait_until("the worker's last words", || worker.log().contains("is stopping"));
        assert!(worker.log().contains("worker is stopping, 0 tasks are running"), "{}", worker.log());
    }
}

fn log_of(processes: &ClusterProcesses) -> String {
    processes.workers.iter().map(WorkerProcess::log).collect()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(120), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn order_of(sql: &str) -> Order {
    if sql.contains("ORDER BY") { Kept } else { Any }
}

/// The query over the tables of another form.
fn over(sql: &str, form: Form) -> String {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let renamed = sql.split_inclusive(|c| !is_word(c)).map(|piece| {
        let (word, rest) = piece.split_at(piece.find(|c| !is_word(c)).unwrap_or(piece.len()));
        match TABLES.iter().find(|table| table.name == word) {
            Some(table) => format!("{}{rest}", table_name(table.name, form)),
            None => piece.to_owned(),
        }
    });
    renamed.collect()
}
