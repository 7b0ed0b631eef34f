//! EXPLAIN says where a query runs, how wide and why, and what it would cost, without running it; EXPLAIN ANALYZE what it did.

use std::collections::BTreeMap;

use arachne_tests::answer::Order::{Any, Kept};
use arachne_tests::answer::{Value, assert_same};
use arachne_tests::engine::{Engine, Outcome, Width};
use arachne_tests::traps::TrapTables;

const THREE: Width = Width { tasks: 3, partitions: 2 };

#[test]
fn each_stage_is_told_with_its_width_and_reason() {
    let engine = traps(THREE).with_setting("arachne.merge_groups", 0);
    let (told, outcome) = explained(&engine, "EXPLAIN SELECT k, sum(v) FROM ordered GROUP BY k ORDER BY k LIMIT 5");
    assert!(told["runs"].starts_with("in stages, on workers"), "{told:?}");
    let stages: Vec<_> = told["stages"].lines().collect();
    assert!(stages[0].starts_with("stage 1: 3 tasks; reads ") && stages[0].contains("by hash"), "{stages:?}");
    assert!(
        stages[1].starts_with("stage 2: 3 tasks; receives about ") && stages[1].contains("from stage 1"),
        "{stages:?}"
    );
    assert_eq!(*stages.last().unwrap(), "coordinator: reads stage 2, and does the rest");
    assert!(told["choices"].contains("groups by [k] are spread"), "{told:?}");
    assert!(told["estimate"].contains("6 tasks") && told["estimate"].contains("Athena would charge $"), "{told:?}");
    assert_eq!((outcome.stats.tasks, outcome.stats.requests.put), (0, 0), "it was only explained");
}

#[test]
fn stages_are_as_wide_as_their_bytes() {
    let settings = [
        ("arachne.tasks_per_stage", "0"),
        ("arachne.bytes_per_task", "100KiB"),
        ("arachne.merge_groups", "0"),
        ("arachne.max_in_flight", "1000"),
    ];
    let engine = settings.into_iter().fold(traps(THREE), |engine, (name, value)| engine.with_setting(name, value));
    let (told, _) = explained(&engine, "EXPLAIN SELECT k % 7, v, count(*) FROM single GROUP BY k % 7, v");
    let stages: Vec<_> = told["stages"].lines().collect();
    assert!(
        told["choices"].contains("scan of 1 files: ") && told["choices"].contains("at 100.0 KiB a task"),
        "{told:?}"
    );
    assert!(stages[1].contains("receives about") && stages[1].contains("at 100.0 KiB a task"), "{stages:?}");
    // 49,995 rows of 24 bytes.
    assert!(stages[1].starts_with("stage 2: 1") && stages[1].contains("tasks"), "{stages:?}");
    let (some, _) = explained(&engine, "EXPLAIN SELECT k, count(*) FROM other GROUP BY k");
    let (all, _) = explained(&engine, "EXPLAIN SELECT k, w, count(*) FROM other GROUP BY k, w");
    assert!(some["stages"].contains("(the columns it needs of "), "{some:?}");
    assert!(!all["stages"].contains("(the columns it needs of "), "{all:?}");
}

#[test]
fn a_small_build_side_is_broadcast_and_a_large_one_is_not() {
    let sql = "EXPLAIN SELECT count(*), sum(s.v + o.w) FROM single s JOIN other o ON s.k = o.k";
    let (told, _) = explained(&traps(THREE), sql);
    assert!(told["choices"].contains("is sent whole to every task"), "{told:?}");
    let engine = traps(THREE)
        .with_setting("arachne.broadcast_bytes", 1)
        .with_setting("datafusion.optimizer.hash_join_single_partition_threshold_rows", 1);
    let (told, _) = explained(&engine, sql);
    assert!(told["choices"].contains("is shuffled, and so is the other side"), "{told:?}");
}

#[test]
fn scalar_subqueries_are_shown_and_not_run() {
    let sql = "SELECT count(*) FROM single WHERE v > (SELECT avg(w) FROM other WHERE k < (SELECT max(k) FROM other))";
    let (told, outcome) = explained(&traps(THREE), &format!("EXPLAIN {sql}"));
    assert!(
        told["subquery"].contains("value_of_subquery(1)") && told["subquery"].contains("value_of_subquery(2)"),
        "{told:?}"
    );
    assert!(told["plan"].contains("value_of_subquery"), "{told:?}");
    assert!(told["runs"].starts_with("in stages"), "{told:?}");
    assert_eq!(outcome.stats.tasks, 0, "{:?}", outcome.stats);
    // Evaluated for ANALYZE.
    let (told, outcome) = explained(&traps(THREE), &format!("EXPLAIN ANALYZE {sql}"));
    assert!(!told.contains_key("subquery") && outcome.stats.tasks > 0, "{told:?}");
}

