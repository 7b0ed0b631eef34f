//! The walk of one statement: parse, plan, run where it was placed, settle the bill.

use std::sync::{Arc, Mutex};

use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execute_stream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryFutureExt, TryStreamExt};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::folders::Folders;
use super::handle::{QueryHandle, Rows};
use super::ledger::Ledger;
use super::planning::{Place, Placed};
use super::progress::QueryProgress;
use super::remote::{RemoteRun, remove_exchange};
use super::service::{QueryId, QueryRequest, Shared};
use super::session::QuerySession;
use super::stats::QueryStats;
use crate::error::{Error, ErrorCode, Result};
use crate::exchange::Source;
use crate::planner::distributed::open_output;
use crate::sql::ddl::DdlContext;
use crate::sql::{self, Statement};
use crate::storage::prepare_scans;

/// One statement on its way.
#[derive(Clone)]
pub(super) struct Execution {
    shared: Arc<Shared>,
    request: Arc<QueryRequest>,
    ledger: Arc<Ledger>,
    cancel: CancellationToken,
}

impl Execution {
    pub(super) fn start(shared: Arc<Shared>, id: QueryId, request: QueryRequest) -> QueryHandle {
        let (progress, watched) = watch::channel(QueryProgress::default());
        let stats = Arc::new(Mutex::new(QueryStats::default()));
        let cancel = CancellationToken::new();
        let ledger = Arc::new(Ledger::new(id.clone(), shared.prices.clone(), progress, Arc::clone(&stats)));
        let execution = Self { shared, request: Arc::new(request), ledger, cancel: cancel.clone() };
        let started = tokio::spawn(async move {
            let rows = tokio::select! {
                rows = execution.run() => rows,
                () = execution.cancel.cancelled() => Err(cancelled()),
            };
            match rows {
                Ok(rows) => Ok(execution.watched(rows)),
                Err(error) => {
                    execution.ledger.ended(Err(&error));
                    Err(error)
                }
            }
        });
        QueryHandle::new(id, watched, stats, cancel, started)
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(super) fn request(&self) -> &QueryRequest {
        &self.request
    }

    async fn run(&self) -> Result<Rows> {
        match sql::parse_one(&self.request.sql)? {
            Statement::Query(query) => {
                let session = QuerySession::try_new(&self.shared, &self.request, &self.ledger)?;
                let placed = self.plan(&session, query).await?;
                self.ledger.planned(&placed.reason);
                self.execute(&session, placed)
            }
            Statement::Explain(explain) => {
                let session = QuerySession::try_new(&self.shared, &self.request, &self.ledger)?;
                self.explain(&session, explain).await
            }
            other => self.catalog_statement(&other).await,
        }
    }

    async fn catalog_statement(&self, statement: &Statement) -> Result<Rows> {
        let context = DdlContext {
            catalog: self.shared.catalog.as_ref(),
            database: &self.request.database,
            now: (self.shared.clock)(),
            folders: &Folders::new(&self.shared, &self.ledger),
        };
        let (schema, batches) = sql::ddl::execute(statement, &context).await?;
        self.ledger.planned("a statement of the catalog");
        Ok(Rows { schema, batches: stream::iter(batches.into_iter().map(Ok)).boxed() })
    }

    /// Starts a plan; nothing has been read when this returns.
    pub(super) fn execute(&self, session: &QuerySession, placed: Placed) -> Result<Rows> {
        let Placed { state, place, .. } = placed;
        match place {
            Place::Here(plan) => {
                let plan = prepare_scans(plan, &session.settings.read_ahead)?;
                let context = Arc::new(TaskContext::from(&state));
                Ok(rows(execute_stream(plan, context)?))
            }
            Place::Stages(plan) => {
                let RemoteRun { run, source } = RemoteRun::start(
                    &self.shared,
                    &session.settings,
                    &state,
                    plan.head_inputs().clone(),
                    &self.ledger,
                    &self.cancel,
                )?;
                let stream = plan.execute(&state, run, source.clone())?;
                Ok(self.swept(rows(stream), source))
            }
            Place::OneWorker { plan, task: spec } => {
                let schema = plan.schema();
                let RemoteRun { run, source } = RemoteRun::start(
                    &self.shared,
                    &session.settings,
                    &state,
                    [spec.task.stage].into(),
                    &self.ledger,
                    &self.cancel,
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
                Ok(self.swept(rows(Box::pin(stream)), source))
            }
        }
    }

    /// Removes the run's exchange objects when its rows have ended or nobody wants them any more.
    fn swept(&self, rows: Rows, source: Source) -> Rows {
        let sweep = Sweep { execution: self.clone(), source: Some(source) };
        let Rows { schema, batches } = rows;
        let batches = batches
            .map(Some)
            .chain(stream::once(async { None }))
            .scan(sweep, |sweep, item| {
                let ended = item.is_none() || matches!(item, Some(Err(_)));
                let swept = if ended { sweep.source.take() } else { None };
                let needed = sweep.execution.ledger.wrote_exchange();
                async move {
                    if let Some(source) = swept.filter(|_| needed) {
                        remove_exchange(source).await;
                    }
                    item
                }
            })
            .boxed();
        Rows { schema, batches }
    }

    /// Ties rows to the query's life: counted, cancelled, and settled at their end.
    fn watched(self, rows: Rows) -> Rows {
        let Rows { schema, batches } = rows;
        let end = EndOnDrop(self.ledger);
        let cancel = self.cancel.clone();
        let batches = stream::try_unfold((batches, end), move |(mut batches, end)| {
            let cancel = cancel.clone();
            async move {
                let next = tokio::select! {
                    biased;
                    () = cancel.cancelled() => Err(cancelled()),
                    next = batches.try_next() => next,
                };
                match next {
                    Ok(Some(batch)) => {
                        end.0.add_rows(batch.num_rows());
                        Ok(Some((batch, (batches, end))))
                    }
                    Ok(None) => {
                        end.0.ended(Ok(()));
                        Ok(None)
                    }
                    Err(error) => {
                        drop(batches);
                        end.0.ended(Err(&error));
                        Err(error)
                    }
                }
            }
        });
        Rows { schema, batches: batches.boxed() }
    }
}

/// Sweeps the exchange in the background when the rows are dropped before their end.
struct Sweep {
    execution: Execution,
    source: Option<Source>,
}

impl Drop for Sweep {
    fn drop(&mut self) {
        if let Some(source) = self.source.take()
            && self.execution.ledger.wrote_exchange()
        {
            self.execution.shared.background.spawn(remove_exchange(source));
        }
    }
}

/// A result that nobody reads to its end counts as cancelled.
struct EndOnDrop(Arc<Ledger>);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.ended(Err(&cancelled()));
    }
}

pub(super) fn rows(stream: SendableRecordBatchStream) -> Rows {
    let schema: SchemaRef = stream.schema();
    let batches: BoxStream<'static, _> = stream.map_err(Error::from).boxed();
    Rows { schema, batches }
}

fn cancelled() -> Error {
    Error::new(ErrorCode::Cancelled, "the query was cancelled")
}
