//! TPC-DS by DuckDB's extension.

use std::path::Path;

use anyhow::Result;
use arachne_tests::answer::Slack;
use arachne_tests::duckdb::DuckDb;
use arachne_tests::suites::{TPCDS_TABLES, tpcds_queries, tpcds_units};

use super::{Query, copy};

pub(super) const RECIPE: &str = "dsdgen of duckdb-extension-tpcds 1.5.5, files of 24 MiB, v1";

pub(super) fn write(dir: &Path, scale: f64) -> Result<()> {
    let db = DuckDb::new().dsdgen(&scale.to_string());
    TPCDS_TABLES.iter().fold(db, |db, table| copy(db, table, dir)).perform()
}

pub(super) fn queries(cache: &Path) -> Result<Vec<Query>> {
    let queries = tpcds_queries(cache)?.into_iter().map(|query| {
        let cut = match query.number {
            // A quotient times 100, of which Arachne, DataFusion and others keep six or eight digits.
            58 => 1e-4,
            61 | 83 => 1e-6,
            _ => 0.0,
        };
        let slack = Slack { units: tpcds_units(query.number), cut };
        Query { slack, ..Query::numbered(query.number, query.sql) }
    });
    Ok(queries.collect())
}
