//! The node that every task's plan has below its head: what the library's service does not carry goes with it.

use std::fmt::{self, Formatter};
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use datafusion_distributed::BroadcastExec;
use futures::StreamExt;

use super::session::ClusterTask;
use super::wire_error::to_wire;
use crate::error::{Error, ErrorCode};
use crate::planner::distributed::channel::compress;
use crate::protocol::FilePin;
use crate::storage::pins_of;

/// Batches of a partition that wait for the network.
const BATCHES_AHEAD: usize = 2;

/// Passes rows through. On its way to the worker it holds the pins of the files below it; there it counts, puts errors into
/// the form that travels, and parts what computes from what talks.
#[derive(Debug)]
pub(in crate::planner::distributed) struct ClusterTaskExec {
    input: Arc<dyn ExecutionPlan>,
    pins: Vec<FilePin>,
    /// On the worker.
    task: Option<Arc<ClusterTask>>,
}

impl ClusterTaskExec {
    /// Puts the node into a task's plan: below the head, which the worker takes off and puts on again, or on top where there is none.
    pub(super) fn insert(plan: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let pins = pins_of(plan);
        let node = |input: &Arc<dyn ExecutionPlan>| -> Arc<dyn ExecutionPlan> {
            Arc::new(Self { input: Arc::clone(input), pins, task: None })
        };
        match plan.children().as_slice() {
            [below] if plan.is::<RepartitionExec>() || plan.is::<BroadcastExec>() => {
                let below = node(below);
                let recomputed = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
                Arc::clone(plan).replace_children(vec![below], recomputed)
            }
            _ => Ok(node(plan)),
        }
    }

    pub(in crate::planner::distributed) fn encode(&self) -> Result<Vec<u8>> {
        let json = serde_json::to_vec(&self.pins).map_err(|error| DataFusionError::External(Box::new(error)))?;
        compress(&json)
    }

    /// On the worker: the pins take effect on the stores that the plan was decoded with.
    pub(in crate::planner::distributed) fn decode(
        bytes: &[u8],
        input: Arc<dyn ExecutionPlan>,
        context: &TaskContext,
    ) -> Result<Self> {
        let Some(task) = context.session_config().get_extension::<ClusterTask>() else {
            return internal_err!("the part of a cluster's query outside of a worker");
        };
        let json = zstd::stream::decode_all(bytes)?;
        let pins: Vec<FilePin> =
            serde_json::from_slice(&json).map_err(|error| DataFusionError::External(Box::new(error)))?;
        task.pin(&pins)?;
        Ok(Self { input, pins, task: Some(task) })
    }
}

impl DisplayAs for ClusterTaskExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterTaskExec: pinned={}", self.pins.len())
    }
}

impl ExecutionPlan for ClusterTaskExec {
    fn name(&self) -> &str {
        "ClusterTaskExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.pop()) {
            (Some(input), None) => Ok(Arc::new(Self { input, pins: self.pins.clone(), task: self.task.clone() })),
            _ => internal_err!("ClusterTaskExec has one input"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(task) = self.task.clone() else {
            return internal_err!("a task of a cluster's query was executed in the coordinator");
        };
        let running = task.partition_started();
        // What the operators spawn, now and later, goes to the threads that compute.
        let compute = task.compute.clone();
        let _computing = compute.enter();
        let mut input = self.input.execute(partition, context).map_err(|error| to_wire(&error))?;
        let mut builder = RecordBatchReceiverStream::builder(self.schema(), BATCHES_AHEAD);
        let output = builder.tx();
        let passed_on = output.clone();
        let pass_on = async move {
            while let Some(batch) = input.next().await {
                let batch = batch.inspect(|batch| running.gave(batch)).map_err(|error| to_wire(&error));
                let failed = batch.is_err();
                // Nobody listens any more: the query has ended, or has enough rows.
                if passed_on.send(batch).await.is_err() || failed {
                    break;
                }
            }
        };
        builder.spawn(async move {
            if task.end.run_until_cancelled(pass_on).await.is_none() {
                // Whoever still reads must not take this for the end of the rows. Nobody may be there.
                let _ = output.send(Err(to_wire(&abandoned().into()))).await;
            }
            Ok(())
        });
        Ok(builder.build())
    }

    /// What the task did: the library collects metrics when the query has ended, and sends them to the coordinator.
    fn metrics(&self) -> Option<MetricsSet> {
        self.task.as_ref().map(|task| task.figures(&self.input).to_metrics())
    }
}

/// Of a query that the coordinator has ended, or cannot end any more.
fn abandoned() -> Error {
    Error::new(ErrorCode::Unavailable, "the coordinator has left the query before its end")
}
