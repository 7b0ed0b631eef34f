//! How the coordinator reaches a worker: one request in, one answer out.
//!
//! The trait is consumed here and implemented in `arachne-lambda` (AWS SDK) and in [`crate::worker::InProcessInvoker`].

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Runs one attempt of one task somewhere.
///
/// The outer result is about transport only: a task that ran and failed is an `Ok` whose payload says so.
/// Dropping the future abandons the attempt: the connection is closed, the worker may still run to its end.
#[async_trait]
pub trait WorkerInvoker: fmt::Debug + Send + Sync + 'static {
    /// Sends a JSON `TaskRequest` and waits for the JSON `TaskResponse`.
    async fn invoke(&self, payload: Bytes) -> Result<InvocationReply, InvokeError>;

    /// Whether dropping the future of [`invoke`](Self::invoke) stops the worker too. Where it does not, workers are told through
    /// the exchange.
    fn stops_on_drop(&self) -> bool {
        false
    }
}

/// A worker's answer and what it will be billed as.
#[derive(Debug, Clone)]
pub struct InvocationReply {
    pub payload: Bytes,
    pub bill: Bill,
}

/// What one invocation is billed as (the REPORT line of AWS Lambda).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Bill {
    /// Billed duration, init included where the platform bills it. Zero where nothing is billed.
    pub billed: Duration,
    /// Configured memory in MB (2^20 bytes, as Lambda counts).
    pub memory_mb: u64,
    /// Present when this invocation was a cold start: how long init took.
    pub init: Option<Duration>,
    /// The most memory the environment has used so far, in MB, where reported.
    pub max_memory_used_mb: Option<u64>,
}

impl Bill {
    /// GB-seconds, the unit that Lambda is priced in.
    pub fn gb_seconds(&self) -> f64 {
        self.billed.as_secs_f64() * self.memory_mb as f64 / 1024.0
    }
}

/// Why an attempt gave no answer.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvokeError {
    /// The concurrency or rate limit is reached (HTTP 429).
    #[error("throttled")]
    Throttled { retry_after: Option<Duration> },
    /// The function ran into its own timeout, or the call into the client's.
    #[error("the worker timed out: {detail}")]
    Timeout { detail: String, bill: Option<Bill> },
    /// The worker process ended without an answer.
    #[error("the worker crashed: {detail}")]
    Crashed { detail: String, bill: Option<Bill> },
    /// The worker was killed for its memory.
    #[error("the worker ran out of memory ({memory_mb} MB)")]
    OutOfMemory { memory_mb: u64, bill: Option<Bill> },
    /// The service could not be reached or answered 5xx.
    #[error("the worker service is unavailable: {detail}")]
    Unavailable { detail: String },
    /// No further attempt can help: no such function, access denied, payload too large.
    #[error("{detail}")]
    Permanent { detail: String, permission_denied: bool },
}
