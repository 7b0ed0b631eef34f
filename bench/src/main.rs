//! Measurements that anybody can repeat: `cargo run --release --bin arachne-bench -- overhead`.

#![expect(clippy::print_stdout, reason = "a bench prints its results")]

mod data;
mod doors;
mod local_lake;
mod overhead;
mod own_process;
mod plan_files;
mod plan_tasks;
mod price;
mod simulation;
mod stage;
mod summary;

use std::net::SocketAddr;
use std::path::PathBuf;

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
    /// What the coordinator itself takes for very many tasks
    PlanTasks(plan_tasks::Options),
    /// What planning takes over very many files
    PlanFiles(plan_files::Options),
    /// Time and dollars of the same query on more and more workers
    Price(price::Options),
    /// Thousands of workers in virtual time, under Lambda's rules of scaling
    Simulate(simulation::Options),
    /// What the doors cost: latency, large results, slow clients
    Doors(doors::Options),
    /// Sends the rows of a Parquet file from memory; what doors are measured against
    #[command(hide = true)]
    RawFlight { address: SocketAddr, file: PathBuf },
    /// The function that the benches invoke; started by the local Lambda
    #[command(hide = true)]
    Worker,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let runtime = Runtime::new()?;
    match arguments.bench {
        Bench::Overhead(options) => runtime.block_on(overhead::run(&options)),
        Bench::PlanTasks(options) => runtime.block_on(plan_tasks::run(&options)),
        Bench::PlanFiles(options) => runtime.block_on(plan_files::run(&options)),
        Bench::Price(options) => runtime.block_on(price::run(&options)),
        Bench::Simulate(options) => simulation::run(&options),
        Bench::Doors(options) => runtime.block_on(doors::run(&options)),
        Bench::RawFlight { address, file } => runtime.block_on(doors::serve_raw_flight(address, &file)),
        Bench::Worker => {
            let worker = Worker::try_new(WorkerSettings::from_lambda_env())?;
            runtime.block_on(arachne_lambda::handler::run(worker)).map_err(|error| anyhow::anyhow!("{error}"))
        }
    }
}
