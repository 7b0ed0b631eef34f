//! Window functions that do not survive being sent to a worker.
//!
//! DataFusion's encoding of a window leaves out `FILTER` and `IGNORE NULLS` (`serialize_physical_window_expr`): on a worker the function would
//! count every row. A query with one runs in the coordinator.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::NullTreatment;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// Why the plan has to stay here, if it has.
pub(crate) fn reason_to_stay(plan: &LogicalPlan) -> Result<Option<&'static str>> {
    let mut reason = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::WindowFunction(function) = expr {
                    reason = reason.or(of_function(&function.params));
                }
                Ok(if reason.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
            })
        })
    })?;
    Ok(reason)
}

fn of_function(params: &datafusion::logical_expr::expr::WindowFunctionParams) -> Option<&'static str> {
    if params.filter.is_some() {
        Some("a window function with FILTER cannot be sent to workers")
    } else if params.null_treatment == Some(NullTreatment::IgnoreNulls) {
        Some("a window function with IGNORE NULLS cannot be sent to workers")
    } else {
        None
    }
}
