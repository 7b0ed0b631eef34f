//! What all queries of a process share, and what everything that works on one query shares.

use std::sync::Arc;

use arachne_catalog::Catalog;
use datafusion::execution::cache::cache_manager::CacheManager;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::MemoryPool;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::ledger::Ledger;
use super::prices::PriceBook;
use super::request::QueryRequest;
use super::settings::EngineSettings;
use crate::invoker::WorkerInvoker;
use crate::storage::ObjectStores;

/// Milliseconds since the epoch.
pub type Clock = fn() -> i64;

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

/// One query on its way.
#[derive(Clone)]
pub(super) struct QueryContext {
    pub(super) shared: Arc<Shared>,
    pub(super) request: Arc<QueryRequest>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) cancel: CancellationToken,
}
