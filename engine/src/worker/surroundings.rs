//! What one task sees of its worker: stores that are pinned and counted, memory that is measured, caches that stay warm.

use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_plan::ExecutionPlan;

use super::fragment_stats::FragmentStats;
use super::task_memory::TaskMemory;
use crate::protocol::TaskStats;
use crate::storage::{Pins, StoreMeter};

#[derive(Debug)]
pub(crate) struct Surroundings {
    pub(crate) runtime: Arc<RuntimeEnv>,
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "requests to Lambda name all pins at once"))]
    pub(crate) pins: Arc<Pins>,
    pub(super) meter: Arc<StoreMeter>,
    pub(super) memory: Arc<TaskMemory>,
}

impl Surroundings {
    /// What the task has done so far, its time left out.
    pub(crate) fn stats(&self, plan: &Arc<dyn ExecutionPlan>) -> TaskStats {
        let FragmentStats { rows_in, spilled_bytes } = FragmentStats::of(plan);
        TaskStats {
            requests: self.meter.snapshot(),
            elapsed_ms: 0,
            spilled_bytes,
            rows_in,
            peak_memory_bytes: self.memory.peak() as u64,
        }
    }
}
