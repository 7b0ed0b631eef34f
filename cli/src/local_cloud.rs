//! Local S3 and local Lambda, started together and pointed at each other, for `arachne sandbox` and `arachne demo`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use arachne_sandbox::faults::FaultSpec;
use arachne_sandbox::lambda::{LambdaServer, LambdaServerSettings};
use arachne_sandbox::s3::{S3Server, S3Settings, S3Shape};
use clap::Args;
use uuid::Uuid;

pub(crate) const LAKE_BUCKET: &str = "lake";
const EXCHANGE_BUCKET: &str = "exchange";
const FUNCTION: &str = "arachne-worker";
const REGION: &str = "us-east-1";
const ACCESS_KEY: &str = "ARACHNESANDBOX";
/// What one invocation may take: the engine's own limit for a task is 300 s, and it should be the one that is met.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(330);

/// The size of the local Lambda.
#[derive(Debug, Clone, Args)]
pub(crate) struct LambdaSize {
    /// Worker processes at once; further invocations are throttled, as Lambda does
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) concurrency: u16,

    /// Memory of one worker in MB; a process that takes more is killed
    #[arg(long, value_name = "MB", default_value_t = 1769, value_parser = clap::value_parser!(u64).range(128..=10_240))]
    pub(crate) memory: u64,
}

/// Where it listens and keeps its files.
#[derive(Debug, Clone)]
pub(crate) struct LocalCloudSettings {
    /// Objects in `s3/`, the catalog in `catalog.sqlite`, the log of requests in `s3-requests.jsonl`.
    pub(crate) dir: PathBuf,
    pub(crate) size: LambdaSize,
    /// What is to go wrong.
    pub(crate) faults: Option<FaultSpec>,
    /// How S3's answers come.
    pub(crate) shape: S3Shape,
    /// 0 takes a free port.
    pub(crate) s3_port: u16,
    pub(crate) lambda_port: u16,
}

pub(crate) struct LocalCloud {
    s3: S3Server,
    lambda: LambdaServer,
    secret_key: String,
    dir: PathBuf,
    concurrency: u16,
}

impl LocalCloud {
    pub(crate) async fn start(settings: LocalCloudSettings) -> anyhow::Result<Self> {
        let LocalCloudSettings { dir, size, faults, shape, s3_port, lambda_port } = settings;
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make the folder {}", dir.display()))?;
        let dir = dir.canonicalize().with_context(|| format!("cannot use the folder {}", dir.display()))?;
        // New each time: whoever has not read the environment file cannot use the buckets.
        let secret_key = Uuid::new_v4().simple().to_string();
        let s3 = S3Settings {
            addr: loopback(s3_port),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: secret_key.clone(),
            region: REGION.to_owned(),
            buckets: vec![LAKE_BUCKET.to_owned(), EXCHANGE_BUCKET.to_owned()],
            log_file: Some(dir.join("s3-requests.jsonl")),
            shape,
            ..S3Settings::new(dir.join("s3"))
        };
        let s3 = S3Server::start(s3).await.context("the local S3 did not start")?;
        let program = std::env::current_exe().context("cannot find this program's own file, which the workers run")?;
        let lambda = LambdaServerSettings {
            addr: loopback(lambda_port),
            function: FUNCTION.to_owned(),
            command: vec![program.to_string_lossy().into_owned(), "worker".to_owned()],
            env: storage_environment(&s3, &secret_key),
            access_key: ACCESS_KEY.to_owned(),
            secret_key: secret_key.clone(),
            region: REGION.to_owned(),
            memory_mb: size.memory,
            timeout: FUNCTION_TIMEOUT,
            concurrency: size.concurrency.into(),
            ..LambdaServerSettings::default()
        };
        let lambda = LambdaServer::start(lambda).await.context("the local Lambda did not start")?;
        if let Some(faults) = faults {
            set_faults(faults, &s3, &lambda);
        }
        Ok(Self { s3, lambda, secret_key, dir, concurrency: size.concurrency })
    }

    pub(crate) fn s3_url(&self) -> String {
        self.s3.url()
    }

    pub(crate) fn lambda_url(&self) -> String {
        self.lambda.url()
    }

    /// What went wrong on purpose, and how often: `s3.slow-down 12`.
    pub(crate) fn injected(&self) -> Vec<String> {
        let s3 = self.s3.conditions().injected().into_iter().map(|(class, count)| format!("s3.{class} {count}"));
        let lambda = self.lambda.conditions().injected();
        s3.chain(lambda.into_iter().map(|(class, count)| format!("lambda.{class} {count}"))).collect()
    }

    /// What points the AWS CLI, the SDKs and Arachne at it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        let mut variables = storage_environment(&self.s3, &self.secret_key);
        let ours = [
            ("AWS_ENDPOINT_URL_LAMBDA", self.lambda.url()),
            ("ARACHNE_COMPUTE__LAMBDA__FUNCTION", FUNCTION.to_owned()),
            ("ARACHNE_EXCHANGE__LOCATION", format!("s3://{EXCHANGE_BUCKET}/")),
            ("ARACHNE_CATALOG__PATH", self.dir.join("catalog.sqlite").display().to_string()),
            // What is tried out here is small; with the usual limit it would not leave the coordinator.
            ("ARACHNE_COMPUTE__LOCAL_BYTES", "0".to_owned()),
            ("ARACHNE_COMPUTE__BYTES_PER_TASK", "8MiB".to_owned()),
            // More would only be throttled.
            ("ARACHNE_COMPUTE__MAX_WORKERS", self.concurrency.to_string()),
            ("ARACHNE_COMPUTE__MAX_IN_FLIGHT", self.concurrency.to_string()),
        ];
        variables.extend(ours.map(|(name, value)| (name.to_owned(), value)));
        variables
    }

    /// Stops both; returns when the worker processes are gone.
    pub(crate) async fn shutdown(self) {
        self.lambda.shutdown().await;
        self.s3.shutdown().await;
    }
}

fn set_faults(faults: FaultSpec, s3: &S3Server, lambda: &LambdaServer) {
    s3.conditions().set_latency(faults.s3_latency);
    s3.conditions().set_bytes_per_second(faults.s3_bytes_per_second);
    s3.conditions().set_faults(faults.s3);
    // What names a task in our requests; the rest of them is not the same in every run.
    lambda.conditions().set_faults(faults.lambda.with_payload_key("/attempt"));
}

fn storage_environment(s3: &S3Server, secret_key: &str) -> Vec<(String, String)> {
    let variables = [
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", secret_key.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ENDPOINT_URL_S3", s3.url()),
    ];
    variables.map(|(name, value)| (name.to_owned(), value)).into()
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
