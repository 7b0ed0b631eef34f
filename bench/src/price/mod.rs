//! The law of the price: work that is bound by S3 costs the same on one worker and on 64, and takes a 64th of the time.
//!
//! Two cores cannot show it by themselves; the local S3's latency and bandwidth can: first bytes come as S3's do, bodies as slowly as it
//! takes for two cores to be enough. So a worker with so many reads under way has a fixed bandwidth, as on Lambda. Time is billed from
//! the REPORT lines.

mod line;

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use arachne_engine::query::{QueryRequest, QueryService, QueryStats};
use arachne_sandbox::s3::{FirstByte, S3Shape};
use clap::Args;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use self::line::{Line, table};
use crate::data;
use crate::local_cloud::BUCKET;
use crate::output::say;
use crate::stage::{self, Stage};

const QUERY: &str =
    "SELECT l_returnflag, l_linestatus, count(*), sum(l_quantity), sum(l_extendedprice * (1 - l_discount))";
const TABLE: &str = "lineitem";
/// Files that are copied or deleted at once.
const AT_ONCE: usize = 16;
/// Queries until every worker has started, at most.
const WARM_UPS: usize = 10;
/// Of every request meanwhile.
const WARM_UP_LATENCY: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Numbers of workers to compare
    #[arg(long, value_delimiter = ',', default_values_t = [1, 2, 4, 8, 16, 32, 64])]
    workers: Vec<usize>,
    /// TPC-H scale of the table
    #[arg(long, default_value_t = 0.5)]
    scale: f64,
    /// Files of the table [default: as many as the most workers read at once]
    #[arg(long)]
    files: Option<i32>,
    /// Files that a worker reads at once
    #[arg(long, default_value_t = 16)]
    reads: usize,
    /// Of every request, log-normal: the median and the 99th percentile, in milliseconds
    #[arg(long, num_args = 2, value_names = ["MEDIAN", "P99"], default_values_t = [18.0, 84.0])]
    first_byte: Vec<f64>,
    /// Of the body of each answer, uniform from the least to the most; the default is a 6,000th of S3's
    #[arg(long, num_args = 2, value_names = ["LEAST", "MOST"], default_values_t = [10_000, 15_000])]
    bytes_per_second: Vec<u64>,
    /// Of what is drawn
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Measured runs of each; the median by time counts
    #[arg(long, default_value_t = 1)]
    runs: usize,
}

impl Options {
    fn most_workers(&self) -> usize {
        self.workers.iter().copied().max().unwrap_or(1)
    }

    /// Fewer would leave some of the reads of the widest run without a file.
    fn files(&self) -> Result<i32> {
        let least = i32::try_from(self.most_workers() * self.reads)?;
        let files = self.files.unwrap_or(least);
        ensure!(files > 0, "at least one file is needed");
        Ok(files)
    }

    fn shape(&self) -> Result<S3Shape> {
        let [median, p99] = self.first_byte[..] else { bail!("--first-byte is a median and a p99") };
        let [least, most] = self.bytes_per_second[..] else { bail!("--bytes-per-second is a least and a most") };
        ensure!(0 < least && least <= most, "--bytes-per-second is the least above 0, then the most");
        Ok(S3Shape {
            seed: self.seed,
            first_byte: Some(FirstByte::new(median, p99)?),
            bytes_per_second: Some((least, most)),
            ..S3Shape::like_s3()
        })
    }
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    ensure!(options.runs > 0 && !options.workers.contains(&0), "at least one worker and one run are needed");
    ensure!(!options.workers.is_empty() && options.reads > 0, "there must be something to run");
    let (shape, files, most) = (options.shape()?, options.files()?, options.most_workers());
    let reads = ("ARACHNE_WORKER__READ_AHEAD".to_owned(), options.reads.to_string());
    let stage = Stage::set_up(most, vec![reads]).await?;
    let store = stage.bucket()?;
    let bytes = data::put_lineitem(store.as_ref(), TABLE, options.scale, files).await?;
    let lambda = stage.lambda().await?;
    start_workers(&stage, &lambda, options).await?;

