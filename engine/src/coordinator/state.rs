//! What the driver tells everyone who watches a run.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::stage_stats::StageStats;
use crate::error::Error;
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

/// Committed outputs, and what every stage has done so far.
#[derive(Debug, Default)]
pub(super) struct RunState {
    pub(super) committed: HashMap<TaskKey, Arc<ProducedTask>>,
    pub(super) failed: Option<Error>,
    pub(super) stages: BTreeMap<u32, StageStats>,
    pub(super) running: usize,
}

impl RunState {
    pub(super) fn progress(&self) -> RunProgress {
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
