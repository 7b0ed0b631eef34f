//! `INTERSECT ALL` and `EXCEPT ALL` count rows, as SQL has it.
//!
//! DataFusion plans them as a semi and an anti join, which keep every copy of a row of the left side, or none. Here the copies of a row
//! are numbered on both sides and the number is one more column to join on: `EXCEPT ALL` keeps the copies beyond those on the right,
//! `INTERSECT ALL` as many as both sides have.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, NullEquality, Result};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{Expr, ExprFunctionExt, Join, JoinType, LogicalPlan, LogicalPlanBuilder};

/// Rewrites a plan as it comes from SQL, before any optimizer has seen it.
pub(crate) fn count_copies(plan: LogicalPlan) -> Result<LogicalPlan> {
    let counted = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Join(join) if is_multiset_operation(&join) => numbered(join).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })?;
    Ok(counted.data)
}

/// Joins of SQL do not hold equality of nulls before they are optimized. Without ALL the left side is DISTINCT, with one copy of a row:
/// there the join alone is right.
fn is_multiset_operation(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftSemi | JoinType::LeftAnti)
        && join.null_equality == NullEquality::NullEqualsNull
        && !matches!(*join.left, LogicalPlan::Distinct(_))
}

fn numbered(join: Join) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    let (mut left_keys, mut right_keys): (Vec<Column>, Vec<Column>) = join
        .on
        .iter()
        .filter_map(|(left, right)| Some((left.try_as_col()?.clone(), right.try_as_col()?.clone())))
        .unzip();
    left_keys.push(Column::from_name("left copy"));
    right_keys.push(Column::from_name("right copy"));
    let left = with_number(join.left, "left copy")?;
    let right = with_number(join.right, "right copy")?;
    LogicalPlanBuilder::from(left)
        .join_detailed(right, join.join_type, (left_keys, right_keys), None, NullEquality::NullEqualsNull)?
        .project(columns)?
        .build()
}

/// The copies of each row numbered from 1, in any order: they are the same.
fn with_number(input: Arc<LogicalPlan>, name: &str) -> Result<LogicalPlan> {
    let columns = input.schema().columns().into_iter().map(Expr::Column).collect();
    let number = row_number().partition_by(columns).build()?.alias(name);
    LogicalPlanBuilder::from(input).window([number])?.build()
}
