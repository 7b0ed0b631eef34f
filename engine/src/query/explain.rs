//! EXPLAIN: the plan, its stages, and where it would run; EXPLAIN ANALYZE: what really happened.

use std::sync::Arc;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::physical_plan::displayable;
use futures::stream;
use futures::{StreamExt, TryStreamExt};

use super::handle::Rows;
use super::launch::launch;
use super::placement::Place;
use super::planning::plan;
use super::session::QuerySession;
use super::shared::QueryContext;
use crate::coordinator::StageStats;
use crate::error::Result;
use crate::planner::distributed::stages_text;
use crate::sql::Explain;

pub(super) async fn explain(query: &QueryContext, session: &QuerySession, explain: Explain) -> Result<Rows> {
    let placed = plan(query, session, explain.statement).await?;
    query.ledger.planned(&placed.reason);
    let (place, text) = match &placed.place {
        Place::Here(plan) => ("in the coordinator", displayable(plan.as_ref()).indent(explain.verbose).to_string()),
        Place::OneWorker { plan, .. } => {
            ("whole, on one worker", displayable(plan.as_ref()).indent(explain.verbose).to_string())
        }
        Place::Stages(plan) => ("in stages, on workers", stages_text(plan)),
    };
    let mut lines = vec![("runs", format!("{place}: {}", placed.reason)), ("plan", text)];
    if explain.analyze {
        let rows = launch(query, session, placed)?;
        let count = rows.batches.try_fold(0, |count, batch| async move { Ok(count + batch.num_rows()) }).await?;
        lines.push(("rows", count.to_string()));
        lines.push(("stages", stage_table(&query.ledger.stages())));
    }
    text_rows(&lines)
}

fn stage_table(stages: &[StageStats]) -> String {
    let line = |stage: &StageStats| {
        format!(
            "stage {}: {} tasks, {} attempts ({} retried, {} cold), {} rows, {} bytes scanned, {} bytes exchanged, {} GET, {} PUT, \
             {} bytes spilled, slowest task {} ms, {:.3} GB-s",
            stage.stage,
            stage.tasks,
            stage.attempts,
            stage.retried,
            stage.cold_starts,
            stage.rows,
            stage.requests.bytes_scanned,
            stage.requests.bytes_exchanged,
            stage.requests.get,
            stage.requests.put,
            stage.spilled_bytes,
            stage.slowest_task.as_millis(),
            stage.gb_seconds,
        )
    };
    if stages.is_empty() {
        return "none: the query ran in the coordinator".to_owned();
    }
    stages.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn text_rows(lines: &[(&str, String)]) -> Result<Rows> {
    let schema = Arc::new(Schema::new(vec![
        Field::new("what", DataType::Utf8, false),
        Field::new("explanation", DataType::Utf8, false),
    ]));
    let what = StringArray::from_iter_values(lines.iter().map(|(what, _)| what));
    let text = StringArray::from_iter_values(lines.iter().map(|(_, text)| text));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(what), Arc::new(text)])?;
    Ok(Rows { schema, batches: stream::iter([Ok(batch)]).boxed() })
}
