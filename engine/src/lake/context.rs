//! What the lake's tables need of the query they belong to.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use arachne_catalog::Catalog;
use datafusion::config::{ConfigOptions, TableParquetOptions};
use datafusion::execution::runtime_env::RuntimeEnv;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use tokio::sync::Mutex;

use super::known::KnownLake;
use super::listing::{Children, Listings};
use super::{LakeTable, ScanReport};
use crate::access::Guard;
use crate::error::Result;
use crate::storage::{Pins, StoreUrl};

/// One per query: the catalog, the query's own stores and caches, and where its pins and counts go.
///
/// A path that is named twice in a query is looked at once, so that both see the same files and columns.
pub struct LakeContext {
    catalog: Arc<dyn Catalog>,
    guard: Option<Guard>,
    runtime: Arc<RuntimeEnv>,
    pins: Arc<Pins>,
    report: Arc<ScanReport>,
    parquet: TableParquetOptions,
    listings: Listings,
    known: Arc<KnownLake>,
    paths: Mutex<HashMap<String, Weak<LakeTable>>>,
}

impl LakeContext {
    /// `runtime` holds the query's stores (`QueryStores::with_pins` with the same `pins`) and caches
    /// (`query_caches`); `options` are the session's.
    pub fn new(
        catalog: Arc<dyn Catalog>,
        runtime: Arc<RuntimeEnv>,
        pins: Arc<Pins>,
        report: Arc<ScanReport>,
        options: &ConfigOptions,
    ) -> Self {
        let mut parquet =
            TableParquetOptions { global: options.execution.parquet.clone(), ..TableParquetOptions::default() };
        // Spark's and Impala's INT96: microseconds hold every year that they write, nanoseconds end in 2262.
        parquet.global.coerce_int96.get_or_insert_with(|| "us".to_owned());
        Self {
            catalog,
            guard: None,
            runtime,
            pins,
            report,
            parquet,
            listings: Listings::default(),
            known: Arc::default(),
            paths: Mutex::default(),
        }
    }

    /// Asks the guard about files that are named by their path.
    pub(crate) fn guarded_by(mut self, guard: Guard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Shares what other queries have learnt of the same catalog.
    pub fn knowing(mut self, known: Arc<KnownLake>) -> Self {
        self.known = known;
        self
    }

    pub(super) fn known(&self) -> &KnownLake {
        &self.known
    }

    pub(super) fn guard(&self) -> Option<&Guard> {
        self.guard.as_ref()
    }

    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.catalog
    }

    pub fn report(&self) -> &Arc<ScanReport> {
        &self.report
    }

    pub(super) fn pins(&self) -> &Pins {
        &self.pins
    }

    pub(super) fn runtime(&self) -> &RuntimeEnv {
        &self.runtime
    }

    pub(super) fn parquet(&self) -> &TableParquetOptions {
        &self.parquet
    }

    /// Weak, because a table holds its context. The plan that is being made keeps the tables it has found.
    pub(super) fn paths(&self) -> &Mutex<HashMap<String, Weak<LakeTable>>> {
        &self.paths
    }

    /// What lies directly in a folder; the same throughout the query.
    pub(super) async fn children_of(&self, store: &StoreUrl, folder: &Path) -> Result<Arc<Children>> {
        self.listings.children(store, self.store(store)?.as_ref(), folder).await
    }

    /// The data files below a folder; the same throughout the query.
    pub(super) async fn files_below(&self, store: &StoreUrl, folder: &Path) -> Result<Arc<Vec<ObjectMeta>>> {
        self.listings.files_below(store, self.store(store)?.as_ref(), folder).await
    }

    /// Looks into folders of one parent ahead of [`files_below`](Self::files_below).
    pub(super) async fn look_into(&self, store: &StoreUrl, parent: &Path, folders: Vec<Path>) -> Result<()> {
        self.listings.together(store, self.store(store)?.as_ref(), parent, folders).await;
        Ok(())
    }

    /// The query's view of a store.
    pub(super) fn store(&self, store: &StoreUrl) -> Result<Arc<dyn ObjectStore>> {
        Ok(self.runtime.object_store_registry.get_store(&store.url()?)?)
    }
}

impl fmt::Debug for LakeContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeContext").field("catalog", &self.catalog).finish_non_exhaustive()
    }
}
