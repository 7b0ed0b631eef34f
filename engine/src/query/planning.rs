//! From a parsed statement to a plan that is ready to run, and the decision where.

use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser;
use futures::TryStreamExt;

use super::execution::Execution;
use super::session::QuerySession;
use super::settings::Compute;
use crate::coordinator::TaskSpec;
use crate::error::{Error, ErrorCode, Result};
use crate::planner::distributed::{DistributedPlan, plan_on_one_worker};
use crate::planner::scalar_subqueries::{self, Evaluate};
use crate::sql;

/// A physical plan, where it will run, and why there.
pub(super) struct Placed {
    pub(super) state: SessionState,
    pub(super) place: Place,
    pub(super) reason: String,
}

pub(super) enum Place {
    /// In this process.
    Here(Arc<dyn ExecutionPlan>),
    /// In stages on workers; this process runs the head.
    Stages(DistributedPlan),
    /// Whole, on one worker.
    OneWorker { plan: Arc<dyn ExecutionPlan>, task: Box<TaskSpec> },
}

impl Execution {
    pub(super) async fn plan(&self, session: &QuerySession, statement: parser::Statement) -> Result<Placed> {
        let state = match session.settings.compute {
            Compute::Embedded => session.local_state(),
            Compute::Lambda => session.distributed_state()?,
        };
        let logical = self.logical(&state, statement).await?;
        let logical = scalar_subqueries::evaluate(logical, &Subqueries { execution: self, session }).await?;
        self.place(session, state, &logical).await
    }

    /// Plans for workers first, where there are any; what need not leave this process is planned again for its cores.
    async fn place(&self, session: &QuerySession, state: SessionState, logical: &LogicalPlan) -> Result<Placed> {
        let plan = state.create_physical_plan(logical).await.map_err(|error| self.described(error, &[]))?;
        if session.settings.compute == Compute::Embedded {
            return Ok(Placed { state, place: Place::Here(plan), reason: "compute is embedded".to_owned() });
        }
        let reason = match self.place_on_workers(session, &state, &plan) {
            Ok(Ok((place, reason))) => return Ok(Placed { state, place, reason }),
            Ok(Err(reason)) => reason,
            Err(DataFusionError::NotImplemented(reason)) => reason,
            Err(error) => return Err(self.described(error, &[])),
        };
        self.place_here(session, logical, reason).await
    }

    /// The inner error says why the plan had better stay here.
    fn place_on_workers(
        &self,
        session: &QuerySession,
        state: &SessionState,
        plan: &Arc<dyn ExecutionPlan>,
    ) -> Result<Result<(Place, String), String>, DataFusionError> {
        if let Some(stages) = DistributedPlan::try_from_plan(plan, state)? {
            return Ok(Ok((Place::Stages(stages), "the plan gains from workers".to_owned())));
        }
        let bytes = scanned_bytes(plan)?;
        let limit = session.settings.local_bytes;
        if bytes > limit || (bytes > 0 && session.settings.tasks_per_stage == Some(1)) {
            let task = Box::new(plan_on_one_worker(Arc::clone(plan), &state.task_ctx())?);
            return Ok(Ok((
                Place::OneWorker { plan: Arc::clone(plan), task },
                format!("one task is enough for {bytes} bytes"),
            )));
        }
        Ok(Err(format!("{bytes} bytes to read, workers begin above {limit}")))
    }

    async fn place_here(&self, session: &QuerySession, logical: &LogicalPlan, reason: String) -> Result<Placed> {
        let state = session.local_state();
        let plan = state.create_physical_plan(logical).await.map_err(|error| self.described(error, &[]))?;
        Ok(Placed { state, place: Place::Here(plan), reason })
    }

    async fn logical(&self, state: &SessionState, statement: parser::Statement) -> Result<LogicalPlan> {
        let plan = match state.statement_to_plan(statement).await {
            Ok(plan) => plan,
            Err(error) => return Err(self.described(error, &self.known_tables().await)),
        };
        match &plan {
            LogicalPlan::Ddl(_) | LogicalPlan::Dml(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_) => Err(
                Error::new(ErrorCode::NotSupported, format!("{} is not built yet", first_words(&self.request().sql)))
                    .with_hint("SELECT, EXPLAIN, CREATE EXTERNAL TABLE, DROP, SHOW and DESCRIBE are"),
            ),
            _ => Ok(plan),
        }
    }

    fn described(&self, error: DataFusionError, tables: &[String]) -> Error {
        sql::describe(error, &self.request().sql, tables)
    }

    /// Names to suggest for one that is not found.
    async fn known_tables(&self) -> Vec<String> {
        let tables = self.shared().catalog.tables(&self.request().database).await;
        tables.map(|tables| tables.into_iter().map(|table| table.name).collect()).unwrap_or_default()
    }
}

/// Scalar subqueries are queries of their own, placed like any other.
struct Subqueries<'a> {
    execution: &'a Execution,
    session: &'a QuerySession,
}

#[async_trait]
impl Evaluate for Subqueries<'_> {
    async fn rows(&self, subquery: LogicalPlan) -> Result<Vec<RecordBatch>, DataFusionError> {
        let state = match self.session.settings.compute {
            Compute::Embedded => self.session.local_state(),
            Compute::Lambda => self.session.distributed_state()?,
        };
        let placed = self.execution.place(self.session, state, &subquery).await?;
        let rows = self.execution.execute(self.session, placed)?;
        Ok(rows.batches.try_collect().await?)
    }
}

/// Bytes of the files that a plan scans, as far as they have not been pruned.
fn scanned_bytes(plan: &Arc<dyn ExecutionPlan>) -> Result<u64> {
    let mut bytes = 0;
    plan.apply(|node| {
        if let Some(scan) = node.downcast_ref::<DataSourceExec>()
            && let Some(scan) = scan.data_source().downcast_ref::<FileScanConfig>()
        {
            bytes +=
                scan.file_groups.iter().flat_map(|group| group.files()).map(|file| file.effective_size()).sum::<u64>();
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(bytes)
}

fn first_words(sql: &str) -> String {
    sql.split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_uppercase()
}
