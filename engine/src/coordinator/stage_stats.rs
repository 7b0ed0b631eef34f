//! What each stage did, added up over its attempts.

use std::time::Duration;

use serde::Serialize;

use crate::invoker::Bill;
use crate::protocol::{OutputKind, TaskStats};
use crate::storage::RequestCounts;

#[derive(Debug, Clone, Serialize)]
pub struct StageStats {
    pub stage: u32,
    pub tasks: u32,
    pub attempts: u32,
    pub retried: u32,
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
}

impl StageStats {
    pub(super) fn new(stage: u32, tasks: u32) -> Self {
        Self {
            stage,
            tasks,
            attempts: 0,
            retried: 0,
            cold_starts: 0,
            rows: 0,
            output: None,
            requests: RequestCounts::default(),
            slowest_task: Duration::ZERO,
            billed: Duration::ZERO,
            gb_seconds: 0.0,
            spilled_bytes: 0,
        }
    }

    pub(super) fn add_attempt(&mut self, bill: &Bill, stats: Option<&TaskStats>) {
        self.billed += bill.billed;
        self.gb_seconds += bill.gb_seconds();
        self.cold_starts += u32::from(bill.init.is_some());
        if let Some(stats) = stats {
            self.requests += stats.requests;
            self.spilled_bytes += stats.spilled_bytes;
            self.slowest_task = self.slowest_task.max(Duration::from_millis(stats.elapsed_ms));
        }
    }
}
