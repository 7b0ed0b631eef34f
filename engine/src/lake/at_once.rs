//! A bounded number of requests at once.

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryFutureExt, TryStreamExt, stream};

use crate::error::Result;

/// Runs the jobs, `limit` at once for as long as there are so many, and gives their results in the jobs' order; the first error stops
/// the others.
///
/// The jobs are boxed because the compiler cannot prove that a stream of borrowing closures is `Send`.
pub(super) async fn at_once<T: Send>(limit: usize, jobs: Vec<BoxFuture<'_, Result<T>>>) -> Result<Vec<T>> {
    let mut numbered: Vec<BoxFuture<'_, Result<(usize, T)>>> = Vec::with_capacity(jobs.len());
    for (number, job) in jobs.into_iter().enumerate() {
        numbered.push(job.map_ok(move |result| (number, result)).boxed());
    }
    // Not `buffered`: it would begin none while the eldest is late.
    let mut results: Vec<_> = stream::iter(numbered).buffer_unordered(limit).try_collect().await?;
    results.sort_unstable_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn one_that_is_late_keeps_none_waiting_and_results_keep_their_order() {
        let ended = Arc::new(Semaphore::new(0));
        let job = |number: u32| {
            let ended = Arc::clone(&ended);
            async move {
                match number {
                    // Late: it waits for all others.
                    0 => drop(ended.acquire_many(9).await.unwrap()),
                    _ => ended.add_permits(1),
                }
                Ok(number)
            }
            .boxed()
        };
        let all = tokio::time::timeout(Duration::from_secs(60), at_once(2, (0..10).map(job).collect())).await;
        assert_eq!(all.expect("all wait for the first").unwrap(), Vec::from_iter(0..10));
    }
}
