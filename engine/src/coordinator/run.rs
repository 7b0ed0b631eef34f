//! One execution of one distributed plan: tasks go in, committed outputs come out.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::ObjectStore;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::driver::Driver;
use super::scheduler::SchedulerLimits;
use super::stage_stats::StageStats;
use crate::error::{Error, ErrorCode, Result};
use crate::invoker::WorkerInvoker;
use crate::protocol::{ExchangeConfig, FilePin, OutputKind, ProducedTask, RunId, TaskKey};

/// What a run needs besides its tasks.
#[derive(Debug, Clone)]
pub struct RunConfig {
    pub query_id: String,
    pub run: RunId,
    pub invoker: Arc<dyn WorkerInvoker>,
    pub exchange: Option<ExchangeConfig>,
    /// The store of `exchange`, for requests too large for a payload.
    pub exchange_store: Option<Arc<dyn ObjectStore>>,
    pub limits: SchedulerLimits,
    /// Session options that the workers need (`datafusion.*`, those that differ from the defaults).
    pub options: Vec<(String, String)>,
    /// Stages that the coordinator itself reads.
    pub head_inputs: BTreeSet<u32>,
    /// Output up to so many bytes comes back in the answer: for stages the coordinator reads, and for all others.
    pub inline_limit_head: u64,
    pub inline_limit_stage: u64,
    pub task_timeout: Duration,
    /// Of the backoff's jitter.
    pub seed: u64,
}

/// One task of one stage, ready to be sent.
#[derive(Debug)]
pub struct TaskSpec {
    pub task: TaskKey,
    pub task_count: u32,
    /// Stages whose output the fragment reads.
    pub upstream: BTreeSet<u32>,
    pub output: OutputKind,
    /// zstd of the encoded physical plan.
    pub plan: Bytes,
    pub pins: Vec<FilePin>,
}

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

/// A handle on a run; the last one to be dropped cancels it.
#[derive(Debug, Clone)]
pub struct Run {
    submissions: mpsc::UnboundedSender<TaskSpec>,
    state: watch::Receiver<RunState>,
    _cancel_on_drop: Arc<DropGuard>,
}

/// What the driver tells everyone.
#[derive(Debug, Default)]
pub(super) struct RunState {
    pub(super) committed: HashMap<TaskKey, Arc<ProducedTask>>,
    pub(super) failed: Option<Error>,
    pub(super) stages: BTreeMap<u32, StageStats>,
    pub(super) running: usize,
}

impl Run {
    /// Starts the driver on the current runtime. It ends when `cancel` fires or every handle is dropped; attempts in flight are
    /// abandoned then and tasks that have not started never start.
    pub fn start(config: RunConfig, cancel: &CancellationToken) -> Self {
        let (submissions, received) = mpsc::unbounded_channel();
        let (publish, state) = watch::channel(RunState::default());
        let cancel = cancel.child_token();
        tokio::spawn(Driver::new(config, received, publish, cancel.clone()).drive());
        Self { submissions, state, _cancel_on_drop: Arc::new(cancel.drop_guard()) }
    }

    /// Hands a task to the scheduler and waits until it has committed.
    pub async fn submit(&self, task: TaskSpec) -> Result<()> {
        let key = task.task;
        self.submissions.send(task).map_err(|_| self.ended())?;
        self.committed(key).await.map(|_| ())
    }

    /// Waits for the output of one task.
    pub async fn committed(&self, key: TaskKey) -> Result<Arc<ProducedTask>> {
        let mut state = self.state.clone();
        let state = state
            .wait_for(|state| state.failed.is_some() || state.committed.contains_key(&key))
            .await
            .map_err(|_| self.ended())?;
        match (&state.failed, state.committed.get(&key)) {
            (Some(error), _) => Err(error.clone()),
            (None, Some(output)) => Ok(Arc::clone(output)),
            (None, None) => Err(self.ended()),
        }
    }

    /// Watches without keeping the run alive.
    pub fn observer(&self) -> RunObserver {
        RunObserver { state: self.state.clone() }
    }

    /// The error that ended the run, or that it was cancelled.
    fn ended(&self) -> Error {
        self.state
            .borrow()
            .failed
            .clone()
            .unwrap_or_else(|| Error::new(ErrorCode::Cancelled, "the query was cancelled"))
    }
}

/// Sees what a run does, during it and afterwards.
#[derive(Debug, Clone)]
pub struct RunObserver {
    state: watch::Receiver<RunState>,
}

impl RunObserver {
    pub fn progress(&self) -> RunProgress {
        self.state.borrow().progress()
    }

    /// In order of stage; attempts that failed are included.
    pub fn stages(&self) -> Vec<StageStats> {
        self.state.borrow().stages.values().cloned().collect()
    }
}

impl RunState {
    fn progress(&self) -> RunProgress {
        let sum = |f: fn(&StageStats) -> u64| self.stages.values().map(f).sum::<u64>();
        RunProgress {
            stages: self.stages.len(),
            tasks: sum(|s| u64::from(s.tasks)) as usize,
            tasks_done: self.committed.len(),
            tasks_running: self.running,
            retried: sum(|s| u64::from(s.retried)) as usize,
            bytes_scanned: sum(|s| s.requests.bytes_scanned),
        }
    }
}
