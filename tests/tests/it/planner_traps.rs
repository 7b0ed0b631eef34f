//! Queries whose distributed plan is easily wrong without any error. Each runs over tasks that share nothing but the exchange, at several
//! widths, and must equal DuckDB's answer over the same files.
//!
//! The causes are listed in docs/adr/0002; the proof that each remedy is needed is with the remedy, in the engine.

use arachne_engine::ErrorCode;
use arachne_tests::answer::Order::{self, Any, Kept};
use arachne_tests::answer::assert_same;
use arachne_tests::engine::{Engine, Width};
use arachne_tests::tpch::Dataset;
use arachne_tests::traps::{SINGLE_ROWS, TrapTables};

const WIDTHS: [Width; 4] = [
    Width { tasks: 1, partitions: 2 },
    Width { tasks: 3, partitions: 1 },
    Width { tasks: 3, partitions: 2 },
    Width { tasks: 7, partitions: 4 },
];

#[test]
fn operators_that_need_one_partition_see_the_whole_of_a_single_file() {
    equals_duckdb(&[
        (
            "SELECT max(s.rn), count(*), sum(s.rn * o.w) \
             FROM (SELECT k, row_number() OVER (ORDER BY v) AS rn FROM single) s JOIN other o ON s.k = o.k",
            Any,
        ),
        ("SELECT count(*), sum(o.w) FROM (SELECT k FROM single ORDER BY v LIMIT 7) s JOIN other o ON s.k = o.k", Any),
        ("SELECT count(*) FROM (SELECT k FROM single LIMIT 7) s JOIN other o ON s.k = o.k", Any),
        ("SELECT count(*) FROM (SELECT k FROM single ORDER BY v LIMIT 5 OFFSET 10) s JOIN other o ON s.k = o.k", Any),
        ("SELECT k % 10, count(*), sum(v) FROM single GROUP BY k % 10", Any),
        (
            "SELECT s.total, o.c FROM (SELECT sum(v) AS total FROM single) s CROSS JOIN (SELECT count(*) AS c FROM other) o",
            Any,
        ),
        ("SELECT count(DISTINCT v) FROM single", Any),
        ("SELECT median(v) FROM single", Any),
        ("SELECT k % 3, median(v) FROM single GROUP BY k % 3", Any),
    ]);
}

#[test]
fn the_window_over_a_single_file_numbers_every_row_once() {
    let sql = "SELECT max(s.rn) FROM (SELECT k, row_number() OVER (ORDER BY v) AS rn FROM single) s JOIN other o ON s.k = o.k";
    for width in WIDTHS {
        let outcome = traps(width).run(sql).unwrap();
        assert_eq!(outcome.answer.rows[0][0].to_string(), SINGLE_ROWS.to_string(), "{width:?}");
    }
}

#[test]
fn order_that_files_declare_does_not_survive_a_shuffle_by_itself() {
    equals_duckdb(&[
        ("SELECT k, sum(v) FROM ordered GROUP BY k ORDER BY k", Kept),
        ("SELECT k, sum(v) FROM ordered GROUP BY k ORDER BY k DESC LIMIT 20", Kept),
        ("SELECT k, v FROM ordered ORDER BY k, v LIMIT 50", Kept),
        ("SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY v) FROM ordered", Any),
        ("SELECT a.k, count(*) FROM ordered a JOIN ordered b ON a.k = b.k GROUP BY a.k ORDER BY a.k", Kept),
        ("SELECT DISTINCT k FROM ordered ORDER BY k", Kept),
    ]);
}

#[test]
fn an_order_that_one_task_makes_holds_in_the_tasks_that_share_its_rows() {
    equals_duckdb(&[
        (
            "SELECT k, count(*) OVER (PARTITION BY k), sum(k) OVER (ORDER BY k NULLS FIRST ROWS BETWEEN 0 PRECEDING AND 0 FOLLOWING) \
             FROM (SELECT DISTINCT k % 50 AS k FROM other)",
            Any,
        ),
        (
            "SELECT k, v, sum(v) OVER (ORDER BY k, v ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), \
             max(v) OVER (PARTITION BY k), row_number() OVER (PARTITION BY k ORDER BY v) FROM ordered WHERE k < 60",
            Any,
        ),
    ]);
}

