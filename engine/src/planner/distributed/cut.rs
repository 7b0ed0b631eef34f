//! Makes a plan distributed, and runs one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion_distributed::{
    DesiredTaskCountEvent, DesiredTaskCountEventResponse, DesiredTaskCountHandler, DistributedExec, DistributedExt,
    DistributedLeafExec, MaybeEncoded, NetworkBoundaryExt, RouteTasksEvent, RouteTasksEventResponse,
    SessionStateBuilderExt, display_plan_ascii,
};
use url::Url;

use super::channel::{RunResolver, compress, scan_bytes, upstream_stages};
use super::codec::ArachneCodec;
use super::leaf_splits::split_leaf;
use super::repair::repair;
use super::single_partition_guard::SinglePartitionGuard;
use crate::coordinator::{Run, TaskSpec};
use crate::exchange::Source;
use crate::planner::sizing::{Width, few_groups, file_bytes, file_scan};
use crate::protocol::{OutputKind, TaskKey};
use crate::storage::pins_of;

/// How wide to cut.
#[derive(Debug, Clone)]
pub(crate) struct CutSettings {
    pub(crate) width: Width,
    pub(crate) max_tasks: usize,
    /// An aggregate of at most so many groups, as far as is known, is merged in the coordinator.
    pub(crate) merge_groups: usize,
}

/// Adds distributed planning to a session. Plans that do not gain from it come out as they would without.
pub(crate) fn distributable(builder: SessionStateBuilder, settings: &CutSettings) -> Result<SessionStateBuilder> {
    builder
        .with_distributed_planner()
        .with_distributed_user_codec(ArachneCodec)
        .with_distributed_max_tasks_per_stage(settings.max_tasks.max(1))?
        .with_distributed_metrics_collection(false)?
        .with_distributed_broadcast_joins(true)?
        .with_distributed_children_isolator_unions(true)
        .map(|builder| {
            builder
                .with_distributed_route_tasks_handler(nominal_urls)
                .with_distributed_scale_up_leaf_node_handler(split_leaf)
                // The first handler with an answer wins: correctness before size.
                .with_distributed_desired_task_count_handler(SinglePartitionGuard)
                .with_distributed_desired_task_count_handler(StageWidth::new(settings.clone()))
        })
}

/// A plan with at least one stage for workers.
#[derive(Debug, Clone)]
pub(crate) struct DistributedPlan {
    pub(super) root: Arc<DistributedExec>,
    pub(super) head_inputs: BTreeSet<u32>,
}

impl DistributedPlan {
    /// `None` where the planner left the plan whole.
    ///
    /// # Errors
    /// `NotImplemented` for a plan with a node that has no encoding: it has to run in the coordinator.
    pub(crate) fn try_from_plan(plan: &Arc<dyn ExecutionPlan>, state: &SessionState) -> Result<Option<Self>> {
        if !plan.is::<DistributedExec>() {
            return Ok(None);
        }
        let Some(base) = plan.children().first().map(|base| Arc::clone(base)) else { return Ok(None) };
        let base = repair(base)?;
        check_sendable(&base, &state.task_ctx())?;
        let head_inputs = upstream_stages(&base)?;
        Ok(Some(Self { root: Arc::new(DistributedExec::new(base)), head_inputs }))
    }

    /// Stages that the coordinator reads itself.
    pub(crate) fn head_inputs(&self) -> &BTreeSet<u32> {
        &self.head_inputs
    }

    /// Runs the head stage here, and all others through `run`.
    pub(crate) fn execute(&self, state: &SessionState, run: Run, source: Source) -> Result<SendableRecordBatchStream> {
        let config = state.config().clone().with_distributed_channel_resolver(RunResolver { run, source });
        let context = TaskContext::from(state).with_session_config(config);
        self.root.execute(0, Arc::new(context))
    }
}

