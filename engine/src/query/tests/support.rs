//! A service of its own for each test, with two small tables.

use std::sync::Arc;

use arachne_catalog::MemoryCatalog;
use arrow::array::{ArrayRef, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use arrow::util::display::array_value_to_string;
use futures::TryStreamExt as _;
use parquet::arrow::ArrowWriter;
use tempfile::TempDir;

use crate::access::{Access, Grant, Grantee, Level, LocationRules, Policy, Principal};
use crate::error::Result;
use crate::query::{
    Coordination, EngineSettings, NoObserver, Parameters, PriceBook, QueryRequest, QueryService, QueryServiceParts,
};
use crate::storage::{ObjectStores, StorageSettings};

pub(super) struct House {
    pub(super) service: QueryService,
    pub(super) folder: TempDir,
}

/// Ten rows: `id` 1 to 10 (bigint), `n` the same (int), `name` ("name1"), `day` (date), `price` (decimal).
fn orders() -> RecordBatch {
    let ids = || 1..=10_i64;
    let columns: [(&str, ArrayRef); 5] = [
        ("id", Arc::new(Int64Array::from_iter_values(ids()))),
        ("n", Arc::new(Int32Array::from_iter_values(ids().map(|id| id as i32)))),
        ("name", Arc::new(StringArray::from_iter_values(ids().map(|id| format!("name{id}"))))),
        ("day", Arc::new(Date32Array::from_iter_values(ids().map(|id| id as i32)))),
        (
            "price",
            Arc::new(
                Decimal128Array::from_iter_values(ids().map(|id| i128::from(id) * 100))
                    .with_precision_and_scale(10, 2)
                    .unwrap(),
            ),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

pub(super) const ORDERS: &str = "id bigint, n int, name string, day date, price decimal(10,2)";

impl House {
    pub(super) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// Tables `sales.orders` and `hr.people`, made by somebody who may.
    pub(super) async fn with(change: impl FnOnce(&mut QueryServiceParts)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for table in ["orders", "people"] {
            let dir = folder.path().join(table);
            std::fs::create_dir_all(&dir).unwrap();
            let file = std::fs::File::create(dir.join("a.parquet")).unwrap();
            let mut writer = ArrowWriter::try_new(file, orders().schema(), None).unwrap();
            writer.write(&orders()).unwrap();
            writer.close().unwrap();
        }
        let results = format!("file://{}/results/", folder.path().display());
        let mut parts = QueryServiceParts {
            catalog: Arc::new(MemoryCatalog::new()),
            stores: Arc::new(ObjectStores::new(StorageSettings::default())),
            invoker: None,
            settings: EngineSettings::default(),
            prices: PriceBook::built_in().unwrap(),
            clock: || 1_700_000_000_000,
            coordination: Coordination { results: Some(results), ..Coordination::default() },
            access: Access::default(),
            observer: Arc::new(NoObserver),
        };
        let founder = QueryServiceParts {
            catalog: Arc::clone(&parts.catalog),
            stores: Arc::clone(&parts.stores),
            invoker: None,
            settings: EngineSettings::default(),
            prices: PriceBook::built_in().unwrap(),
            clock: || 1_700_000_000_000,
            coordination: Coordination::default(),
            access: Access::default(),
            observer: Arc::new(NoObserver),
        };
        let founder = Self { service: QueryService::try_new(founder).unwrap(), folder };
        for (database, table) in [("sales", "orders"), ("hr", "people")] {
            founder.rows(&format!("CREATE DATABASE {database}")).await.unwrap();
            let location = founder.folder.path().join(table);
            founder
                .rows(&format!(
                    "CREATE EXTERNAL TABLE {database}.{table} ({ORDERS}) STORED AS PARQUET LOCATION 'file://{}/'",
                    location.display()
                ))
                .await
                .unwrap();
        }
        change(&mut parts);
        Self { service: QueryService::try_new(parts).unwrap(), folder: founder.folder }
    }

    pub(super) async fn under(grants: &[(&str, &str, Level)]) -> Self {
        let grants = policy(grants);
        Self::with(|parts| parts.access = Access { policy: grants, ..Access::default() }).await
    }

    pub(super) fn path(&self, below: &str) -> String {
        format!("{}/{below}", self.folder.path().display())
    }

    pub(super) async fn rows(&self, sql: &str) -> Result<Vec<String>> {
        self.rows_of(QueryRequest::new(sql)).await
    }

    pub(super) async fn rows_as(&self, user: &str, sql: &str) -> Result<Vec<String>> {
        self.rows_of(by(user, sql)).await
    }

    pub(super) async fn rows_with(&self, sql: &str, parameters: Parameters) -> Result<Vec<String>> {
        self.rows_of(QueryRequest { parameters, ..QueryRequest::new(sql) }).await
    }

    /// One text a row, values with bars between them.
    pub(super) async fn rows_of(&self, request: QueryRequest) -> Result<Vec<String>> {
        let (_, batches) = self.batches(request).await?;
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
                rows.push(cells.collect::<Vec<_>>().join("|"));
            }
        }
        Ok(rows)
    }

    pub(super) async fn batches(&self, request: QueryRequest) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        let mut handle = self.service.start(request);
        let results = handle.results().await?;
        let schema = results.schema();
        Ok((schema, results.try_collect().await?))
    }
}

/// Who is `user:name`, `workgroup:name` or `everyone`.
pub(super) fn policy(grants: &[(&str, &str, Level)]) -> Policy {
    let grant = |(to, on, level): &(&str, &str, Level)| {
        let to = match to.split_once(':') {
            Some(("workgroup", name)) => Grantee::Workgroup(name.to_owned()),
            Some((_, name)) => Grantee::User(name.to_owned()),
            None => Grantee::Everyone,
        };
        Grant { to, on: on.parse().unwrap(), level: *level }
    };
    Policy::new(grants.iter().map(grant).collect())
}

pub(super) fn by(user: &str, sql: &str) -> QueryRequest {
    QueryRequest { principal: Principal::user(user), ..QueryRequest::new(sql) }
}

pub(super) fn no_local_files() -> LocationRules {
    LocationRules { local_files: false, allowed: Vec::new() }
}
