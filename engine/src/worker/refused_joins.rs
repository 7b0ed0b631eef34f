//! A nested-loop join whose left side does not fit into memory fails; it must not be tried in passes.
//!
//! DataFusion's `NestedLoopJoinExec` (55.2) then executes that side once more and joins it chunk by chunk. A repartition below it
//! panics when it is executed again, and left, semi, anti and mark joins of several partitions forget between partitions which
//! rows have matched (a comment in its `execute` says so): wrong rows. It does so for errors of the kind `ResourcesExhausted`
//! alone, so what is refused to it, or to anything on its left side, reaches it as an error of ours instead, which says the same.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
};
use futures::TryStreamExt;

use crate::error::{Error, ErrorCode};

/// What the join calls itself when it asks for the memory of its left side.
const LEFT_SIDE: &str = "NestedLoopJoinLoad";

/// A pool's refusal as the consumer should see it.
pub(crate) fn refusal(consumer: &MemoryConsumer, refused: DataFusionError) -> DataFusionError {
    if consumer.name().starts_with(LEFT_SIDE) { final_refusal(refused) } else { refused }
}

/// Puts every left side of a nested-loop join behind a node that lets no refusal through as such. To be called just before a plan
/// runs: the node does not travel.
pub(crate) fn refuse_large_joins(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if !node.is::<NestedLoopJoinExec>() {
            return Ok(Transformed::no(node));
        }
        let mut sides: Vec<_> = node.children().into_iter().cloned().collect();
        let Some(left) = sides.first_mut() else { return Ok(Transformed::no(node)) };
        *left = Arc::new(LeftSideExec { input: Arc::clone(left) });
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        Ok(Transformed::yes(node.replace_children(sides, options)?))
    })
    .data()
}

fn final_refusal(error: DataFusionError) -> DataFusionError {
    match error.find_root() {
        DataFusionError::ResourcesExhausted(message) => {
            DataFusionError::External(Box::new(Error::new(ErrorCode::ResourceExhausted, message.clone())))
        }
        _ => error,
    }
}

/// Passes rows on as they are.
#[derive(Debug)]
struct LeftSideExec {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for LeftSideExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl ExecutionPlan for LeftSideExec {
    fn name(&self) -> &str {
        "LeftSideExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
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

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self { input })),
            Err(_) => internal_err!("LeftSideExec has one child"),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.input.execute(partition, context)?.map_err(final_refusal);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
