//! A query that runs: its progress, its rows, its bill.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::Stream;
use futures::stream::BoxStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::progress::QueryProgress;
use super::request::QueryId;
use super::stats::QueryStats;
use crate::error::{Error, Result};

/// Dropping the handle, and the stream taken from it, cancels the query.
pub struct QueryHandle {
    id: QueryId,
    progress: watch::Receiver<QueryProgress>,
    stats: Arc<Mutex<QueryStats>>,
    cancel: CancellationToken,
    guard: Option<DropGuard>,
    started: Option<JoinHandle<Result<Rows>>>,
}

/// The rows of a query, before they are tied to its life.
pub(super) struct Rows {
    pub(super) schema: SchemaRef,
    pub(super) batches: BoxStream<'static, Result<RecordBatch>>,
}

impl QueryHandle {
    pub(super) fn new(
        id: QueryId,
        progress: watch::Receiver<QueryProgress>,
        stats: Arc<Mutex<QueryStats>>,
        cancel: CancellationToken,
        started: JoinHandle<Result<Rows>>,
    ) -> Self {
        let guard = Some(cancel.clone().drop_guard());
        Self { id, progress, stats, cancel, guard, started: Some(started) }
    }

    pub fn id(&self) -> &QueryId {
        &self.id
    }

    pub fn progress(&self) -> watch::Receiver<QueryProgress> {
        self.progress.clone()
    }

    /// Stops the query here and on the workers: what has not started never starts. Its stream ends with a `Cancelled` error.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// A switch that cancels the query from elsewhere, such as a signal handler.
    pub fn canceller(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Waits until rows can flow.
    ///
    /// # Errors
    /// What is wrong with the statement or its tables, with the place in the SQL where known; `Internal` on a second call.
    pub async fn results(&mut self) -> Result<ResultStream> {
        let Some(started) = self.started.take() else {
            return Err(Error::internal("the results of a query are taken once"));
        };
        let rows = started.await.map_err(|error| Error::internal(format!("the query panicked: {error}")))??;
        Ok(ResultStream { schema: rows.schema, batches: rows.batches, _guard: self.guard.take() })
    }

    /// What is known so far; final once the stream has ended.
    pub fn stats(&self) -> QueryStats {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for QueryHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueryHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Record batches as they come; after an error nothing more comes.
pub struct ResultStream {
    schema: SchemaRef,
    batches: BoxStream<'static, Result<RecordBatch>>,
    _guard: Option<DropGuard>,
}

impl ResultStream {
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
