//! What one query may take: bytes, time, rows, dollars, memory.

use arachne_engine::{Error, ErrorCode};
use arachne_tests::cli::Cli;
use arachne_tests::engine::{Engine, Width};
use arachne_tests::tpch::Dataset;

const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000000000) a WHERE a.value % 7 = 1";
/// Needs a sort of 2,000,000 rows, and says of each where it ended up.
const SORT: &str = "SELECT sum(place * value % 1000003) FROM (SELECT value, row_number() OVER (ORDER BY value * 7919 % 1000003, value) AS place \
                    FROM generate_series(1, 2000000))";
/// Needs a hash table of 1,500,000 groups.
const GROUPS: &str = "SELECT count(*), sum(n), sum(n * g % 1000003) FROM (SELECT value % 1500000 AS g, count(*) AS n \
                      FROM generate_series(1, 3000000) GROUP BY 1)";
/// Needs a hash table of 2,000,000 rows that cannot spill.
const JOIN: &str =
    "SELECT count(*) FROM generate_series(1, 2000000) a JOIN generate_series(1, 2000000) b ON a.value = b.value";

#[test]
fn a_query_that_takes_too_much_ends_and_says_what_to_raise() {
    let engine = Engine::tpch_embedded();
    for (sql, setting, limit) in [
        ("SELECT * FROM lineitem", "max_bytes_scanned", "10000"),
        ("SELECT * FROM lineitem", "max_result_rows", "1000"),
        ("SELECT * FROM lineitem", "max_cost", "0.00000001"),
        (ENDLESS, "max_time", "1s"),
    ] {
        let name = format!("arachne.{setting}");
        let error = engine.run_with(sql, &[(&name, limit)]).unwrap_err();
        says_what_to_raise(&error, setting);
    }
    // At the limit is within it.
    let rows = engine.run_with("SELECT * FROM lineitem LIMIT 1000", &[("arachne.max_result_rows", "1000")]).unwrap();
    assert_eq!(rows.answer.rows.len(), 1000);
}

#[test]
fn limits_hold_for_what_workers_do() {
    let engine = Engine::tasks(Width { tasks: 3, partitions: 2 }).with_tpch(Dataset::shared());
    let sql = "SELECT l_orderkey, sum(l_quantity) FROM lineitem GROUP BY l_orderkey";
    let error = engine.run_with(sql, &[("arachne.max_bytes_scanned", "10000")]).unwrap_err();
    assert_eq!(error.code, ErrorCode::ResourceExhausted, "{error}");
    assert!(error.hint.unwrap().contains("arachne.max_bytes_scanned"));
    let error = engine.run_with(sql, &[("arachne.max_result_rows", "10")]).unwrap_err();
    says_what_to_raise(&error, "max_result_rows");
}

#[test]
fn a_session_may_lower_a_limit_and_not_raise_it() {
    let cli = Cli::new();
    cli.file("config.toml", "[limits]\nmax_result_rows = 5\n");
    let rows = |count: usize, session: &str| {
        let sql = format!("{session}SELECT * FROM generate_series(1, {count})");
        cli.sql(&sql, &["--config", "config.toml", "--format", "csv"])
    };
    assert_eq!(rows(5, "").succeeds().text().lines().count(), 6);
    rows(6, "").fails_saying(&["more than 5 rows", "max_result_rows"]);
    rows(4, "SET arachne.max_result_rows = 3; ").fails_saying(&["more than 3 rows"]);
    rows(3, "SET arachne.max_result_rows = 6; ").fails_saying(&["above this server's limit", "limits.max_result_rows"]);
}

#[test]
fn what_can_spill_does_and_the_answer_is_the_same() {
    let engine = Engine::embedded();
    for sql in [SORT, GROUPS] {
        let roomy = engine.run(sql).unwrap();
        assert_eq!(roomy.stats.spilled_bytes, 0, "{:?}", roomy.stats);
        let narrow = engine.run_with(sql, &[("arachne.memory_per_query", "32MiB"), ("arachne.local_partitions", "2")]);
        let narrow = narrow.unwrap();
        assert_eq!(narrow.answer.rows, roomy.answer.rows, "{sql}");
        assert!(narrow.stats.spilled_bytes > 0, "it spills: {:?}", narrow.stats);
        assert!(narrow.stats.peak_memory < roomy.stats.peak_memory, "{:?} {:?}", narrow.stats, roomy.stats);
    }
}

#[test]
fn a_query_without_enough_memory_fails_by_itself() {
    let engine = Engine::embedded();
    let beside = engine.start(GROUPS, &[]);
    let error = engine.run_with(JOIN, &[("arachne.memory_per_query", "16MiB")]).unwrap_err();
    says_what_to_raise(&error, "memory_per_query");
    assert!(error.message.contains("16777216 bytes"), "{error}");
    let expected = engine.run(GROUPS).unwrap();
    assert_eq!(beside.finish().unwrap().answer.rows, expected.answer.rows);
    engine.run_with(JOIN, &[]).unwrap();
}

fn says_what_to_raise(error: &Error, setting: &str) {
    assert_eq!(error.code, ErrorCode::ResourceExhausted, "{error}");
    let hint = error.hint.as_deref().unwrap_or_default();
    assert!(
        hint.contains(&format!("arachne.{setting}")) && hint.contains(&format!("limits.{setting}")),
        "{error}: {hint}"
    );
}
