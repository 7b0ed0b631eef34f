//! The one service behind every door.

use std::sync::Arc;
use std::time::Duration;

use arachne_catalog::Catalog;
use arachne_catalog::history::{HistoryFilter, QueryRecord};
use datafusion::execution::cache::cache_manager::{CacheManager, CacheManagerConfig};
use datafusion::execution::memory_pool::FairSpillPool;
use tokio::sync::OnceCell;
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::admission::Gate;
use super::clean_up::ExchangeRuns;
use super::coordination::Coordination;
use super::execution::{self, Prepared, cancelled};
use super::handle::{QueryHandle, ResultStream};
use super::housekeeping::keep_house;
use super::info::QueryInfo;
use super::living::Living;
use super::prices::PriceBook;
use super::progress::QueryState;
use super::request::{QueryId, QueryRequest};
use super::results::{ResultPage, ResultStore};
use super::session::SessionSettings;
use super::settings::EngineSettings;
use super::shared::{Clock, Shared};
use crate::error::{Error, ErrorCode, Result};
use crate::exchange::Swept;
use crate::invoker::WorkerInvoker;
#[cfg(feature = "cluster")]
use crate::planner::distributed::ClusterMembers;
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
    pub coordination: Coordination,
}

/// Starts queries. Cheap to clone; clones share catalog, caches and memory.
#[derive(Debug, Clone)]
pub struct QueryService {
    shared: Arc<Shared>,
}

