//! What is known of a query while it runs, and its bill when it has ended.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use datafusion::physical_plan::ExecutionPlan;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::cost::Cost;
use super::limits::{QueryLimits, Spent};
use super::memory::QueryMemory;
use super::prices::PriceBook;
use super::progress::{QueryProgress, QueryState};
use super::request::QueryId;
use super::stats::QueryStats;
use crate::coordinator::{RunObserver, RunProgress, StageStats};
use crate::error::{Error, ErrorCode};
use crate::lake::ScanReport;
use crate::protocol::RunId;
use crate::storage::{RequestCounts, StoreMeter};
use crate::worker::FragmentStats;

/// Shared by everything that works on one query.
pub(super) struct Ledger {
    id: QueryId,
    prices: PriceBook,
    limits: QueryLimits,
    submitted: Instant,
    /// When it left the queue.
    started: OnceLock<Instant>,
    progress: watch::Sender<QueryProgress>,
    stats: Arc<Mutex<QueryStats>>,
    /// Stops everything that works on the query.
    pub(super) cancel: CancellationToken,
    is_closed: AtomicBool,
    /// Why it was stopped, or how it failed.
    reason: OnceLock<Error>,
    plan_text: OnceLock<String>,
    /// Requests of this process.
    pub(super) meter: Arc<StoreMeter>,
    /// Sizes of the tables that were scanned.
    pub(super) scans: Arc<ScanReport>,
    /// What its operators hold in this process.
    pub(super) memory: Arc<QueryMemory>,
    runs: Mutex<Vec<RunObserver>>,
    /// Runs that have been announced and not begun.
    announced: Mutex<Vec<RunId>>,
    /// Plans that ran in this process.
    plans: Mutex<Vec<Arc<dyn ExecutionPlan>>>,
}

/// What a ledger is opened with.
pub(super) struct LedgerParts {
    pub(super) id: QueryId,
    pub(super) prices: PriceBook,
    pub(super) limits: QueryLimits,
    pub(super) memory: QueryMemory,
}

impl Ledger {
    pub(super) fn new(parts: LedgerParts) -> Self {
        let LedgerParts { id, prices, limits, memory } = parts;
        Self {
            id,
            prices,
            limits,
            submitted: Instant::now(),
            started: OnceLock::new(),
            progress: watch::Sender::default(),
            stats: Arc::default(),
            cancel: CancellationToken::new(),
            is_closed: AtomicBool::new(false),
            reason: OnceLock::new(),
            plan_text: OnceLock::new(),
            meter: Arc::default(),
            scans: Arc::default(),
            memory: Arc::new(memory),
            runs: Mutex::default(),
            announced: Mutex::default(),
            plans: Mutex::default(),
        }
    }

    pub(super) fn watch(&self) -> watch::Receiver<QueryProgress> {
        self.progress.subscribe()
    }

    /// Keeps the plan for whoever asks how the query runs.
    pub(super) fn note_plan(&self, text: String) {
        let _ = self.plan_text.set(text);
    }

    /// The plan, as EXPLAIN shows it.
    pub(super) fn plan_text(&self) -> Option<String> {
        self.plan_text.get().cloned()
    }

    pub(super) fn progress(&self) -> QueryProgress {
        *self.progress.borrow()
    }

    pub(super) fn stats(&self) -> QueryStats {
        locked(&self.stats).clone()
    }

    pub(super) fn id(&self) -> &QueryId {
        &self.id
    }

    /// The query has left the queue; its time begins.
    pub(super) fn admitted(&self) {
        self.started.get_or_init(Instant::now);
        locked(&self.stats).queued = self.submitted.elapsed();
        self.reached(QueryState::Queued, QueryState::Planning);
    }

    /// The plan is there; `placement` says where it runs and why.
    pub(super) fn planned(&self, placement: &str) {
        let mut stats = locked(&self.stats);
        stats.planning = self.elapsed();
        placement.clone_into(&mut stats.placement);
        drop(stats);
        self.reached(QueryState::Planning, QueryState::Running);
    }

    fn reached(&self, from: QueryState, to: QueryState) {
        self.progress.send_if_modified(|progress| {
            let moves = progress.state == from;
            if moves {
                progress.state = to;
            }
            moves
        });
    }

    /// Time since it left the queue.
    fn elapsed(&self) -> Duration {
        self.started.get().map(Instant::elapsed).unwrap_or_default()
    }

    /// Notes a plan that runs here, whose operators may spill.
    pub(super) fn add_plan(&self, plan: Arc<dyn ExecutionPlan>) {
        locked(&self.plans).push(plan);
    }

    /// The history knows of this run; it may begin.
    pub(super) fn announced(&self, run: RunId) {
        locked(&self.announced).push(run);
    }

    /// The id of the run that begins.
    pub(super) fn next_run(&self) -> RunId {
        locked(&self.announced).pop().unwrap_or_else(|| RunId(Uuid::new_v4()))
    }

    pub(super) fn add_run(&self, run: RunObserver) {
        locked(&self.runs).push(run);
    }

