//! A table of ClickBench's shape: its 105 columns, rows of our own making, its 43 queries.

use std::path::Path;

use anyhow::Result;

use super::{Query, Recipe, scale};
use crate::duckdb::DuckDb;

const ROWS: &str = include_str!("clickbench_rows.sql");
const QUERIES: &str = include_str!("../../queries/clickbench.sql");

pub(super) fn recipe() -> Recipe {
    Recipe {
        name: "clickbench",
        recipe: ROWS.to_owned(),
        tables: &["hits"],
        write_raw,
        // As ClickBench sorts the table where an engine can.
        sorted_by: |_| &["CounterID", "EventDate", "UserID", "EventTime", "WatchID"],
        queries: |_| Ok(queries()),
        units: |_| 1,
    }
}

/// 50,000 rows for tests in CI, 200,000 from scale 0.05 on.
fn row_count() -> Result<usize> {
    let scale: f64 = scale().parse()?;
    Ok(if scale < 0.05 { 50_000 } else { 200_000 })
}

/// DuckDB with the table `hits` of so many rows, and what they are made by.
pub fn rows(count: usize) -> (DuckDb, &'static str) {
    let statements = ROWS.split(";\n").map(str::trim).filter(|statement| !statement.is_empty());
    let count = count.to_string();
    (statements.fold(DuckDb::new(), |db, sql| db.statement(sql.replace("$rows", &count))), ROWS)
}

fn write_raw(dir: &Path) -> Result<()> {
    let (db, _) = rows(row_count()?);
    db.statement(format!("COPY hits TO '{}'", dir.join("hits.parquet").display())).perform()
}

/// One a line, counted from 0 as ClickBench counts.
pub fn queries() -> Vec<Query> {
    let lines = QUERIES.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("--"));
    let query = |(number, line): (usize, &str)| Query { number, sql: line.trim_end_matches(';').to_owned() };
    lines.enumerate().map(query).collect()
}
