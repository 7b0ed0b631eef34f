//! What the doors cost: how long `SELECT 1` takes through each, how fast a large result comes out, and what a client that reads
//! slowly costs the server in memory.
//!
//! The server is `arachne serve` in a process of its own, over a local S3 in this one, of which it keeps what it has read. Results
//! are set beside a Flight server that does nothing but send the same rows from memory: what is lost against it is ours.

mod latency;
mod raw_flight;
mod reading;
mod rows;
mod server;
mod slow_client;
mod throughput;

use anyhow::{Result, ensure};
use arachne_sandbox::s3::{S3Server, S3Settings};
use clap::Args;
use object_store::ObjectStoreExt as _;
use object_store::path::Path;

pub(crate) use raw_flight::serve as serve_raw_flight;
pub(crate) use server::Server;

use crate::local_cloud::{self, BUCKET};
use crate::output::say;
use crate::stage;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Clients at once, for latency
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    clients: Vec<usize>,
    /// Seconds of each measurement of latency
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Rows of the large result
    #[arg(long, default_value_t = 10_000_000)]
    rows: usize,
    /// Measured runs of the large result; the median counts
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Bytes of the result that a slow client reads
    #[arg(long, default_value_t = 10_000_000_000)]
    slow_bytes: u64,
    /// Bytes a second that the slow client reads
    #[arg(long, default_value_t = 100_000_000)]
    slow_rate: u64,
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    ensure!(options.runs > 0 && options.rows > 0 && options.slow_rate > 0, "there must be something to measure");
    let dir = tempfile::tempdir()?;
    let s3 = S3Settings { buckets: vec![BUCKET.into()], ..S3Settings::new(dir.path().join("s3")) };
    let s3 = S3Server::start(s3).await?;
    let server = Server::start_with(dir.path(), &s3.environment()).await?;

    let latencies = latency::run(&server, options).await?;
    say(format_args!("{}\n", latency::table(&latencies)))?;

    let file = dir.path().join("rows.parquet");
    rows::write(&file, options.rows)?;
    local_cloud::bucket(&s3)?.put(&Path::from("rows/rows.parquet"), tokio::fs::read(&file).await?.into()).await?;
    let throughputs = throughput::run(&server, &file, options).await?;
    say(format_args!("{}\n", throughput::table(options.rows, &throughputs)))?;

    let slow = slow_client::run(&server, options).await?;
    say(slow_client::table(options, &slow))?;

    let results = serde_json::json!({"latency": latencies, "throughput": throughputs, "slow_client": slow});
    let file = stage::results_dir()?.join("doors.json");
    std::fs::write(&file, serde_json::to_vec_pretty(&results)?)?;
    say(format_args!("\nwritten to {}", file.display()))?;
    s3.shutdown().await;
    Ok(())
}
