//! What is known of a query while it runs, and its bill when it has ended.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::{info, warn};

use super::cost::Cost;
use super::prices::PriceBook;
use super::progress::{QueryProgress, QueryState};
use super::request::QueryId;
use super::stats::QueryStats;
use crate::coordinator::{RunObserver, RunProgress, StageStats};
use crate::error::{Error, ErrorCode};
use crate::lake::ScanReport;
use crate::storage::StoreMeter;

/// How often progress is brought up to date with the workers.
const REFRESH: Duration = Duration::from_millis(100);

/// Shared by everything that works on one query.
pub(super) struct Ledger {
    id: QueryId,
    prices: PriceBook,
    started: Instant,
    progress: watch::Sender<QueryProgress>,
    stats: Arc<Mutex<QueryStats>>,
    /// Requests of this process.
    pub(super) meter: Arc<StoreMeter>,
    /// Sizes of the tables that were scanned.
    pub(super) scans: Arc<ScanReport>,
    runs: Mutex<Vec<RunObserver>>,
}

impl Ledger {
    pub(super) fn new(
        id: QueryId,
        prices: PriceBook,
        progress: watch::Sender<QueryProgress>,
        stats: Arc<Mutex<QueryStats>>,
    ) -> Self {
        Self {
            id,
            prices,
            started: Instant::now(),
            progress,
            stats,
            meter: Arc::default(),
            scans: Arc::default(),
            runs: Mutex::default(),
        }
    }

    pub(super) fn id(&self) -> &QueryId {
        &self.id
    }

    /// The plan is there; `placement` says where it runs and why.
    pub(super) fn planned(&self, placement: &str) {
        let mut stats = locked(&self.stats);
        stats.planning = self.started.elapsed();
        placement.clone_into(&mut stats.placement);
        drop(stats);
        self.progress.send_modify(|progress| progress.state = QueryState::Running);
    }

    pub(super) fn add_run(&self, run: RunObserver) {
        locked(&self.runs).push(run);
    }

    pub(super) fn add_rows(&self, rows: usize) {
        self.progress.send_modify(|progress| progress.rows += rows as u64);
    }

    /// Keeps progress up to date for as long as it is polled.
    pub(super) async fn keep_refreshing(&self) -> Infallible {
        loop {
            tokio::time::sleep(REFRESH).await;
            self.refresh();
        }
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

    /// Whether any task wrote to the exchange.
    pub(super) fn wrote_exchange(&self) -> bool {
        locked(&self.runs)
            .iter()
            .any(|run| run.stages().iter().any(|stage| stage.requests.put > 0 || stage.retried > 0))
    }

    /// Closes the books. Only the first end counts.
    pub(super) fn ended(&self, outcome: Result<(), &Error>) {
        self.refresh();
        let state = match outcome {
            Ok(()) => QueryState::Finished,
            Err(error) if error.code == ErrorCode::Cancelled => QueryState::Cancelled,
            Err(_) => QueryState::Failed,
        };
        let first = self.progress.send_if_modified(|progress| {
            let first = matches!(progress.state, QueryState::Planning | QueryState::Running);
            if first {
                progress.state = state;
            }
            first
        });
        if !first {
            return;
        }
        let stats = self.settle();
        match outcome {
            Ok(()) => info!(query_id = %self.id, rows = stats.rows, bytes = stats.requests.bytes_scanned,
                tasks = stats.tasks, dollars = stats.cost.total(), "query finished"),
            Err(error) => warn!(query_id = %self.id, code = error.code.label(), "query ended: {}", error.message),
        }
    }

    fn settle(&self) -> QueryStats {
        let stages = self.stages();
        let mut stats = locked(&self.stats);
        stats.rows = self.progress.borrow().rows;
        stats.total = self.started.elapsed();
        stats.execution = stats.total.saturating_sub(stats.planning);
        stats.requests = self.meter.snapshot();
        stats.bytes_total = self.scans.bytes_total();
        for stage in &stages {
            stats.requests += stage.requests;
        }
        stats.distributed = !stages.is_empty();
        stats.tasks = stages.iter().map(|stage| stage.tasks).sum();
        stats.attempts = stages.iter().map(|stage| stage.attempts).sum();
        stats.retried = stages.iter().map(|stage| stage.retried).sum();
        stats.cold_starts = stages.iter().map(|stage| stage.cold_starts).sum();
        stats.gb_seconds = stages.iter().map(|stage| stage.gb_seconds).sum();
        // Workers in this process are not billed.
        let invocations = if stats.gb_seconds > 0.0 { u64::from(stats.attempts) } else { 0 };
        stats.cost = Cost::of(&self.prices, stats.gb_seconds, invocations, &stats.requests);
        stats.stages = stages;
        stats.clone()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
