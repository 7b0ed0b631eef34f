//! Very many small objects, as streams leave them behind: `lineitem` of TPC-H, which comes in the order of its key.

use std::fs;
use std::path::Path;

use anyhow::Result;
use arachne_tests::tpch::TpchTable;

use super::{Query, tpch};

/// At scale 1: some 3,000 rows and 100 KB each.
const FILES: f64 = 10_000.0;
/// TPC-H's scale factor for all of them.
const FACTOR: f64 = 5.0;

pub(super) const RECIPE: &str = "lineitem of tpchgen-arrow 3.0 in 10000 files, snappy, no Arrow schema, v2";

pub(super) fn write(dir: &Path, scale: f64) -> Result<()> {
    let folder = dir.join("events");
    fs::create_dir_all(&folder)?;
    let parts = TpchTable { name: "lineitem", files: ((FILES * scale) as i32).max(1) };
    for file in 1..=parts.files {
        tpch::write_parquet(&folder.join(format!("part-{file:05}.parquet")), parts.rows(FACTOR * scale, file))?;
    }
    Ok(())
}

/// What a dashboard over such a table asks: everything by few groups, a part of time, one key, the newest.
pub(super) fn queries() -> Vec<Query> {
    let queries = [
        "SELECT count(*) FROM events",
        "SELECT l_shipmode, count(*) AS shipped, sum(l_quantity) AS items FROM events GROUP BY l_shipmode ORDER BY l_shipmode",
        "SELECT CAST(date_trunc('month', l_shipdate) AS DATE) AS month, sum(l_extendedprice * (1 - l_discount)) AS revenue FROM events WHERE l_shipdate >= DATE '1996-01-01' AND l_shipdate < DATE '1997-01-01' GROUP BY 1 ORDER BY 1",
        "SELECT l_linenumber, l_partkey, l_quantity, l_shipdate FROM events WHERE l_orderkey = 1000003 ORDER BY l_linenumber",
        "SELECT min(l_shipdate), max(l_shipdate), max(l_orderkey) FROM events",
        "SELECT l_orderkey, l_linenumber, l_extendedprice FROM events WHERE l_returnflag = 'R' ORDER BY l_extendedprice DESC, l_orderkey, l_linenumber LIMIT 20",
    ];
    queries.iter().zip(1..).map(|(sql, number)| Query::numbered(number, *sql)).collect()
}
