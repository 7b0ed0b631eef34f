//! The coordinator's side: every task that the distributed plan wants started becomes a task of our run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion_distributed::{
    ChannelResolver, CoordinatorToWorkerMsg, ExecuteTaskRequest, GetWorkerInfoRequest, GetWorkerInfoResponse,
    MaybeEncoded, NetworkBoundaryExt, NetworkShuffleExec, SetPlanRequest, WorkerChannel, WorkerToCoordinatorMsg,
};
use futures::stream::BoxStream;
use futures::{StreamExt, future, stream};
use http::HeaderMap;
use url::Url;

use super::deep_stack::on_a_deep_stack;
use super::fragment::{open, output_kind};
use crate::coordinator::{Run, TaskSpec};
use crate::exchange::Source;
use crate::planner::sizing::{file_bytes, file_scan};
use crate::protocol::{OutputKind, TaskKey};
use crate::storage::pins_of;

/// Compression level of a fragment: plans are repetitive and small, so the cheapest level already gains most.
const ZSTD_LEVEL: i32 = 3;

/// One per execution.
#[derive(Clone)]
pub(super) struct RunResolver {
    pub(super) run: Run,
    pub(super) source: Source,
}

#[async_trait]
impl ChannelResolver for RunResolver {
    async fn get_worker_client_for_url(&self, _: &Url) -> Result<Box<dyn WorkerChannel>, DataFusionError> {
        Ok(Box::new(self.clone()))
    }
}

#[async_trait]
impl WorkerChannel for RunResolver {
    /// Submits the task. The stream that comes back ends when the task has committed, or when the query no longer wants it.
    async fn coordinator_channel(
        &mut self,
        _: HeaderMap,
        request: SetPlanRequest,
        wanted: BoxStream<'static, CoordinatorToWorkerMsg>,
        _: ExecutionPlanMetricsSet,
        context: &Arc<TaskContext>,
    ) -> Result<BoxStream<'static, Result<WorkerToCoordinatorMsg>>> {
        let spec = task_spec(request, context)?;
        let run = self.run.clone();
        let done = async move {
            let no_longer_wanted = wanted.for_each(|_| future::ready(()));
            tokio::select! {
                committed = run.submit_while_wanted(spec) => committed?,
                () = no_longer_wanted => run.stop(),
            }
            Ok(WorkerToCoordinatorMsg::LoadInfoEos)
        };
        Ok(stream::once(done).boxed())
    }

    /// The head stage reads a task as soon as that one has committed.
    async fn execute_task(
        &mut self,
        _: HeaderMap,
        request: ExecuteTaskRequest,
        _: ExecutionPlanMetricsSet,
        _: &Arc<TaskContext>,
    ) -> Result<Vec<BoxStream<'static, Result<RecordBatch>>>> {
        let key = task_key(request.task_key);
        let produced = self.run.committed(key).await?;
        open(&self.source, &produced, &request)
    }

    async fn get_worker_info(&mut self, _: GetWorkerInfoRequest) -> Result<GetWorkerInfoResponse> {
        Ok(GetWorkerInfoResponse { version: crate::protocol::ENGINE_VERSION.to_owned() })
    }
}

fn task_spec(request: SetPlanRequest, context: &Arc<TaskContext>) -> Result<TaskSpec> {
    let MaybeEncoded::Decoded(plan) = &request.plan else {
        return internal_err!("a stage's plan came encoded");
    };
    let task = task_key(request.task_key);
    let upstream = upstream_stages(plan)?;
    let shuffles = shuffles(plan)?;
    let output = output_kind(plan);
    let pins = pins_of(plan);
    let scan_bytes = scan_bytes(plan)?;
    let limited = limited(plan);
    let bytes = on_a_deep_stack(|| request.plan.encode(context))?;
    Ok(TaskSpec {
        task,
        task_count: request.task_count as u32,
        upstream,
        shuffles,
        output,
        plan: compress(&bytes)?.into(),
        pins,
        scan_bytes,
        limited,
    })
}

/// The stages that are shuffled to this fragment's stage, and how many tasks they have.
fn shuffles(plan: &Arc<dyn ExecutionPlan>) -> Result<BTreeMap<u32, u32>> {
    let mut stages = BTreeMap::new();
    plan.apply(|node| {
        let Some(boundary) = node.as_network_boundary() else { return Ok(TreeNodeRecursion::Continue) };
        if node.is::<NetworkShuffleExec>() {
            let stage = boundary.input_stage();
            stages.insert(stage.num() as u32, stage.task_count() as u32);
        }
        Ok(TreeNodeRecursion::Jump)
    })?;
    Ok(stages)
}

/// Bytes of the files, or parts of files, that a fragment reads.
pub(super) fn scan_bytes(plan: &Arc<dyn ExecutionPlan>) -> Result<u64> {
    let mut bytes = 0;
    plan.apply(|node| {
        bytes += file_scan(node).map_or(0, |scan| file_bytes(&scan.file_groups));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(bytes)
}

/// Whether the fragment ends in a LIMIT whose rows are as good as any others. Where its rows are ordered (top-k, or a merge of
/// sorted streams) every task of the stage is needed.
fn limited(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.fetch().is_some() && output_kind(plan) == OutputKind::Forward && plan.output_ordering().is_none()
}

pub(super) fn compress(plan: &[u8]) -> Result<Vec<u8>> {
    Ok(zstd::bulk::compress(plan, ZSTD_LEVEL)?)
}

pub(super) fn task_key(key: datafusion_distributed::TaskKey) -> TaskKey {
    TaskKey { stage: key.stage_id as u32, task: key.task_number as u32 }
}

pub(super) fn upstream_stages(plan: &Arc<dyn ExecutionPlan>) -> Result<BTreeSet<u32>> {
    let mut stages = BTreeSet::new();
    plan.apply(|node| {
        Ok(match node.as_network_boundary() {
            Some(boundary) => {
                stages.insert(boundary.input_stage().num() as u32);
                TreeNodeRecursion::Jump
            }
            None => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(stages)
}
