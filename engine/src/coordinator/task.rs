//! What goes into a run: its surroundings, and its tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::ObjectStore;

use super::scheduler::SchedulerLimits;
use crate::invoker::WorkerInvoker;
use crate::protocol::{ExchangeConfig, FilePin, OutputKind, RunId, TaskKey};

/// A stage in between takes a second or two: it has to save some $0.001 and many seconds of waiting for small objects.
pub const COMBINE_ABOVE: u64 = 4096;

/// What a run needs besides its tasks.
#[derive(Debug, Clone)]
pub struct RunConfig {
    pub query_id: String,
    pub run: RunId,
    pub invoker: Arc<dyn WorkerInvoker>,
    pub exchange: Option<ExchangeConfig>,
    /// The store of `exchange`, for requests too large for a payload.
    pub exchange_store: Option<Arc<dyn ObjectStore>>,
    pub limits: SchedulerLimits,
    /// Session options that the workers need (`datafusion.*`, those that differ from the defaults).
    pub options: Vec<(String, String)>,
    /// Stages that the coordinator itself reads.
    pub head_inputs: BTreeSet<u32>,
    /// Output up to so many bytes comes back in the answer: for stages the coordinator reads, and for all others.
    pub inline_limit_head: u64,
    pub inline_limit_stage: u64,
    pub task_timeout: Duration,
    /// Bytes of table data that all attempts of the run together may read.
    pub max_bytes_scanned: Option<u64>,
    /// Shuffles of more producers times consumers are read through a stage that combines outputs.
    pub combine_above: u64,
    /// Of the backoff's jitter.
    pub seed: u64,
}

/// One task of one stage, ready to be sent.
#[derive(Debug)]
pub struct TaskSpec {
    pub task: TaskKey,
    pub task_count: u32,
    /// Stages whose output the fragment reads.
    pub upstream: BTreeSet<u32>,
    /// Of those that are shuffled to this stage's tasks: how many tasks they have.
    pub shuffles: BTreeMap<u32, u32>,
    pub output: OutputKind,
    /// zstd of the encoded physical plan.
    pub plan: Bytes,
    pub pins: Vec<FilePin>,
    /// Bytes of the files, or parts of files, that the fragment reads.
    pub scan_bytes: u64,
    /// The fragment ends in a LIMIT and its readers take rows in any order: rows of some of the stage's tasks may be enough.
    pub limited: bool,
}
