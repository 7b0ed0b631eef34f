//! Planning over a catalog table of very many partitions, which lie as rows in the SQLite catalog: time and memory. Nothing is read but
//! footers of what the filters leave.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use arachne_catalog::{Catalog, Parameters, Partition, SqlCatalog, StorageDescriptor};
use arachne_engine::query::QueryRequest;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};

use crate::data::LINEITEM;
use crate::local_lake::LocalLake;
use crate::output::say;
use crate::processes::Usage;
use crate::stage;

const DATABASE: &str = "default";
const TABLE: &str = "lineitem";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Partitions of the table, each of one file
    #[arg(long, default_value_t = 100_000)]
    partitions: usize,
    /// Partitions of one day
    #[arg(long, default_value_t = 100)]
    per_day: usize,
    /// Measured runs of each query, after one that is not; the median counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// One run of one query.
#[derive(Debug, Clone, Copy)]
struct Run {
    seconds: f64,
    cpu: f64,
    lists: u64,
    grown: u64,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let catalog = Arc::new(SqlCatalog::open(&dir.path().join("catalog.sqlite")).await?);
    let lake = LocalLake::with_catalog(Arc::clone(&catalog) as _)?;
    say(format_args!("writing {} partitions", options.partitions))?;
    let url = lake.put_files(TABLE, options.partitions, 1)?;
    let ddl = format!(
        "CREATE EXTERNAL TABLE {TABLE} ({LINEITEM}) PARTITIONED BY (day date, tenant int) STORED AS PARQUET LOCATION '{url}'"
    );
    stage::run(&lake.service, QueryRequest::new(ddl)).await?;
    let started = Instant::now();
    register(catalog.as_ref(), &url, options).await?;
    say(format_args!("registered in {:.1} s\n", started.elapsed().as_secs_f64()))?;

    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["filter", "partitions left", "s", "CPU s", "LIST", "peak memory above before, MiB"]);
    let month = (28 * options.per_day).min(options.partitions);
    let cases = [
        ("one partition", "WHERE day = DATE '2000-01-02' AND tenant = 7", 1),
        ("one day", "WHERE day = DATE '2000-01-02'", options.per_day),
        ("a range of 28 days", "WHERE day BETWEEN DATE '2000-01-01' AND DATE '2000-01-31'", month),
        ("none", "", options.partitions),
    ];
    for (name, filter, left) in cases {
        let mut runs = Vec::with_capacity(options.runs);
        for number in 0..=options.runs {
            let run = plan(&lake, filter).await?;
            if number > 0 {
                runs.push(run);
            }
        }
        runs.sort_by(|a, b| a.cpu.total_cmp(&b.cpu));
        let Some(median) = runs.get(runs.len() / 2) else { continue };
        table.add_row([
            name.to_owned(),
            left.to_string(),
            format!("{:.2}", median.seconds),
            format!("{:.2}", median.cpu),
            median.lists.to_string(),
            format!("{:.1}", median.grown as f64 / (1024.0 * 1024.0)),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    say(format_args!("planned and explained, not run; local files, {} partitions in SQLite\n", options.partitions))?;
    say(&table)?;
    Ok(())
}

async fn plan(lake: &LocalLake, filter: &str) -> Result<Run> {
    let sql = format!("EXPLAIN SELECT l_returnflag, sum(l_quantity) FROM {TABLE} {filter} GROUP BY l_returnflag");
    let (usage, started) = (Usage::watch()?, Instant::now());
    let stats = stage::run(&lake.service, QueryRequest::new(sql)).await?;
    Ok(Run {
        seconds: started.elapsed().as_secs_f64(),
        cpu: usage.cpu()?.as_secs_f64(),
        lists: stats.requests.list,
        grown: usage.grown()?,
    })
}

/// As `ALTER TABLE ADD PARTITION` stores them: days from 2000 on, and tenants of each.
async fn register(catalog: &SqlCatalog, url: &str, options: &Options) -> Result<()> {
    let table = catalog.table(DATABASE, TABLE).await?;
    let partitions = (0..options.partitions).map(|number| {
        let location = format!("{url}day={number}/");
        Partition {
            values: vec![date(number / options.per_day), (number % options.per_day).to_string()],
            storage: StorageDescriptor { location, ..table.storage.clone() },
            parameters: Parameters::new(),
        }
    });
    Ok(catalog.create_partitions(DATABASE, TABLE, partitions.collect()).await?)
}

/// So many days after the start of 2000, each month having 28.
fn date(days: usize) -> String {
    format!("{}-{:02}-{:02}", 2000 + days / 336, days / 28 % 12 + 1, days % 28 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_dates_and_all_different() {
        assert_eq!(
            [0, 27, 28, 335, 336].map(date),
            ["2000-01-01", "2000-01-28", "2000-02-01", "2000-12-28", "2001-01-01"]
        );
    }
}
