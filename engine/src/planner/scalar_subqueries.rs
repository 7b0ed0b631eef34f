//! Evaluates uncorrelated scalar subqueries before the query that holds them.
//!
//! A distributed plan cannot share the value of a subquery between its stages, and DataFusion's older rewrite as a join answers a
//! subquery of several rows with several rows instead of an error. As a side effect scans prune on the value.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Subquery, Volatility,
};

use crate::error::{Error, ErrorCode};

/// Says what stands for a subquery: its value, found by running it, or, to explain a plan, [`unevaluated`].
#[async_trait]
pub(crate) trait Evaluate: Sync {
    async fn value(&self, subquery: LogicalPlan) -> Result<Expr>;
}

/// The plan with every uncorrelated scalar subquery replaced by its value, innermost first.
pub(crate) async fn evaluate(mut plan: LogicalPlan, run: &dyn Evaluate) -> Result<LogicalPlan> {
    while let Some(subquery) = innermost(&plan)? {
        let value = run.value(subquery.subquery.as_ref().clone()).await?;
        plan = replace(plan, &subquery, &value)?;
    }
    Ok(plan)
}

/// The value of a subquery that gave these rows: NULL for none, an error for more than one. More than two need not be fetched.
pub(crate) fn value_of(batches: &[RecordBatch], subquery: &LogicalPlan) -> Result<Expr> {
    single_value(batches, subquery.schema().field(0).data_type()).map(|value| Expr::Literal(value, None))
}

/// Stands for the value of the `nth` subquery in a plan that is only shown.
pub(crate) fn unevaluated(nth: usize, subquery: &LogicalPlan) -> Expr {
    let function = UnknownValue::of(subquery.schema().field(0).data_type().clone());
    ScalarUDF::from(function).call(vec![Expr::Literal(ScalarValue::Int64(Some(nth as i64)), None)])
}

/// What [`unevaluated`] puts in, for a context that decodes shown plans.
pub(crate) fn unevaluated_function() -> ScalarUDF {
    ScalarUDF::from(UnknownValue::of(DataType::Null))
}

/// One value a query, but nobody knows which: no plan that holds it can run.
#[derive(Debug, PartialEq, Eq, Hash)]
struct UnknownValue {
    data_type: DataType,
    signature: Signature,
}

impl UnknownValue {
    fn of(data_type: DataType) -> Self {
        Self { data_type, signature: Signature::any(1, Volatility::Stable) }
    }
}

impl ScalarUDFImpl for UnknownValue {
    fn name(&self) -> &str {
        "value_of_subquery"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.data_type.clone())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        internal_err!("a plan that is only shown was run")
    }
}

fn innermost(plan: &LogicalPlan) -> Result<Option<Subquery>> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::ScalarSubquery(subquery) = expr
                    && subquery.outer_ref_columns.is_empty()
                    && !has_scalar_subquery(&subquery.subquery)?
                {
                    found = Some(subquery.clone());
                    return Ok(TreeNodeRecursion::Stop);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(found)
}

/// Whether an uncorrelated scalar subquery lies within: that one comes first.
fn has_scalar_subquery(plan: &LogicalPlan) -> Result<bool> {
    Ok(innermost(plan)?.is_some())
}

fn single_value(batches: &[RecordBatch], data_type: &DataType) -> Result<ScalarValue> {
    match batches.iter().map(RecordBatch::num_rows).sum::<usize>() {
        0 => ScalarValue::try_from(data_type),
        1 => match batches.iter().find(|batch| batch.num_rows() == 1) {
            Some(batch) => ScalarValue::try_from_array(batch.column(0), 0),
            None => ScalarValue::try_from(data_type),
        },
        rows => {
            Err(Error::new(ErrorCode::InvalidData, format!("a scalar subquery returned more than one row ({rows})"))
                .with_hint("aggregate it, add LIMIT 1, or compare with IN")
                .into())
        }
    }
}

fn replace(plan: LogicalPlan, subquery: &Subquery, value: &Expr) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        let replaced = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|expr| match &expr {
                Expr::ScalarSubquery(candidate) if candidate == subquery => Ok(Transformed::yes(value.clone())),
                _ => Ok(Transformed::no(expr)),
            })?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        })?;
        if replaced.transformed { replaced.map_data(LogicalPlan::recompute_schema) } else { Ok(replaced) }
    })
    .map(|transformed| transformed.data)
}
