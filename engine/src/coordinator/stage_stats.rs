//! What each stage did, added up over its attempts, and what each of its tasks did.

use std::time::Duration;

use serde::Serialize;

use super::combine::combined_by;
use super::scheduler::Try;
use crate::invoker::Bill;
use crate::protocol::{Attempt, OutputKind, TaskOutput, TaskStats};
use crate::storage::RequestCounts;

/// Tasks of one stage that are kept in detail; those with a higher number are only added up.
const MAX_TASKS_IN_DETAIL: u32 = 4096;

#[derive(Debug, Clone, Serialize)]
pub struct StageStats {
    pub stage: u32,
    /// Set for a stage between the two sides of a wide shuffle: the one whose outputs it joins.
    pub combines: Option<u32>,
    pub tasks: u32,
    pub attempts: u32,
    /// Attempts that followed a failure or a refused start.
    pub retried: u32,
    /// Attempts that were started beside one that took long.
    pub speculative: u32,
    /// Tasks whose output is there.
    pub committed: u32,
    pub cold_starts: u32,
    /// Rows that the committed attempts put out.
    pub rows: u64,
    /// How the stage's output reaches the next.
    pub output: Option<OutputKind>,
    pub requests: RequestCounts,
    /// The slowest committed attempt, as the worker measured it.
    pub slowest_task: Duration,
    pub billed: Duration,
    pub gb_seconds: f64,
    pub spilled_bytes: u64,
    /// In order of task; of very wide stages only the first 4,096.
    pub tasks_detail: Vec<TaskDetail>,
}

/// What one task did. The figures are those of the attempt that won, or of the last that answered while none has won.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TaskDetail {
    pub task: u32,
    /// Attempts that were started.
    pub attempts: u32,
    /// The number of the attempt whose output the task's readers got.
    pub winner: Option<u32>,
    /// As the worker measured it, without start-up and transport.
    pub elapsed: Duration,
    pub billed: Duration,
    /// Rows from scans and from the exchange.
    pub rows_in: u64,
    pub rows_out: u64,
    /// Encoded bytes of the output, wherever it was put.
    pub bytes_out: u64,
    pub peak_memory_bytes: u64,
    pub spilled_bytes: u64,
    pub requests: RequestCounts,
    pub cold: bool,
    /// The most memory the worker's environment has ever used, in MB, where the platform reports it.
    pub max_memory_used_mb: Option<u64>,
}

impl StageStats {
    pub(super) fn new(stage: u32, tasks: u32) -> Self {
        let detail = |task| TaskDetail { task, ..TaskDetail::default() };
        Self {
            stage,
            combines: combined_by(stage),
            tasks,
            attempts: 0,
            retried: 0,
            speculative: 0,
            committed: 0,
            cold_starts: 0,
            rows: 0,
            output: None,
            requests: RequestCounts::default(),
            slowest_task: Duration::ZERO,
            billed: Duration::ZERO,
            gb_seconds: 0.0,
            spilled_bytes: 0,
            tasks_detail: (0..tasks.min(MAX_TASKS_IN_DETAIL)).map(detail).collect(),
        }
    }

    pub(super) fn launched(&mut self, attempt: Attempt, why: Try) {
        self.attempts += 1;
        match why {
            Try::First => {}
            Try::Again | Try::Frugal => self.retried += 1,
            Try::Beside => self.speculative += 1,
        }
        if let Some(task) = self.tasks_detail.get_mut(attempt.task.task as usize) {
            task.attempts += 1;
        }
    }

    pub(super) fn answered(&mut self, attempt: Attempt, bill: &Bill, stats: Option<&TaskStats>) {
        self.billed += bill.billed;
        self.gb_seconds += bill.gb_seconds();
        self.cold_starts += u32::from(bill.init.is_some());
        if let Some(stats) = stats {
            self.requests += stats.requests;
            self.spilled_bytes += stats.spilled_bytes;
            self.slowest_task = self.slowest_task.max(Duration::from_millis(stats.elapsed_ms));
        }
        if let Some(task) = self.tasks_detail.get_mut(attempt.task.task as usize)
            && task.winner.is_none()
        {
            task.answered(bill, stats);
        }
    }

    pub(super) fn committed(&mut self, attempt: Attempt, output: &TaskOutput) {
        self.committed = (self.committed + 1).min(self.tasks);
        self.rows += output.rows;
        if let Some(task) = self.tasks_detail.get_mut(attempt.task.task as usize) {
            task.winner = Some(attempt.number);
            task.rows_out = output.rows;
            task.bytes_out = output.offsets.last().copied().unwrap_or(0);
        }
    }
}

impl TaskDetail {
    fn answered(&mut self, bill: &Bill, stats: Option<&TaskStats>) {
        self.billed = bill.billed;
        self.cold = bill.init.is_some();
        self.max_memory_used_mb = bill.max_memory_used_mb;
        if let Some(stats) = stats {
            self.elapsed = Duration::from_millis(stats.elapsed_ms);
            self.rows_in = stats.rows_in;
            self.peak_memory_bytes = stats.peak_memory_bytes;
            self.spilled_bytes = stats.spilled_bytes;
            self.requests = stats.requests;
        }
    }
}
