//! Makes a plan distributed, and runs one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder, TaskContext};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, ExecutionPlan, ExecutionPlanProperties, ReplaceChildrenOptions,
};
use datafusion::prelude::{SessionConfig, SessionContext};
#[cfg(feature = "cluster")]
use datafusion_distributed::NetworkCoalesceExec;
use datafusion_distributed::{
    DistributedCodec, DistributedExec, DistributedExt, DistributedLeafExec, MaybeEncoded, NetworkBoundaryExt,
    RouteTasksEvent, RouteTasksEventResponse, SessionStateBuilderExt, display_plan_ascii,
};
use datafusion_proto::bytes::physical_plan_from_bytes_with_proto_converter;
use datafusion_proto::physical_plan::DeduplicatingProtoConverter;
use url::Url;

use super::channel::{RunResolver, compress, scan_bytes, upstream_stages};
use super::codec::ArachneCodec;
use super::deep_stack::on_a_deep_stack;
use super::leaf_splits::split_leaf;
use super::repair::repair;
use super::single_partition_guard::SinglePartitionGuard;
use super::stage_hints::{HintedPlanner, without_hints};
use super::stage_notes::{StageNote, stage_notes};
use super::stage_width::StageWidth;
use crate::coordinator::{Run, TaskSpec};
use crate::exchange::Source;
use crate::planner::scalar_subqueries::unevaluated_function;
use crate::planner::sizing::{Choices, Limits, Width};
use crate::protocol::{OutputKind, TaskKey};
use crate::storage::pins_of;

/// How wide to cut.
#[derive(Debug, Clone)]
pub(crate) struct CutSettings {
    /// Of stages that read tables.
    pub(crate) width: Width,
    /// Of stages that read other stages.
    pub(crate) received: Width,
    pub(crate) limits: Limits,
    /// An aggregate of at most so many groups, as far as is known, is merged in the coordinator.
    pub(crate) merge_groups: usize,
    /// A build side of at most so many bytes is sent to every task, whatever the session's options say.
    pub(crate) broadcast_bytes: Option<u64>,
}

/// Adds distributed planning to a session. Plans that do not gain from it come out as they would without.
pub(crate) fn distributable(builder: SessionStateBuilder, settings: &CutSettings) -> Result<SessionStateBuilder> {
    let choices = Choices::default();
    let mut builder = builder.with_query_planner(Arc::new(HintedPlanner::new(settings.clone())));
    let config = builder.config().get_or_insert_default();
    config.set_extension(Arc::new(choices.clone()));
    if let Some(limit) = settings.broadcast_bytes {
        let optimizer = &mut config.options_mut().optimizer;
        optimizer.hash_join_single_partition_threshold = usize::try_from(limit).unwrap_or(usize::MAX);
    }
    builder
        .with_distributed_planner()
        .with_distributed_user_codec(ArachneCodec)
        .with_distributed_max_tasks_per_stage(settings.limits.max_tasks.max(1))?
        .with_distributed_metrics_collection(false)?
        .with_distributed_broadcast_joins(true)?
        .with_distributed_children_isolator_unions(true)
        .map(|builder| {
            builder
                .with_distributed_route_tasks_handler(task_urls)
                .with_distributed_scale_up_leaf_node_handler(split_leaf)
                // The first handler with an answer wins: correctness before size.
                .with_distributed_desired_task_count_handler(SinglePartitionGuard(choices.clone()))
                .with_distributed_desired_task_count_handler(StageWidth::new(settings.clone(), choices))
        })
}

