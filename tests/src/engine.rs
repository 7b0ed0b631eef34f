//! The engine in each of its ways to run, asked from a test's own thread.

mod cluster;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arachne_catalog::MemoryCatalog;
use arachne_engine::access::Access;
use arachne_engine::invoker::WorkerInvoker;
use arachne_engine::query::{
    Clock, Coordination, EngineSettings, NoObserver, PriceBook, QueryHandle, QueryRequest, QueryService,
    QueryServiceParts, QueryStats,
};
use arachne_engine::storage::{ObjectStores, StorageSettings};
use arachne_engine::worker::{InProcessInvoker, Worker, WorkerSettings};
use arachne_engine::{Error, Result};
use arachne_lambda::{AwsInvoker, LambdaCredentials, LambdaSettings, TwoLevelInvoker, TwoLevelSettings};
use futures::TryStreamExt;
use object_store::aws::AwsCredential;
use object_store::memory::InMemory;
use object_store::{ObjectStore, StaticCredentialProvider};
use url::Url;

use crate::answer::Answer;
use crate::sandbox::{EXCHANGE, FUNCTION, LAKE, Sandbox, block_on};
use crate::tpch::{self, Dataset, Form, TABLES};
use crate::traps::TrapTables;

/// How a distributed query is spread, whatever the size of its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// Tasks of a stage that reads tables.
    pub tasks: usize,
    /// Partitions inside each task.
    pub partitions: usize,
}

/// A query service with a catalog of its own, and settings for all its queries.
#[derive(Debug, Clone)]
pub struct Engine {
    service: QueryService,
    /// Where names without a database are looked up, if not in `default`.
    database: Option<String>,
    settings: Vec<(String, String)>,
    /// The coordinator's, and the workers' where they are in this process.
    stores: Vec<Arc<ObjectStores>>,
}

/// Now, for queries: 2023-11-14 22:13:20 UTC, in milliseconds.
const FIXED_CLOCK: Clock = || 1_700_000_000_000;

/// The rows and the bill.
#[derive(Debug)]
pub struct Outcome {
    pub answer: Answer,
    pub stats: QueryStats,
}

/// A query under way.
pub struct Running {
    handle: QueryHandle,
}

impl Engine {
    /// Everything in this process, no tasks.
    pub fn embedded() -> Self {
        let stores = Arc::new(ObjectStores::new(asks_every_time()));
        Self { service: service(&stores, None), database: None, settings: Vec::new(), stores: vec![stores] }
    }

    /// Workers in this process that share nothing with the coordinator but the bytes of requests, answers and the exchange.
    pub fn tasks(width: Width) -> Self {
        let exchange: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let stores = [(); 2].map(|()| {
            let stores = ObjectStores::new(asks_every_time());
            stores.insert(&bucket_url(EXCHANGE), Arc::clone(&exchange)).expect("a store");
            Arc::new(stores)
        });
        let worker = Worker::try_with_stores(WorkerSettings::default(), Arc::clone(&stores[1])).expect("a worker");
        let invoker = Arc::new(InProcessInvoker::new(worker));
        Self {
            service: service(&stores[0], Some(invoker)),
            database: None,
            settings: Vec::new(),
            stores: stores.into(),
        }
        .distributed(width)
    }

    /// Workers that are processes of the sandbox's Lambda. Tables in [`LAKE`], exchange in [`EXCHANGE`].
    pub fn lambda(sandbox: &Sandbox, width: Width) -> Self {
        Self::lambda_in_two_levels(sandbox, width, TwoLevelSettings::default())
    }

