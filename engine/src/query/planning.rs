//! From a parsed statement to a plan that is ready to run, and the decision where.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser;
use futures::TryStreamExt;
use tokio::sync::Mutex;

use super::binding::{self, analysed_schema};
use super::estimate::scans_of;
use super::interval_parameters::{WithMoments, with_moments};
use super::launch::launch;
use super::placement::{Place, Placed};
use super::session::QuerySession;
use super::settings::Compute;
use super::shared::QueryContext;
use super::widen::wider;
use crate::error::{Error, ErrorCode, Result};
use crate::planner::distributed::{DistributedPlan, plan_on_one_worker};
use crate::planner::ready::ready_to_run;
use crate::planner::scalar_subqueries::{self, Evaluate};
use crate::planner::sizing::ScanSize;
use crate::planner::{athena_casts, multisets, using_joins, whole_windows};
use crate::sql::{self, Placeholders};
use crate::units::bytes;

/// A statement with its parameters' values in it.
pub(super) struct Bound {
    /// What was promised of its rows, before anything was known of the data.
    pub(super) schema: SchemaRef,
    /// As it was written, without the values.
    pub(super) plan: LogicalPlan,
    /// With them. The same as `plan` where none were given.
    pub(super) bound: LogicalPlan,
}

/// A plan that was made and not run, and those of its scalar subqueries.
pub(super) struct Shown {
    pub(super) placed: Placed,
    pub(super) subqueries: Vec<Placed>,
    pub(super) schema: SchemaRef,
}

/// Plans a statement, its scalar subqueries first. The schema is the one that its rows are to be given.
pub(super) async fn plan(
    query: &QueryContext,
    session: &QuerySession,
    statement: parser::Statement,
) -> Result<(Placed, SchemaRef)> {
    let state = state(session)?;
    let Bound { schema, bound, .. } = ready(query, &state, statement).await?;
    let logical = scalar_subqueries::evaluate(bound, &Subqueries { query, session }).await?;
    Ok((place(query, session, state, &logical).await?, schema))
}

/// Plans a statement without running anything, and its scalar subqueries beside it, innermost first. The plan cannot be run when it
/// has any.
pub(super) async fn plan_to_show(
    query: &QueryContext,
    session: &QuerySession,
    statement: parser::Statement,
) -> Result<Shown> {
    let state = state(session)?;
    let Bound { schema, bound, .. } = ready(query, &state, statement).await?;
    let subqueries = ShownSubqueries { query, session, placed: Mutex::default() };
    let logical = scalar_subqueries::evaluate(bound, &subqueries).await?;
    let placed = place(query, session, state, &logical).await?;
    Ok(Shown { placed, subqueries: subqueries.placed.into_inner(), schema })
}

/// What a statement means, optimised, and nothing looked at but its tables' schemas.
pub(super) async fn logical_plan(
    query: &QueryContext,
    session: &QuerySession,
    statement: parser::Statement,
) -> Result<LogicalPlan> {
    let state = session.local_state();
    let plan = ready(query, &state, statement).await?.bound;
    state.optimize(&plan).map_err(|error| described(query, error, &[]))
}

fn state(session: &QuerySession) -> Result<SessionState> {
    match session.settings.compute {
        Compute::Embedded => Ok(session.local_state()),
        Compute::Cluster if !cfg!(feature = "cluster") => {
            Err(Error::new(ErrorCode::NotSupported, "this program was built without compute 'cluster'"))
        }
        Compute::Lambda | Compute::Cluster => session.distributed_state(),
    }
}

/// Plans for workers first, where there are any; what need not leave this process, or cannot, is planned again for its cores.
async fn place(
    query: &QueryContext,
    session: &QuerySession,
    state: SessionState,
    logical: &LogicalPlan,
) -> Result<Placed> {
    if session.settings.compute == Compute::Embedded {
        return place_here(query, session, state, logical, "compute is embedded".to_owned()).await;
    }
    if let Some(reason) = whole_windows::reason_to_stay(logical)? {
        return place_here(query, session, session.local_state(), logical, reason.to_owned()).await;
    }
    let placed = match state.create_physical_plan(logical).await {
        Ok(plan) => place_on_workers(session, &state, &plan),
        Err(error) => Err(error),
    };
    let reason = match placed {
        Ok(Ok((place, reason))) => return Ok(Placed { state, place, reason }),
        Ok(Err(reason)) => reason,
        // Nothing fails because it is spread: what is wrong with the query itself shows when it is planned for this process.
        Err(DataFusionError::NotImplemented(reason)) => reason,
        Err(error) => format!("it cannot be planned for workers: {}", error.strip_backtrace()),
    };
    place_here(query, session, session.local_state(), logical, reason).await
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
    let ScanSize { bytes: read, files, .. } = scans_of(plan);
    let limit = session.settings.local_bytes;
    if read > limit || (files > 0 && session.settings.tasks_per_stage == [1]) {
        let (plan, task) = plan_on_one_worker(Arc::clone(plan), &state.task_ctx())?;
        let reason = format!("one task is enough for {}", bytes(read));
        return Ok(Ok((Place::OneWorker { plan, task: Box::new(task) }, reason)));
    }
    if files == 0 {
        return Ok(Err("it reads no files".to_owned()));
    }
    Ok(Err(format!("{} to read, workers begin above {} (arachne.local_bytes)", bytes(read), bytes(limit))))
}

