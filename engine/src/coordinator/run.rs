//! One execution of one distributed plan: tasks go in, committed outputs come out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::board::{Board, RunProgress};
use super::driver::Driver;
use super::stage_stats::StageStats;
use super::task::{RunConfig, TaskSpec};
use crate::error::{ErrorCode, Result};
use crate::protocol::{ProducedTask, TaskKey};

/// A handle on a run; the last one to be dropped cancels it.
#[derive(Debug, Clone)]
pub struct Run {
    submissions: mpsc::UnboundedSender<TaskSpec>,
    board: Arc<Board>,
    cancel: CancellationToken,
    stopped: Arc<AtomicBool>,
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
        let stopped = Arc::default();
        Self { submissions, board, cancel: cancel.clone(), stopped, _cancel_on_drop: Arc::new(cancel.drop_guard()) }
    }

    /// Hands a task to the scheduler and waits until it has committed.
    pub async fn submit(&self, task: TaskSpec) -> Result<()> {
        let key = task.task;
        self.submissions.send(task).map_err(|_| self.board.why_over())?;
        self.committed(key).await.map(|_| ())
    }

    /// As [`submit`](Self::submit), but a task that has not committed when the run is [stopped](Self::stop) is no error: the end of
    /// the head stage reaches the tasks one after the other, and the first to hear of it stops the run for all.
    pub async fn submit_while_wanted(&self, task: TaskSpec) -> Result<()> {
        let ended = self.submit(task).await;
        unless_stopped(ended, self.stopped.load(Relaxed))
    }

    /// Waits for the output of one task.
    pub async fn committed(&self, key: TaskKey) -> Result<Arc<ProducedTask>> {
        self.board.committed(key).await
    }

    /// Nobody wants any more rows.
    pub fn stop(&self) {
        self.stopped.store(true, Relaxed);
        self.cancel.cancel();
    }

    /// Watches without keeping the run alive.
    pub fn observer(&self) -> RunObserver {
        RunObserver { board: Arc::clone(&self.board) }
    }
}

fn unless_stopped(ended: Result<()>, stopped: bool) -> Result<()> {
    match ended {
        Err(error) if stopped && error.code == ErrorCode::Cancelled => Ok(()),
        ended => ended,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn only_a_cancelled_task_of_a_stopped_run_is_no_error() {
        let with = |code| Err(Error::new(code, "the task's error"));
        assert!(unless_stopped(with(ErrorCode::Cancelled), true).is_ok());
        assert!(unless_stopped(with(ErrorCode::Cancelled), false).is_err(), "the user cancelled");
        assert!(unless_stopped(with(ErrorCode::InvalidData), true).is_err());
        assert!(unless_stopped(Ok(()), false).is_ok());
    }
}
