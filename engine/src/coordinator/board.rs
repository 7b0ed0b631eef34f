//! What the driver tells everyone who waits for a run, or watches it.
//!
//! Each task has a slot of its own, so that a commit wakes those who wait for that task and nobody else.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::stage_stats::StageStats;
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::{ProducedTask, TaskKey};

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RunProgress {
    pub stages: usize,
    pub tasks: usize,
    pub tasks_done: usize,
    pub tasks_running: usize,
    pub retried: usize,
    pub bytes_scanned: u64,
}

type Slot = watch::Sender<Option<Arc<ProducedTask>>>;

#[derive(Debug, Default)]
pub(super) struct Board {
    slots: Mutex<HashMap<TaskKey, Slot>>,
    stages: Mutex<BTreeMap<u32, StageStats>>,
    running: AtomicUsize,
    error: OnceLock<Error>,
    /// Nothing will commit any more.
    over: CancellationToken,
    /// Nothing is in flight any more, as far as is known.
    ended: CancellationToken,
    abandoned: AtomicUsize,
    wrote_exchange: AtomicBool,
}

impl Board {
    /// Waits for the output of a task.
    pub(super) async fn committed(&self, key: TaskKey) -> Result<Arc<ProducedTask>> {
        let mut slot = locked(&self.slots).entry(key).or_default().subscribe();
        tokio::select! {
            biased;
            () = self.over.cancelled() => Err(self.why_over()),
            filled = slot.wait_for(Option::is_some) => {
                filled.ok().and_then(|slot| slot.clone()).ok_or_else(|| self.why_over())
            }
        }
    }

    pub(super) fn commit(&self, produced: Arc<ProducedTask>) {
        let key = produced.attempt.task;
        self.with_stage(key.stage, |stage| stage.committed(produced.attempt, &produced.output));
        locked(&self.slots).entry(key).or_default().send_replace(Some(produced));
    }

    /// Nothing else will commit: with an error, or because nobody wants it.
    pub(super) fn close(&self, error: Option<Error>) {
        if let Some(error) = error {
            let _ = self.error.set(error);
        }
        self.over.cancel();
    }

    pub(super) fn why_over(&self) -> Error {
        let cancelled = || Error::new(ErrorCode::Cancelled, "the query was cancelled");
        self.error.get().cloned().unwrap_or_else(cancelled)
    }

    /// Fires when nothing else will commit.
    pub(super) fn over(&self) -> &CancellationToken {
        &self.over
    }

    pub(super) fn end(&self, abandoned: usize) {
        self.abandoned.store(abandoned, Relaxed);
        self.running.store(0, Relaxed);
        self.ended.cancel();
    }

    /// Waits for the end; returns the number of attempts that may still run somewhere.
    pub(super) async fn ended(&self) -> usize {
        self.ended.cancelled().await;
        self.abandoned.load(Relaxed)
    }

    pub(super) fn with_stage<T>(&self, stage: u32, change: impl FnOnce(&mut StageStats) -> T) -> Option<T> {
        locked(&self.stages).get_mut(&stage).map(change)
    }

    pub(super) fn add_stage(&self, stage: u32, tasks: u32) {
        locked(&self.stages).entry(stage).or_insert_with(|| StageStats::new(stage, tasks));
    }

    pub(super) fn set_running(&self, attempts: usize) {
        self.running.store(attempts, Relaxed);
    }

    pub(super) fn stages(&self) -> Vec<StageStats> {
        locked(&self.stages).values().cloned().collect()
    }

    /// An object of this run may be in the exchange from now on.
    pub(super) fn mark_wrote_exchange(&self) {
        self.wrote_exchange.store(true, Relaxed);
    }

    pub(super) fn wrote_exchange(&self) -> bool {
        self.wrote_exchange.load(Relaxed)
    }

    pub(super) fn progress(&self) -> RunProgress {
        let stages = locked(&self.stages);
        let sum = |f: fn(&StageStats) -> u64| stages.values().map(f).sum::<u64>();
        RunProgress {
            stages: stages.len(),
            tasks: sum(|stage| u64::from(stage.tasks)) as usize,
            tasks_done: sum(|stage| u64::from(stage.committed)) as usize,
            tasks_running: self.running.load(Relaxed),
            retried: sum(|stage| u64::from(stage.retried)) as usize,
            bytes_scanned: sum(|stage| stage.requests.bytes_scanned),
        }
    }
}

/// Whoever waits is told of the end even when the driver dies.
#[derive(Debug)]
pub(super) struct EndOnDrop(pub(super) Arc<Board>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.over.cancel();
        self.0.ended.cancel();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
