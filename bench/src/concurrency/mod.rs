//! Many clients with small dashboard queries: `arachne serve` over HTTP beside DuckDB in one process with a connection for each client.
//!
//! Both read the same partitioned table of a log from the same local S3, as fast as it goes and like S3, and get the same queries in
//! the same order. Their answers are compared before anything is timed.

mod answers;
mod data;
mod duckdb;
mod measured;
mod ours;
mod queries;
mod table;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use arachne_sandbox::s3::{S3Server, S3Settings, S3Shape};
use clap::Args;

use self::measured::Line;
use crate::local_cloud::BUCKET;
use crate::output::say;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Clients at once
    #[arg(long, value_delimiter = ',', default_values_t = [1, 8, 32])]
    clients: Vec<usize>,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Seconds before each measurement that do not count
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Days of the table; each is a partition of one file
    #[arg(long, default_value_t = 300)]
    days: usize,
    /// Rows of a day
    #[arg(long, default_value_t = 20_000)]
    rows: usize,
    /// Of the queries' constants
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where `concurrency.md` and `concurrency.json` are written
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results"))]
    results: PathBuf,
}

impl Options {
    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn warm_up(&self) -> Duration {
        Duration::from_secs(self.warm_up)
    }
}

pub(crate) async fn run(options: &Options) -> Result<()> {
    ensure!(options.seconds > 0 && options.days > 0 && options.rows > 0, "there must be something to measure");
    let dir = tempfile::tempdir()?;
    let objects = dir.path().join("s3");
    let s3 = start(&objects, S3Shape::default()).await?;
    say(format_args!("writing {} days", options.days))?;
    data::put(&s3, options).await?;
    s3.shutdown().await;

    let mut lines: Vec<Line> = Vec::new();
    for (name, shape) in [("plain", S3Shape::default()), ("like S3", S3Shape::like_s3())] {
        let s3 = start(&objects, shape).await?;
        answers::compare(&s3, dir.path(), options).await?;
        say(format_args!("{name}: the answers agree"))?;
        for clients in &options.clients {
            for line in [
                ours::measure(&s3, name, *clients, options).await?,
                duckdb::measure(&s3, dir.path(), name, *clients, options).await?,
            ] {
                say(line.describe())?;
                lines.push(line);
            }
        }
        s3.shutdown().await;
    }
    let text = table::markdown(options, &lines)?;
    say(format_args!("\n{text}"))?;
    std::fs::create_dir_all(&options.results)?;
    std::fs::write(options.results.join("concurrency.md"), text)?;
    std::fs::write(options.results.join("concurrency.json"), serde_json::to_vec_pretty(&lines)?)?;
    say(format_args!("written to {}", options.results.display()))?;
    Ok(())
}

async fn start(dir: &std::path::Path, shape: S3Shape) -> Result<S3Server> {
    let settings = S3Settings { buckets: vec![BUCKET.into()], shape, log_capacity: 1_000_000, ..S3Settings::new(dir) };
    Ok(S3Server::start(settings).await?)
}
