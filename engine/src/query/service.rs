//! The one service behind every door.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arachne_catalog::Catalog;
use arachne_catalog::history::{HistoryFilter, QueryRecord};
use datafusion::execution::cache::cache_manager::{CacheManager, CacheManagerConfig};
use datafusion::execution::memory_pool::FairSpillPool;
use futures::stream::BoxStream;
use tokio::runtime::Handle;
use tokio::sync::OnceCell;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tracing::{Instrument as _, warn};

use super::admission::{Gate, Load};
use super::clean_up::ExchangeRuns;
use super::coordination::Coordination;
use super::description::{Description, describe};
use super::drain::Entrance;
use super::dry_run::{DryRun, dry_run};
use super::execution::{self, Prepared, cancelled};
use super::handle::{QueryHandle, ResultStream};
use super::housekeeping::keep_house;
use super::info::QueryInfo;
use super::living::{Live, Living};
use super::observer::QueryObserver;
use super::plan_text::QueryPlan;
use super::prices::PriceBook;
use super::progress::QueryState;
use super::request::{QueryId, QueryRequest};
use super::results::{ResultLink, ResultPage, ResultStore};
use super::session::SessionSettings;
use super::settings::EngineSettings;
use super::shared::{Clock, QueryContext, Shared};
use super::watch::watch;
use crate::access::{Access, Guard, Principal};
use crate::error::{Error, ErrorCode, Result};
use crate::exchange::Swept;
use crate::invoker::WorkerInvoker;
#[cfg(feature = "cluster")]
use crate::planner::distributed::ClusterMembers;
use crate::sql::{self, Statement};
use crate::storage::ObjectStores;
use crate::worker::disk_manager;

/// Footers and statistics of files kept between queries.
const METADATA_CACHE_BYTES: usize = 256 * 1024 * 1024;

