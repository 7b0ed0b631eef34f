//! EXPLAIN: the plan, its stages, where it would run, why, and what it would cost; EXPLAIN ANALYZE: what really happened.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{ExecutionPlan, displayable};
use futures::stream;
use futures::{StreamExt, TryStreamExt};

use super::analysis::stage_tables;
use super::estimate::{CostEstimate, estimate};
use super::handle::Rows;
use super::launch::launch;
use super::placement::{Place, Placed};
use super::planning::{Shown, logical_plan, plan, plan_to_show};
use super::session::QuerySession;
use super::shared::QueryContext;
use crate::error::Result;
use crate::planner::distributed::{StageNote, choices, stages_text};
use crate::sql::{Explain, ExplainType};
use crate::units::{bytes, dollars};

type Line = (&'static str, String);

pub(super) async fn explain(query: &QueryContext, session: &QuerySession, explain: Explain) -> Result<Rows> {
    let lines = match explain.explain_type {
        ExplainType::Logical => {
            let plan = logical_plan(query, session, explain.statement).await?;
            query.ledger.planned("the query was only explained");
            vec![("logical plan", plan.display_indent().to_string())]
        }
        ExplainType::Validate => {
            logical_plan(query, session, explain.statement).await?;
            query.ledger.planned("the query was only checked");
            vec![("valid", "true".to_owned())]
        }
        ExplainType::Distributed if explain.analyze => analyze(query, session, explain).await?,
        ExplainType::Distributed => show(query, session, explain).await?,
    };
    text_rows(&lines)
}

/// Nothing runs: where the query holds scalar subqueries, their values are not known, and files that they would rule out are in the
/// plan.
async fn show(query: &QueryContext, session: &QuerySession, explain: Explain) -> Result<Vec<Line>> {
    let shown = plan_to_show(query, session, explain.statement).await?;
    query.ledger.planned(&shown.placed.reason);
    Ok(lines_of(query, session, &shown, explain.verbose))
}

/// Where a query runs, and its plan.
pub(super) fn placed_text(placed: &Placed) -> String {
    format!("runs:\n{}\n\nplan:\n{}", place_line(placed), plan_text(placed, false))
}

/// What EXPLAIN shows, as one text.
pub(super) fn text(query: &QueryContext, session: &QuerySession, shown: &Shown) -> String {
    let lines = lines_of(query, session, shown, false);
    lines.into_iter().map(|(what, text)| format!("{what}:\n{}\n", text.trim_end())).collect::<Vec<_>>().join("\n")
}

fn lines_of(query: &QueryContext, session: &QuerySession, shown: &Shown, verbose: bool) -> Vec<Line> {
    let Shown { placed, subqueries, .. } = shown;
    let mut lines = Vec::new();
    for (index, subquery) in subqueries.iter().enumerate() {
        let note =
            format!("value_of_subquery({}), which is evaluated before the query is planned, and runs ", index + 1);
        lines.push(("subquery", note + &place_line(subquery)));
        lines.push(("subquery plan", plan_text(subquery, verbose)));
    }
    let mut total = describe(placed, verbose, &mut lines, query, session);
    for subquery in subqueries {
        total += estimate(subquery, &session.settings, &query.shared.prices);
    }
    lines.push(("estimate", estimate_line(&total)));
    lines
}

async fn analyze(query: &QueryContext, session: &QuerySession, explain: Explain) -> Result<Vec<Line>> {
    let (placed, _) = plan(query, session, explain.statement).await?;
    query.ledger.planned(&placed.reason);
    let mut lines = Vec::new();
    let total = describe(&placed, explain.verbose, &mut lines, query, session);
    lines.push(("estimate", estimate_line(&total)));
    let here = match &placed.place {
        Place::Here(plan) => Some(Arc::clone(plan)),
        Place::OneWorker { .. } | Place::Stages(_) => None,
    };
    let rows = launch(query, session, placed).await?;
    let count = rows.batches.try_fold(0, |count, batch| async move { Ok(count + batch.num_rows()) }).await?;
    lines.push(("rows", count.to_string()));
    if let Some(plan) = here {
        lines.push(("operators", operators_text(&plan, explain.verbose)));
    }
    lines.push(("ran", stage_tables(&query.ledger.stages())));
    Ok(lines)
}

/// Where, why, and the plan.
fn describe(
    placed: &Placed,
    verbose: bool,
    lines: &mut Vec<Line>,
    query: &QueryContext,
    session: &QuerySession,
) -> CostEstimate {
    lines.push(("runs", place_line(placed)));
    if let Place::Stages(plan) = &placed.place {
        let mut stages: Vec<_> = plan.stages().iter().map(StageNote::line).collect();
        let head: Vec<_> = plan.head_inputs().iter().map(u32::to_string).collect();
        stages.push(format!("coordinator: reads stage {}, and does the rest", head.join(", ")));
        lines.push(("stages", stages.join("\n")));
    }
    let choices = choices(&placed.state);
    if !choices.is_empty() {
        lines.push(("choices", choices.join("\n")));
    }
    lines.push(("plan", plan_text(placed, verbose)));
    estimate(placed, &session.settings, &query.shared.prices)
}

fn place_line(placed: &Placed) -> String {
    let place = match &placed.place {
        Place::Here(_) => "in the coordinator",
        Place::OneWorker { .. } => "whole, on one worker",
        Place::Stages(_) => "in stages, on workers",
    };
    format!("{place}: {}", placed.reason)
}

fn plan_text(placed: &Placed, verbose: bool) -> String {
    match &placed.place {
        Place::Here(plan) | Place::OneWorker { plan, .. } => displayable(plan.as_ref()).indent(verbose).to_string(),
        Place::Stages(plan) => stages_text(plan),
    }
}

/// The plan with what each of its operators counted.
fn operators_text(plan: &Arc<dyn ExecutionPlan>, verbose: bool) -> String {
    let plan = plan.as_ref();
    let display = match verbose {
        true => DisplayableExecutionPlan::with_full_metrics(plan),
        false => DisplayableExecutionPlan::with_metrics(plan),
    };
    display.indent(verbose).to_string()
}

fn estimate_line(estimate: &CostEstimate) -> String {
    let CostEstimate { tasks, bytes: read, gb_seconds, requests, cost } = estimate;
    let workers = match tasks {
        0 => "no workers".to_owned(),
        1 => format!("1 task, {gb_seconds:.1} GB-s"),
        tasks => format!("{tasks} tasks, {gb_seconds:.1} GB-s"),
    };
    format!(
        "{} to read, {workers}, {} GET, {} PUT: {} (Lambda {}, S3 {}); Athena would charge {}",
        bytes(*read),
        requests.get,
        requests.put,
        dollars(cost.total()),
        dollars(cost.lambda),
        dollars(cost.s3),
        dollars(cost.athena),
    )
}

/// The columns of every EXPLAIN.
pub(super) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        Field::new("what", DataType::Utf8, false),
        Field::new("explanation", DataType::Utf8, false),
    ]))
}

fn text_rows(lines: &[Line]) -> Result<Rows> {
    let schema = schema();
    let what = StringArray::from_iter_values(lines.iter().map(|(what, _)| what));
    let text = StringArray::from_iter_values(lines.iter().map(|(_, text)| text));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(what), Arc::new(text)])?;
    Ok(Rows { schema, batches: stream::iter([Ok(batch)]).boxed() })
}
