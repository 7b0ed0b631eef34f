//! Where a plan runs.

use std::sync::Arc;

use datafusion::execution::SessionState;
use datafusion::physical_plan::ExecutionPlan;

use crate::coordinator::TaskSpec;
use crate::planner::distributed::DistributedPlan;

/// A physical plan, where it will run, and why there.
pub(super) struct Placed {
    pub(super) state: SessionState,
    pub(super) place: Place,
    pub(super) reason: String,
}

pub(super) enum Place {
    /// In this process; the plan is ready to run.
    Here(Arc<dyn ExecutionPlan>),
    /// In stages on workers; this process runs the head.
    Stages(DistributedPlan),
    /// Whole, on one worker.
    OneWorker { plan: Arc<dyn ExecutionPlan>, task: Box<TaskSpec> },
}
