//! Parameters beside an interval: `day >= ? - INTERVAL '1' DAY`.
//!
//! DataFusion takes both sides of an operator to be of one type, so that such a place would be one for an interval. What people
//! give is a date or a time.

use std::collections::HashSet;

use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Between, Placeholder};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};

use crate::planner::athena_casts::compares;

/// What a moment is taken for where the statement does not tell.
const USUAL: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// A plan whose parameters beside intervals are moments.
#[derive(Debug, Clone)]
pub(super) struct WithMoments {
    pub(super) plan: LogicalPlan,
    /// Parameters that may be dates as well as times (`$1`): the value that is given tells.
    pub(super) either: HashSet<String>,
}

/// Gives a parameter beside an interval the type of what the two are compared with.
pub(super) fn with_moments(plan: LogicalPlan) -> Result<WithMoments> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(beside_interval(expr).is_some()))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    let mut either = HashSet::new();
    if !found {
        return Ok(WithMoments { plan, either });
    }
    let plan = plan.transform_up_with_subqueries(|node| {
        let inputs = node.inputs();
        let schema = if inputs.is_empty() { node.schema().as_ref().clone() } else { merge_schema(&inputs) };
        let node = node.map_expressions(|expr| with_types(expr, &schema, &mut either))?;
        if node.transformed { node.map_data(LogicalPlan::recompute_schema) } else { Ok(node) }
    });
    Ok(WithMoments { plan: plan.data()?, either })
}

fn with_types(expr: Expr, schema: &DFSchema, either: &mut HashSet<String>) -> Result<Transformed<Expr>> {
    // From above, so that a comparison is met before its sides.
    expr.transform_down(|expr| match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
            let types = [moment_type(&left, schema), moment_type(&right, schema)];
            let [left, right] = [give(*left, types[1].as_ref())?, give(*right, types[0].as_ref())?];
            let is_new = left.transformed || right.transformed;
            let both = BinaryExpr { left: Box::new(left.data), op, right: Box::new(right.data) };
            Ok(Transformed::new_transformed(Expr::BinaryExpr(both), is_new))
        }
        Expr::Between(Between { expr, negated, low, high }) => {
            let wanted = moment_type(&expr, schema);
            let [low, high] = [give(*low, wanted.as_ref())?, give(*high, wanted.as_ref())?];
            let is_new = low.transformed || high.transformed;
            let between = Between { expr, negated, low: Box::new(low.data), high: Box::new(high.data) };
            Ok(Transformed::new_transformed(Expr::Between(between), is_new))
        }
        expr => match beside_interval(&expr).map(ToOwned::to_owned) {
            Some(id) => {
                either.insert(id);
                give(expr, Some(&USUAL))
            }
            None => Ok(Transformed::no(expr)),
        },
    })
}

/// `expr` with the type put to the parameter in it, if it is one beside an interval.
fn give(expr: Expr, wanted: Option<&DataType>) -> Result<Transformed<Expr>> {
    let (Some(wanted), Some(_)) = (wanted, beside_interval(&expr)) else { return Ok(Transformed::no(expr)) };
    expr.transform_down(|expr| match expr {
        Expr::Placeholder(Placeholder { id, field: Some(field) }) if is_interval(field.data_type()) => {
            let field = Field::new(field.name(), wanted.clone(), true).into();
            Ok(Transformed::yes(Expr::Placeholder(Placeholder { id, field: Some(field) })))
        }
        expr => Ok(Transformed::no(expr)),
    })
}

/// The parameter of `? + INTERVAL …`, `? - INTERVAL …` or `INTERVAL … + ?`, taken for an interval.
fn beside_interval(expr: &Expr) -> Option<&str> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = expr else { return None };
    match (left.as_ref(), op, right.as_ref()) {
        (Expr::Placeholder(place), Operator::Plus | Operator::Minus, _)
        | (_, Operator::Plus, Expr::Placeholder(place)) => {
            let taken_for = place.field.as_ref()?.data_type();
            is_interval(taken_for).then_some(place.id.as_str())
        }
        // What a chain begins with: `? - INTERVAL '1' DAY - INTERVAL '2' HOUR`.
        (_, Operator::Plus | Operator::Minus, _) => beside_interval(left),
        _ => None,
    }
}

fn moment_type(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    if beside_interval(expr).is_some() {
        return None;
    }
    let data_type = expr.get_type(schema).ok()?;
    matches!(data_type, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)).then_some(data_type)
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}
