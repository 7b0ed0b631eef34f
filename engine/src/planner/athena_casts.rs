//! Casts to whole numbers round, lengths of time are compared as such, and a constant is not `NOT IN` a list with a null.
//!
//! Three places where a query that DataFusion accepts has another answer in Athena:
//! - `CAST(2.5 AS int)` is 3 (halves away from zero), not 2;
//! - `ended - started > INTERVAL '1' DAY` is true of 30 hours. DataFusion compares months, then days, then the rest, and the difference
//!   of two moments has no days, only a rest;
//! - `40 NOT IN (SELECT k FROM t)` is unknown when a `k` is null. DataFusion's anti join loses the nulls to the condition `k = 40`, which moves
//!   below it.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::functions::expr_fn::{date_part, round};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{Between, InSubquery};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, TryCast, lit,
};

use super::date_differences::as_length;

/// Rewrites a plan as it comes from SQL, before any type is coerced.
pub(crate) fn answer_as_athena(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        for input in node.inputs() {
            schema.merge(input.schema());
        }
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|expr| rewrite(expr, &schema))?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        })
    })?;
    Ok(rewritten.data)
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Cast(cast) if cast.field.data_type().is_integer() && has_fractions(&cast.expr, schema) => {
            Ok(Transformed::yes(Expr::Cast(Cast { expr: rounded(*cast.expr), field: cast.field })))
        }
        Expr::TryCast(cast) if cast.field.data_type().is_integer() && has_fractions(&cast.expr, schema) => {
            Ok(Transformed::yes(Expr::TryCast(TryCast { expr: rounded(*cast.expr), field: cast.field })))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if compares(op) && is_length(&left, schema) && is_length(&right, schema) =>
        {
            let [left, right] = [*left, *right].map(seconds);
            Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr { left, op, right })))
        }
        Expr::Between(Between { expr, negated, low, high }) if is_length(&low, schema) && is_length(&high, schema) => {
            // Not known to the planner of expressions, which makes the difference of two dates a length elsewhere.
            let expr = as_length(*expr, schema);
            if !is_length(&expr, schema) {
                return Ok(Transformed::no(Expr::Between(Between { expr: Box::new(expr), negated, low, high })));
            }
            let [expr, low, high] = [expr, *low, *high].map(seconds);
            Ok(Transformed::yes(Expr::Between(Between { expr, negated, low, high })))
        }
        Expr::InSubquery(membership) if membership.negated && membership.expr.column_refs().is_empty() => {
            none_matches(membership).map(Transformed::yes)
        }
        other => Ok(Transformed::no(other)),
    }
}

/// What has no type yet is left to the planner to complain of.
fn has_fractions(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|of| of.is_floating() || of.is_decimal())
}

pub(crate) fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn is_length(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|of| matches!(of, DataType::Interval(_) | DataType::Duration(_)))
}

/// A month has 30 days then, as where Postgres compares; Athena has no word to compare months with days.
fn seconds(length: Expr) -> Box<Expr> {
    Box::new(date_part(lit("epoch"), length))
}

fn rounded(expr: Expr) -> Box<Expr> {
    Box::new(round(vec![expr]))
}

/// No value of the subquery is equal, or may be. Where the answer is unknown this is false; a filter takes both for the same.
fn none_matches(membership: InSubquery) -> Result<Expr> {
    let Subquery { subquery, outer_ref_columns, spans } = membership.subquery;
    let [column] = &subquery.schema().columns()[..] else {
        let subquery = Subquery { subquery, outer_ref_columns, spans };
        return Ok(Expr::InSubquery(InSubquery { subquery, ..membership }));
    };
    let column = Expr::Column(column.clone());
    let matching = LogicalPlanBuilder::from(subquery)
        .filter(column.eq(*membership.expr).is_not_false())?
        .aggregate(Vec::<Expr>::new(), vec![count(lit(1_i64))])?
        .build()?;
    let number = Subquery { subquery: Arc::new(matching), outer_ref_columns, spans };
    Ok(Expr::ScalarSubquery(number).eq(lit(0_i64)))
}
