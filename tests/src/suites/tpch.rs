//! TPC-H as a suite: the rows of [`Dataset`], the 22 queries.

use std::path::Path;

use anyhow::Result;

use super::{Query, Recipe};
use crate::duckdb::DuckDb;
use crate::tpch::{Dataset, Form, QUERIES};

const TABLES: [&str; 8] = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"];

pub(super) fn recipe() -> Recipe {
    Recipe {
        name: "tpch",
        recipe: crate::tpch::RECIPE.to_owned(),
        tables: &TABLES,
        write_raw,
        sorted_by: |table| match table {
            "lineitem" => &["l_orderkey", "l_linenumber"],
            "partsupp" => &["ps_partkey", "ps_suppkey"],
            _ => &[],
        },
        queries: |_| {
            Ok(QUERIES.iter().map(|query| Query { number: query.number, sql: query.sql.to_owned() }).collect())
        },
        units: |_| 1,
    }
}

/// One file of the several.
fn write_raw(dir: &Path) -> Result<()> {
    let copy = |db: DuckDb, table: &&str| {
        let from = Dataset::shared().table_dir(Form::Parquet, table);
        let to = dir.join(format!("{table}.parquet"));
        db.statement(format!("COPY (FROM read_parquet('{}/*.parquet')) TO '{}'", from.display(), to.display()))
    };
    TABLES.iter().fold(DuckDb::new(), copy).perform()
}
