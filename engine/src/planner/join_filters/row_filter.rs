//! The operator that leaves rows out.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Statistics};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    ChildStats, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, StatisticsArgs,
};

use super::passing_rows::PassingRows;
use super::{Expr, Plan};

/// Leaves out the rows for which a filter that comes while the query runs is not true; their order stays. A filter that leaves out few is
/// not asked for long.
#[derive(Debug)]
pub(crate) struct RowFilterExec {
    input: Plan,
    filter: Expr,
    metrics: ExecutionPlanMetricsSet,
}

impl RowFilterExec {
    pub(super) fn new(input: Plan, filter: Expr) -> Self {
        Self { input, filter, metrics: ExecutionPlanMetricsSet::new() }
    }
}

impl DisplayAs for RowFilterExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowFilterExec: {}", self.filter)
    }
}

impl ExecutionPlan for RowFilterExec {
    fn name(&self) -> &str {
        "RowFilterExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Plan> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(&self, f: &mut dyn FnMut(&Expr) -> Result<TreeNodeRecursion>) -> Result<TreeNodeRecursion> {
        f(&self.filter)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Plan>) -> Result<Plan> {
        let [input] = <[_; 1]>::try_from(children)
            .map_err(|_| DataFusionError::Internal("RowFilterExec has one child".to_owned()))?;
        Ok(Arc::new(Self::new(input, Arc::clone(&self.filter))))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.input.execute(partition, Arc::clone(&context))?;
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let rows = PassingRows::new(input, Arc::clone(&self.filter), context.session_config().batch_size(), metrics);
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows.batches())))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let [input] = inputs else { return Ok(Arc::new(Statistics::new_unknown(&self.schema()))) };
        Ok(Arc::new(input.as_ref().clone().to_inexact()))
    }
}
