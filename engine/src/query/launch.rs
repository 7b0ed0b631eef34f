//! Starts a placed plan, here or on workers, and sees to it that nothing is left in the exchange.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryFutureExt, TryStreamExt};

#[cfg(feature = "cluster")]
use super::cluster::rows_of_cluster;
use super::handle::Rows;
use super::placement::{Place, Placed};
use super::remote::{RemoteRun, remove_exchange};
use super::session::QuerySession;
use super::settings::Compute;
use super::shared::QueryContext;
use crate::error::{Error, Result};
use crate::exchange::Source;
#[cfg(feature = "cluster")]
use crate::planner::distributed::DistributedPlan;
use crate::planner::distributed::open_output;

/// Starts a plan; nothing has been read when this returns. A run that may leave objects in the exchange is noted in the history
/// before.
pub(super) async fn launch(query: &QueryContext, session: &QuerySession, placed: Placed) -> Result<Rows> {
    let on_lambda = session.settings.compute == Compute::Lambda && !matches!(placed.place, Place::Here(_));
    if let Some(exchange) = session.settings.exchange.as_deref().filter(|_| on_lambda) {
        query.ledger.announced(query.journal.announce_run(exchange).await?);
    }
    start(query, session, placed)
}

fn start(query: &QueryContext, session: &QuerySession, placed: Placed) -> Result<Rows> {
    let Placed { state, place, .. } = placed;
    match place {
        Place::Here(plan) => {
            query.ledger.add_plan(Arc::clone(&plan));
            let context = Arc::new(TaskContext::from(&state));
            Ok(rows(execute_stream(plan, context)?))
        }
        #[cfg(feature = "cluster")]
        Place::Stages(plan) if session.settings.compute == Compute::Cluster => Ok(rows_of_cluster(query, state, plan)),
        #[cfg(feature = "cluster")]
        Place::OneWorker { plan, .. } if session.settings.compute == Compute::Cluster => {
            Ok(rows_of_cluster(query, state, DistributedPlan::on_one_worker(plan)?))
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
