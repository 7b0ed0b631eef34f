//! Starts a placed plan, here or on workers, and sees to it that nothing is left in the exchange.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryFutureExt, TryStreamExt};

use super::handle::Rows;
use super::placement::{Place, Placed};
use super::remote::{RemoteRun, remove_exchange};
use super::session::QuerySession;
use super::shared::QueryContext;
use crate::error::{Error, Result};
use crate::exchange::Source;
use crate::planner::distributed::open_output;
use crate::storage::prepare_scans;

/// Starts a plan; nothing has been read when this returns.
pub(super) fn launch(query: &QueryContext, session: &QuerySession, placed: Placed) -> Result<Rows> {
    let Placed { state, place, .. } = placed;
    match place {
        Place::Here(plan) => {
            let plan = prepare_scans(plan, &session.settings.read_ahead)?;
            let context = Arc::new(TaskContext::from(&state));
            Ok(rows(execute_stream(plan, context)?))
        }
        Place::Stages(plan) => {
            let RemoteRun { run, source } = RemoteRun::start(
                &query.shared,
                &session.settings,
                &state,
                plan.head_inputs().clone(),
                &query.ledger,
                &query.cancel,
            )?;
            let stream = plan.execute(&state, run, source.clone())?;
            Ok(swept(query, rows(stream), source))
        }
        Place::OneWorker { plan, task: spec } => {
            let schema = plan.schema();
            let RemoteRun { run, source } = RemoteRun::start(
                &query.shared,
                &session.settings,
                &state,
                [spec.task.stage].into(),
                &query.ledger,
                &query.cancel,
            )?;
            let task = spec.task;
            let reading = source.clone();
            let batches = async move {
                run.submit(*spec).await?;
                let produced = run.committed(task).await?;
                open_output(&reading, &produced)
            };
            let stream =
                RecordBatchStreamAdapter::new(schema, batches.map_err(DataFusionError::from).try_flatten_stream());
            Ok(swept(query, rows(Box::pin(stream)), source))
        }
    }
}

/// Removes the run's exchange objects when its rows have ended or nobody wants them any more.
fn swept(query: &QueryContext, rows: Rows, source: Source) -> Rows {
    let sweep = Sweep { query: query.clone(), source: Some(source) };
    let Rows { schema, batches } = rows;
    let batches = batches
        .map(Some)
        .chain(stream::once(async { None }))
        .scan(sweep, |sweep, item| {
            let ended = !matches!(item, Some(Ok(_)));
            let wrote = ended && sweep.query.ledger.wrote_exchange();
            let left = sweep.source.take_if(|_| ended).filter(|_| wrote);
            async move {
                if let Some(source) = left {
                    remove_exchange(source).await;
                }
                item
            }
        })
        .boxed();
    Rows { schema, batches }
}

/// Sweeps the exchange in the background when the rows are dropped before their end.
struct Sweep {
    query: QueryContext,
    source: Option<Source>,
}

impl Drop for Sweep {
    fn drop(&mut self) {
        if let Some(source) = self.source.take()
            && self.query.ledger.wrote_exchange()
        {
            self.query.shared.background.spawn(remove_exchange(source));
        }
    }
}

fn rows(stream: SendableRecordBatchStream) -> Rows {
    let schema: SchemaRef = stream.schema();
    let batches: BoxStream<'static, _> = stream.map_err(Error::from).boxed();
    Rows { schema, batches }
}