#[test]
fn what_happened_is_told_by_task() {
    let (told, _) = explained(&traps(THREE), "EXPLAIN ANALYZE SELECT k % 10, sum(w) FROM other GROUP BY k % 10");
    assert_eq!(told["rows"], "10");
    let table: Vec<_> = told["ran"].lines().collect();
    assert!(table[0].starts_with("stage 1: 3 tasks, 3 attempts"), "{table:?}");
    assert!(table[1].contains("rows in") && table[1].contains("memory") && table[1].contains("spilled"), "{table:?}");
    assert_eq!(table.len(), 5, "{table:?}");
    let embedded = Engine::embedded().with_traps(TrapTables::shared());
    let (told, _) = explained(&embedded, "EXPLAIN ANALYZE SELECT k % 10, sum(w) FROM other GROUP BY k % 10");
    assert!(told["operators"].contains("output_rows=10"), "{told:?}");
    assert_eq!(told["ran"], "in the coordinator alone");
}

#[test]
fn what_cannot_be_spread_runs_in_the_coordinator_and_says_so() {
    let engine = traps(THREE);
    for (sql, says) in [
        ("SELECT 1", "it reads no files"),
        ("SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(k, v)", "it reads no files"),
        ("SELECT count(*) FROM information_schema.tables WHERE table_name = 'single'", ""),
        ("SELECT sum(value) FROM generate_series(1, 100)", ""),
        ("WITH RECURSIVE r AS (SELECT 1 AS k UNION ALL SELECT k + 1 FROM r WHERE k < 10) SELECT sum(k) FROM r", ""),
        ("SELECT k FROM single WHERE false", ""),
    ] {
        let (told, _) = explained(&engine, &format!("EXPLAIN {sql}"));
        assert!(told["runs"].starts_with("in the coordinator: ") && told["runs"].contains(says), "{sql}: {told:?}");
        let here = Engine::embedded().with_traps(TrapTables::shared()).run(sql).unwrap();
        let outcome = engine.run(sql).unwrap();
        assert_same(&here.answer, &outcome.answer, Any, sql);
        assert_eq!(outcome.stats.tasks, 0, "{sql}");
    }
}

#[test]
fn what_only_the_coordinator_knows_joins_what_workers_read() {
    for sql in [
        "SELECT count(*), sum(v) FROM single JOIN generate_series(1, 100) AS g(n) ON single.k = g.n",
        "SELECT count(*), sum(v) FROM single WHERE k IN (SELECT value * 2 FROM generate_series(1, 100))",
        "WITH RECURSIVE r AS (SELECT 1 AS k UNION ALL SELECT k + 1 FROM r WHERE k < 10) \
         SELECT count(*), sum(v) FROM single LEFT JOIN r ON single.k = r.k WHERE r.k IS NOT NULL",
        "SELECT count(*) FROM single, information_schema.tables t WHERE t.table_name = 'single' AND single.k < 10",
        "SELECT count(*), sum(v) FROM (SELECT v FROM single UNION ALL SELECT * FROM (VALUES (1), (2)) AS t(v))",
        "SELECT k, (SELECT max(w) FROM other WHERE other.k = single.k) FROM single WHERE k < 5 ORDER BY k",
        "SELECT count(*) FROM single WHERE EXISTS (SELECT 1 FROM other WHERE other.k = single.k AND other.w > 10)",
    ] {
        let here =
            Engine::embedded().with_traps(TrapTables::shared()).run(sql).unwrap_or_else(|e| panic!("{sql}: {e}"));
        for widths in ["3", "3,7,1", "1,5"] {
            let engine = traps(THREE).with_setting("arachne.tasks_per_stage", widths);
            let outcome = engine.run(sql).unwrap_or_else(|error| panic!("{widths} {sql}: {error}"));
            assert_same(&here.answer, &outcome.answer, Any, &format!("{widths} {sql}"));
        }
    }
}

