//! A bucket in memory, a catalog in memory, and one session per query.

use std::sync::Arc;

use arachne_catalog::format::FileFormat;
use arachne_catalog::{Catalog, Column, Database, MemoryCatalog, Partition, Table, TableType};
use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use bytes::Bytes;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::physical_plan::{ExecutionPlan, collect};
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;
use url::Url;

use crate::error::{Error, Result};
use crate::lake::{KnownLake, LakeCatalog, LakeContext, ScanReport};
use crate::planner::handed_down_filters::physical_optimizer_rules;
use crate::planner::ready::ready_to_run;
use crate::protocol::FilePin;
use crate::storage::{
    ObjectStores, Pins, QueryStores, ReadAhead, RequestCounts, StorageSettings, StoreMeter, query_caches,
};

pub(super) struct Lake {
    pub(super) bucket: Arc<InMemory>,
    pub(super) stores: Arc<ObjectStores>,
    pub(super) catalog: Arc<MemoryCatalog>,
    shared: RuntimeEnv,
    known: Arc<KnownLake>,
}

impl Lake {
    /// With the empty bucket `s3://b` and the empty database `default`. Nothing of what is read is kept: that would hide what is
    /// asked for.
    pub(super) async fn new() -> Self {
        Self::that_keeps(0).await
    }

    /// Keeps so many MiB of what was read.
    pub(super) async fn that_keeps(cache_mib: u64) -> Self {
        let stores = Arc::new(ObjectStores::new(StorageSettings { cache_mib, ..StorageSettings::default() }));
        let bucket = Arc::new(InMemory::new());
        stores.insert(&Url::parse("s3://b").unwrap(), bucket.clone()).unwrap();
        let catalog = Arc::new(MemoryCatalog::new());
        let database = Database { name: "default".to_owned(), ..Database::default() };
        // It may be there from the start.
        let _ = catalog.create_database(database).await;
        Self { bucket, stores, catalog, shared: RuntimeEnv::default(), known: Arc::default() }
    }

    pub(super) async fn put(&self, key: &str, bytes: impl Into<PutPayload>) {
        self.bucket.put(&Path::parse(key).unwrap(), bytes.into()).await.unwrap();
    }

    pub(super) async fn put_parquet(&self, key: &str, batch: &RecordBatch) {
        self.put(key, parquet(batch, usize::MAX)).await;
    }

    pub(super) async fn create_table(&self, name: &str, columns: &[(&str, &str)], keys: &[(&str, &str)]) -> Table {
        let column = |(name, data_type): &(&str, &str)| Column {
            name: (*name).to_owned(),
            data_type: (*data_type).to_owned(),
            comment: None,
        };
        let mut storage = FileFormat::Parquet.storage(format!("s3://b/{name}/"));
        storage.columns = columns.iter().map(column).collect();
        let table = Table {
            database: "default".to_owned(),
            name: name.to_owned(),
            description: None,
            table_type: TableType::External,
            storage,
            partition_keys: keys.iter().map(column).collect(),
            parameters: Default::default(),
            create_time: 0,
        };
        self.catalog.create_table(table.clone()).await.unwrap();
        table
    }

    pub(super) async fn add_partition(&self, table: &Table, values: &[&str], location: &str) {
        let mut storage = table.storage.clone();
        storage.location = location.to_owned();
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        let partition = Partition { values, storage, parameters: Default::default() };
        self.catalog.create_partitions(&table.database, &table.name, vec![partition]).await.unwrap();
    }

    /// A session with stores, pins, meter and report of its own.
    pub(super) fn query(&self) -> Query {
        self.session(Arc::default())
    }

    /// The session of a worker, which knows a plan's pins and shares the caches.
    pub(super) fn worker(&self, pins: Vec<FilePin>) -> Query {
        self.session(Arc::new(Pins::new(pins).unwrap()))
    }

    fn session(&self, pins: Arc<Pins>) -> Query {
        let (meter, report) = (Arc::<StoreMeter>::default(), Arc::<ScanReport>::default());
        let registry = QueryStores::with_pins(self.stores.clone(), meter.clone(), pins.clone());
        let runtime = RuntimeEnvBuilder::new().with_object_store_registry(registry).build().unwrap();
        let cache_manager = query_caches(&self.shared.cache_manager, pins.clone()).unwrap();
        let runtime = Arc::new(RuntimeEnv { cache_manager, ..runtime });
        let config = SessionConfig::new()
            .with_target_partitions(2)
            .with_create_default_catalog_and_schema(false)
            .with_default_catalog_and_schema("lake", "default");
        let state = SessionStateBuilder::new_with_default_features()
            .with_config(config)
            .with_runtime_env(runtime.clone())
            .with_physical_optimizer_rules(physical_optimizer_rules());
        let session = SessionContext::new_with_state(state.build());
        let options = session.copied_config().options().clone();
        let context =
            LakeContext::new(self.catalog.clone(), runtime, pins, report.clone(), &options).knowing(self.known.clone());
        session.register_catalog("lake", Arc::new(LakeCatalog::new(Arc::new(context))));
        Query { session, meter, report }
    }

    /// The rows of a query, each as `a|b|c`, sorted.
    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<String>> {
        let query = self.query();
        query.run(query.plan(sql).await?).await
    }

    pub(super) async fn error(&self, sql: &str) -> Error {
        self.rows(sql).await.unwrap_err()
    }
}

pub(super) struct Query {
    pub(super) session: SessionContext,
    pub(super) meter: Arc<StoreMeter>,
    pub(super) report: Arc<ScanReport>,
}

impl Query {
    pub(super) async fn plan(&self, sql: &str) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = self.session.sql(sql).await?.create_physical_plan().await?;
        ready_to_run(plan, &ReadAhead::default(), self.session.state().config_options())
    }

    pub(super) async fn run(&self, plan: Arc<dyn ExecutionPlan>) -> Result<Vec<String>> {
        let batches = collect(plan, self.session.task_ctx()).await?;
        let mut rows: Vec<_> = batches.iter().flat_map(shown).collect();
        rows.sort();
        Ok(rows)
    }

    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<String>> {
        self.run(self.plan(sql).await?).await
    }

    pub(super) fn requests(&self) -> RequestCounts {
        self.meter.snapshot()
    }
}

pub(super) fn parquet(batch: &RecordBatch, rows_per_group: usize) -> Bytes {
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(rows_per_group)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

fn shown(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> =
        batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    let row = |index| columns.iter().map(|column| column.value(index).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(row).collect()
}
