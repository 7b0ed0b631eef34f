//! What all queries of a process share, and what everything that works on one query shares.

use std::sync::Arc;

use arachne_catalog::Catalog;
use arachne_catalog::history::QueryHistory;
use datafusion::execution::cache::cache_manager::CacheManager;
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::memory_pool::MemoryPool;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::Gate;
use super::clean_up::ExchangeRuns;
use super::coordination::{Liveness, RetentionSettings};
use super::drain::Entrance;
use super::journal::Journal;
use super::ledger::Ledger;
use super::living::Living;
use super::observer::QueryObserver;
use super::prices::PriceBook;
use super::request::QueryRequest;
use super::results::ResultStore;
use super::session::SessionSettings;
use super::settings::EngineSettings;
use crate::access::{Access, Guard};
use crate::invoker::WorkerInvoker;
use crate::lake::KnownLake;
#[cfg(feature = "cluster")]
use crate::planner::distributed::ClusterMembers;
use crate::storage::ObjectStores;

/// Milliseconds since the epoch.
pub type Clock = fn() -> i64;

/// What all queries of the process share.
#[derive(Debug)]
pub(super) struct Shared {
    /// All of it; queries see it through their [`Guard`].
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) access: Arc<Access>,
    pub(super) observer: Arc<dyn QueryObserver>,
    pub(super) entrance: Entrance,
    pub(super) stores: Arc<ObjectStores>,
    pub(super) invoker: Option<Arc<dyn WorkerInvoker>>,
    #[cfg(feature = "cluster")]
    pub(super) cluster: Arc<ClusterMembers>,
    pub(super) settings: EngineSettings,
    pub(super) prices: PriceBook,
    pub(super) clock: Clock,
    pub(super) memory: Arc<dyn MemoryPool>,
    pub(super) disk: Arc<DiskManager>,
    pub(super) cache: Arc<CacheManager>,
    pub(super) known: Arc<KnownLake>,
    pub(super) history: Arc<dyn QueryHistory>,
    /// The name of this coordinator in the history.
    pub(super) owner: String,
    pub(super) introduced: OnceCell<()>,
    pub(super) liveness: Arc<dyn Liveness>,
    pub(super) retention: RetentionSettings,
    pub(super) results: ResultStore,
    pub(super) gate: Gate,
    pub(super) living: Living,
    /// Where queries compute; where they are started, if not set.
    pub(super) threads: Option<Handle>,
    pub(super) exchange_runs: ExchangeRuns,
    /// Work that outlives a query: its last entry in the history, and removing its exchange objects.
    pub(super) background: TaskTracker,
}

/// One query on its way.
#[derive(Clone)]
pub(super) struct QueryContext {
    pub(super) shared: Arc<Shared>,
    pub(super) guard: Guard,
    /// As whoever asks sees it.
    pub(super) catalog: Arc<dyn Catalog>,
    pub(super) request: Arc<QueryRequest>,
    pub(super) settings: Arc<SessionSettings>,
    pub(super) journal: Arc<Journal>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) cancel: CancellationToken,
}