impl QueryService {
    /// # Errors
    /// When the spill folder cannot be used, or a worker of the cluster has no address that can be one.
    pub fn try_new(parts: QueryServiceParts) -> Result<Self> {
        let QueryServiceParts { catalog, stores, invoker, settings, prices, clock, coordination } = parts;
        let Coordination { history, owner, liveness, queue, results, retention, threads } = coordination;
        let cache = CacheManagerConfig::default()
            .with_list_files_cache_limit(0)
            .with_metadata_cache_limit(METADATA_CACHE_BYTES);
        let shared = Shared {
            catalog,
            stores: Arc::clone(&stores),
            invoker,
            #[cfg(feature = "cluster")]
            cluster: Arc::new(ClusterMembers::try_new(&settings.cluster_workers)?),
            prices,
            clock,
            memory: Arc::new(FairSpillPool::new(settings.memory_bytes)),
            disk: Arc::new(disk_manager(settings.spill_dir.as_deref(), settings.spill_bytes)?),
            cache: CacheManager::try_new(&cache)?,
            history,
            owner,
            introduced: OnceCell::new(),
            liveness,
            retention,
            results: ResultStore::new(Arc::clone(&stores), results),
            gate: Gate::new(queue),
            living: Living::default(),
            threads,
            exchange_runs: ExchangeRuns::default(),
            background: TaskTracker::new(),
            settings,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Starts a statement and returns at once. Its rows are for whoever holds the handle; they are not kept.
    pub fn start(&self, request: QueryRequest) -> QueryHandle {
        let id = QueryId::new();
        match execution::prepare(&self.shared, id.clone(), request, None) {
            Ok(prepared) => prepared.stream(),
            Err(error) => execution::refused(&self.shared, id, error),
        }
    }

    /// Starts a statement whose rows are kept, to be read by its id from this process or a later one, and returns when it is
    /// noted. A token that its user has given before starts nothing: the query that has it is returned.
    ///
    /// # Errors
    /// `Throttled` when too many queries wait already, `InvalidArgument` when there is no place for results. What is wrong with
    /// the statement shows in the state of its query.
    pub async fn submit(&self, request: QueryRequest) -> Result<QueryInfo> {
        let id = QueryId::new();
        let url = self.shared.results.url_of(&id.0)?;
        let prepared = execution::prepare(&self.shared, id, request, Some(url.clone()))?;
        // A client that hangs up meanwhile does not leave a query behind that is noted and never starts.
        let noted = self.shared.background.spawn(note_and_start(Arc::clone(&self.shared), prepared, url));
        noted.await.map_err(|error| Error::internal(format!("the query could not be noted: {error}")))?
    }

    /// A query of this coordinator or of another one, while it runs or after it has ended.
    ///
    /// # Errors
    /// `NotFound` when there is none, or no longer.
    pub async fn get(&self, id: &QueryId) -> Result<QueryInfo> {
        match self.shared.living.get(id) {
            Some(live) => Ok(live.info().await),
            None => Ok(QueryInfo::of(self.record(id).await?)),
        }
    }

    /// The last ones first, brought up to date for those that run here.
    pub async fn list(&self, filter: &HistoryFilter) -> Result<Vec<QueryInfo>> {
        let mut found = Vec::new();
        for record in self.shared.history.list(filter).await? {
            let live = self.shared.living.get(&QueryId(record.id.clone()));
            found.push(match live {
                Some(live) => live.info().await,
                None => QueryInfo::of(record),
            });
        }
        Ok(found)
    }

    /// Cancels a query, whichever door it came through; one that has ended stays as it is. A query of another coordinator is
    /// cancelled by that one when it next looks, within a second.
    ///
    /// # Errors
    /// `NotFound` when there is none, or no longer.
    pub async fn cancel(&self, id: &QueryId) -> Result<QueryInfo> {
        match self.shared.living.get(id) {
            Some(live) => live.ledger.stop(cancelled()),
            None => {
                self.shared.history.ask_to_cancel(&id.0).await?;
            }
        }
        self.get(id).await
    }

    /// The rows of a query that was submitted and has finished.
    ///
    /// # Errors
    /// What the query failed with; `NotFound` when there is no such query, or its rows were not kept; `Unavailable` while it has
    /// not ended.
    pub async fn results(&self, id: &QueryId, page: ResultPage) -> Result<ResultStream> {
        let info = self.get(id).await?;
        match info.state {
            QueryState::Queued | QueryState::Planning | QueryState::Running => {
                return Err(Error::new(ErrorCode::Unavailable, format!("query {id} has not ended yet")));
            }
            QueryState::Failed | QueryState::Cancelled => return Err(info.error.unwrap_or_else(cancelled)),
            QueryState::Finished => {}
        }
        match self.record(id).await?.result {
            Some(url) => self.shared.results.read(&url, page).await,
            None => Err(Error::new(ErrorCode::NotFound, format!("the rows of query {id} were not kept"))
                .with_hint("the rows of a query that is submitted (POST /v1/queries) are")),
        }
    }

    /// Says what is wrong with the settings of a request, if anything is; its statement does not matter.
    ///
    /// # Errors
    /// As those of the query that would be started.
    pub fn check_settings(&self, request: &QueryRequest) -> Result<()> {
        SessionSettings::of(&self.shared.settings, request).map(|_| ())
    }

    async fn record(&self, id: &QueryId) -> Result<QueryRecord> {
        let record = self.shared.history.get(&id.0).await?;
        record.ok_or_else(|| Error::new(ErrorCode::NotFound, format!("there is no query {id}")))
    }

    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        &self.shared.catalog
    }

    pub fn settings(&self) -> &EngineSettings {
        &self.shared.settings
    }

    /// Gives signs of life, cancels what other coordinators' doors ask for, forgets old queries, and cleans up after coordinators
    /// that have died. Goes on until it is dropped; whoever serves queries for longer than a moment runs it beside them.
    pub async fn keep_house(&self) {
        keep_house(Arc::clone(&self.shared)).await;
    }

    /// Fails what dead coordinators left unfinished and empties their exchange. Part of [`keep_house`](Self::keep_house).
    ///
    /// # Errors
    /// When the history does not answer.
    pub async fn recover(&self) -> Result<()> {
        self.shared.recover().await
    }

    /// Removes what queries have left in the exchange that died with their coordinator, and of which nothing was written for
    /// `older_than`. Part of [`keep_house`](Self::keep_house), which does so every hour with a day.
    ///
    /// # Errors
    /// When the exchange cannot be listed, or an object in it not be removed.
    pub async fn sweep_exchange(&self, older_than: Duration) -> Result<Swept> {
        self.shared.sweep_exchange(older_than).await
    }

    /// Stops all queries, waits until that is written down and cleaned up, and takes leave of other coordinators. The last thing
    /// to be called.
    pub async fn close(&self) {
        self.shared.living.stop_all(&Error::new(ErrorCode::Cancelled, "the query was cancelled: the coordinator ends"));
        self.idle().await;
        if let Err(error) = self.shared.take_leave().await {
            warn!(%error, "the history could not be brought up to date");
        }
    }

    /// Waits for queries that run to end, and for what is still to be cleaned up.
    pub async fn idle(&self) {
        self.shared.background.close();
        self.shared.background.wait().await;
        self.shared.background.reopen();
    }
}

async fn note_and_start(shared: Arc<Shared>, prepared: Prepared, url: String) -> Result<QueryInfo> {
    shared.introduce().await?;
    let journal = Arc::clone(&prepared.query.journal);
    if let Some(known) = journal.open().await? {
        return Ok(QueryInfo::of(known));
    }
    prepared.store(url);
    Ok(QueryInfo::of(journal.record().await))
}
