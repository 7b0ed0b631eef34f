//! Where the columns of a node come from.

use std::sync::Arc;

use arrow::datatypes::Schema;
use datafusion::common::JoinSide;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::JoinType;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::joins::utils::build_join_schema;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;

use super::{Expr, Plan};

/// A filter of a node's rows as one of a child's rows, where that leaves out the same of them: where each of its columns is a column of
/// that child, and a row of the child makes rows with its own values in these columns only.
pub(super) fn by_columns_of_child(node: &Plan, child: usize, filter: &Expr) -> Result<Option<Expr>> {
    let Some(input) = node.children().get(child).map(|input| input.schema()) else { return Ok(None) };
    let by = |from: &dyn Fn(usize) -> Option<usize>| moved(filter, &input, from);
    if let Some(node) = node.downcast_ref::<ProjectionExec>() {
        return by(&|column| index(&node.expr().get(column)?.expr));
    }
    if let Some(node) = node.downcast_ref::<FilterExec>() {
        return by(&|column| at(node.projection().as_deref(), column));
    }
    if let Some(node) = node.downcast_ref::<AggregateExec>() {
        let groups = node.group_expr();
        let all_of_one_kind = groups.is_single() && node.limit_options().is_none();
        return if all_of_one_kind { by(&|column| index(&groups.expr().get(column)?.0)) } else { Ok(None) };
    }
    if let Some(node) = node.downcast_ref::<HashJoinExec>() {
        let side = if child == 0 { JoinSide::Left } else { JoinSide::Right };
        return if keeps(*node.join_type(), side) { by(&column_of_side(node, side)) } else { Ok(None) };
    }
    let passes_rows_on = node.is::<RepartitionExec>()
        || node.is::<CoalescePartitionsExec>()
        || node.is::<SortExec>()
        || node.is::<SortPreservingMergeExec>()
        || node.is::<UnionExec>();
    if passes_rows_on { by(&Some) } else { Ok(None) }
}

fn index(expr: &Expr) -> Option<usize> {
    expr.downcast_ref::<Column>().map(Column::index)
}

fn at(projection: Option<&[usize]>, column: usize) -> Option<usize> {
    projection.map_or(Some(column), |projection| projection.get(column).copied())
}

fn column_of_side(join: &HashJoinExec, side: JoinSide) -> impl Fn(usize) -> Option<usize> {
    let (_, columns) = build_join_schema(&join.left().schema(), &join.right().schema(), join.join_type());
    move |column| {
        let from = columns.get(at(join.projection.as_deref(), column)?)?;
        (from.side == side).then_some(from.index)
    }
}

/// Whether a row of one side makes rows with its own values only, or none.
fn keeps(join: JoinType, side: JoinSide) -> bool {
    match join {
        JoinType::Inner => true,
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => side == JoinSide::Left,
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti => side == JoinSide::Right,
        JoinType::Full | JoinType::LeftMark | JoinType::RightMark => false,
    }
}

/// The filter over other columns, of `input`; `None` when one is not there.
fn moved(filter: &Expr, input: &Schema, from: &dyn Fn(usize) -> Option<usize>) -> Result<Option<Expr>> {
    let mut all_there = true;
    let moved = Arc::clone(filter).transform(|node| {
        let Some(column) = node.downcast_ref::<Column>() else { return Ok(Transformed::no(node)) };
        let Some(index) = from(column.index()) else {
            all_there = false;
            return Ok(Transformed::new(node, false, TreeNodeRecursion::Stop));
        };
        Ok(Transformed::yes(Arc::new(Column::new(input.field(index).name(), index)) as _))
    });
    let moved = moved.data()?;
    Ok(all_there.then_some(moved))
}
