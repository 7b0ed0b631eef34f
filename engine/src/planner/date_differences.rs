//! The difference of two dates is a length of time where it is compared with one: `day - ? > INTERVAL '5' DAY`.
//!
//! DataFusion's difference of two dates is a number of days, and no number is comparable with an interval.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{DFSchema, Result};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator, cast};
use datafusion::sql::sqlparser::ast::BinaryOperator;

const MOMENT: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// DataFusion's, after ours.
pub(crate) fn expr_planners() -> Vec<Arc<dyn ExprPlanner>> {
    let mut planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(DateDifferences)];
    planners.extend(SessionStateDefaults::default_expr_planners());
    planners
}

#[derive(Debug)]
struct DateDifferences;

impl ExprPlanner for DateDifferences {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expr;
        let is_length = |expr: &Expr| expr.get_type(schema).is_ok_and(|of| matches!(of, DataType::Interval(_)));
        let (left, right) = match (compares(&op), is_length(&left), is_length(&right)) {
            (true, false, true) => (as_length(left, schema), right),
            (true, true, false) => (left, as_length(right, schema)),
            _ => (left, right),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

fn compares(op: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// A difference of two dates as a length of time; anything else as it is.
pub(super) fn as_length(expr: Expr, schema: &DFSchema) -> Expr {
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right }) = expr else { return expr };
    let sides = [&left, &right];
    let is_difference_of_dates = sides.iter().any(|side| is_date(side, schema))
        && sides.iter().all(|side| is_date(side, schema) || is_open(side));
    let [left, right] = match is_difference_of_dates {
        true => [left, right].map(|side| Box::new(moment(*side))),
        false => [left, right],
    };
    Expr::BinaryExpr(BinaryExpr { left, op: Operator::Minus, right })
}

fn is_date(expr: &Expr, schema: &DFSchema) -> bool {
    expr.get_type(schema).is_ok_and(|of| matches!(of, DataType::Date32 | DataType::Date64))
}

/// A parameter that nothing is known of yet.
fn is_open(expr: &Expr) -> bool {
    matches!(expr, Expr::Placeholder(Placeholder { field: None, .. }))
}

fn moment(expr: Expr) -> Expr {
    match expr {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Field::new(&id, MOMENT, true);
            Expr::Placeholder(Placeholder { id, field: Some(field.into()) })
        }
        date => cast(date, MOMENT),
    }
}