#[test]
fn constants_that_a_filter_proves_hold_on_the_other_side_of_a_shuffle() {
    let monthly = "SELECT category, year, month, sum(price) AS total, \
        avg(sum(price)) OVER (PARTITION BY category, year) AS average, \
        rank() OVER (PARTITION BY category ORDER BY year, month) AS rn \
        FROM sales JOIN dates ON sales.date_id = dates.date_id";
    let groups = "GROUP BY category, year, month";
    equals_duckdb(&[
        (&format!("{monthly} WHERE year = 1999 {groups}"), Any),
        (&format!("{monthly} WHERE year = 1999 OR (year = 1998 AND month = 12) {groups}"), Any),
        (&format!("SELECT * FROM ({monthly} {groups}) WHERE year = 1999 AND average > 0"), Any),
        (
            &format!(
                "WITH v AS ({monthly} {groups}) SELECT v.category, v.month, v.total, lag.total, lead.total \
                 FROM v, v AS lag, v AS lead WHERE v.category = lag.category AND v.category = lead.category \
                 AND v.rn = lag.rn + 1 AND v.rn = lead.rn - 1 AND v.year = 1999 AND abs(v.total - v.average) / v.average > 0.0001"
            ),
            Any,
        ),
        // A constant that differs between the branches of a union is none.
        (
            "SELECT year, brand, sum(price), rank() OVER (PARTITION BY year ORDER BY sum(price), brand) FROM ( \
             SELECT 1998 AS year, brand, price FROM sales JOIN dates ON sales.date_id = dates.date_id WHERE year = 1998 \
             UNION ALL \
             SELECT 1999 AS year, brand, price FROM sales JOIN dates ON sales.date_id = dates.date_id WHERE year = 1999) \
             GROUP BY year, brand",
            Any,
        ),
    ]);
}

#[test]
fn uncorrelated_scalar_subqueries_work_wherever_an_expression_does() {
    equals_duckdb(&[
        ("SELECT count(*) FROM single WHERE v > (SELECT avg(w) FROM other WHERE k < 100)", Any),
        ("SELECT k FROM single ORDER BY abs(v - (SELECT max(w) - 130000 FROM other)), k LIMIT 5", Kept),
        ("SELECT sum(v - (SELECT min(w) FROM other)) FROM single", Any),
        ("SELECT count(*) FROM single s JOIN other o ON s.k = o.k AND o.w > (SELECT avg(v) FROM single)", Any),
        ("SELECT k % 5, sum(v) FROM single GROUP BY k % 5 HAVING sum(v) > (SELECT sum(v) / 5 FROM single)", Any),
        (
            "SELECT CASE WHEN v < (SELECT avg(v) FROM single) THEN 'low' ELSE 'high' END AS side, count(*) FROM single GROUP BY 1",
            Any,
        ),
        ("SELECT count(*) FROM single WHERE v > (SELECT avg(w) FROM other WHERE w < (SELECT max(v) FROM single))", Any),
    ]);
}

#[test]
fn a_scalar_subquery_without_rows_is_null() {
    equals_duckdb(&[
        ("SELECT count(*) FROM single WHERE v > (SELECT w FROM other WHERE w < 0)", Any),
        ("SELECT count(*) FROM single WHERE (SELECT w FROM other WHERE w < 0) IS NULL", Any),
        ("SELECT sum(v + (SELECT w FROM other WHERE w < 0)) FROM single", Any),
    ]);
}

#[test]
fn a_scalar_subquery_with_several_rows_is_an_error() {
    for width in WIDTHS {
        for sql in [
            "SELECT count(*) FROM single WHERE v = (SELECT w FROM other)",
            "SELECT sum(v - (SELECT w FROM other WHERE k < 2)) FROM single",
        ] {
            let error = traps(width).run(sql).expect_err(sql);
            assert!(error.message.contains("more than one row"), "{width:?} {sql}: {error}");
            assert_ne!(error.code, ErrorCode::Internal, "{width:?} {sql}: {error}");
        }
    }
}