    /// Counts rows that go out.
    ///
    /// # Errors
    /// When they are more than the query may have, or when it has already read too much.
    pub(super) fn add_rows(&self, rows: usize) -> Result<(), Error> {
        self.progress.send_modify(|progress| progress.rows += rows as u64);
        self.within_limits()
    }

    /// Brings progress up to date with the workers and stops a query that has taken more than it may.
    pub(super) fn look_after(&self) {
        self.refresh();
        if let Err(error) = self.within_limits() {
            self.stop(error);
        }
    }

    /// # Errors
    /// The limit that has been passed, with what was reached.
    pub(super) fn within_limits(&self) -> Result<(), Error> {
        if self.limits == QueryLimits::default() {
            return Ok(());
        }
        let (cost, requests) = self.bill();
        let spent = Spent {
            bytes_scanned: requests.bytes_scanned,
            time: self.elapsed(),
            rows: self.progress.borrow().rows,
            dollars: cost.total(),
        };
        self.limits.check(&spent)
    }

    /// Ends the query before its time, wherever it is.
    pub(super) fn stop(&self, reason: Error) {
        self.ended(Err(&reason));
        self.cancel.cancel();
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// Why the query did not finish.
    pub(super) async fn end(&self) -> Result<(), Error> {
        let mut progress = self.watch();
        let _ = progress.wait_for(|progress| progress.state.has_ended()).await;
        self.reason().map_or(Ok(()), Err)
    }

    /// Why the query did not finish.
    pub(super) fn reason(&self) -> Option<Error> {
        self.reason.get().cloned()
    }

    fn refresh(&self) {
        let runs: Vec<RunProgress> = locked(&self.runs).iter().map(RunObserver::progress).collect();
        let here = self.meter.snapshot().bytes_scanned;
        self.progress.send_if_modified(|progress| {
            let before = *progress;
            progress.stages = runs.iter().map(|run| run.stages).sum();
            progress.tasks = runs.iter().map(|run| run.tasks).sum();
            progress.tasks_done = runs.iter().map(|run| run.tasks_done).sum();
            progress.tasks_running = runs.iter().map(|run| run.tasks_running).sum();
            progress.retried = runs.iter().map(|run| run.retried).sum();
            progress.bytes_scanned = here + runs.iter().map(|run| run.bytes_scanned).sum::<u64>();
            *progress != before
        });
    }

    pub(super) fn stages(&self) -> Vec<StageStats> {
        locked(&self.runs).iter().flat_map(RunObserver::stages).collect()
    }

    /// Closes the books. Only the first end counts.
    pub(super) fn ended(&self, outcome: Result<(), &Error>) {
        self.refresh();
        let state = match outcome {
            Ok(()) => QueryState::Finished,
            Err(error) if error.code == ErrorCode::Cancelled => QueryState::Cancelled,
            Err(_) => QueryState::Failed,
        };
        if self.is_closed.swap(true, SeqCst) {
            return;
        }
        // Whoever sees the end sees why, and what it cost.
        if let Err(error) = outcome {
            self.reason.get_or_init(|| error.clone());
        }
        let stats = self.settle();
        self.progress.send_modify(|progress| progress.state = state);
        match outcome {
            Ok(()) => info!(query_id = %self.id, rows = stats.rows, bytes = stats.requests.bytes_scanned,
                tasks = stats.tasks, dollars = stats.cost.total(), "query finished"),
            Err(error) => warn!(query_id = %self.id, code = error.code.label(), "query ended: {}", error.message),
        }
    }

    fn settle(&self) -> QueryStats {
        let stages = self.stages();
        let (cost, requests) = self.bill();
        let mut stats = locked(&self.stats);
        stats.rows = self.progress.borrow().rows;
        stats.total = self.elapsed();
        stats.execution = stats.total.saturating_sub(stats.planning);
        stats.requests = requests;
        stats.cost = cost;
        stats.bytes_total = self.scans.bytes_total();
        stats.peak_memory = self.memory.peak();
        stats.spilled_bytes = locked(&self.plans).iter().map(|plan| FragmentStats::of(plan).spilled_bytes).sum();
        stats.distributed = !stages.is_empty();
        stats.tasks = stages.iter().map(|stage| stage.tasks).sum();
        stats.attempts = stages.iter().map(|stage| stage.attempts).sum();
        stats.retried = stages.iter().map(|stage| stage.retried).sum();
        stats.cold_starts = stages.iter().map(|stage| stage.cold_starts).sum();
        // From 0.0: the sum of nothing would be -0.0.
        stats.gb_seconds = stages.iter().fold(0.0, |sum, stage| sum + stage.gb_seconds);
        stats.stages = stages;
        stats.clone()
    }

    /// What the query has cost so far, and its requests, here and on workers that have answered.
    fn bill(&self) -> (Cost, RequestCounts) {
        let mut requests = self.meter.snapshot();
        let (mut gb_seconds, mut attempts) = (0.0, 0);
        for stage in self.stages() {
            requests += stage.requests;
            gb_seconds += stage.gb_seconds;
            attempts += u64::from(stage.attempts);
        }
        // Workers in this process are not billed.
        let invocations = if gb_seconds > 0.0 { attempts } else { 0 };
        (Cost::of(&self.prices, gb_seconds, invocations, &requests), requests)
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("id", &self.id).finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
