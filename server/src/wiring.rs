//! The composition root: settings in, a query service out.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use arachne_catalog::{Catalog, SqlCatalog};
use arachne_engine::access::Access;
use arachne_engine::invoker::WorkerInvoker;
use arachne_engine::query::{
    Compute, Coordination, EngineSettings, NoObserver, PriceBook, QueryLimits, QueryObserver, QueryService,
    QueryServiceParts, QueueLimits, RetentionSettings,
};
use arachne_engine::storage::ObjectStores;
use arachne_engine::{Error, ErrorCode};
use tokio::runtime::Handle;
use url::Url;

use arachne_lambda::{AwsInvoker, LambdaSettings, ProfileCredentials, TwoLevelInvoker, TwoLevelSettings};

use crate::owner_lock::OwnerLocks;
use crate::settings::{ComputeSettings, Settings};

/// The service of a program on the user's own machine: whoever runs it may do everything. Queries compute on `threads`.
///
/// # Errors
/// As those of [`served`].
pub async fn query_service(settings: &Settings, threads: &Handle) -> Result<QueryService, Error> {
    served(settings, threads, Access::default(), Arc::new(NoObserver)).await
}

/// Opens the catalog and puts the service together that doors are built on. Queries compute on `threads`.
///
/// # Errors
/// A catalog file that cannot be opened, settings that lack what the compute needs, a price book that cannot be read.
pub async fn served(
    settings: &Settings,
    threads: &Handle,
    access: Access,
    observer: Arc<dyn QueryObserver>,
) -> Result<QueryService, Error> {
    let catalog = sql_catalog(settings).await?;
    let parts = QueryServiceParts {
        coordination: coordination(settings, &catalog, threads)?,
        catalog: Arc::new(catalog),
        stores: Arc::new(object_stores(settings).await),
        invoker: invoker(&settings.compute).await?,
        settings: engine_settings(settings),
        prices: prices(settings)?,
        clock: now,
        access,
        observer,
    };
    QueryService::try_new(parts)
}

/// Stores that sign with the environment's credentials, or with the AWS profile's where the environment names none.
pub async fn object_stores(settings: &Settings) -> ObjectStores {
    let mut storage = settings.storage.clone();
    if !profile_is_meant() {
        return ObjectStores::new(storage);
    }
    let Some(profile) = ProfileCredentials::load().await else { return ObjectStores::new(storage) };
    let environment_names_region = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|name| is_set(name));
    if storage.region.is_none() && !environment_names_region {
        storage.region = profile.region().map(ToOwned::to_owned);
    }
    ObjectStores::new(storage).with_credentials(Arc::new(profile))
}

