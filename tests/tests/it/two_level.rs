//! Workers that start workers: every invocation goes through a relay, and the answers and the bill stay what they are.

use arachne_lambda::TwoLevelSettings;
use arachne_tests::answer::{Order, assert_same};
use arachne_tests::engine::{Engine, Width};
use arachne_tests::sandbox::Sandbox;
use arachne_tests::tpch::{Dataset, Form, TABLES, TpchQuery, ddl};

#[test]
fn a_query_whose_workers_start_workers_gives_the_same_answer() {
    // Relays wait for their groups, so the environments have to do for all tasks of a stage at once.
    let sandbox = Sandbox::start_with(|lambda| lambda.concurrency = 16).unwrap();
    let relayed = TwoLevelSettings { above: 1, group: 4 };
    let engine = Engine::lambda_in_two_levels(&sandbox, Width { tasks: 9, partitions: 1 }, relayed);
    let url = sandbox.upload_tpch(Dataset::shared(), Form::Parquet).unwrap();
    for table in &TABLES {
        engine.run(&ddl(table, table.name, Form::Parquet, &format!("{url}{}/", table.name))).unwrap();
    }
    let query = TpchQuery::get(3);
    let outcome = engine.run_with(query.sql, &[("arachne.merge_groups", "0")]).unwrap();
    assert_same(&Dataset::shared().answer(query).unwrap(), &outcome.answer, Order::Kept, "in two levels");
    let invocations = sandbox.lambda.invocation_log().len();
    assert_eq!(invocations, outcome.stats.attempts as usize, "one invocation an attempt, whoever asked for it");
    assert!(outcome.stats.tasks >= 9 && outcome.stats.gb_seconds > 0.0, "{:?}", outcome.stats);
}
