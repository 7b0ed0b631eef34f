//! Of the conditions of a filter, those that cost next to nothing are asked first, and one that can fail only of the rows that are left.
//!
//! DataFusion evaluates `a AND b AND c AND d` as `((a AND b) AND c) AND d`. Where few rows are left on one side of an `AND`, it copies them
//! out, evaluates the other side for them and spreads the answers over all rows again: here twice or more, each time from all rows, and in
//! the order of the query. `l_shipmode IN ('MAIL', 'SHIP') AND l_receiptdate >= … AND …` compares the text of every row. Nested to
//! the right, `a AND (b AND (c AND d))`, each side is evaluated for the rows that are left of those before.
//!
//! Where more than a few rows are left, it evaluates the other side for all of them, and `n <> 0 AND 6 / n > 1` divides by zero. Athena does
//! not: a condition that can fail has a filter of its own, above what stands before it.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CastExpr, Column, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr, Literal, NotExpr, TryCastExpr,
};
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::distributed::on_a_deep_stack;

type Plan = Arc<dyn ExecutionPlan>;
type Expr = Arc<dyn PhysicalExpr>;

/// Orders the conditions of every filter of a plan: comparisons of numbers, dates and the like; what else cannot fail; what can. Within
/// these they stay in their order.
///
/// The plan must not travel after this: nested to the right, a long filter is too deep to be encoded.
pub(super) fn order_conditions(plan: Plan) -> Result<Plan> {
    on_a_deep_stack(|| {
        plan.transform_up(|node| match node.downcast_ref::<FilterExec>().map(ordered).transpose()?.flatten() {
            Some(filter) => Ok(Transformed::yes(Arc::new(filter) as _)),
            None => Ok(Transformed::no(node)),
        })
        .data()
    })
}

/// The same filter as one or several, one above the other; `None` where it is as it should be.
fn ordered(filter: &FilterExec) -> Result<Option<FilterExec>> {
    let mut steps = steps(filter.predicate(), &filter.input().schema());
    let Some(last) = steps.pop().filter(|last| last != filter.predicate()) else { return Ok(None) };
    let mut input = Arc::clone(filter.input());
    for step in steps {
        let below = FilterExecBuilder::new(step, input).with_batch_size(filter.batch_size());
        input = Arc::new(below.with_default_selectivity(filter.default_selectivity()).build()?);
    }
    Ok(Some(FilterExecBuilder::from(filter).with_input(input).with_predicate(last).build()?))
}

/// What is asked of all rows, then of those that are left, and so on.
fn steps(predicate: &Expr, schema: &Schema) -> Vec<Expr> {
    let (safe, risky): (Vec<_>, Vec<_>) =
        split_conjunction(predicate).into_iter().partition(|condition| cannot_fail(condition, schema));
    let (cheap, dear): (Vec<_>, Vec<_>) = safe.into_iter().partition(|condition| is_cheap(condition, schema));
    let safe = [all_of(cheap), all_of(dear)].into_iter().flatten().collect::<Vec<_>>();
    all_of(safe.iter().collect()).into_iter().chain(risky.into_iter().cloned()).collect()
}

/// Nested to the right.
fn all_of(conditions: Vec<&Expr>) -> Option<Expr> {
    let conditions = conditions.into_iter().map(Arc::clone);
    conditions.rev().reduce(|rest, condition| Arc::new(BinaryExpr::new(condition, Operator::And, rest)))
}

/// Whether it has a value for every row, whatever stands there.
fn cannot_fail(expr: &Expr, schema: &Schema) -> bool {
    let itself = if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        use Operator::{And, Or, RegexIMatch, RegexMatch, RegexNotIMatch, RegexNotMatch};
        match binary.op() {
            And | Or => true,
            // A pattern of a row's own may be none.
            RegexMatch | RegexIMatch | RegexNotMatch | RegexNotIMatch => binary.right().is::<Literal>(),
            other => other.supports_propagation(),
        }
    } else if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        let to_text = matches!(cast.cast_type(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
        to_text || cast.expr().data_type(schema).is_ok_and(|source| cast.is_bigger_cast(&source))
    } else {
        is_plain(expr)
            || expr.is::<NotExpr>()
            || expr.is::<IsNullExpr>()
            || expr.is::<IsNotNullExpr>()
            || expr.is::<LikeExpr>()
            || expr.is::<InListExpr>()
            || expr.is::<TryCastExpr>()
    };
    itself && expr.children().into_iter().all(|child| cannot_fail(child, schema))
}

/// Whether it is faster to evaluate a condition for all rows than to find out for which ones it is needed.
fn is_cheap(condition: &Expr, schema: &Schema) -> bool {
    if let Some(binary) = condition.downcast_ref::<BinaryExpr>() {
        let of_all = |holds: fn(&Expr, &Schema) -> bool| holds(binary.left(), schema) && holds(binary.right(), schema);
        return match binary.op() {
            Operator::And | Operator::Or => of_all(is_cheap),
            comparison if comparison.supports_propagation() => of_all(is_plain_number),
            _ => false,
        };
    }
    if let Some(not) = condition.downcast_ref::<NotExpr>() {
        return is_cheap(not.arg(), schema);
    }
    if condition.is::<IsNullExpr>() || condition.is::<IsNotNullExpr>() {
        return condition.children().iter().all(|argument| argument.is::<Column>());
    }
    is_plain(condition) && matches!(condition.data_type(schema), Ok(DataType::Boolean))
}