/// A plan with at least one stage for workers.
#[derive(Debug, Clone)]
pub(crate) struct DistributedPlan {
    pub(super) root: Arc<DistributedExec>,
    pub(super) head_inputs: BTreeSet<u32>,
    pub(super) stages: Vec<StageNote>,
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
        let stages = stage_notes(&base)?;
        let base = repair(base)?;
        check_sendable(&base, &state.task_ctx())?;
        let head_inputs = upstream_stages(&base)?;
        Ok(Some(Self { root: Arc::new(DistributedExec::new(base)), head_inputs, stages }))
    }

    /// A whole plan as the only task of one stage: see [`plan_on_one_worker`].
    #[cfg(feature = "cluster")]
    pub(crate) fn on_one_worker(plan: Arc<dyn ExecutionPlan>) -> Result<Self> {
        let base: Arc<dyn ExecutionPlan> = Arc::new(NetworkCoalesceExec::try_new(in_one_partition(plan), 1, 1)?);
        let (head_inputs, stages) = (upstream_stages(&base)?, stage_notes(&base)?);
        Ok(Self { root: Arc::new(DistributedExec::new(base)), head_inputs, stages })
    }

    #[cfg(feature = "cluster")]
    pub(super) fn base(&self) -> Arc<dyn ExecutionPlan> {
        self.root.children().first().map_or_else(|| Arc::clone(&self.root) as _, |base| Arc::clone(base))
    }

    /// The stages in the order of their numbers: what each works on, and why it is as wide as it is.
    pub(crate) fn stages(&self) -> &[StageNote] {
        &self.stages
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

/// Sends every stage to itself once, before anything runs: a node or an expression that does not survive it would otherwise be found
/// when stages are under way. Each alone, as it will be sent: the stages of a query together may be deeper than messages may nest.
fn check_sendable(base: &Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<()> {
    let worker = worker_context(context.runtime_env());
    base.apply(|node| {
        let Some(stage) = node.as_network_boundary().and_then(|boundary| boundary.input_stage().local_plan()) else {
            return Ok(TreeNodeRecursion::Continue);
        };
        let plan = Arc::clone(stage).transform_down(|node| {
            let sent = match node.downcast_ref::<DistributedLeafExec>() {
                Some(leaf) => leaf.variants().first().cloned(),
                None if node.as_network_boundary().is_some() => Some(over_nothing(&node)?),
                None => None,
            };
            Ok(sent.map_or(Transformed::no(node), |sent| Transformed::new(sent, true, TreeNodeRecursion::Jump)))
        })?;
        decode(&encode(plan.data, context)?, &worker)?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// The boundary with all that it promises to the plan above it, but without the stage below.
fn over_nothing(boundary: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let recomputed = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(boundary).replace_children(vec![Arc::new(EmptyExec::new(boundary.schema()))], recomputed)
}

fn encode(plan: Arc<dyn ExecutionPlan>, context: &Arc<TaskContext>) -> Result<Vec<u8>> {
    on_a_deep_stack(|| MaybeEncoded::Decoded(plan).encode(context)).map_err(cannot_be_sent)
}

/// As a worker does, which knows no function but the built-in ones.
fn decode(plan: &[u8], worker: &TaskContext) -> Result<()> {
    let codec = DistributedCodec::new_combined_with_user(worker.session_config());
    let converter = DeduplicatingProtoConverter {};
    on_a_deep_stack(|| physical_plan_from_bytes_with_proto_converter(plan, worker, &codec, &converter))
        .map_err(cannot_be_sent)?;
    Ok(())
}

/// The stores are the coordinator's: decoding a scan looks its store up.
fn worker_context(runtime: Arc<RuntimeEnv>) -> Arc<TaskContext> {
    let config = SessionConfig::new().with_distributed_user_codec(ArachneCodec);
    let context = SessionContext::new_with_config_rt(config, runtime);
    context.register_udf(unevaluated_function());
    context.task_ctx()
}

fn cannot_be_sent(error: DataFusionError) -> DataFusionError {
    DataFusionError::NotImplemented(format!("the plan cannot be sent to workers: {}", error.strip_backtrace()))
}

/// What was decided while this session's plans were cut.
pub(crate) fn choices(state: &SessionState) -> Vec<String> {
    state.config().get_extension::<Choices>().map(|choices| choices.all()).unwrap_or_default()
}

/// The plan's stages as text, for EXPLAIN.
pub(crate) fn stages_text(plan: &DistributedPlan) -> String {
    display_plan_ascii(plan.root.as_ref(), false)
}

/// A whole plan as the only task of one stage, for queries whose data is better read next to S3 than here; with it, the plan as it will
/// run.
///
/// # Errors
/// `NotImplemented` for a plan with a node that has no encoding.
pub(crate) fn plan_on_one_worker(
    plan: Arc<dyn ExecutionPlan>,
    context: &Arc<TaskContext>,
) -> Result<(Arc<dyn ExecutionPlan>, TaskSpec)> {
    let plan = in_one_partition(without_hints(plan)?);
    let bytes = encode(Arc::clone(&plan), context)?;
    decode(&bytes, &worker_context(context.runtime_env()))?;
    let task = TaskSpec {
        task: TaskKey { stage: 1, task: 0 },
        task_count: 1,
        upstream: BTreeSet::new(),
        shuffles: BTreeMap::new(),
        output: OutputKind::Forward,
        plan: compress(&bytes)?.into(),
        pins: pins_of(&plan),
        scan_bytes: scan_bytes(&plan)?,
        limited: false,
    };
    Ok((plan, task))
}

fn in_one_partition(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    if plan.output_partitioning().partition_count() > 1 { Arc::new(CoalescePartitionsExec::new(plan)) } else { plan }
}

/// A cluster's workers have addresses, which the execution names. Others have none: the library wants a URL per task, and these only
/// have to be different.
pub(super) fn task_urls(event: RouteTasksEvent<'_>) -> Option<Result<RouteTasksEventResponse>> {
    #[cfg(feature = "cluster")]
    if let Some(route) = event.task_ctx.session_config().get_extension::<super::cluster::Route>() {
        return Some(Ok(RouteTasksEventResponse::new(route.urls(event.task_count))));
    }
    let urls = (0..event.task_count)
        .map(|task| Url::parse(&format!("exchange://task/{task}")))
        .collect::<Result<Vec<_>, _>>()
        .map(RouteTasksEventResponse::new)
        .map_err(|error| DataFusionError::External(Box::new(error)));
    Some(urls)
}
