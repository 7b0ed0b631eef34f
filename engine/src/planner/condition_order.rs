//! Of the conditions of a filter, those that cost next to nothing are asked first, and all others only about rows that are left.
//!
//! DataFusion evaluates `a AND b AND c AND d` as `((a AND b) AND c) AND d`. Where few rows are left on one side of an `AND`, it copies them
//! out, evaluates the other side for them and spreads the answers over all rows again: here twice or more, each time from all rows, and in
//! the order of the query. `l_shipmode IN ('MAIL', 'SHIP') AND l_receiptdate >= … AND …` compares the text of every row. Nested to
//! the right, `a AND (b AND (c AND d))`, each side is evaluated for the rows that are left of those before.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, IsNotNullExpr, IsNullExpr, Literal, NotExpr};
use datafusion::physical_expr::utils::split_conjunction;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::distributed::on_a_deep_stack;

type Expr = Arc<dyn PhysicalExpr>;

/// Orders the conditions of every filter of a plan.
///
/// Comparisons of numbers, dates and the like come first: they cannot fail, so that what stands before a condition to guard it still does.
/// The others stay in their order. The plan must not travel after this: nested to the right, a long filter is too deep to be encoded.
pub(super) fn cheap_conditions_first(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    on_a_deep_stack(|| {
        plan.transform_up(|node| match node.downcast_ref::<FilterExec>().map(ordered).transpose()?.flatten() {
            Some(filter) => Ok(Transformed::yes(Arc::new(filter) as _)),
            None => Ok(Transformed::no(node)),
        })
        .data()
    })
}

fn ordered(filter: &FilterExec) -> Result<Option<FilterExec>> {
    let schema = filter.input().schema();
    let conditions = split_conjunction(filter.predicate());
    let (cheap, dear): (Vec<_>, Vec<_>) = conditions.into_iter().partition(|condition| is_cheap(condition, &schema));
    let all = [all_of(cheap), all_of(dear)].into_iter().flatten().collect::<Vec<_>>();
    let predicate = all_of(all.iter().collect()).filter(|predicate| predicate != filter.predicate());
    predicate.map(|predicate| FilterExecBuilder::from(filter).with_predicate(predicate).build()).transpose()
}

/// Nested to the right.
fn all_of(conditions: Vec<&Expr>) -> Option<Expr> {
    let conditions = conditions.into_iter().map(Arc::clone);
    conditions.rev().reduce(|rest, condition| Arc::new(BinaryExpr::new(condition, Operator::And, rest)))
}

/// Whether it is faster to evaluate a condition for all rows than to find out for which ones it is needed, and it cannot fail.
fn is_cheap(condition: &Expr, schema: &Schema) -> bool {
    if let Some(binary) = condition.downcast_ref::<BinaryExpr>() {
        let of_all = |holds: fn(&Expr, &Schema) -> bool| holds(binary.left(), schema) && holds(binary.right(), schema);
        return match binary.op() {
            Operator::And | Operator::Or => of_all(is_cheap),
            Operator::Eq | Operator::NotEq | Operator::IsDistinctFrom | Operator::IsNotDistinctFrom => {
                of_all(is_plain_number)
            }
            Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => of_all(is_plain_number),
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
        cheap_conditions_first(Arc::new(filter)).unwrap()
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
        assert_eq!(predicate(&filtered(&given)).to_string(), expected.to_string());
        assert_eq!(&predicate(&filtered(&given)), &expected);
    }

    #[test]
    fn what_can_fail_stays_behind_what_guards_it() {
        let schema = table().schema();
        let quotient: Expr = Arc::new(BinaryExpr::new(lit(6), Operator::Divide, col("m", &schema).unwrap()));
        let guarded: Expr = Arc::new(BinaryExpr::new(quotient, Operator::Gt, lit(1)));
        let text = compare("t", Operator::NotEq, lit("a"));
        let given = and(and(Arc::clone(&text), Arc::clone(&guarded)), compare("m", Operator::NotEq, lit(0)));
        let expected = and(compare("m", Operator::NotEq, lit(0)), and(text, guarded));
        assert_eq!(&predicate(&filtered(&given)), &expected);
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
            let rows = collect(filtered(&and(and(a, b), c)), SessionContext::new().task_ctx()).await.unwrap();
            let numbers: Vec<_> =
                rows.iter().flat_map(|batch| batch.column(0).as_primitive::<Int32Type>().iter()).collect();
            assert_eq!(numbers, [Some(1), Some(4)], "{order:?}");
        }
    }
}
