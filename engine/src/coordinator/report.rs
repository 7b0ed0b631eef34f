//! For runs that something else than our scheduler drives: tells observers what happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::board::Board;
use super::run::RunObserver;
use super::scheduler::Try;
use crate::invoker::Bill;
use crate::protocol::{Attempt, OutputKind, ProducedTask, TaskOutput, TaskStats};

#[derive(Debug, Clone, Default)]
pub(crate) struct RunReporter {
    board: Arc<Board>,
    running: Arc<AtomicUsize>,
}

impl RunReporter {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn observer(&self) -> RunObserver {
        RunObserver { board: Arc::clone(&self.board) }
    }

    /// Everything is started, or started again: what ran before does not run any more.
    pub(crate) fn run_begins(&self) {
        self.running.store(0, Relaxed);
        self.board.set_running(0);
    }

    pub(crate) fn launched(&self, attempt: Attempt, task_count: u32, output: OutputKind) {
        self.board.set_running(self.running.fetch_add(1, Relaxed) + 1);
        let stage = attempt.task.stage;
        self.board.add_stage(stage, task_count);
        let why = if attempt.number == 0 { Try::First } else { Try::Again };
        self.board.with_stage(stage, |stats| {
            stats.output = Some(output);
            stats.launched(attempt, why);
        });
    }

    pub(crate) fn finished(&self, attempt: Attempt, task: &TaskStats, output: TaskOutput) {
        let before = self.running.fetch_update(Relaxed, Relaxed, |running| running.checked_sub(1)).unwrap_or(1);
        self.board.set_running(before - 1);
        self.board.with_stage(attempt.task.stage, |stage| stage.answered(attempt, &Bill::default(), Some(task)));
        self.board.commit(Arc::new(ProducedTask { attempt, output }));
    }
}