#[test]
fn filters_that_grow_while_a_query_runs_lose_no_row_across_stages() {
    let shuffled = [
        ("datafusion.optimizer.enable_dynamic_filter_pushdown", "true"),
        ("datafusion.optimizer.hash_join_single_partition_threshold", "0"),
        ("datafusion.optimizer.hash_join_single_partition_threshold_rows", "0"),
        ("arachne.merge_groups", "0"),
    ];
    let cases = [
        ("SELECT k, v FROM single ORDER BY v DESC LIMIT 9", Kept),
        ("SELECT k, v FROM other JOIN single USING (k) ORDER BY v, k LIMIT 9", Kept),
        ("SELECT s.k, s.v, o.w FROM single s JOIN other o ON s.k = o.k WHERE o.w % 97 = 3 ORDER BY s.v LIMIT 20", Kept),
        ("SELECT count(*), sum(s.v) FROM single s JOIN other o ON s.k = o.k WHERE o.w % 97 = 3", Any),
        ("SELECT count(*), sum(s.v) FROM single s WHERE s.k IN (SELECT k FROM other WHERE w % 89 = 1)", Any),
        ("SELECT min(v), max(v) FROM single JOIN other ON single.k = other.w WHERE other.k > 100", Any),
        ("SELECT k, max(v) AS m FROM ordered GROUP BY k ORDER BY m DESC, k LIMIT 10", Kept),
        ("SELECT count(*) FROM single s LEFT JOIN other o ON s.k = o.k AND o.w < 500 WHERE o.k IS NULL", Any),
    ];
    let queries: Vec<_> = cases.iter().map(|(sql, _)| *sql).collect();
    let expected = TrapTables::shared().duckdb().answers(&queries).unwrap();
    for widths in ["3", "2,5,1", "7,3"] {
        for broadcast in [false, true] {
            let settings = shuffled.iter().filter(|(name, _)| !broadcast || !name.contains("threshold"));
            let engine = settings
                .fold(traps(THREE), |engine, (name, value)| engine.with_setting(name, value))
                .with_setting("arachne.tasks_per_stage", widths);
            for ((sql, order), expected) in cases.iter().zip(&expected) {
                let outcome = engine.run(sql).unwrap_or_else(|error| panic!("{widths} {sql}: {error}"));
                assert_same(expected, &outcome.answer, *order, &format!("{widths} broadcast={broadcast} {sql}"));
            }
        }
    }
    let (told, _) = explained(&traps(THREE), "EXPLAIN SELECT k, v FROM single ORDER BY v DESC LIMIT 9");
    assert!(told["plan"].contains("DynamicFilter"), "there is no such filter to test: {told:?}");
}

#[test]
fn a_query_that_is_wrong_is_the_users_error_wherever_it_would_run() {
    for sql in ["SELECT nothing FROM single", "SELECT sum(k) FROM single GROUP BY v HAVING nothing > 1"] {
        let here = Engine::embedded().with_traps(TrapTables::shared()).run(sql).unwrap_err();
        for prefix in ["", "EXPLAIN ", "EXPLAIN (TYPE VALIDATE) ", "EXPLAIN (TYPE LOGICAL) "] {
            let error = traps(THREE).run(&format!("{prefix}{sql}")).unwrap_err();
            assert_eq!(error.code, here.code, "{prefix}{sql}: {error}");
        }
    }
    let (told, _) = explained(&traps(THREE), "EXPLAIN (TYPE VALIDATE) SELECT sum(k) FROM single");
    assert_eq!(told["valid"], "true");
    let (told, _) = explained(&traps(THREE), "EXPLAIN (TYPE LOGICAL) SELECT sum(k) FROM single");
    assert!(told["logical plan"].contains("Aggregate"), "{told:?}");
}

/// What is told under each word; several tellings under one word are put together.
fn explained(engine: &Engine, sql: &str) -> (BTreeMap<String, String>, Outcome) {
    let outcome = engine.run(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    let mut told: BTreeMap<String, String> = BTreeMap::new();
    for row in &outcome.answer.rows {
        let [Value::Text(what), Value::Text(explanation)] = &row[..] else { panic!("{sql}: {row:?}") };
        let text = told.entry(what.clone()).or_default();
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(explanation);
    }
    (told, outcome)
}

fn traps(width: Width) -> Engine {
    Engine::tasks(width).with_traps(TrapTables::shared())
}
