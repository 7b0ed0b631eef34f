//! Which failures deserve another attempt, and when.

use std::time::Duration;

use crate::error::{Error, ErrorCode};
use crate::invoker::InvokeError;

/// What a failed attempt means for its task.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The limit on invocations was hit: the attempt did not run, so it does not count as one.
    Throttled { retry_after: Option<Duration> },
    /// A crash, a timeout, or a service that did not answer.
    Transient(Error),
    /// The worker was killed for its memory: worth one more try, on an environment that nobody shares.
    OutOfMemory(Error),
    /// Any attempt would fail the same way.
    Permanent(Error),
}

impl Failure {
    pub fn of_invocation(error: InvokeError) -> Self {
        match error {
            InvokeError::Throttled { retry_after } => Self::Throttled { retry_after },
            InvokeError::Timeout { .. } => Self::Transient(Error::new(ErrorCode::Timeout, error.to_string())),
            InvokeError::Crashed { .. } | InvokeError::Unavailable { .. } => {
                Self::Transient(Error::new(ErrorCode::Unavailable, error.to_string()))
            }
            InvokeError::OutOfMemory { .. } => {
                Self::OutOfMemory(Error::new(ErrorCode::ResourceExhausted, error.to_string()).with_hint(
                    "give the function more memory, or each task less data: SET arachne.bytes_per_task = '32MiB'",
                ))
            }
            InvokeError::Permanent { detail, permission_denied } => {
                let code = if permission_denied { ErrorCode::PermissionDenied } else { ErrorCode::Unavailable };
                Self::Permanent(Error::new(code, detail))
            }
        }
    }

    /// A task that ran and reported an error.
    pub fn of_task(error: Error) -> Self {
        if error.code.is_retryable() { Self::Transient(error) } else { Self::Permanent(error) }
    }
}

/// How often and how fast to try again.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryPolicy {
    /// Attempts per task, the first included. Throttled attempts are not counted.
    pub max_attempts: u32,
    /// Retries per query over all its tasks, throttling included: a service that is down ends the query instead of being hammered.
    pub query_budget: u32,
    pub base: Duration,
    pub cap: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max_attempts: 4, query_budget: 1_000, base: Duration::from_millis(50), cap: Duration::from_secs(10) }
    }
}

impl RetryPolicy {
    /// Exponential backoff with full jitter
    /// (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>); `jitter` lies in 0..1.
    pub fn backoff(&self, failures: u32, jitter: f64) -> Duration {
        let ceiling = self.base.saturating_mul(1 << failures.min(16)).min(self.cap);
        ceiling.mul_f64(0.5 + 0.5 * jitter)
    }
}
