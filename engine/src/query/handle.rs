//! A query that runs: its progress, its rows, its bill.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::execution::cancelled;
use super::ledger::Ledger;
use super::progress::QueryProgress;
use super::request::QueryId;
use super::stats::QueryStats;
use crate::error::{Error, Result};

/// Dropping the handle, and the stream taken from it, cancels the query.
pub struct QueryHandle {
    ledger: Arc<Ledger>,
    guard: Option<DropGuard>,
    coming: Option<Coming>,
}

/// What the query will give.
struct Coming {
    schema: oneshot::Receiver<SchemaRef>,
    batches: mpsc::Receiver<RecordBatch>,
}

/// The rows of a query, before they are tied to its life.
pub(super) struct Rows {
    pub(super) schema: SchemaRef,
    pub(super) batches: BoxStream<'static, Result<RecordBatch>>,
}

impl QueryHandle {
    pub(super) fn new(
        ledger: Arc<Ledger>,
        schema: oneshot::Receiver<SchemaRef>,
        batches: mpsc::Receiver<RecordBatch>,
    ) -> Self {
        let guard = Some(ledger.cancel.clone().drop_guard());
        Self { ledger, guard, coming: Some(Coming { schema, batches }) }
    }

    /// Of a query that was never begun.
    pub(super) fn refused(ledger: Ledger, error: Error) -> Self {
        ledger.stop(error);
        Self { ledger: Arc::new(ledger), guard: None, coming: None }
    }

    pub fn id(&self) -> &QueryId {
        self.ledger.id()
    }

    pub fn progress(&self) -> watch::Receiver<QueryProgress> {
        self.ledger.watch()
    }

    /// Stops the query here and on the workers: what has not started never starts. Its stream ends with a `Cancelled` error.
    pub fn cancel(&self) {
        self.ledger.stop(cancelled());
    }

    /// A switch that cancels the query from elsewhere, such as a signal handler.
    pub fn canceller(&self) -> CancellationToken {
        self.ledger.cancel.clone()
    }

    /// Waits until rows can flow. Comes back at once when the query is stopped, whatever its threads are busy with.
    ///
    /// # Errors
    /// What is wrong with the statement or its tables, with the place in the SQL where known; `Throttled` when too many queries
    /// wait already; `Internal` on a second call.
    pub async fn results(&mut self) -> Result<ResultStream> {
        let Some(Coming { schema, batches }) = self.coming.take() else {
            if let Some(error) = self.ledger.reason() {
                return Err(error);
            }
            return Err(Error::internal("the results of a query are taken once"));
        };
        let ledger = &self.ledger;
        let schema = tokio::select! {
            biased;
            () = ledger.cancel.cancelled() => None,
            schema = schema => schema.ok(),
        };
        let Some(schema) = schema else { return Err(ledger.end().await.err().unwrap_or_else(cancelled)) };
        let rows = Receiving { batches, ledger: Arc::clone(ledger), _guard: self.guard.take() };
        Ok(ResultStream::new(schema, stream::unfold(Some(rows), next).boxed()))
    }

    /// What is known so far; final once the stream has ended.
    pub fn stats(&self) -> QueryStats {
        self.ledger.stats()
    }
}

struct Receiving {
    batches: mpsc::Receiver<RecordBatch>,
    ledger: Arc<Ledger>,
    _guard: Option<DropGuard>,
}

async fn next(rows: Option<Receiving>) -> Option<(Result<RecordBatch>, Option<Receiving>)> {
    let mut rows = rows?;
    let batch = tokio::select! {
        biased;
        () = rows.ledger.cancel.cancelled() => None,
        batch = rows.batches.recv() => batch,
    };
    match batch {
        Some(batch) => Some((Ok(batch), Some(rows))),
        // Rows that end are whole only if the query says so.
        None => rows.ledger.end().await.err().map(|error| (Err(error), None)),
    }
}

impl fmt::Debug for QueryHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryHandle").field("id", self.id()).finish_non_exhaustive()
    }
}

/// Record batches as they come; after an error nothing more comes.
pub struct ResultStream {
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch>>,
}

impl ResultStream {
    pub(super) fn new(schema: SchemaRef, batches: BoxStream<'static, Result<RecordBatch>>) -> Self {
        Self { schema, batches }
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

impl Stream for ResultStream {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.batches.as_mut().poll_next(cx)
    }
}
