//! AWS on loopback for the tests: one S3 and one Lambda a process, started when first wanted, with our own `bootstrap` as the function.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result};
use arachne_sandbox::lambda::{LambdaServer, LambdaServerSettings};
use arachne_sandbox::s3::{S3Server, S3Settings};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt};
use tempfile::TempDir;

use crate::tpch::{self, Dataset, Form};
use crate::venv::Venv;
use crate::{binaries, kept};

/// Where test data lies.
pub const LAKE: &str = "lake";
/// Where rows pass between stages.
pub const EXCHANGE: &str = "exchange";
/// A bucket that answers 403 to everything.
pub const FORBIDDEN: &str = "forbidden";
pub const FUNCTION: &str = "arachne-worker";

/// The runtime that everything asynchronous runs on: the sandbox is shared by tests, so it cannot live on the runtime of one of them.
static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime"));

static SHARED: LazyLock<Sandbox> = LazyLock::new(|| Sandbox::start().expect("the sandbox starts"));

/// Runs a future to its end, from a test's own thread.
pub fn block_on<F: Future>(future: F) -> F::Output {
    RUNTIME.block_on(future)
}

/// A local S3 with the buckets [`LAKE`], [`EXCHANGE`] and [`FORBIDDEN`], and a local Lambda with the function [`FUNCTION`].
pub struct Sandbox {
    pub s3: S3Server,
    pub lambda: LambdaServer,
    environment: Vec<(String, String)>,
    _dir: TempDir,
}

impl Sandbox {
    pub fn shared() -> &'static Self {
        &SHARED
    }

    /// One of its own, for a test that breaks things.
    pub fn start() -> Result<Self> {
        Self::start_with(|_| ())
    }

    /// One of its own with another Lambda.
    pub fn start_with(change: impl FnOnce(&mut LambdaServerSettings)) -> Result<Self> {
        let dir = temporary_dir("sandbox")?;
        block_on(async {
            let s3 = S3Server::start(S3Settings {
                buckets: [LAKE, EXCHANGE, FORBIDDEN].map(str::to_owned).into(),
                denied_buckets: vec![FORBIDDEN.to_owned()],
                ..S3Settings::new(dir.path().join("s3"))
            })
            .await?;
            let S3Settings { access_key, secret_key, region, .. } = s3.settings().clone();
            let mut env = s3.environment();
            // What a worker keeps would hide what storage does to it.
            env.push(("ARACHNE_WORKER__CACHE_MIB".to_owned(), "0".to_owned()));
            let mut settings = LambdaServerSettings {
                function: FUNCTION.to_owned(),
                command: vec![binaries::bootstrap().display().to_string()],
                env,
                access_key,
                secret_key,
                region,
                concurrency: 8,
                init_timeout: std::time::Duration::from_secs(60),
                timeout: std::time::Duration::from_secs(300),
                temp_root: Some(dir.path().to_path_buf()),
                ..LambdaServerSettings::default()
            };
            change(&mut settings);
            let lambda = LambdaServer::start(settings).await?;
            let mut environment = s3.environment();
            environment.push(("AWS_ENDPOINT_URL_LAMBDA".to_owned(), lambda.url()));
            Ok(Self { s3, lambda, environment, _dir: dir })
        })
    }

    /// What points programs at this sandbox.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// A command that sees this sandbox as AWS, and nothing of the machine's own AWS configuration.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = isolated(program);
        command.envs(self.environment.iter().cloned());
        command
    }

    /// `aws …` of the real AWS CLI.
    pub fn aws(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&Venv::aws_cli().program("aws"));
        command.args(arguments);
        command
    }

    /// A client of one bucket, made without the engine.
    pub fn bucket(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        let settings = self.s3.settings();
        let store = AmazonS3Builder::new()
            .with_bucket_name(bucket)
            .with_endpoint(self.s3.url())
            .with_allow_http(true)
            .with_region(&settings.region)
            .with_access_key_id(&settings.access_key)
            .with_secret_access_key(&settings.secret_key)
            .build();
        Arc::new(store.expect("a client of the local S3"))
    }

    /// Puts an object into [`LAKE`].
    pub fn put(&self, key: &str, bytes: impl Into<bytes::Bytes>) {
        let bytes: bytes::Bytes = bytes.into();
        block_on(self.bucket(LAKE).put(&Key::parse(key).expect("a key"), bytes.into())).expect("an object is put");
    }

    /// Puts every file below `dir` under `prefix` of [`LAKE`] and returns their URL, `s3://lake/<prefix>/`.
    pub fn upload(&self, dir: &Path, prefix: &str) -> Result<String> {
        let store = self.bucket(LAKE);
        block_on(async {
            stream::iter(tpch::files_below(dir)?)
                .map(|(name, path)| {
                    let store = Arc::clone(&store);
                    async move {
                        let bytes = tokio::fs::read(path).await?;
                        store.put(&Key::parse(format!("{prefix}/{name}"))?, bytes.into()).await.context(name)
                    }
                })
                .buffer_unordered(8)
                .try_collect::<Vec<_>>()
                .await
        })?;
        Ok(format!("s3://{LAKE}/{prefix}/"))
    }

    /// The keys in a bucket.
    pub fn objects_in(&self, bucket: &str) -> Vec<String> {
        let objects =
            block_on(self.bucket(bucket).list(None).map_ok(|object| object.location.to_string()).try_collect());
        objects.expect("a listing")
    }

    /// Deletes everything in a bucket; what there was.
    pub fn remove_all(&self, bucket: &str) -> Vec<String> {
        let (store, keys) = (self.bucket(bucket), self.objects_in(bucket));
        for key in &keys {
            block_on(store.delete(&Key::parse(key).expect("a key"))).expect("an object is deleted");
        }
        keys
    }

    /// TPC-H in one form: `s3://lake/tpch-<scale>/<form>/`, with a folder for each table.
    pub fn upload_tpch(&self, data: &Dataset, form: Form) -> Result<String> {
        self.upload(&data.form_dir(form), &format!("tpch-{}/{}", data.scale(), form.name()))
    }
}

/// A command without this machine's AWS configuration and without Arachne's.
pub fn isolated(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars() {
        if name.starts_with("AWS_") || name.starts_with("ARACHNE_") {
            command.env_remove(name);
        }
    }
    // Neither files of the user nor the metadata service of a machine.
    command
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

/// A new folder under the target folder. What processes that are gone have left there (a static is never dropped) is removed.
pub fn temporary_dir(name: &str) -> Result<TempDir> {
    let root = kept::target_dir().join("arachne-tmp");
    std::fs::create_dir_all(&root)?;
    for entry in std::fs::read_dir(&root)?.flatten() {
        if is_left_over(&entry.path()) {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
    Ok(tempfile::Builder::new().prefix(&format!("{}-{name}-", std::process::id())).tempdir_in(root)?)
}

fn is_left_over(dir: &Path) -> bool {
    let name = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let pid = name.split('-').next().and_then(|pid| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| Path::new("/proc/self").exists() && !PathBuf::from(format!("/proc/{pid}")).exists())
}
