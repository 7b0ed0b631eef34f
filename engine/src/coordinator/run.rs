//! One execution of one distributed plan: tasks go in, committed outputs come out.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::driver::Driver;
use super::stage_stats::StageStats;
use super::state::{RunProgress, RunState};
use super::task::{RunConfig, TaskSpec};
use crate::error::{Error, ErrorCode, Result};
use crate::protocol::{ProducedTask, TaskKey};

/// A handle on a run; the last one to be dropped cancels it.
#[derive(Debug, Clone)]
pub struct Run {
    submissions: mpsc::UnboundedSender<TaskSpec>,
    state: watch::Receiver<RunState>,
    _cancel_on_drop: Arc<DropGuard>,
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
