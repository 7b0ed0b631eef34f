//! What one query, or one task on a worker, spends on requests that fail or are late.

use std::future::Future;
use std::time::Duration;

use object_store::Result;
use tracing::debug;

use super::super::StorageSettings;
use super::super::exact::typed;
use super::super::retry_after::asked_pause;
use super::budget::{NextTry, RetryBudget};
use super::hedge::Hedges;
use crate::error::{Error, ErrorCode};

/// A body that comes slower than this is given up, in bytes a second.
const SLOWEST: u64 = 256 * 1024;

/// What a server asks for beyond this is not heeded: a query that waits for minutes looks hung.
const LONGEST_ASKED: Duration = Duration::from_secs(20);

/// Budgets and time limits; shared by all stores of a query or task.
#[derive(Debug)]
pub(in crate::storage) struct Effort {
    budget: RetryBudget,
    pub(super) hedges: Hedges,
    first_byte: Duration,
    stall: Duration,
}

impl Effort {
    /// `seed` is for the jitter of pauses: it should differ between processes that hit the same trouble at the same time.
    pub(in crate::storage) fn new(settings: &StorageSettings, seed: u64) -> Self {
        Self {
            budget: RetryBudget::new(settings.retry.clone(), seed),
            hedges: Hedges::new(settings.hedge.clone()),
            first_byte: settings.first_byte_timeout,
            stall: settings.stall_timeout,
        }
    }

    /// Makes a request until it succeeds, fails for good, or the tries are used up. `request` is told how often it has
    /// failed; `object` names what it is for.
    pub(super) async fn retrying<T, F, R>(&self, object: &str, mut request: F) -> Result<T>
    where
        F: FnMut(u32) -> R,
        R: Future<Output = Result<T>>,
    {
        self.budget.add_request();
        let mut failures = 0;
        loop {
            match request(failures).await {
                Ok(answer) => return Ok(answer),
                Err(error) => {
                    failures += 1;
                    self.pause_after(object, error, failures).await?;
                }
            }
        }
    }

    /// Waits until the request that failed may be made again; fails when it may not.
    pub(super) async fn pause_after(&self, object: &str, error: object_store::Error, failures: u32) -> Result<()> {
        let cause = Error::from(&error);
        if !cause.code.is_retryable() {
            return Err(error);
        }
        let throttled = cause.code == ErrorCode::Throttled;
        let pause = match self.budget.next_try(failures, throttled) {
            // Our own pause on top: all that were refused together do not come back together.
            NextTry::After(pause) => asked_pause(&error).map_or(pause, |asked| asked.min(LONGEST_ASKED) + pause),
            NextTry::TriesSpent => {
                let what = format!("storage failed {failures} times in a row for {object}");
                return Err(given_up(&what, "storage.retry.tries", cause));
            }
            NextTry::BudgetSpent => {
                let what = format!("storage failed for {object}, and too often before for this query or task");
                return Err(given_up(&what, "storage.retry.budget", cause));
            }
        };
        debug!(object, failures, pause_ms = pause.as_millis(), error = %cause.message, "storage request failed, trying again");
        tokio::time::sleep(pause).await;
        Ok(())
    }

    /// Waits for the head of an answer.
    pub(super) async fn head<T>(&self, object: &str, answer: impl Future<Output = Result<T>>) -> Result<T> {
        within(self.first_byte, object, "did not answer", answer).await
    }

    /// Waits for the next bytes of a body.
    pub(super) async fn more<T>(&self, object: &str, bytes: impl Future<Output = T>) -> Result<T> {
        within(self.stall, object, "sent nothing more", async { Ok(bytes.await) }).await
    }

    /// Waits for a whole exchange of so many bytes.
    pub(super) async fn whole<T>(
        &self,
        object: &str,
        bytes: u64,
        exchange: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let limit = self.first_byte + self.stall + Duration::from_secs(bytes / SLOWEST);
        within(limit, object, "was not done", exchange).await
    }
}

async fn within<T>(limit: Duration, object: &str, what: &str, answer: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        let message = format!("storage {what} within {} s ({object})", limit.as_secs_f64());
        Err(typed(Error::new(ErrorCode::Unavailable, message)))
    })
}

/// One error for all tries: it keeps the code of the last.
fn given_up(what: &str, setting: &str, last: Error) -> object_store::Error {
    let code = if last.code == ErrorCode::Throttled { ErrorCode::Throttled } else { ErrorCode::Unavailable };
    let hint = format!("S3 or the network is not well; try again later, or raise {setting}");
    typed(Error::new(code, format!("{what}, at last with: {}", last.message)).with_hint(hint))
}
