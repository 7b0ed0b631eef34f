//! TPC-DS: tables and queries from DuckDB's extension.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::{Query, Recipe, scale};
use crate::answer::Value;
use crate::duckdb::DuckDb;

/// In no order that matters.
pub const TABLES: [&str; 24] = [
    "call_center",
    "catalog_page",
    "catalog_returns",
    "catalog_sales",
    "customer",
    "customer_address",
    "customer_demographics",
    "date_dim",
    "household_demographics",
    "income_band",
    "inventory",
    "item",
    "promotion",
    "reason",
    "ship_mode",
    "store",
    "store_returns",
    "store_sales",
    "time_dim",
    "warehouse",
    "web_page",
    "web_returns",
    "web_sales",
    "web_site",
];

pub(super) fn recipe() -> Recipe {
    Recipe {
        name: "tpcds",
        recipe: "dsdgen of duckdb-extension-tpcds 1.5.5".to_owned(),
        tables: &TABLES,
        write_raw,
        sorted_by: |table| match table {
            // The keys that sales and returns are joined on; the others by the date they begin with.
            "store_sales" => &["ss_item_sk", "ss_ticket_number"],
            "store_returns" => &["sr_item_sk", "sr_ticket_number"],
            "catalog_sales" => &["cs_item_sk", "cs_order_number"],
            "inventory" => &["inv_date_sk", "inv_item_sk"],
            _ => &[],
        },
        queries,
        units,
    }
}

fn write_raw(dir: &Path) -> Result<()> {
    let copy = |db: DuckDb, table: &&str| {
        db.statement(format!("COPY {table} TO '{}'", dir.join(format!("{table}.parquet")).display()))
    };
    TABLES.iter().fold(DuckDb::new().dsdgen(&scale()), copy).perform()
}

/// By how many units of its scale a decimal of the answer may be off the float that DuckDB answers: a quotient is cut to its scale.
pub fn units(number: usize) -> u32 {
    match number {
        // A month's sales by the warehouse's square feet, of the web and of the catalogue: two quotients.
        66 => 2,
        _ => 1,
    }
}

/// The 99 queries, kept in `cache`.
pub fn queries(cache: &Path) -> Result<Vec<Query>> {
    let sql = "SELECT query_nr, query FROM tpcds_queries() ORDER BY query_nr";
    let mut answers = DuckDb::new().extension("tpcds").kept_answers(cache, &[sql])?;
    let rows = answers.pop().context("one answer")?.rows;
    rows.into_iter()
        .map(|row| match &row[..] {
            [Value::Exact { unscaled, .. }, Value::Text(sql)] => {
                Ok(Query { number: usize::try_from(*unscaled)?, sql: sql.trim().trim_end_matches(';').to_owned() })
            }
            other => bail!("not a number and a query: {other:?}"),
        })
        .collect()
}
