//! The columns that `RIGHT JOIN … USING (k)` and `FULL JOIN … USING (k)` share are those of the side that has a row.
//!
//! DataFusion takes them from one side, whose rows may all be nulls.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::functions::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, Join, JoinConstraint, JoinType, LogicalPlan, Projection};

/// Rewrites a plan as it comes from SQL, before any optimizer has seen it.
pub(crate) fn merge_columns(plan: LogicalPlan) -> Result<LogicalPlan> {
    let merged = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if may_lack_a_side(&join) => merged(join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })?;
    if !merged.transformed {
        return Ok(merged.data);
    }
    // A key of two types has become one of their common type.
    let typed = merged.data.transform_up_with_subqueries(|node| node.recompute_schema().map(Transformed::yes))?;
    Ok(typed.data)
}

fn may_lack_a_side(join: &Join) -> bool {
    join.join_constraint == JoinConstraint::Using && matches!(join.join_type, JoinType::Right | JoinType::Full)
}

fn merged(join: Join) -> Result<LogicalPlan> {
    let columns = join.schema.columns().into_iter().map(|column| shared(&join, column)).collect();
    Projection::try_new(columns, Arc::new(LogicalPlan::Join(join))).map(LogicalPlan::Projection)
}

fn shared(join: &Join, column: Column) -> Expr {
    let key = join.on.iter().find(|(left, right)| [left, right].iter().any(|key| key.try_as_col() == Some(&column)));
    match key {
        Some((left, right)) => {
            coalesce(vec![left.clone(), right.clone()]).alias_qualified(column.relation, column.name)
        }
        None => Expr::Column(column),
    }
}
