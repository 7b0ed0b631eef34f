//! What the benches run on: a local S3 and a local Lambda in this process, workers in processes of their own, and a query service
//! for each compute that is compared.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use arachne_catalog::{Catalog, MemoryCatalog};
use arachne_engine::access::Access;
use arachne_engine::invoker::WorkerInvoker;
use arachne_engine::query::{
    Coordination, EngineSettings, NoObserver, PriceBook, QueryRequest, QueryService, QueryServiceParts, QueryStats,
};
use arachne_engine::storage::ObjectStores;
use arachne_lambda::{AwsInvoker, LambdaCredentials, LambdaSettings};
use arachne_sandbox::lambda::{LambdaServer, LambdaServerSettings};
use arachne_sandbox::s3::{S3Server, S3Settings};
use futures::TryStreamExt;
use object_store::ObjectStore;
use tempfile::TempDir;
use url::Url;

use crate::local_cloud::{self, BUCKET, FUNCTION};

/// What a worker may take to start, when many start at once on few cores, and for one task: no bench waits longer.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(900);

pub(crate) struct Stage {
    pub(crate) s3: S3Server,
    pub(crate) lambda: LambdaServer,
    catalog: Arc<dyn Catalog>,
    _dir: TempDir,
}

impl Stage {
    /// With at most so many workers, which get `env` besides what they need to read the S3.
    pub(crate) async fn set_up(concurrency: usize, env: Vec<(String, String)>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let s3 = S3Server::start(S3Settings { buckets: vec![BUCKET.into()], ..S3Settings::new(dir.path().join("s3")) })
            .await?;
        let limits = LambdaServerSettings {
            concurrency,
            env,
            timeout: FUNCTION_TIMEOUT,
            init_timeout: FUNCTION_TIMEOUT,
            // Whoever runs last was started first.
            idle_timeout: 10 * FUNCTION_TIMEOUT,
            ..LambdaServerSettings::default()
        };
        let lambda = local_cloud::lambda(&s3, limits).await?;
        Ok(Self { s3, lambda, catalog: Arc::new(MemoryCatalog::new()), _dir: dir })
    }

    pub(crate) fn bucket(&self) -> Result<Arc<dyn ObjectStore>> {
        local_cloud::bucket(&self.s3)
    }

    /// A service that runs queries in this process.
    pub(crate) fn embedded(&self) -> Result<QueryService> {
        self.service(None)
    }

    /// A service that can run queries over the local Lambda.
    pub(crate) async fn lambda(&self) -> Result<QueryService> {
        let s3 = self.s3.settings();
        let settings = LambdaSettings {
            function: FUNCTION.into(),
            endpoint: Some(self.lambda.url()),
            region: Some(s3.region.clone()),
            credentials: Some(LambdaCredentials {
                access_key: s3.access_key.clone(),
                secret_key: s3.secret_key.clone(),
            }),
            ..LambdaSettings::default()
        };
        self.service(Some(Arc::new(AwsInvoker::new(settings).await?)))
    }

    fn service(&self, invoker: Option<Arc<dyn WorkerInvoker>>) -> Result<QueryService> {
        let stores = ObjectStores::new(Default::default());
        stores.insert(&Url::parse(&format!("s3://{BUCKET}/"))?, self.bucket()?)?;
        let parts = QueryServiceParts {
            catalog: Arc::clone(&self.catalog),
            stores: Arc::new(stores),
            invoker,
            settings: EngineSettings { task_timeout: FUNCTION_TIMEOUT, ..EngineSettings::default() },
            prices: PriceBook::built_in()?,
            clock: || 0,
            coordination: Coordination::default(),
            access: Access::default(),
            observer: Arc::new(NoObserver),
        };
        Ok(QueryService::try_new(parts)?)
    }
}

/// Runs a query, takes all its rows, and returns the bill.
pub(crate) async fn run(service: &QueryService, request: QueryRequest) -> Result<QueryStats> {
    let mut handle = service.start(request);
    let rows: Vec<_> = handle.results().await?.try_collect().await?;
    drop(rows);
    Ok(handle.stats())
}

/// `<target>/arachne-bench`, where results are kept.
pub(crate) fn results_dir() -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let target = exe.ancestors().nth(2).context("the bench lies in <target>/<profile>/")?;
    let dir = target.join("arachne-bench");
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}