    /// As [`lambda`](Self::lambda), with a limit of one's own above which workers start workers.
    pub fn lambda_in_two_levels(sandbox: &Sandbox, width: Width, two_level: TwoLevelSettings) -> Self {
        let s3 = sandbox.s3.settings();
        let settings = LambdaSettings {
            function: FUNCTION.to_owned(),
            endpoint: Some(sandbox.lambda.url()),
            region: Some(s3.region.clone()),
            credentials: Some(LambdaCredentials {
                access_key: s3.access_key.clone(),
                secret_key: s3.secret_key.clone(),
            }),
            ..LambdaSettings::default()
        };
        let invoker = block_on(AwsInvoker::new(settings)).expect("a client of the local Lambda");
        let invoker = Arc::new(TwoLevelInvoker::new(invoker, two_level));
        let stores = Arc::new(ObjectStores::new(asks_every_time()));
        let engine = Self {
            service: service(&stores, Some(invoker)),
            database: None,
            settings: Vec::new(),
            stores: vec![stores],
        };
        engine.distributed(width).with_bucket(sandbox, LAKE).with_bucket(sandbox, EXCHANGE)
    }

    /// TPC-H in the sandbox's S3, over its Lambda, shared by all tests of the process.
    pub fn tpch_over_lambda(width: Width) -> Self {
        static SHARED: LazyLock<Engine> = LazyLock::new(|| {
            let sandbox = Sandbox::shared();
            let engine = Engine::lambda(sandbox, Width { tasks: 1, partitions: 1 });
            for form in Form::ALL {
                let url = sandbox.upload_tpch(Dataset::shared(), form).expect("TPC-H goes up");
                engine.create_tpch_tables(form, &url);
            }
            engine
        });
        SHARED.clone().distributed(width)
    }

    /// TPC-H in local files, embedded.
    pub fn tpch_embedded() -> Self {
        static SHARED: LazyLock<Engine> = LazyLock::new(|| {
            let engine = Engine::embedded();
            for form in Form::ALL {
                let url = format!("file://{}/", Dataset::shared().form_dir(form).display());
                engine.create_tpch_tables(form, &url);
            }
            engine
        });
        SHARED.clone()
    }

    /// The eight tables over local Parquet files.
    pub fn with_tpch(self, data: &Dataset) -> Self {
        self.create_tpch_tables(Form::Parquet, &format!("file://{}/", data.form_dir(Form::Parquet).display()));
        self
    }

    /// The tables of [`TrapTables`], over local files.
    pub fn with_traps(self, traps: &TrapTables) -> Self {
        for (name, columns) in TrapTables::COLUMNS {
            let location = format!("file://{}/", traps.dir(name).display());
            let ddl = format!("CREATE EXTERNAL TABLE {name} ({columns}) STORED AS PARQUET LOCATION '{location}'");
            self.run(&ddl).unwrap_or_else(|error| panic!("{ddl}: {error}"));
        }
        self
    }

    /// Makes a bucket of the sandbox's S3 known, through the client that the engine would make of its settings.
    pub fn with_bucket(self, sandbox: &Sandbox, bucket: &str) -> Self {
        let s3 = sandbox.s3.settings();
        let settings =
            StorageSettings { endpoint: Some(sandbox.s3.url()), region: Some(s3.region.clone()), ..asks_every_time() };
        let credentials =
            AwsCredential { key_id: s3.access_key.clone(), secret_key: s3.secret_key.clone(), token: None };
        let stores = ObjectStores::new(settings).with_credentials(Arc::new(StaticCredentialProvider::new(credentials)));
        let client = stores.get(&bucket_url(bucket)).expect("a client of the local S3");
        self.with_store(bucket, client)
    }

    /// A service over the same stores whose own exchange is the bucket, with a clock that goes.
    pub fn sweeping(&self, bucket: &str, clock: fn() -> i64) -> QueryService {
        let settings = EngineSettings { exchange: Some(format!("s3://{bucket}/tests/")), ..EngineSettings::default() };
        service_with(&self.stores[0], None, settings, clock)
    }

    /// Puts a store in the place of a bucket, for coordinator and in-process workers alike.
    pub fn with_store(self, bucket: &str, store: Arc<dyn ObjectStore>) -> Self {
        for stores in &self.stores {
            stores.insert(&bucket_url(bucket), Arc::clone(&store)).expect("a store");
        }
        self
    }

    /// A setting for all queries from now on.
    pub fn with_setting(mut self, name: &str, value: impl ToString) -> Self {
        self.settings.push((name.to_owned(), value.to_string()));
        self
    }

