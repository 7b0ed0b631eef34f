//! The one service behind every door.

use std::fmt;
use std::sync::Arc;

use arachne_catalog::Catalog;
use datafusion::execution::cache::cache_manager::{CacheManager, CacheManagerConfig};
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::{FairSpillPool, MemoryPool};
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::execution::Execution;
use super::handle::QueryHandle;
use super::prices::PriceBook;
use super::settings::EngineSettings;
use crate::error::Result;
use crate::invoker::WorkerInvoker;
use crate::storage::ObjectStores;
use crate::worker::disk_manager;

/// Footers and statistics of files kept between queries.
const METADATA_CACHE_BYTES: usize = 256 * 1024 * 1024;

/// What a service is made of.
#[derive(Debug)]
pub struct QueryServiceParts {
    pub catalog: Arc<dyn Catalog>,
    pub stores: Arc<ObjectStores>,
    /// Needed by compute `lambda`; without one every query runs in this process.
    pub invoker: Option<Arc<dyn WorkerInvoker>>,
    pub settings: EngineSettings,
    pub prices: PriceBook,
    pub clock: Clock,
}

/// Milliseconds since the epoch.
pub type Clock = fn() -> i64;

/// One statement to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRequest {
    pub sql: String,
    /// Where names without a database are looked up.
    pub database: String,
    /// `arachne.*` and `datafusion.*` settings for this query.
    pub settings: Vec<(String, String)>,
}

impl QueryRequest {
    pub fn new(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), database: "default".to_owned(), settings: Vec::new() }
    }

    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueryId(pub String);

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Starts queries. Cheap to clone; clones share catalog, caches and memory.
#[derive(Debug, Clone)]
pub struct QueryService {
    shared: Arc<Shared>,
}

/// What all queries of the process share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) stores: Arc<ObjectStores>,
    pub(super) invoker: Option<Arc<dyn WorkerInvoker>>,
    pub(super) settings: EngineSettings,
    pub(super) prices: PriceBook,
    pub(super) clock: Clock,
    pub(super) memory: Arc<dyn MemoryPool>,
    pub(super) disk: Arc<DiskManager>,
    pub(super) cache: Arc<CacheManager>,
    /// Work that outlives a query: removing its exchange objects.
    pub(super) background: TaskTracker,
}

impl QueryService {
    /// # Errors
    /// When the spill folder cannot be used.
    pub fn try_new(parts: QueryServiceParts) -> Result<Self> {
        let QueryServiceParts { catalog, stores, invoker, settings, prices, clock } = parts;
        let cache = CacheManagerConfig::default()
            .with_list_files_cache_limit(0)
            .with_metadata_cache_limit(METADATA_CACHE_BYTES);
        let shared = Shared {
            catalog,
            stores,
            invoker,
            prices,
            clock,
            memory: Arc::new(FairSpillPool::new(settings.memory_bytes)),
            disk: Arc::new(disk_manager(settings.spill_dir.as_deref(), settings.spill_bytes)?),
            cache: CacheManager::try_new(&cache)?,
            background: TaskTracker::new(),
            settings,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Starts a statement on the current runtime and returns at once.
    pub fn start(&self, request: QueryRequest) -> QueryHandle {
        let id = QueryId(Uuid::now_v7().to_string());
        Execution::start(Arc::clone(&self.shared), id, request)
    }

    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.shared.catalog
    }

    pub fn settings(&self) -> &EngineSettings {
        &self.shared.settings
    }

    /// Waits for what still has to be cleaned up; to be called before the process ends.
    pub async fn idle(&self) {
        self.shared.background.close();
        self.shared.background.wait().await;
        self.shared.background.reopen();
    }
}
