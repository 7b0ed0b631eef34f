//! What a query does not need is not asked of S3: the server's own log says so.

use arachne_tests::engine::{Engine, Width};
use arachne_tests::sandbox::{LAKE, Sandbox};
use arachne_tests::tpch::{Dataset, Form};

#[test]
fn partitions_that_a_filter_excludes_are_neither_listed_nor_read() {
    let sandbox = Sandbox::start().unwrap();
    for day in 1..=9 {
        sandbox.put(&format!("events/day=2026-01-0{day}/data.csv"), format!("id,n\n{day},{}\n", day * 100));
    }
    let engine = Engine::tasks(Width { tasks: 2, partitions: 2 }).with_bucket(&sandbox, LAKE);
    engine
        .run(&format!(
            "CREATE EXTERNAL TABLE events (id int, n int) PARTITIONED BY (day string) \
             ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' STORED AS TEXTFILE LOCATION 's3://{LAKE}/events/' \
             TBLPROPERTIES ('skip.header.line.count'='1')"
        ))
        .unwrap();
    engine.run("MSCK REPAIR TABLE events").unwrap();

    sandbox.s3.request_log().clear();
    let outcome = engine
        .run("SELECT sum(n), min(day), max(day) FROM events WHERE day BETWEEN '2026-01-03' AND '2026-01-04'")
        .unwrap();
    let row: Vec<_> = outcome.answer.rows[0].iter().map(ToString::to_string).collect();
    assert_eq!(row, ["700", "\"2026-01-03\"", "\"2026-01-04\""]);
    let log = sandbox.s3.request_log().snapshot();
    assert!(!log.is_empty());
    for record in &log {
        let place = record.key.as_deref().or(record.prefix.as_deref()).unwrap_or_default();
        assert!(place.contains("day=2026-01-03") || place.contains("day=2026-01-04"), "asked for {place}: {record:?}");
    }
}

#[test]
fn folders_of_a_path_become_columns_that_prune() {
    let sandbox = Sandbox::start().unwrap();
    for year in 2020..2030 {
        sandbox.put(&format!("sales/year={year}/data.csv"), format!("n\n{year}\n"));
    }
    let engine = Engine::embedded().with_bucket(&sandbox, LAKE);
    let sql = format!("SELECT count(*), sum(n) FROM 's3://{LAKE}/sales/' WHERE year = 2024");
    let outcome = engine.run(&sql).unwrap();
    let row: Vec<_> = outcome.answer.rows[0].iter().map(ToString::to_string).collect();
    assert_eq!(row, ["1", "2024"]);
}

#[test]
fn row_groups_that_cannot_match_are_not_read() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.upload(&Dataset::shared().table_dir(Form::Parquet, "lineitem"), "lineitem").unwrap();
    let engine = Engine::tasks(Width { tasks: 3, partitions: 2 }).with_bucket(&sandbox, LAKE);
    let all = engine.run(&format!("SELECT count(*), max(length(l_comment)) FROM '{url}'")).unwrap();
    let few =
        engine.run(&format!("SELECT count(*), max(length(l_comment)) FROM '{url}' WHERE l_orderkey < 100")).unwrap();
    assert!(few.answer.rows[0][0].to_string().parse::<u64>().unwrap() > 0);
    let (all, few) = (all.stats.requests.bytes_scanned, few.stats.requests.bytes_scanned);
    assert!(few * 3 < all, "{few} of {all} bytes were read for the first of many row groups");
}

#[test]
fn columns_that_are_not_named_are_not_read() {
    let sandbox = Sandbox::start().unwrap();
    let url = sandbox.upload(&Dataset::shared().table_dir(Form::Parquet, "lineitem"), "lineitem").unwrap();
    let engine = Engine::embedded().with_bucket(&sandbox, LAKE);
    let outcome = engine.run(&format!("SELECT sum(l_quantity) FROM '{url}'")).unwrap();
    let (read, total) = (outcome.stats.requests.bytes_scanned, outcome.stats.bytes_total);
    assert!(read * 3 < total, "{read} of {total} bytes were read for one narrow column of sixteen");
}
