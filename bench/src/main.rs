//! Measurements that anybody can repeat: `cargo run --release --bin arachne-bench -- overhead`.

#![expect(clippy::print_stdout, reason = "a bench prints its results")]

mod data;
mod overhead;
mod stage;
mod summary;

use anyhow::Result;
use arachne_engine::worker::{Worker, WorkerSettings};
use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

#[derive(Debug, Parser)]
#[command(name = "arachne-bench", version)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// What fanning out costs by itself: a small query, warm, embedded against the local Lambda
    Overhead(overhead::Options),
    /// The function that the benches invoke; started by the local Lambda
    #[command(hide = true)]
    Worker,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = Runtime::new()?;
    match arguments.bench {
        Bench::Overhead(options) => runtime.block_on(overhead::run(&options)),
        Bench::Worker => {
            let worker = Worker::try_new(WorkerSettings::from_lambda_env())?;
            runtime.block_on(arachne_lambda::handler::run(worker)).map_err(|error| anyhow::anyhow!("{error}"))
        }
    }
}
