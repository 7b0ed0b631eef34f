//! What has to be there before one of our own distributed ways to run is measured: a local Lambda, or workers of a cluster.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use arachne_sandbox::lambda::{LambdaServer, LambdaServerSettings};
use arachne_sandbox::s3::S3Server;
use arachne_tests::sandbox::isolated;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::dataset::EXCHANGE;
use super::engines::{Compute, Engine};
use crate::local_cloud::{self, FUNCTION};

/// Worker processes of the local Lambda at most, as `arachne demo` has it.
const LAMBDA_WORKERS: usize = 8;
/// Machines of the cluster that it stands for.
const CLUSTER_WORKERS: usize = 2;
/// What one invocation may take: longer than the bench waits for a query.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(900);

/// Made anew for each process of the engine, so that its first run finds nothing warm. Not part of any time.
pub(crate) enum OurStage {
    Nothing,
    Lambda(Box<LambdaServer>),
    /// They end with this value: their standard input does.
    Cluster {
        _workers: Vec<Child>,
        urls: Vec<String>,
    },
}

impl OurStage {
    /// What this engine needs; nothing, for most.
    pub(crate) async fn of(engine: &Engine, s3: &S3Server) -> Result<Self> {
        Ok(match engine.compute() {
            None | Some(Compute::Embedded) => Self::Nothing,
            Some(Compute::Lambda) => Self::Lambda(Box::new(lambda(s3).await?)),
            Some(Compute::Cluster) => {
                let (mut workers, mut urls) = (Vec::new(), Vec::new());
                for _ in 0..CLUSTER_WORKERS {
                    let (worker, url) = cluster_worker(s3).await?;
                    workers.push(worker);
                    urls.push(url);
                }
                Self::Cluster { _workers: workers, urls }
            }
        })
    }

    /// Settings of the engine's process.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let exchange = ("ARACHNE_EXCHANGE__LOCATION", format!("s3://{EXCHANGE}/"));
        // With the usual limit small queries would not leave the coordinator, and this would measure embedded twice.
        let always = ("ARACHNE_COMPUTE__LOCAL_BYTES", "0".to_owned());
        let variables = match self {
            Self::Nothing => Vec::new(),
            Self::Lambda(lambda) => vec![
                exchange,
                always,
                ("AWS_ENDPOINT_URL_LAMBDA", lambda.url()),
                ("ARACHNE_COMPUTE__LAMBDA__FUNCTION", FUNCTION.to_owned()),
                // More would only be throttled.
                ("ARACHNE_COMPUTE__MAX_WORKERS", LAMBDA_WORKERS.to_string()),
                ("ARACHNE_COMPUTE__MAX_IN_FLIGHT", LAMBDA_WORKERS.to_string()),
            ],
            Self::Cluster { urls, .. } => {
                let urls: Vec<_> = urls.iter().map(|url| format!("\"{url}\"")).collect();
                vec![
                    exchange,
                    always,
                    ("ARACHNE_COMPUTE__CLUSTER__WORKERS", format!("[{}]", urls.join(", "))),
                    ("ARACHNE_COMPUTE__MAX_WORKERS", CLUSTER_WORKERS.to_string()),
                ]
            }
        };
        variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    pub(crate) async fn tear_down(self) {
        if let Self::Lambda(lambda) = self {
            lambda.shutdown().await;
        }
    }
}

async fn lambda(s3: &S3Server) -> Result<LambdaServer> {
    let limits = LambdaServerSettings {
        concurrency: LAMBDA_WORKERS,
        timeout: FUNCTION_TIMEOUT,
        ..LambdaServerSettings::default()
    };
    local_cloud::lambda(s3, limits).await
}

async fn cluster_worker(s3: &S3Server) -> Result<(Child, String)> {
    let mut command = isolated(&std::env::current_exe()?);
    command.arg("cluster-worker").envs(s3.environment()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut worker = Command::from(command).kill_on_drop(true).spawn()?;
    let mut lines = BufReader::new(worker.stdout.take().context("standard output")?).lines();
    let url = lines.next_line().await?.context("a worker of the cluster ended at its start")?;
    Ok((worker, url))
}
