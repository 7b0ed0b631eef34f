//! One record per invocation, for tests, benches and curious people.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

/// The log keeps so many records, the newest.
const KEPT: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InvocationRecord {
    pub function: String,
    pub request_id: String,
    pub status: InvocationStatus,
    /// The process that ran it; None where none was started.
    pub pid: Option<u32>,
    pub cold_start: bool,
    /// How long the process took to be ready, for a cold start that got so far.
    pub init: Option<Duration>,
    pub duration: Duration,
    pub billed_ms: u64,
    pub max_memory_mb: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    /// The class of the fault that was injected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InvocationStatus {
    Ok,
    /// The worker reported an error.
    FunctionError,
    InitFailed,
    TimedOut,
    Crashed,
    OutOfMemory,
    ResponseTooLarge,
    /// Answered with 429, never run.
    Throttled,
}

#[derive(Debug, Default)]
pub(super) struct InvocationLog(Mutex<VecDeque<InvocationRecord>>);

impl InvocationLog {
    pub(super) fn add(&self, record: InvocationRecord) {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if records.len() == KEPT {
            records.pop_front();
        }
        records.push_back(record);
    }

    pub(super) fn snapshot(&self) -> Vec<InvocationRecord> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}
