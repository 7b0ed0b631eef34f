//! No filter that a join makes while it runs may land on another column of the same name.
//!
//! DataFusion hands such filters down by the names of columns (`FilterRemapper::try_remap`). Over a join of two inputs that both have an `id`, a
//! filter for the second lands on the first, and leaves out files and row groups whose rows belong to the answer
//! (<https://github.com/apache/datafusion/issues/25244>). Such plans are made without them.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::{CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};

/// DataFusion's physical plan, with filters between operators where none can be mistaken.
pub(crate) async fn physical_plan(state: &SessionState, logical: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = state.create_physical_plan(logical).await?;
    if !may_mistake(&plan, false) {
        return Ok(plan);
    }
    let mut careful = state.clone();
    let optimizer = &mut careful.config_mut().options_mut().optimizer;
    optimizer.enable_join_dynamic_filter_pushdown = false;
    optimizer.enable_topk_dynamic_filter_pushdown = false;
    optimizer.enable_aggregate_dynamic_filter_pushdown = false;
    careful.create_physical_plan(logical).await
}

/// Whether a filter may pass a join on its way down, whose inputs have columns of one name.
fn may_mistake(plan: &Arc<dyn ExecutionPlan>, filtered_above: bool) -> bool {
    let children = plan.children();
    let like_named = match children.as_slice() {
        [left, right] if is_join(plan) => {
            let (left, right) = (left.schema(), right.schema());
            left.fields().iter().any(|field| right.column_with_name(field.name()).is_some())
        }
        _ => false,
    };
    let filtered = filtered_above || !plan.dynamic_expressions_produced().is_empty();
    (like_named && filtered_above) || children.into_iter().any(|child| may_mistake(child, filtered))
}

fn is_join(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<HashJoinExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<CrossJoinExec>()
}