async fn place_here(
    query: &QueryContext,
    session: &QuerySession,
    state: SessionState,
    logical: &LogicalPlan,
    reason: String,
) -> Result<Placed> {
    let plan = state.create_physical_plan(logical).await.map_err(|error| described(query, error, &[]))?;
    let plan = ready_to_run(plan, &session.settings.read_ahead, state.config_options())?;
    Ok(Placed { state, place: Place::Here(plan), reason })
}

/// What a statement means, with the values that were given.
///
/// # Errors
/// `InvalidArgument` where values are missing or of the wrong types.
async fn ready(query: &QueryContext, state: &SessionState, statement: parser::Statement) -> Result<Bound> {
    let placeholders = sql::placeholders(&query.request.sql)?;
    placeholders.values(&query.request.parameters)?;
    bound_to(&placeholders, query, state, statement).await
}

/// What a statement means, as far as values were given. Runs nothing.
pub(super) async fn bound_plan(
    query: &QueryContext,
    state: &SessionState,
    statement: parser::Statement,
) -> Result<Bound> {
    bound_to(&sql::placeholders(&query.request.sql)?, query, state, statement).await
}

async fn bound_to(
    placeholders: &Placeholders,
    query: &QueryContext,
    state: &SessionState,
    statement: parser::Statement,
) -> Result<Bound> {
    if placeholders.is_empty() {
        placeholders.refuse_values(&query.request.parameters)?;
        let plan = checked(query, state.statement_to_plan(statement).await).await?;
        let schema = promised(state, &plan);
        return Ok(Bound { schema, bound: plan.clone(), plan });
    }
    let unbound = state.statement_to_plan(statement.clone()).await.and_then(with_moments);
    let (unbound, either) = match unbound {
        Ok(WithMoments { plan, either }) => (Ok(plan), either),
        Err(error) => (Err(error), HashSet::new()),
    };
    if query.request.parameters.is_empty() {
        let unbound = match unbound {
            Err(error) => binding::guessed(state, &statement, placeholders.len()).await.ok_or(error),
            planned => planned,
        };
        let plan = checked(query, unbound).await?;
        let schema = promised(state, &plan);
        return Ok(Bound { schema, bound: plan.clone(), plan });
    }
    let values = placeholders.values(&query.request.parameters)?;
    let known = unbound.as_ref().ok().cloned();
    let bound = checked(query, binding::bind(state, statement, unbound, &either, values).await).await?;
    let mut schema = promised(state, &bound);
    if let Some(known) = &known {
        // A value is not null, a place for one may be.
        schema = wider(&schema, &promised(state, known));
    }
    Ok(Bound { schema, plan: known.unwrap_or_else(|| bound.clone()), bound })
}

/// The schema of the rows. What is wrong with the plan is said when it is planned in full.
fn promised(state: &SessionState, plan: &LogicalPlan) -> SchemaRef {
    let schema = analysed_schema(state, plan).unwrap_or_else(|_| Arc::clone(plan.schema().inner()));
    wider(&schema, &schema)
}

async fn checked(query: &QueryContext, planned: Result<LogicalPlan, DataFusionError>) -> Result<LogicalPlan> {
    let plan = match planned {
        Ok(plan) => plan,
        Err(error) => return Err(described(query, error, &known_tables(query).await)),
    };
    match &plan {
        LogicalPlan::Ddl(_) | LogicalPlan::Dml(_) | LogicalPlan::Copy(_) | LogicalPlan::Statement(_) => {
            Err(Error::new(ErrorCode::NotSupported, format!("{} is not built yet", first_words(&query.request.sql)))
                .with_hint("SELECT, EXPLAIN, CREATE EXTERNAL TABLE, DROP, SHOW and DESCRIBE are"))
        }
        _ => meant(plan).map_err(|error| described(query, error, &[])),
    }
}

/// The plan with what SQL says and DataFusion's reader does not.
fn meant(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    athena_casts::answer_as_athena(using_joins::merge_columns(multisets::count_copies(plan)?)?)
}

fn described(query: &QueryContext, error: DataFusionError, tables: &[String]) -> Error {
    sql::describe(error, &query.request.sql, tables)
}

/// Names to suggest for one that is not found.
async fn known_tables(query: &QueryContext) -> Vec<String> {
    let tables = query.catalog.tables(&query.request.database).await;
    tables.map(|tables| tables.into_iter().map(|table| table.name).collect()).unwrap_or_default()
}

/// Scalar subqueries are queries of their own, placed like any other.
struct Subqueries<'a> {
    query: &'a QueryContext,
    session: &'a QuerySession,
}

#[async_trait]
impl Evaluate for Subqueries<'_> {
    async fn value(&self, subquery: LogicalPlan) -> Result<Expr, DataFusionError> {
        let state = state(self.session)?;
        let placed = place(self.query, self.session, state, &subquery).await?;
        let rows = launch(self.query, self.session, placed).await?;
        let rows: Vec<_> = rows.batches.try_collect().await?;
        scalar_subqueries::value_of(&rows, &subquery)
    }
}

/// Scalar subqueries that are placed and not run.
struct ShownSubqueries<'a> {
    query: &'a QueryContext,
    session: &'a QuerySession,
    placed: Mutex<Vec<Placed>>,
}

#[async_trait]
impl Evaluate for ShownSubqueries<'_> {
    async fn value(&self, subquery: LogicalPlan) -> Result<Expr, DataFusionError> {
        let placed = place(self.query, self.session, state(self.session)?, &subquery).await?;
        let mut all = self.placed.lock().await;
        all.push(placed);
        Ok(scalar_subqueries::unevaluated(all.len(), &subquery))
    }
}

fn first_words(sql: &str) -> String {
    sql.split_whitespace().take(2).collect::<Vec<_>>().join(" ").to_uppercase()
}