#[test]
fn plans_that_no_worker_can_be_sent_run_anyway() {
    equals_duckdb(&[
        (
            "WITH RECURSIVE r AS (SELECT 1 AS k UNION ALL SELECT k * 2 FROM r WHERE k < 10000) \
             SELECT count(*), sum(single.v) FROM r JOIN single ON r.k = single.k",
            Any,
        ),
        ("SELECT count(*) FROM (VALUES (1), (2), (70000)) AS t(k) JOIN single ON t.k = single.k", Any),
    ]);
}

#[test]
fn joins_and_sets_of_every_kind_agree() {
    equals_duckdb(&[
        (
            "SELECT count(*), sum(s.v), sum(o.w) FROM single s FULL JOIN (SELECT * FROM other WHERE k % 2 = 0) o ON s.k = o.k + 1",
            Any,
        ),
        ("SELECT count(*) FROM single s WHERE NOT EXISTS (SELECT 1 FROM other o WHERE o.k = s.v AND o.w % 2 = 0)", Any),
        ("SELECT count(*) FROM (SELECT k FROM single EXCEPT SELECT w FROM other)", Any),
        ("SELECT count(*) FROM (SELECT k FROM single INTERSECT SELECT w FROM other)", Any),
        (
            "SELECT count(*) FROM (SELECT k FROM single WHERE k < 300) s JOIN (SELECT w FROM other WHERE k < 300) o ON s.k < o.w",
            Any,
        ),
        (
            "SELECT year, month, sum(price) FROM sales JOIN dates ON sales.date_id = dates.date_id GROUP BY ROLLUP (year, month)",
            Any,
        ),
        ("SELECT count(*) FROM single WHERE k IN (SELECT w FROM other)", Any),
    ]);
}

#[test]
fn the_session_s_time_zone_reaches_the_workers() {
    let sql = "SELECT max(CAST(to_timestamp(k) AS varchar)), arrow_typeof(max(to_timestamp(w))) FROM other";
    let zone = [("datafusion.execution.time_zone", "America/New_York")];
    let embedded = traps_embedded().run_with(sql, &zone).unwrap().answer;
    assert!(
        embedded.rows[0]
            .iter()
            .all(|value| value.to_string().contains("-05:00") || value.to_string().contains("New_York"))
    );
    for width in WIDTHS {
        assert_same(&embedded, &traps(width).run_with(sql, &zone).unwrap().answer, Any, &format!("{width:?}"));
    }
}

#[test]
fn strings_do_not_drag_their_pages_through_the_exchange() {
    let engine = Engine::tasks(Width { tasks: 7, partitions: 4 }).with_tpch(Dataset::shared());
    let sql = "SELECT l_comment, count(*) FROM lineitem GROUP BY l_comment";
    let outcome = engine.run(sql).unwrap();
    assert_same(&Dataset::shared().answers(&[sql]).unwrap()[0], &outcome.answer, Any, sql);
    let text: usize = outcome.answer.rows.iter().map(|row| row[0].to_string().len()).sum();
    let moved = outcome.stats.requests.bytes_written;
    // Each row once, with its view, offsets and IPC framing; every page of every column a hundred times would be far above.
    assert!(moved < 4 * text as u64, "{moved} bytes went through the exchange for {text} bytes of text");
}

fn equals_duckdb(cases: &[(&str, Order)]) {
    let queries: Vec<_> = cases.iter().map(|(sql, _)| *sql).collect();
    let expected = TrapTables::shared().duckdb().answers(&queries).unwrap();
    for width in WIDTHS {
        let engine = traps(width);
        for ((sql, order), expected) in cases.iter().zip(&expected) {
            let outcome = engine.run(sql).unwrap_or_else(|error| panic!("{width:?} {sql}: {error}"));
            assert_same(expected, &outcome.answer, *order, &format!("{width:?} {sql}"));
        }
    }
}

fn traps(width: Width) -> Engine {
    Engine::tasks(width).with_traps(TrapTables::shared())
}

fn traps_embedded() -> Engine {
    Engine::embedded().with_traps(TrapTables::shared())
}
