//! One execution of one distributed plan: tasks go in, committed outputs come out.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::board::{Board, RunProgress};
use super::driver::Driver;
use super::stage_stats::StageStats;
use super::task::{RunConfig, TaskSpec};
use crate::error::Result;
use crate::protocol::{ProducedTask, TaskKey};

/// A handle on a run; the last one to be dropped cancels it.
#[derive(Debug, Clone)]
pub struct Run {
    submissions: mpsc::UnboundedSender<TaskSpec>,
    board: Arc<Board>,
    cancel: CancellationToken,
    _cancel_on_drop: Arc<DropGuard>,
}

impl Run {
    /// Starts the driver on the current runtime. It ends when `cancel` fires or every handle is dropped: tasks that have not
    /// started never start, and workers that run are told to stop.
    pub fn start(config: RunConfig, cancel: &CancellationToken) -> Self {
        let (submissions, received) = mpsc::unbounded_channel();
        let board = Arc::new(Board::default());
        let cancel = cancel.child_token();
        tokio::spawn(Driver::new(config, received, Arc::clone(&board), cancel.clone()).drive());
        Self { submissions, board, cancel: cancel.clone(), _cancel_on_drop: Arc::new(cancel.drop_guard()) }
    }

    /// Hands a task to the scheduler and waits until it has committed.
    pub async fn submit(&self, task: TaskSpec) -> Result<()> {
        let key = task.task;
        self.submissions.send(task).map_err(|_| self.board.why_over())?;
        self.committed(key).await.map(|_| ())
    }

    /// Waits for the output of one task.
    pub async fn committed(&self, key: TaskKey) -> Result<Arc<ProducedTask>> {
        self.board.committed(key).await
    }

    /// Nobody wants any more rows.
    pub fn stop(&self) {
        self.cancel.cancel();
    }

    /// Watches without keeping the run alive.
    pub fn observer(&self) -> RunObserver {
        RunObserver { board: Arc::clone(&self.board) }
    }
}

/// Sees what a run does, during it and afterwards.
#[derive(Debug, Clone)]
pub struct RunObserver {
    pub(super) board: Arc<Board>,
}

impl RunObserver {
    pub fn progress(&self) -> RunProgress {
        self.board.progress()
    }

    /// In order of stage; attempts that failed are included.
    pub fn stages(&self) -> Vec<StageStats> {
        self.board.stages()
    }

    /// Whether anything of the run may lie in the exchange.
    pub fn wrote_exchange(&self) -> bool {
        self.board.wrote_exchange()
    }

    /// Waits until the run is over and its workers have stopped, or were told to and have not answered for some seconds: then
    /// what it wrote can be removed. Returns how many attempts may still be running, and may still write.
    pub async fn ended(&self) -> usize {
        self.board.ended().await
    }
}
