//! Computes a query's rows, on the threads of the queries, and puts them where they are wanted.
//!
//! Doors wait on other tasks: an operator that does not yield for long holds up its own thread, and nobody who waits for the
//! query's state, its limits or its cancellation.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::{FutureExt as _, TryStreamExt as _};
use tokio::sync::{mpsc, oneshot};

use super::admission::Pass;
use super::execution::run;
use super::handle::Rows;
use super::memory::explain;
use super::results::{ResultStore, ResultWriter};
use super::shared::QueryContext;
use crate::error::{Error, ErrorCode, Result};
use crate::sql::Statement;

/// Where rows go.
pub(super) enum Outlet {
    /// To whoever holds the other ends.
    Stream { schema: oneshot::Sender<SchemaRef>, batches: mpsc::Sender<RecordBatch> },
    /// To a result that can be read again.
    Store { store: ResultStore, url: String },
}

/// Takes a query from the queue to its end. The pass is given back when it has really stopped.
pub(super) async fn pump(query: QueryContext, statement: Result<Statement>, pass: Option<Pass>, outlet: Outlet) {
    let work = AssertUnwindSafe(work(&query, statement, pass, outlet)).catch_unwind();
    let outcome = tokio::select! {
        biased;
        () = query.ledger.cancel.cancelled() => return,
        outcome = work => outcome,
    };
    let outcome =
        outcome.unwrap_or_else(|panic| Err(Error::internal(format!("the query panicked: {}", text_of(&panic)))));
    match outcome {
        Ok(()) => query.ledger.ended(Ok(())),
        Err(error) => query.ledger.stop(explain(error)),
    }
}

async fn work(query: &QueryContext, statement: Result<Statement>, pass: Option<Pass>, outlet: Outlet) -> Result<()> {
    query.shared.introduce().await?;
    query.journal.open().await?;
    let statement = statement?;
    let mut pass = pass;
    if let Some(pass) = &mut pass {
        pass.admitted().await;
    }
    query.ledger.admitted();
    let rows = run(query, statement).await?;
    match outlet {
        Outlet::Stream { schema, batches } => send(query, rows, schema, batches).await,
        Outlet::Store { store, url } => keep(query, rows, &store, &url).await,
    }
}

async fn send(
    query: &QueryContext,
    rows: Rows,
    schema: oneshot::Sender<SchemaRef>,
    batches: mpsc::Sender<RecordBatch>,
) -> Result<()> {
    let Rows { schema: columns, batches: mut stream } = rows;
    // Whoever does not listen any more has cancelled the query.
    let _ = schema.send(columns);
    while let Some(batch) = stream.try_next().await? {
        query.ledger.add_rows(batch.num_rows())?;
        let _ = batches.send(batch).await;
    }
    query.ledger.within_limits()?;
    // Its state is final before its rows end.
    query.ledger.ended(Ok(()));
    Ok(())
}

async fn keep(query: &QueryContext, rows: Rows, store: &ResultStore, url: &str) -> Result<()> {
    let mut writer = store.write(url, &rows.schema, Arc::clone(&query.ledger.meter)).map_err(unwritable)?;
    match fill(query, rows, &mut writer).await {
        Ok(()) => writer.finish().await.map_err(unwritable),
        Err(error) => {
            writer.abort().await;
            Err(error)
        }
    }
}

async fn fill(query: &QueryContext, rows: Rows, writer: &mut ResultWriter) -> Result<()> {
    let mut batches = rows.batches;
    while let Some(batch) = batches.try_next().await? {
        query.ledger.add_rows(batch.num_rows())?;
        writer.write(&batch).await.map_err(unwritable)?;
    }
    query.ledger.within_limits()
}

/// Whatever storage says, to whoever asked it is the server that cannot do its part.
fn unwritable(error: Error) -> Error {
    Error::new(ErrorCode::Unavailable, format!("the result could not be written: {}", error.message))
        .with_hint("whoever runs the server sees to it that results.location, or the workgroup's own, can be written")
}

fn text_of(panic: &Box<dyn Any + Send>) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}
