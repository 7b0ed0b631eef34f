//! Measurements that anybody can repeat: `cargo run --release --bin arachne-bench -- overhead`.

mod concurrency;
mod data;
mod doors;
mod local_cloud;
mod local_lake;
mod output;
mod overhead;
mod plan_files;
mod plan_partitions;
mod plan_tasks;
mod price;
mod processes;
mod run;
mod simulation;
mod stage;
mod summary;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use arachne_engine::worker::{Worker, WorkerSettings};
use clap::{Parser, Subcommand};
use tokio::runtime::Runtime;

/// As `arachne` has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[derive(Debug, Parser)]
#[command(name = "arachne-bench", version)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Side by side with other engines: times, CPU, memory, what reached S3, what it costs
    Run(Box<run::RunOptions>),
    /// What changed between two results of `run`
    Compare(run::CompareOptions),
    /// Writes results of `run` into the README
    Readme(run::ReadmeOptions),
    /// What fanning out costs by itself: a small query, warm, embedded against the local Lambda
    Overhead(overhead::Options),
    /// What the coordinator itself takes for very many tasks
    PlanTasks(plan_tasks::Options),
    /// What planning takes over very many files
    PlanFiles(plan_files::Options),
    /// What planning takes over very many partitions of a catalog table
    PlanPartitions(plan_partitions::Options),
    /// Time and dollars of the same query on more and more workers
    Price(price::Options),
    /// Thousands of workers in virtual time, under Lambda's rules of scaling
    Simulate(simulation::Options),
    /// Many clients with small queries, beside DuckDB
    Concurrency(concurrency::Options),
    /// What the doors cost: latency, large results, slow clients
    Doors(doors::Options),
    /// Sends the rows of a Parquet file from memory; what doors are measured against
    #[command(hide = true)]
    RawFlight { address: SocketAddr, file: PathBuf },
    /// The function that the benches invoke; started by the local Lambda
    #[command(hide = true)]
    Worker,
    /// A worker of compute `cluster`; started by `run`
    #[command(hide = true)]
    ClusterWorker,
    /// Arachne as one of the engines of `run`
    #[command(hide = true)]
    Engine(run::EngineOptions),
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    if let Bench::Engine(options) = &arguments.bench {
        // As `arachne` does it, its threads are of its own making.
        return run::serve_engine(options);
    }
    let runtime = Runtime::new()?;
    let done = perform(arguments.bench, &runtime);
    // What blocks, a program that is being installed for one, must not hold up the end.
    runtime.shutdown_background();
    done
}

fn perform(bench: Bench, runtime: &Runtime) -> Result<()> {
    match bench {
        Bench::Run(options) => runtime.block_on(run::run(&options)),
        Bench::Compare(options) => run::compare(&options),
        Bench::Readme(options) => run::rewrite_readme(&options),
        Bench::Engine(options) => run::serve_engine(&options),
        Bench::ClusterWorker => runtime.block_on(run::serve_cluster_worker()),
        Bench::Overhead(options) => runtime.block_on(overhead::run(&options)),
        Bench::PlanTasks(options) => runtime.block_on(plan_tasks::run(&options)),
        Bench::PlanFiles(options) => runtime.block_on(plan_files::run(&options)),
        Bench::PlanPartitions(options) => runtime.block_on(plan_partitions::run(&options)),
        Bench::Price(options) => runtime.block_on(price::run(&options)),
        Bench::Simulate(options) => simulation::run(&options),
        Bench::Concurrency(options) => runtime.block_on(concurrency::run(&options)),
        Bench::Doors(options) => runtime.block_on(doors::run(&options)),
        Bench::RawFlight { address, file } => runtime.block_on(doors::serve_raw_flight(address, &file)),
        Bench::Worker => {
            let worker = Worker::try_new(WorkerSettings::from_lambda_env())?;
            runtime.block_on(arachne_lambda::handler::run(worker)).map_err(|error| anyhow::anyhow!("{error}"))
        }
    }
}
