//! The one service behind every door.

use std::sync::Arc;

use arachne_catalog::Catalog;
use datafusion::execution::cache::cache_manager::{CacheManager, CacheManagerConfig};
use datafusion::execution::memory_pool::FairSpillPool;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::execution;
use super::handle::QueryHandle;
use super::prices::PriceBook;
use super::request::{QueryId, QueryRequest};
use super::settings::EngineSettings;
use super::shared::{Clock, Shared};
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

/// Starts queries. Cheap to clone; clones share catalog, caches and memory.
#[derive(Debug, Clone)]
pub struct QueryService {
    shared: Arc<Shared>,
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
        execution::start(Arc::clone(&self.shared), id, request)
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