/// Encodes every stage once, before anything runs: a node without an encoding would otherwise be found when stages are under way.
fn check_sendable(base: &Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<()> {
    base.apply(|node| {
        let Some(stage) = node.as_network_boundary().and_then(|boundary| boundary.input_stage().local_plan()) else {
            return Ok(TreeNodeRecursion::Continue);
        };
        let plan = Arc::clone(stage).transform_down(|node| {
            let variant = node.downcast_ref::<DistributedLeafExec>().and_then(|leaf| leaf.variants().first().cloned());
            Ok(variant
                .map_or(Transformed::no(node), |variant| Transformed::new(variant, true, TreeNodeRecursion::Jump)))
        })?;
        // A boundary is encoded with the stage below it, so that the head's inputs hold all there is.
        encode(plan.data, context)?;
        Ok(TreeNodeRecursion::Jump)
    })?;
    Ok(())
}

fn encode(plan: Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<Vec<u8>> {
    MaybeEncoded::Decoded(plan).encode(context).map_err(|error| {
        DataFusionError::NotImplemented(format!("the plan cannot be sent to workers: {}", error.strip_backtrace()))
    })
}

/// The plan's stages as text, for EXPLAIN.
pub(crate) fn stages_text(plan: &DistributedPlan) -> String {
    display_plan_ascii(plan.root.as_ref(), false)
}

/// A whole plan as the only task of one stage, for queries whose data is better read next to S3 than here.
///
/// # Errors
/// `NotImplemented` for a plan with a node that has no encoding.
pub(crate) fn plan_on_one_worker(plan: Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<TaskSpec> {
    let plan = if plan.output_partitioning().partition_count() > 1 {
        Arc::new(CoalescePartitionsExec::new(plan)) as _
    } else {
        plan
    };
    let pins = pins_of(&plan);
    let scan_bytes = scan_bytes(&plan)?;
    let bytes = encode(plan, context)?;
    Ok(TaskSpec {
        task: TaskKey { stage: 1, task: 0 },
        task_count: 1,
        upstream: BTreeSet::new(),
        output: OutputKind::Forward,
        plan: compress(&bytes)?.into(),
        pins,
        scan_bytes,
        limited: false,
    })
}

/// Workers have no address. The library wants a URL per task; ours only have to be different.
pub(super) fn nominal_urls(event: RouteTasksEvent<'_>) -> Option<Result<RouteTasksEventResponse>> {
    let urls = (0..event.task_count)
        .map(|task| Url::parse(&format!("exchange://task/{task}")))
        .collect::<Result<Vec<_>, _>>()
        .map(RouteTasksEventResponse::new)
        .map_err(|error| DataFusionError::External(Box::new(error)));
    Some(urls)
}

/// Sizes the stages of one session's plans.
pub(super) struct StageWidth {
    settings: CutSettings,
    /// Scans seen so far; the planner walks a plan in the same order every time.
    scans: AtomicUsize,
}

#[async_trait]
impl DesiredTaskCountHandler for StageWidth {
    async fn handle(&self, event: DesiredTaskCountEvent<'_>) -> Option<Result<DesiredTaskCountEventResponse>> {
        if let Some(aggregate) = event.plan.downcast_ref::<AggregateExec>() {
            return self.aggregate(aggregate).map(Ok);
        }
        let scan = file_scan(event.plan)?;
        let bytes = file_bytes(&scan.file_groups);
        let nth = self.scans.fetch_add(1, Ordering::Relaxed);
        let tasks = self.settings.width.tasks_for(bytes, nth).min(self.settings.max_tasks);
        Some(Ok(DesiredTaskCountEventResponse::desired(tasks.max(1))))
    }
}

impl StageWidth {
    pub(super) fn new(settings: CutSettings) -> Self {
        Self { settings, scans: AtomicUsize::new(0) }
    }

    /// Merging few groups in the coordinator saves a stage, its invocations and its exchange.
    fn aggregate(&self, aggregate: &AggregateExec) -> Option<DesiredTaskCountEventResponse> {
        let merges = matches!(aggregate.mode(), AggregateMode::Final | AggregateMode::FinalPartitioned);
        (merges && few_groups(aggregate, self.settings.merge_groups)).then(|| DesiredTaskCountEventResponse::maximum(1))
    }
}
