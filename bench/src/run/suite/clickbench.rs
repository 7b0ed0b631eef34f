//! A table of ClickBench's shape with rows of our own making, and its 43 queries.

use std::path::Path;

use anyhow::Result;
use arachne_tests::suites::{clickbench_queries, clickbench_rows};

use super::{Query, copy};

/// At scale 1. ClickBench's own table has 100 million.
const ROWS: f64 = 1_000_000.0;

pub(super) fn recipe() -> String {
    format!("{}, files of 24 MiB, v1", clickbench_rows(0).1)
}

pub(super) fn write(dir: &Path, scale: f64) -> Result<()> {
    let (db, _) = clickbench_rows((ROWS * scale) as usize);
    copy(db, "hits", dir).perform()
}

pub(super) fn queries() -> Vec<Query> {
    clickbench_queries().into_iter().map(|query| Query::numbered(query.number, query.sql)).collect()
}