/// As the AWS SDKs have it: keys in the environment come first, then a profile, where one is named or its files are there.
fn profile_is_meant() -> bool {
    let keys = is_set("AWS_ACCESS_KEY_ID");
    let files = dirs::home_dir()
        .is_some_and(|home| home.join(".aws/credentials").exists() || home.join(".aws/config").exists());
    let named = ["AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"].iter().any(|name| is_set(name));
    !keys && (named || files)
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// The embedded catalog.
pub async fn catalog(settings: &Settings) -> Result<Arc<dyn Catalog>, Error> {
    Ok(Arc::new(sql_catalog(settings).await?))
}

async fn sql_catalog(settings: &Settings) -> Result<SqlCatalog, Error> {
    let path = catalog_path(settings)?;
    let catalog = SqlCatalog::open(&path).await;
    let hint = "set catalog.path, or ARACHNE_CATALOG__PATH, to a file that can be written";
    catalog.map_err(|error| Error::new(ErrorCode::Unavailable, error.message).with_hint(hint))
}

/// The history lies in the catalog's file, the locks of its coordinators beside it.
fn coordination(settings: &Settings, catalog: &SqlCatalog, threads: &Handle) -> Result<Coordination, Error> {
    let Settings { limits, history, .. } = settings;
    let coordination = Coordination::default();
    let dir = catalog_path(settings)?.with_extension("coordinators");
    let locks = OwnerLocks::take(&dir, &coordination.owner).map_err(|error| {
        Error::new(ErrorCode::Unavailable, format!("the folder {} cannot be used: {error}", dir.display()))
            .with_hint("set catalog.path, or ARACHNE_CATALOG__PATH, to a file in a folder that can be written")
    })?;
    Ok(Coordination {
        history: Arc::new(catalog.history()),
        liveness: Arc::new(locks),
        queue: QueueLimits {
            concurrent: limits.concurrent_queries,
            concurrent_per_user: limits.concurrent_queries_per_user,
            queued: limits.queued_queries,
        },
        results: Some(results_location(settings)?),
        retention: RetentionSettings { max_queries: history.max_queries, max_age: history.max_age.0 },
        threads: Some(threads.clone()),
        ..coordination
    })
}

/// The URL of the folder that results are kept in.
fn results_location(settings: &Settings) -> Result<String, Error> {
    let folder = match &settings.results.location {
        Some(url) if url.contains("://") => return Ok(url.clone()),
        Some(folder) => PathBuf::from(folder),
        None => catalog_path(settings)?.with_file_name("results"),
    };
    let url = std::path::absolute(&folder).ok().and_then(|folder| Url::from_directory_path(folder).ok());
    url.map(String::from).ok_or_else(|| {
        Error::new(ErrorCode::InvalidArgument, format!("results cannot be kept in {}", folder.display()))
            .with_hint("set results.location to a folder or to s3://bucket/prefix/")
    })
}

/// Where the catalog's file is, or will be.
pub fn catalog_path(settings: &Settings) -> Result<PathBuf, Error> {
    let usual = || dirs::data_dir().map(|dir| dir.join("arachne/catalog.sqlite"));
    settings.catalog.path.clone().or_else(usual).ok_or_else(|| {
        Error::new(ErrorCode::InvalidArgument, "there is no home folder to keep the catalog in")
            .with_hint("set catalog.path, or ARACHNE_CATALOG__PATH")
    })
}

/// The client of the worker function, where one is named. `SET arachne.compute` can then turn to it at any time.
pub async fn invoker(compute: &ComputeSettings) -> Result<Option<Arc<dyn WorkerInvoker>>, Error> {
    let Some(function) = &compute.lambda.function else {
        return match compute.mode {
            Compute::Embedded | Compute::Cluster => Ok(None),
            Compute::Lambda => Err(Error::new(ErrorCode::InvalidArgument, "compute lambda needs the name of the worker function")
                .with_hint("set compute.lambda.function, or ARACHNE_COMPUTE__LAMBDA__FUNCTION; `arachne sandbox` gives you a local one")),
        };
    };
    let settings = LambdaSettings {
        function: function.clone(),
        endpoint: compute.lambda.endpoint.clone(),
        region: compute.lambda.region.clone(),
        ..LambdaSettings::default()
    };
    let two_level = TwoLevelSettings { above: compute.lambda.two_level_above, ..TwoLevelSettings::default() };
    Ok(Some(Arc::new(TwoLevelInvoker::new(AwsInvoker::new(settings).await?, two_level))))
}

fn engine_settings(settings: &Settings) -> EngineSettings {
    let Settings { compute, exchange, limits, .. } = settings;
    EngineSettings {
        compute: compute.mode,
        exchange: exchange.location.clone(),
        cluster_workers: compute.cluster.workers.clone(),
        max_workers: compute.max_workers,
        max_in_flight: compute.max_in_flight,
        bytes_per_task: compute.bytes_per_task.0.max(1),
        tasks_per_stage: compute.tasks_per_stage.into_iter().collect(),
        partitions_per_task: compute.partitions_per_task.max(1),
        worker_memory: compute.worker_memory.0,
        local_bytes: compute.local_bytes.0,
        memory_bytes: usize::try_from(limits.memory.0).unwrap_or(usize::MAX),
        spill_dir: limits.spill_dir.clone(),
        spill_bytes: limits.spill.0,
        limits: QueryLimits {
            max_bytes_scanned: limits.max_bytes_scanned.map(|bytes| bytes.0),
            max_time: limits.max_time.map(|time| time.0),
            max_result_rows: limits.max_result_rows,
            max_cost: limits.max_cost,
            memory_per_query: limits.memory_per_query.map(|bytes| bytes.0),
        },
        task_timeout: compute.lambda.timeout.0,
        ..EngineSettings::default()
    }
}

fn prices(settings: &Settings) -> Result<PriceBook, Error> {
    let Some(path) = &settings.prices.file else { return PriceBook::built_in() };
    let unreadable = |error| {
        Error::new(ErrorCode::InvalidArgument, format!("the price book {} cannot be read: {error}", path.display()))
    };
    PriceBook::parse(&std::fs::read_to_string(path).map_err(unreadable)?)
}

/// Milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
