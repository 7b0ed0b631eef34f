//! Starts a placed plan, here or on workers, and sees to it that nothing is left in the exchange.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryFutureExt, TryStreamExt};

use super::clean_up::CleanUp;
#[cfg(feature = "cluster")]
use super::cluster::rows_of_cluster;
use super::handle::Rows;
use super::placement::{Place, Placed};
use super::remote::RemoteRun;
use super::session::QuerySession;
use super::settings::Compute;
use super::shared::QueryContext;
use crate::error::{Error, Result};
#[cfg(feature = "cluster")]
use crate::planner::distributed::DistributedPlan;
use crate::planner::distributed::open_output;
use crate::planner::yielding::yielding;

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
            let plan = yielding(plan)?;
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
            let RemoteRun { run, source, clean_up } = RemoteRun::start(
                &query.shared,
                &session.settings,
                &state,
                plan.head_inputs().clone(),
                &query.ledger,
                &query.cancel,
            )?;
            let stream = plan.execute(&state, run, source)?;
            Ok(cleaned_up(query, rows(stream), clean_up))
        }
        Place::OneWorker { plan, task: spec } => {
            let schema = plan.schema();
            let RemoteRun { run, source, clean_up } = RemoteRun::start(
                &query.shared,
                &session.settings,
                &state,
                [spec.task.stage].into(),
                &query.ledger,
                &query.cancel,
            )?;
            let task = spec.task;
            let batches = async move {
                run.submit(*spec).await?;
                let produced = run.committed(task).await?;
                open_output(&source, &produced)
            };
            let stream =
                RecordBatchStreamAdapter::new(schema, batches.map_err(DataFusionError::from).try_flatten_stream());
            Ok(cleaned_up(query, rows(Box::pin(stream)), clean_up))
        }
    }
}

/// Lets go of the run, and then of what removes its exchange objects, when its rows have ended or nobody wants them any more.
fn cleaned_up(query: &QueryContext, rows: Rows, clean_up: Option<CleanUp>) -> Rows {
    let Rows { schema, batches } = rows;
    let meter = Arc::clone(&query.ledger.meter);
    let batches = stream::unfold(Some((batches, clean_up)), move |state| {
        let meter = Arc::clone(&meter);
        async move {
            let (mut batches, clean_up) = state?;
            match batches.next().await {
                Some(Ok(batch)) => Some((Ok(batch), Some((batches, clean_up)))),
                ended => {
                    if clean_up.as_ref().is_some_and(CleanUp::is_needed) {
                        // It is made when the bill has been written.
                        meter.expect_list();
                    }
                    drop((batches, clean_up));
                    Some((ended?, None))
                }
            }
        }
    });
    Rows { schema, batches: batches.boxed() }
}

fn rows(stream: SendableRecordBatchStream) -> Rows {
    let schema: SchemaRef = stream.schema();
    let batches: BoxStream<'static, _> = stream.map_err(Error::from).boxed();
    Rows { schema, batches }
}
