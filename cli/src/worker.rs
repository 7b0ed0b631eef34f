//! `arachne worker`: the same program as the Lambda function's `bootstrap`, or a worker of a cluster of one's own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use arachne_engine::cluster::{ClusterWorker, ClusterWorkerSettings};
use arachne_engine::worker::{Worker, WorkerSettings};
use arachne_server::settings::{Settings, Sources};
use arachne_server::wiring;
use clap::Args;
use tokio::runtime::Handle;

use crate::exit::Exit;
use crate::shutdown;
use crate::sql::cannot_start;
use crate::sql::run::say;
use crate::terminal::Colors;

const PORT: u16 = 8643;

#[derive(Debug, Args)]
#[command(after_help = "\
Example, two workers and a query on this machine:
  arachne worker --cluster --listen 127.0.0.1:9001 &
  arachne worker --cluster --listen 127.0.0.1:9002 &
  export ARACHNE_COMPUTE__CLUSTER__WORKERS='[\"http://127.0.0.1:9001\", \"http://127.0.0.1:9002\"]'
  arachne sql --compute cluster -c \"SELECT count(*) FROM 's3://bucket/events/'\"")]
pub(crate) struct WorkerOptions {
    /// Serve a cluster of your own over gRPC, instead of Lambda's Runtime API
    #[arg(long)]
    pub(crate) cluster: bool,

    /// Where to listen; whoever reaches it can read what this worker can read [default: 127.0.0.1:8643]
    #[arg(long, value_name = "HOST:PORT", requires = "cluster")]
    listen: Option<SocketAddr>,

    /// More tasks at once are refused [default: 1024]
    #[arg(long, value_name = "N", requires = "cluster", value_parser = clap::value_parser!(u32).range(1..))]
    max_tasks: Option<u32>,

    /// Settings file; `limits` and `storage` are a worker's [default: as for `arachne sql`]
    #[arg(long, value_name = "FILE", requires = "cluster")]
    config: Option<PathBuf>,
}

/// Lambda's worker: plans are executed on `threads`, the current runtime only talks.
pub(crate) async fn run(threads: &Handle) -> anyhow::Result<Exit> {
    arachne_lambda::logging::init();
    let worker = Worker::try_new(WorkerSettings::from_lambda_env())?.computing_on(threads.clone());
    arachne_lambda::handler::run(worker).await.map_err(|error| anyhow::anyhow!("the worker ended: {error}"))?;
    Ok(Exit::Done)
}

/// A cluster's worker: plans are executed on `threads`, the current runtime only talks.
pub(crate) async fn serve_cluster(options: WorkerOptions, threads: &Handle) -> anyhow::Result<Exit> {
    // Listens for signals before anything is there to end.
    let stop = tokio::spawn(shutdown::requested());
    let settings = match Sources::of_process(options.config, Vec::new()).load() {
        Ok(settings) => settings,
        Err(error) => {
            say(&format!("{} {error}", Colors::of_stderr().error("error:")));
            return Ok(Exit::BadUsage);
        }
    };
    let listen = options.listen.unwrap_or(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)));
    let mut of_cluster = ClusterWorkerSettings::new(listen);
    of_cluster.worker = worker_settings(&settings);
    if let Some(max_tasks) = options.max_tasks {
        of_cluster.max_tasks = max_tasks as usize;
    }
    let stores = Arc::new(wiring::object_stores(&settings).await);
    let worker = match ClusterWorker::bind(of_cluster, stores, threads.clone()).await {
        Ok(worker) => worker,
        Err(error) => return Ok(cannot_start(&error)),
    };
    if !listen.ip().is_loopback() {
        say("anyone who reaches this address can read what this worker can read: keep it within a network you trust");
    }
    say(&format!("worker listens on http://{}; Ctrl-C ends it", worker.address()));
    let tasks = worker.tasks();
    worker
        .serve(async {
            // A signal handler that cannot be set up never asks.
            if stop.await.is_err() {
                std::future::pending::<()>().await;
            }
            say(&format!("worker is stopping, {} tasks are running", tasks.running()));
        })
        .await?;
    Ok(Exit::Done)
}

fn worker_settings(settings: &Settings) -> WorkerSettings {
    WorkerSettings {
        memory_bytes: usize::try_from(settings.limits.memory.0).unwrap_or(usize::MAX),
        spill_dir: settings.limits.spill_dir.clone(),
        spill_bytes: settings.limits.spill.0,
        storage: settings.storage.clone(),
        ..WorkerSettings::default()
    }
}
