//! `arachne worker`: the same program as the Lambda function's `bootstrap`.

use arachne_engine::worker::{Worker, WorkerSettings};

use crate::exit::Exit;

pub(crate) async fn run() -> anyhow::Result<Exit> {
    arachne_lambda::logging::init();
    let worker = Worker::try_new(WorkerSettings::from_lambda_env())?;
    arachne_lambda::handler::run(worker).await.map_err(|error| anyhow::anyhow!("the worker ended: {error}"))?;
    Ok(Exit::Done)
}