fn is_plain_number(operand: &Expr, schema: &Schema) -> bool {
    is_plain(operand) && operand.data_type(schema).is_ok_and(|data_type| data_type.is_primitive())
}

fn is_plain(operand: &Expr) -> bool {
    operand.is::<Column>() || operand.is::<Literal>()
}

#[cfg(test)]
mod tests {
    use arrow::array::{AsArray, record_batch};
    use arrow::datatypes::Int32Type;
    use datafusion::physical_expr::expressions::{col, lit};
    use datafusion::physical_plan::collect;
    use datafusion::physical_plan::test::TestMemoryExec;
    use datafusion::prelude::SessionContext;

    use super::*;

    fn table() -> Arc<dyn ExecutionPlan> {
        let batch = record_batch!(
            ("n", Int32, [Some(1), Some(2), None, Some(4)]),
            ("m", Int32, [Some(0), Some(2), Some(3), Some(1)]),
            ("t", Utf8, [Some("a"), None, Some("c"), Some("d")])
        )
        .unwrap();
        TestMemoryExec::try_new_exec(&[vec![batch.clone()]], batch.schema(), None).unwrap()
    }

    fn compare(column: &str, op: Operator, value: Expr) -> Expr {
        Arc::new(BinaryExpr::new(col(column, &table().schema()).unwrap(), op, value))
    }

    fn and(left: Expr, right: Expr) -> Expr {
        Arc::new(BinaryExpr::new(left, Operator::And, right))
    }

    fn filtered(predicate: &Expr) -> Arc<dyn ExecutionPlan> {
        let filter = FilterExec::try_new(Arc::clone(predicate), table()).unwrap();
        order_conditions(Arc::new(filter)).unwrap()
    }

    fn predicate(plan: &Arc<dyn ExecutionPlan>) -> Expr {
        Arc::clone(plan.downcast_ref::<FilterExec>().unwrap().predicate())
    }

    #[test]
    fn numbers_come_before_texts_and_all_is_nested_to_the_right() {
        let text = compare("t", Operator::Eq, lit("d"));
        let number = compare("n", Operator::Gt, lit(1));
        let columns = compare("n", Operator::Gt, col("m", &table().schema()).unwrap());
        let given = and(and(Arc::clone(&text), Arc::clone(&number)), Arc::clone(&columns));
        let expected = and(and(number, columns), text);
        assert_eq!(&predicate(&filtered(&given)), &expected);
    }

    /// `6 / m > 1`
    fn quotient() -> Expr {
        let quotient: Expr = Arc::new(BinaryExpr::new(lit(6), Operator::Divide, col("m", &table().schema()).unwrap()));
        Arc::new(BinaryExpr::new(quotient, Operator::Gt, lit(1)))
    }

    async fn numbers(plan: Arc<dyn ExecutionPlan>) -> Vec<Option<i32>> {
        let batches = collect(plan, SessionContext::new().task_ctx()).await.unwrap();
        batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int32Type>().iter()).collect()
    }

    #[test]
    fn what_can_fail_stands_above_what_guards_it() {
        let (text, zero) = (compare("t", Operator::NotEq, lit("a")), compare("m", Operator::NotEq, lit(0)));
        let plan = filtered(&and(and(Arc::clone(&text), quotient()), Arc::clone(&zero)));
        assert_eq!(&predicate(&plan), &quotient());
        assert_eq!(&predicate(plan.children()[0]), &and(zero, text));
    }

    #[tokio::test]
    async fn what_can_fail_is_asked_only_of_rows_that_are_left() {
        let guarded = and(compare("m", Operator::NotEq, lit(0)), quotient());
        let given = Arc::new(FilterExec::try_new(Arc::clone(&guarded), table()).unwrap());
        let error = collect(given, SessionContext::new().task_ctx()).await.unwrap_err();
        assert!(error.to_string().contains("Divide by zero"), "{error}");
        assert_eq!(numbers(filtered(&guarded)).await, [Some(2), None, Some(4)]);
    }

    #[tokio::test]
    async fn the_rows_are_the_same() {
        let conditions = [
            compare("t", Operator::NotEq, lit("c")),
            compare("n", Operator::GtEq, lit(1)),
            compare("m", Operator::Lt, col("n", &table().schema()).unwrap()),
        ];
        for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
            let [a, b, c] = order.map(|nth: usize| Arc::clone(&conditions[nth]));
            assert_eq!(numbers(filtered(&and(and(a, b), c))).await, [Some(1), Some(4)], "{order:?}");
        }
    }
}