/// S3 signs for a week at most (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/ShareObjectPreSignedURL.html>).
pub const LONGEST_LINK: Duration = Duration::from_secs(7 * 24 * 3600);

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
    /// Who may do what.
    pub access: Access,
    pub observer: Arc<dyn QueryObserver>,
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
        let QueryServiceParts { catalog, stores, invoker, settings, prices, clock, coordination, access, observer } =
            parts;
        let Coordination { history, owner, liveness, queue, results, retention, threads } = coordination;
        let cache = CacheManagerConfig::default()
            .with_list_files_cache_limit(0)
            .with_metadata_cache_limit(METADATA_CACHE_BYTES);
        let shared = Shared {
            catalog,
            access: Arc::new(access),
            observer,
            entrance: Entrance::default(),
            stores: Arc::clone(&stores),
            invoker,
            #[cfg(feature = "cluster")]
            cluster: Arc::new(ClusterMembers::try_new(&settings.cluster_workers)?),
            prices,
            clock,
            memory: Arc::new(FairSpillPool::new(settings.memory_bytes)),
            disk: Arc::new(disk_manager(settings.spill_dir.as_deref(), settings.spill_bytes)?),
            cache: CacheManager::try_new(&cache)?,
            known: Arc::default(),
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

    /// Starts a statement and returns at once. Its rows are for whoever holds the handle; they are not kept, and so a token, by which
    /// a second request would find them, is refused.
    pub fn start(&self, request: QueryRequest) -> QueryHandle {
        let id = QueryId::new();
        if request.token.is_some() {
            let error = Error::new(ErrorCode::InvalidArgument, "a token is for queries whose rows are kept")
                .with_hint("submit the query (POST /v1/queries), or leave the token out");
            return execution::refused(&self.shared, id, error);
        }
        match execution::prepare(&self.shared, id.clone(), request, None) {
            Ok(prepared) => prepared.stream(),
            Err(error) => execution::refused(&self.shared, id, error),
        }
    }

    /// Starts a statement whose rows are kept, to be read by its id from this process or a later one, and returns when it is
    /// noted. A token that its user has given before starts nothing: the query that has it is returned.
    ///
    /// # Errors
    /// `Throttled` when too many queries wait already, `InvalidArgument` when there is no place for results, `AlreadyExists` when the
    /// token was given with another request, `Unavailable` when the service shuts down. What is wrong with the statement shows in
    /// the state of its query.
    pub async fn submit(&self, request: QueryRequest) -> Result<QueryInfo> {
        let id = QueryId::new();
        let guard = self.guard(&request.principal);
        let url = self.shared.results.url_of(guard.results(), &id.0)?;
        let prepared = execution::prepare(&self.shared, id, request, Some(url.clone()))?;
        // A client that hangs up meanwhile does not leave a query behind that is noted and never starts.
        let noted =
            self.shared.background.spawn(note_and_start(Arc::clone(&self.shared), prepared, url).in_current_span());
        noted.await.map_err(|error| Error::internal(format!("the query could not be noted: {error}")))?
    }

    /// What a statement will answer with, and which parameters it has. Plans it; runs nothing, and notes nothing.
    ///
    /// # Errors
    /// What is wrong with the statement; `InvalidArgument` where values are given that do not fit it. None need be given.
    pub async fn describe(&self, request: &QueryRequest) -> Result<Description> {
        self.beside(request, |query, statement| async move { describe(&query, statement).await }).await
    }

    /// What a query would read and cost. Nothing is read but the catalog, listings and the metadata of files.
    ///
    /// # Errors
    /// What is wrong with the statement or its parameters.
    pub async fn dry_run(&self, request: &QueryRequest) -> Result<DryRun> {
        self.beside(request, |query, statement| async move { dry_run(&query, statement).await }).await
    }

    /// Works on a statement that is no query of the history, on the threads of the queries, and only as long as somebody waits.
    async fn beside<T, F>(
        &self,
        request: &QueryRequest,
        work: impl FnOnce(QueryContext, Statement) -> F + Send + 'static,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.shared.entrance.check()?;
        let (query, checked) = execution::context(&self.shared, QueryId::new(), request.clone(), None);
        checked?;
        let threads = self.shared.threads.clone().unwrap_or_else(Handle::current);
        let work = async move {
            let statement = sql::parse_one(&query.request.sql)?;
            work(query, statement).await
        };
        let done = AbortOnDropHandle::new(threads.spawn(work)).await;
        done.map_err(|error| Error::internal(format!("the statement could not be planned: {error}")))?
    }

    /// A query of this coordinator or of another one, while it runs or after it has ended.
    ///
    /// # Errors
    /// `NotFound` when there is none, or no longer, or it is somebody else's.
    pub async fn get(&self, principal: &Principal, id: &QueryId) -> Result<QueryInfo> {
        let info = match self.shared.living.get(id) {
            Some(live) => live.info().await,
            None => QueryInfo::of(self.record(id).await?),
        };
        if info.user == principal.user || self.guard(principal).is_admin() {
            return Ok(info);
        }
        Err(no_query(id))
    }

    /// The last ones first, brought up to date for those that run here. Whoever is no admin sees their own.
    pub async fn list(&self, principal: &Principal, filter: &HistoryFilter) -> Result<Vec<QueryInfo>> {
        let mut filter = filter.clone();
        if !self.guard(principal).is_admin() {
            if filter.user.as_ref().is_some_and(|user| *user != principal.user) {
                return Ok(Vec::new());
            }
            filter.user = Some(principal.user.clone());
        }
        let mut found = Vec::new();
        for record in self.shared.history.list(&filter).await? {
            let live = self.shared.living.get(&QueryId(record.id.clone()));
            found.push(match live {
                Some(live) => live.info().await,
                None => QueryInfo::of(record),
            });
        }
        Ok(found)
    }

    /// A query now, then whenever it has changed (at most five times a second), and at last as it ended.
    ///
    /// # Errors
    /// `NotFound`, as [`get`](Self::get).
    pub async fn watch(&self, principal: &Principal, id: &QueryId) -> Result<BoxStream<'static, QueryInfo>> {
        watch(self.clone(), principal.clone(), id.clone()).await
    }

    /// Cancels a query, whichever door it came through; one that has ended stays as it is. A query of another coordinator is
    /// cancelled by that one when it next looks, within a second.
    ///
    /// # Errors
    /// `NotFound`, as [`get`](Self::get).
    pub async fn cancel(&self, principal: &Principal, id: &QueryId) -> Result<QueryInfo> {
        self.get(principal, id).await?;
        match self.shared.living.get(id) {
            Some(live) => live.ledger.stop(cancelled()),
            None => {
                self.shared.history.ask_to_cancel(&id.0).await?;
            }
        }
        self.get(principal, id).await
    }

    /// The rows of a query that was submitted and has finished.
    ///
    /// # Errors
    /// What the query failed with; `NotFound` when there is no such query, or its rows were not kept; `Unavailable` while it has
    /// not ended.
    pub async fn results(&self, principal: &Principal, id: &QueryId, page: ResultPage) -> Result<ResultStream> {
        let url = self.result_url(principal, id).await?;
        self.shared.results.read(&url, page).await
    }

    /// A URL with which a client gets the rows of a query from S3 itself; `None` when they lie elsewhere. `valid` is cut to
    /// [`LONGEST_LINK`].
    ///
    /// # Errors
    /// As [`results`](Self::results).
    pub async fn result_links(
        &self,
        principal: &Principal,
        id: &QueryId,
        valid: Duration,
    ) -> Result<Option<ResultLink>> {
        let stored = self.result_url(principal, id).await?;
        let valid = valid.clamp(Duration::from_secs(1), LONGEST_LINK);
        let url = self.shared.results.link(&stored, valid).await?;
        let millis = i64::try_from(valid.as_millis()).unwrap_or(i64::MAX);
        Ok(url.map(|url| ResultLink { url, expires_ms: (self.shared.clock)().saturating_add(millis) }))
    }

    async fn result_url(&self, principal: &Principal, id: &QueryId) -> Result<String> {
        let info = self.get(principal, id).await?;
        match info.state {
            QueryState::Queued | QueryState::Planning | QueryState::Running => {
                return Err(Error::new(ErrorCode::Unavailable, format!("query {id} has not ended yet")));
            }
            QueryState::Failed | QueryState::Cancelled => return Err(info.error.unwrap_or_else(cancelled)),
            QueryState::Finished => {}
        }
        self.record(id).await?.result.ok_or_else(|| {
            Error::new(ErrorCode::NotFound, format!("the rows of query {id} were not kept"))
                .with_hint("the rows of a query that is submitted (POST /v1/queries) are")
        })
    }

    /// How a query runs or ran. The text of one that has ended is made anew from its SQL, so that it needs the tables to be there
    /// still; that of a query with parameters was kept.
    ///
    /// # Errors
    /// `NotFound`, as [`get`](Self::get), and for a query with parameters that ended before it was planned; what is wrong with the
    /// statement.
    pub async fn plan(&self, principal: &Principal, id: &QueryId) -> Result<QueryPlan> {
        let info = self.get(principal, id).await?;
        let stages = info.stats.as_ref().and_then(|stats| stats.get("stages")).cloned().unwrap_or_default();
        if let Some(text) = self.shared.living.get(id).and_then(|live| live.ledger.plan_text()) {
            return Ok(QueryPlan { text, stages });
        }
        if let Some(text) = self.record(id).await?.plan {
            return Ok(QueryPlan { text, stages });
        }
        if sql::placeholders(&info.sql).is_ok_and(|placeholders| !placeholders.is_empty()) {
            return Err(Error::new(ErrorCode::NotFound, format!("query {id} ended before it was planned"))
                .with_hint("the values of its parameters are not kept: a dry run of it with values shows a plan"));
        }
        let owner = Principal { user: info.user, workgroup: info.workgroup };
        let request = QueryRequest { database: info.database, principal: owner, ..QueryRequest::new(info.sql) };
        Ok(QueryPlan { text: self.dry_run(&request).await?.plan, stages })
    }

    /// Says what is wrong with the settings of a request, if anything is; its statement does not matter.
    ///
    /// # Errors
    /// As those of the query that would be started.
    pub fn check_settings(&self, request: &QueryRequest) -> Result<()> {
        SessionSettings::of(&self.shared.settings, &self.guard(&request.principal), request).map(|_| ())
    }

    /// Queries that wait and that run, in this process.
    pub fn load(&self) -> Load {
        self.shared.gate.load()
    }

    /// Whether the catalog, the history and the place for results answer.
    ///
    /// # Errors
    /// What the first of them says that does not.
    pub async fn ready(&self) -> Result<()> {
        self.shared.catalog.databases().await?;
        self.shared.history.list(&HistoryFilter { limit: Some(1), ..HistoryFilter::default() }).await?;
        self.shared.results.check().await
    }

    /// The catalog as a principal sees it and may change it.
    pub fn catalog_of(&self, principal: &Principal) -> Arc<dyn Catalog> {
        self.guard(principal).catalog(&self.shared.catalog)
    }

    pub(super) fn live(&self, id: &QueryId) -> Option<Live> {
        self.shared.living.get(id)
    }

    fn guard(&self, principal: &Principal) -> Guard {
        Guard::new(Arc::clone(&self.shared.access), principal.clone())
    }

    async fn record(&self, id: &QueryId) -> Result<QueryRecord> {
        self.shared.history.get(&id.0).await?.ok_or_else(|| no_query(id))
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

    /// Takes no new queries, and gives those that run so much time to end; what is left then is cancelled. [`close`](Self::close)
    /// comes after it.
    pub async fn drain(&self, grace: Duration) {
        self.shared.entrance.close();
        if tokio::time::timeout(grace, self.shared.living.emptied()).await.is_err() {
            self.shared
                .living
                .stop_all(&Error::new(ErrorCode::Cancelled, "the query was cancelled: the server shuts down"));
            self.shared.living.emptied().await;
        }
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

fn no_query(id: &QueryId) -> Error {
    Error::new(ErrorCode::NotFound, format!("there is no query {id}"))
}

async fn note_and_start(shared: Arc<Shared>, prepared: Prepared, url: String) -> Result<QueryInfo> {
    shared.introduce().await?;
    let journal = Arc::clone(&prepared.query.journal);
    if let Some(known) = journal.open().await? {
        let asked = journal.record().await;
        // Records of before there were fingerprints tell by their SQL.
        let same = match (&known.fingerprint, &asked.fingerprint) {
            (Some(known), Some(asked)) => known == asked,
            _ => known.sql == asked.sql && known.database == asked.database,
        };
        if !same {
            return Err(Error::new(ErrorCode::AlreadyExists, "the token was used before, for another request")
                .with_hint("use a new token for each query, and the same one only to send the same request again"));
        }
        return Ok(QueryInfo::of(known));
    }
    prepared.store(url);
    Ok(QueryInfo::of(journal.record().await))
}
