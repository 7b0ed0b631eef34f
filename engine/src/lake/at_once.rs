//! A bounded number of requests at once.

use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt, stream};

use crate::error::Result;

/// Runs the jobs, at most `limit` at once, and gives their results in the jobs' order; the first error stops the others.
///
/// The jobs are boxed because the compiler cannot prove that a stream of borrowing closures is `Send`.
pub(super) async fn at_once<T: Send>(limit: usize, jobs: Vec<BoxFuture<'_, Result<T>>>) -> Result<Vec<T>> {
    stream::iter(jobs).buffered(limit).try_collect().await
}
