//! The law of the price: work that is bound by S3 costs the same on one worker and on sixteen, and takes a sixteenth of the time.
//!
//! Two cores cannot show it by themselves; the local S3's latency and bandwidth can: each answer's body comes at a fixed rate, so a
//! worker with so many reads under way has a fixed bandwidth, as on Lambda. Time is billed from the REPORT lines.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use arachne_engine::query::{QueryRequest, QueryStats};
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::Serialize;

use crate::data;
use crate::local_cloud::BUCKET;
use crate::output::say;
use crate::stage::{self, Stage};

const QUERY: &str =
    "SELECT l_returnflag, l_linestatus, count(*), sum(l_quantity), sum(l_extendedprice * (1 - l_discount))";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Numbers of workers to compare
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8, 16])]
    workers: Vec<usize>,
    /// TPC-H scale of the table
    #[arg(long, default_value_t = 0.5)]
    scale: f64,
    /// Files of the table: a worker reads up to sixteen at once, so sixteen a worker keep each as busy as the next
    #[arg(long, default_value_t = 512)]
    files: i32,
    /// Of every request, in milliseconds
    #[arg(long, default_value_t = 30)]
    latency: u64,
    /// Of the body of every answer
    #[arg(long, default_value_t = 60_000)]
    bytes_per_second: u64,
    /// Measured runs of each; the median by time counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// One row of the result.
#[derive(Debug, Serialize)]
struct Line {
    workers: usize,
    seconds: f64,
    billed_seconds: f64,
    gb_seconds: f64,
    gets: u64,
    dollars: f64,
    /// Against the first row.
    time: f64,
    price: f64,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    ensure!(options.runs > 0 && !options.workers.is_empty(), "at least one run is needed");
    let most = options.workers.iter().copied().max().unwrap_or(1);
    let stage = Stage::set_up(most).await?;
    let bytes = data::put_lineitem(stage.bucket()?.as_ref(), "lineitem", options.scale, options.files).await?;
    let lambda = stage.lambda().await?;
    // Worker processes start with S3 as fast as it goes.
    stage::run(&lambda, request("lineitem", most)).await?;

    let mut lines: Vec<Line> = Vec::new();
    for workers in &options.workers {
        let mut runs = Vec::with_capacity(options.runs);
        for run in 0..options.runs {
            // Files that no worker has seen: one worker would keep all footers from the run before, of many each finds few.
            let fresh = format!("lineitem-{workers}-{run}");
            copy_folder(stage.bucket()?.as_ref(), "lineitem", &fresh).await?;
            stage.s3.conditions().set_latency(Duration::from_millis(options.latency));
            stage.s3.conditions().set_bytes_per_second(Some(options.bytes_per_second));
            let stats = stage::run(&lambda, request(&fresh, *workers)).await?;
            stage.s3.conditions().set_latency(Duration::ZERO);
            stage.s3.conditions().set_bytes_per_second(None);
            ensure!(stats.distributed, "the query ran elsewhere: {}", stats.placement);
            ensure!(stats.cold_starts == 0, "a worker started while it was measured");
            runs.push(stats);
        }
        runs.sort_by_key(|stats| stats.execution);
        let median = runs.get(runs.len() / 2).context("a run")?;
        lines.push(line(*workers, median, lines.first()));
    }
    say(format_args!(
        "the same query over {:.1} MiB of Parquet in {} files; S3 answers after {} ms, each body at {} bytes a second; median of {} runs\n",
        bytes as f64 / (1024.0 * 1024.0),
        options.files,
        options.latency,
        options.bytes_per_second,
        options.runs,
    ))?;
    say(table(&lines))?;
    let file = stage::results_dir()?.join("price.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&lines)?)?;
    say(format_args!("\nwritten to {}", file.display()))?;
    stage.lambda.shutdown().await;
    stage.s3.shutdown().await;
    Ok(())
}

/// Copies every object below one folder into another.
async fn copy_folder(store: &dyn ObjectStore, from: &str, to: &str) -> Result<()> {
    let objects: Vec<_> = store.list(Some(&Path::from(from))).try_collect().await?;
    for object in objects {
        let name = object.location.filename().context("a name")?;
        store.copy(&object.location, &Path::from(format!("{to}/{name}"))).await?;
    }
    Ok(())
}

fn request(folder: &str, workers: usize) -> QueryRequest {
    let mut request =
        QueryRequest::new(format!("{QUERY} FROM 's3://{BUCKET}/{folder}/' GROUP BY l_returnflag, l_linestatus"));
    let settings = [
        ("arachne.compute", "lambda".to_owned()),
        ("arachne.exchange", format!("s3://{BUCKET}/exchange/")),
        ("arachne.local_bytes", "0".to_owned()),
        ("arachne.tasks_per_stage", workers.to_string()),
    ];
    request.settings.extend(settings.map(|(name, value)| (name.to_owned(), value)));
    request
}

fn line(workers: usize, stats: &QueryStats, first: Option<&Line>) -> Line {
    let seconds = stats.execution.as_secs_f64();
    let dollars = stats.cost.total();
    Line {
        workers,
        seconds,
        billed_seconds: stats.stages.iter().map(|stage| stage.billed.as_secs_f64()).sum(),
        gb_seconds: stats.gb_seconds,
        gets: stats.requests.get,
        dollars,
        time: first.map_or(1.0, |first| seconds / first.seconds),
        price: first.map_or(1.0, |first| dollars / first.dollars),
    }
}

fn table(lines: &[Line]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(["workers", "execution s", "billed s", "GB-s", "GETs", "dollars", "time", "price"]);
    for line in lines {
        table.add_row([
            line.workers.to_string(),
            format!("{:.2}", line.seconds),
            format!("{:.2}", line.billed_seconds),
            format!("{:.2}", line.gb_seconds),
            line.gets.to_string(),
            format!("{:.6}", line.dollars),
            format!("{:.0} %", line.time * 100.0),
            format!("{:.0} %", line.price * 100.0),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
