//! From a parsed statement to a plan that is ready to run, and the decision where.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser;
use futures::TryStreamExt;

use super::launch::launch;
use super::placement::{Place, Placed};
use super::session::QuerySession;
use super::settings::Compute;
use super::shared::QueryContext;
use crate::error::{Error, ErrorCode, Result};
use crate::planner::distributed::{DistributedPlan, plan_on_one_worker};
use crate::planner::scalar_subqueries::{self, Evaluate};
use crate::planner::sizing::{file_bytes, file_scan};
use crate::sql;

/// Plans a statement, its scalar subqueries first.
pub(super) async fn plan(query: &QueryContext, session: &QuerySession, statement: parser::Statement) -> Result<Placed> {
    let state = match session.settings.compute {
        Compute::Embedded => session.local_state(),
        Compute::Lambda => session.distributed_state()?,
    };
    let logical = logical(query, &state, statement).await?;
    let logical = scalar_subqueries::evaluate(logical, &Subqueries { query, session }).await?;
    place(query, session, state, &logical).await
}

/// Plans for workers first, where there are any; what need not leave this process is planned again for its cores.
async fn place(
    query: &QueryContext,
    session: &QuerySession,
    state: SessionState,
    logical: &LogicalPlan,
) -> Result<Placed> {
    let plan = state.create_physical_plan(logical).await.map_err(|error| described(query, error, &[]))?;
    if session.settings.compute == Compute::Embedded {
        return Ok(Placed { state, place: Place::Here(plan), reason: "compute is embedded".to_owned() });
    }
    let reason = match place_on_workers(session, &state, &plan) {
        Ok(Ok((place, reason))) => return Ok(Placed { state, place, reason }),
        Ok(Err(reason)) => reason,
        Err(DataFusionError::NotImplemented(reason)) => reason,
        Err(error) => return Err(described(query, error, &[])),
    };
    place_here(query, session, logical, reason).await
}

/// The inner error says why the plan had better stay here.
fn place_on_workers(
    session: &QuerySession,
    state: &SessionState,
    plan: &Arc<dyn ExecutionPlan>,
) -> Result<Result<(Place, String), String>, DataFusionError> {
    if let Some(stages) = DistributedPlan::try_from_plan(plan, state)? {
        return Ok(Ok((Place::Stages(stages), "the plan gains from workers".to_owned())));
    }
    let bytes = scanned_bytes(plan)?;
    let limit = session.settings.local_bytes;
    if bytes > limit || (bytes > 0 && session.settings.tasks_per_stage == [1]) {
        let task = Box::new(plan_on_one_worker(Arc::clone(plan), &state.task_ctx())?);
        return Ok(Ok((
            Place::OneWorker { plan: Arc::clone(plan), task },
            format!("one task is enough for {bytes} bytes"),
        )));
    }
    Ok(Err(format!("{bytes} bytes to read, workers begin above {limit}")))
}

async fn place_here(
    query: &QueryContext,
    session: &QuerySession,
    logical: &LogicalPlan,
    reason: String,
) -> Result<Placed> {
    let state = session.local_state();
    let plan = state.create_physical_plan(logical).await.map_err(|error| described(query, error, &[]))?;
    Ok(Placed { state, place: Place::Here(plan), reason })
}

async fn logical(query: &QueryContext, state: &SessionState, statement: parser::Statement) -> Result<LogicalPlan> {
    let plan = match state.statement_to_plan(statement).await {
        Ok(plan) => plan,
        Err(error) => return Err(described(query, error, &known_tables(query).await)),
    };
    match &plan {
        LogicalPlan::Ddl(_) | LogicalPlan::Dml(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_) => {
            Err(Error::new(ErrorCode::NotSupported, format!("{} is not built yet", first_words(&query.request.sql)))
                .with_hint("SELECT, EXPLAIN, CREATE EXTERNAL TABLE, DROP, SHOW and DESCRIBE are"))
        }
        _ => Ok(plan),
    }
}

fn described(query: &QueryContext, error: DataFusionError, tables: &[String]) -> Error {
    sql::describe(error, &query.request.sql, tables)
}

/// Names to suggest for one that is not found.
async fn known_tables(query: &QueryContext) -> Vec<String> {
    let tables = query.shared.catalog.tables(&query.request.database).await;
    tables.map(|tables| tables.into_iter().map(|table| table.name).collect()).unwrap_or_default()
}

/// Scalar subqueries are queries of their own, placed like any other.
struct Subqueries<'a> {
    query: &'a QueryContext,
    session: &'a QuerySession,
}

#[async_trait]
impl Evaluate for Subqueries<'_> {
    async fn rows(&self, subquery: LogicalPlan) -> Result<Vec<RecordBatch>, DataFusionError> {
        let state = match self.session.settings.compute {
            Compute::Embedded => self.session.local_state(),
            Compute::Lambda => self.session.distributed_state()?,
        };
        let placed = place(self.query, self.session, state, &subquery).await?;
        let rows = launch(self.query, self.session, placed)?;
        Ok(rows.batches.try_collect().await?)
    }
}

/// Bytes of the files that a plan scans, as far as they have not been pruned.
fn scanned_bytes(plan: &Arc<dyn ExecutionPlan>) -> Result<u64> {
    let mut bytes = 0;
    plan.apply(|node| {
        bytes += file_scan(node).map_or(0, |scan| file_bytes(&scan.file_groups));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(bytes)
}

fn first_words(sql: &str) -> String {
    sql.split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_uppercase()
}
