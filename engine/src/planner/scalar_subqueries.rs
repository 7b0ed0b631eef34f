//! Evaluates uncorrelated scalar subqueries before the query that holds them.
//!
//! A distributed plan cannot share the value of a subquery between its stages, and DataFusion's older rewrite as a join answers a
//! subquery of several rows with several rows instead of an error. As a side effect scans prune on the value.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};

use crate::error::{Error, ErrorCode};

/// Runs one subquery and returns its rows; more than two need not be fetched.
#[async_trait]
pub(crate) trait Evaluate: Sync {
    async fn rows(&self, subquery: LogicalPlan) -> Result<Vec<RecordBatch>>;
}

/// The plan with every uncorrelated scalar subquery replaced by its value, innermost first. No row is NULL, more than one an error.
pub(crate) async fn evaluate(mut plan: LogicalPlan, run: &dyn Evaluate) -> Result<LogicalPlan> {
    while let Some(subquery) = innermost(&plan)? {
        let field = Arc::clone(subquery.subquery.schema().field(0));
        let batches = run.rows(subquery.subquery.as_ref().clone()).await?;
        let value = single_value(&batches, field.data_type())?;
        plan = replace(plan, &subquery, &value)?;
    }
    Ok(plan)
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

fn single_value(batches: &[RecordBatch], data_type: &arrow::datatypes::DataType) -> Result<ScalarValue> {
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

fn replace(plan: LogicalPlan, subquery: &Subquery, value: &ScalarValue) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        let replaced = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = expr.transform_up(|expr| match &expr {
                Expr::ScalarSubquery(candidate) if candidate == subquery => {
                    Ok(Transformed::yes(Expr::Literal(value.clone(), None)))
                }
                _ => Ok(Transformed::no(expr)),
            })?;
            Ok(expr.update_data(|expr| name.restore(expr)))
        })?;
        if replaced.transformed { replaced.map_data(LogicalPlan::recompute_schema) } else { Ok(replaced) }
    })
    .map(|transformed| transformed.data)
}