    say(format_args!(
        "the same query over {:.1} MiB of Parquet in {files} files; a worker reads {} at once; first bytes after {} ms (p99 {} ms), bodies at \
         {} to {} bytes a second; median of {} runs\n",
        bytes as f64 / (1024.0 * 1024.0),
        options.reads,
        options.first_byte[0],
        options.first_byte[1],
        options.bytes_per_second[0],
        options.bytes_per_second[1],
        options.runs,
    ))?;
    let mut lines: Vec<Line> = Vec::new();
    for workers in &options.workers {
        let mut runs = Vec::with_capacity(options.runs);
        for run in 0..options.runs {
            let fresh = format!("lineitem-{workers}-{run}");
            runs.push(measure(&stage, &lambda, *workers, &fresh, &shape).await?);
        }
        runs.sort_by_key(|stats| stats.execution);
        let median = runs.get(runs.len() / 2).context("a run")?;
        lines.push(Line::new(*workers, median, lines.first()));
        eprintln!("{workers} workers: {:.1} s", median.execution.as_secs_f64());
    }
    say(table(&lines))?;
    let file = stage::results_dir()?.join("price.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&lines)?)?;
    say(format_args!("\nwritten to {}", file.display()))?;
    stage.lambda.shutdown().await;
    stage.s3.shutdown().await;
    Ok(())
}

/// Starts all worker processes, over an S3 whose answers wait so long that no worker is free again before the last has started.
async fn start_workers(stage: &Stage, lambda: &QueryService, options: &Options) -> Result<()> {
    let most = options.most_workers();
    stage.s3.conditions().set_latency(WARM_UP_LATENCY);
    for _ in 0..WARM_UPS {
        let stats = stage::run(lambda, request(TABLE, most)).await?;
        if stats.cold_starts == 0 {
            break;
        }
    }
    stage.s3.conditions().set_latency(Duration::ZERO);
    Ok(())
}

/// Over files that no worker has seen, a copy in the folder `fresh`: one worker would keep all footers from the run before, of many each
/// finds few.
async fn measure(
    stage: &Stage,
    lambda: &QueryService,
    workers: usize,
    fresh: &str,
    shape: &S3Shape,
) -> Result<QueryStats> {
    let store = stage.bucket()?;
    copy_folder(store.as_ref(), TABLE, fresh).await?;
    // The coordinator reads all footers by itself, which on so slow an S3 takes longer than the query; it keeps them.
    let mut planned = request(fresh, workers);
    planned.sql.insert_str(0, "EXPLAIN ");
    stage::run(lambda, planned).await?;
    stage.s3.conditions().set_shape(shape.clone());
    let ran = stage::run(lambda, request(fresh, workers)).await;
    stage.s3.conditions().set_shape(S3Shape::default());
    delete_folder(store.as_ref(), fresh).await?;
    let stats = ran?;
    ensure!(stats.distributed, "the query ran elsewhere: {}", stats.placement);
    ensure!(stats.tasks as usize == workers, "the query ran in {} tasks, not {workers}", stats.tasks);
    ensure!(stats.cold_starts == 0, "a worker started while it was measured");
    Ok(stats)
}

async fn copy_folder(store: &dyn ObjectStore, from: &str, to: &str) -> Result<()> {
    let copy = |object: ObjectMeta| async move {
        let name = object.location.filename().unwrap_or_default();
        store.copy(&object.location, &Path::from(format!("{to}/{name}"))).await
    };
    let objects: Vec<_> = store.list(Some(&Path::from(from))).try_collect().await?;
    Ok(stream::iter(objects).map(copy).buffer_unordered(AT_ONCE).try_collect().await?)
}

async fn delete_folder(store: &dyn ObjectStore, folder: &str) -> Result<()> {
    let delete = |object: ObjectMeta| async move { store.delete(&object.location).await };
    let objects: Vec<_> = store.list(Some(&Path::from(folder))).try_collect().await?;
    Ok(stream::iter(objects).map(delete).buffer_unordered(AT_ONCE).try_collect().await?)
}

fn request(folder: &str, workers: usize) -> QueryRequest {
    let mut request =
        QueryRequest::new(format!("{QUERY} FROM 's3://{BUCKET}/{folder}/' GROUP BY l_returnflag, l_linestatus"));
    let settings = [
        ("arachne.compute", "lambda".to_owned()),
        ("arachne.exchange", format!("s3://{BUCKET}/exchange/")),
        ("arachne.local_bytes", "0".to_owned()),
        ("arachne.tasks_per_stage", workers.to_string()),
        // Of a few groups, which nothing tells the planner: without this a large table's are shuffled.
        ("arachne.merge_groups", "1000000000".to_owned()),
    ];
    request.settings.extend(settings.map(|(name, value)| (name.to_owned(), value)));
    request
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Arguments {
        #[command(flatten)]
        options: Options,
    }

    fn options(arguments: &[&str]) -> Options {
        Arguments::try_parse_from([&["price"], arguments].concat()).unwrap().options
    }

    #[test]
    fn there_is_a_file_for_each_read_of_the_widest_run() {
        assert_eq!(options(&[]).files().unwrap(), 64 * 16);
        assert_eq!(options(&["--workers", "1,2,4", "--reads", "8"]).files().unwrap(), 32);
        assert_eq!(options(&["--files", "7"]).files().unwrap(), 7);
        assert!(options(&["--files", "0"]).files().is_err());
    }

    #[test]
    fn s3_has_the_shape_that_is_asked_for() {
        let shape = options(&["--first-byte", "30", "60", "--bytes-per-second", "5", "9"]).shape().unwrap();
        assert_eq!(shape.first_byte, Some(FirstByte::new(30.0, 60.0).unwrap()));
        assert_eq!((shape.bytes_per_second, shape.reads_per_second), (Some((5, 9)), Some(5_500)));
        assert_eq!(options(&[]).shape().unwrap().first_byte, S3Shape::like_s3().first_byte);
        for senseless in
            [["--first-byte", "60", "30"], ["--bytes-per-second", "9", "5"], ["--bytes-per-second", "0", "5"]]
        {
            assert!(options(&senseless).shape().is_err(), "{senseless:?}");
        }
    }
}