    /// The database of all queries from now on.
    pub fn in_database(mut self, database: &str) -> Self {
        self.database = Some(database.to_owned());
        self
    }

    /// Sends every query to workers, however small its data.
    fn distributed(self, width: Width) -> Self {
        self.with_setting("arachne.compute", "lambda")
            .with_setting("arachne.exchange", format!("s3://{EXCHANGE}/tests/"))
            .with_setting("arachne.local_bytes", 0)
            .with_setting("arachne.tasks_per_stage", width.tasks)
            .with_setting("arachne.partitions_per_task", width.partitions)
    }

    /// `lineitem`, … in Parquet; the other forms get the form as a suffix: `lineitem_csv`, `lineitem_csv_gzip`.
    fn create_tpch_tables(&self, form: Form, url: &str) {
        for table in &TABLES {
            let ddl = tpch::ddl(table, &tpch::table_name(table.name, form), form, &format!("{url}{}/", table.name));
            self.run(&ddl).unwrap_or_else(|error| panic!("{ddl}: {error}"));
        }
    }

    pub fn run(&self, sql: &str) -> Result<Outcome> {
        self.run_with(sql, &[])
    }

    pub fn run_with(&self, sql: &str, settings: &[(&str, &str)]) -> Result<Outcome> {
        self.start(sql, settings).finish()
    }

    /// Waits for what queries that are done have left to clean up.
    pub fn idle(&self) {
        block_on(self.service.idle());
    }

    pub fn service(&self) -> &QueryService {
        &self.service
    }

    /// With the settings of this engine.
    pub fn request(&self, sql: &str) -> QueryRequest {
        let mut request = QueryRequest::new(sql);
        request.settings.extend(self.settings.iter().cloned());
        request
    }

    pub fn start(&self, sql: &str, settings: &[(&str, &str)]) -> Running {
        let mut request = QueryRequest::new(sql);
        if let Some(database) = &self.database {
            request.database.clone_from(database);
        }
        request.settings.extend(self.settings.iter().cloned());
        request.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Running { handle: block_on(async { self.service.start(request) }) }
    }
}

impl Running {
    pub fn handle(&self) -> &QueryHandle {
        &self.handle
    }

    /// Takes all rows.
    pub fn finish(mut self) -> Result<Outcome> {
        block_on(self.outcome())
    }

    /// As [`Self::finish`], but `None` when the last row has not come in time. The query is then given up.
    pub fn finish_within(mut self, time: Duration) -> Option<Result<Outcome>> {
        block_on(async { tokio::time::timeout(time, self.outcome()).await.ok() })
    }

    async fn outcome(&mut self) -> Result<Outcome> {
        let rows = self.handle.results().await?;
        let schema = rows.schema();
        let batches: Vec<_> = rows.try_collect().await?;
        let answer = Answer::of(&schema, &batches).map_err(|error| Error::internal(error.to_string()))?;
        Ok(Outcome { answer, stats: self.handle.stats() })
    }
}

fn service(stores: &Arc<ObjectStores>, invoker: Option<Arc<dyn WorkerInvoker>>) -> QueryService {
    service_with(stores, invoker, EngineSettings::default(), FIXED_CLOCK)
}

fn service_with(
    stores: &Arc<ObjectStores>,
    invoker: Option<Arc<dyn WorkerInvoker>>,
    settings: EngineSettings,
    clock: Clock,
) -> QueryService {
    let parts = QueryServiceParts {
        catalog: Arc::new(MemoryCatalog::new()),
        stores: Arc::clone(stores),
        invoker,
        settings,
        prices: PriceBook::built_in().expect("the built-in price book"),
        clock,
        coordination: Coordination::default(),
        access: Access::default(),
        observer: Arc::new(NoObserver),
    };
    QueryService::try_new(parts).expect("a query service")
}

/// What is kept would hide what storage does to a query.
fn asks_every_time() -> StorageSettings {
    StorageSettings { cache_mib: 0, ..StorageSettings::default() }
}

fn bucket_url(bucket: &str) -> Url {
    Url::parse(&format!("s3://{bucket}/")).expect("a URL")
}
