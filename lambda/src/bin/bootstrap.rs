//! The program in the function's zip file; Lambda starts a file of this name in its OS-only runtimes.

use arachne_engine::worker::{Worker, WorkerSettings};
use arachne_lambda::{handler, logging};
use tokio::runtime::Builder;

/// Lambda gives a function one vCPU for so many MB
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const MB_PER_VCPU: usize = 1769;

/// With a single thread, decoding would keep the network waiting.
const MIN_THREADS: usize = 2;

fn main() -> Result<(), lambda_runtime::Error> {
    logging::init();
    let compute = Builder::new_multi_thread().worker_threads(threads()).enable_all().build()?;
    let front = Builder::new_current_thread().enable_all().build()?;
    let worker = Worker::try_new(WorkerSettings::from_lambda_env())?.computing_on(compute.handle().clone());
    front.block_on(handler::run(worker))
}

/// As many as the function has vCPUs.
fn threads() -> usize {
    let memory_mb = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").ok().and_then(|value| value.parse::<usize>().ok());
    memory_mb.map_or(MIN_THREADS, |memory_mb| memory_mb.div_ceil(MB_PER_VCPU)).max(MIN_THREADS)
}
