//! Ours beside DuckDB's.

use anyhow::{Context, Result};
use comfy_table::{CellAlignment, Table, presets};

use super::measured::Line;
use super::{Options, queries};

pub(super) fn markdown(options: &Options, lines: &[Line]) -> Result<String> {
    let cores = std::thread::available_parallelism()?;
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        "S3",
        "clients",
        "arachne q/s",
        "duckdb q/s",
        "ratio",
        "arachne p50 ms",
        "duckdb p50 ms",
        "arachne p99 ms",
        "duckdb p99 ms",
        "arachne requests a query",
        "duckdb requests a query",
    ]);
    for pair in lines.chunks(2) {
        let [ours, theirs] = pair else { continue };
        let requests = |line: &Line| line.requests as f64 / line.queries.max(1) as f64;
        table.add_row([
            ours.s3.to_owned(),
            ours.clients.to_string(),
            format!("{:.1}", ours.queries_per_second),
            format!("{:.1}", theirs.queries_per_second),
            format!("{:.2}", ours.queries_per_second / theirs.queries_per_second),
            format!("{:.1}", ours.latency.median),
            format!("{:.1}", theirs.latency.median),
            format!("{:.1}", ours.latency.p99),
            format!("{:.1}", theirs.latency.p99),
            format!("{:.1}", requests(ours)),
            format!("{:.1}", requests(theirs)),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let example = queries::samples(options).into_iter().next().context("a query")?;
    Ok(format!(
        "# Dashboards\n\n\
         Small queries ({} shapes with other constants each time) of many clients at once over a log of {} days, {} rows and one Parquet\n\
         file each, in the local S3 of the same machine ({cores} cores): `arachne serve` over HTTP, rows as CSV, beside DuckDB in one Python\n\
         process with a connection a client. New processes for each measurement; {} s of warm-up, then {} s that count. *ratio*: our queries\n\
         a second over DuckDB's. Made by `arachne-bench concurrency`. The first of the shapes:\n\n\
         ```sql\n{example}\n```\n\n{table}\n",
        queries::SHAPES,
        options.days,
        options.rows,
        options.warm_up,
        options.seconds
    ))
}
