//! The task request and its answer.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Blob, Manifest};
use crate::error::Error;
use crate::storage::RequestCounts;

/// Both sides must run the same build: hash routing and the plan's encoding follow DataFusion's version.
pub const ENGINE_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+datafusion-55.2.0");

/// One execution of one distributed plan; the first part of every exchange object's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub Uuid);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One fragment for one worker: the `task`-th of its stage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskKey {
    pub stage: u32,
    pub task: u32,
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.stage, self.task)
    }
}

/// One try at a task; the first is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt {
    pub task: TaskKey,
    pub number: u32,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.task, self.number)
    }
}

/// How a task's rows are laid out in its output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    /// Hash partitions: consumer `i` of `n` reads its own range of each producer.
    Shuffle,
    /// Every consumer reads everything; `virtual partition % partitions` is the real one.
    Broadcast,
    /// The plan's own output partitions, in order.
    Forward,
}

/// Where the output may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputPlacement {
    /// Output of at most so many bytes comes back in the response; larger output becomes an exchange object.
    pub inline_limit: u64,
}

/// Where exchange objects live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeConfig {
    /// `s3://bucket/prefix/`; objects are named below it (see `exchange::layout`).
    pub url: String,
}

/// The version of an object that the query was planned on: reading any other is an error, never a mix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePin {
    /// `s3://bucket`, without a path.
    pub store: String,
    /// Decoded object key.
    pub path: String,
    pub e_tag: String,
}

/// Everything a worker needs for one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRequest {
    /// Must equal the worker's [`ENGINE_VERSION`].
    pub version: String,
    pub query_id: String,
    pub run: RunId,
    pub attempt: Attempt,
    /// Tasks in this stage.
    pub task_count: u32,
    /// The fragment: zstd of the encoded physical plan.
    pub plan: Blob,
    /// Session options that differ from the defaults (`datafusion.*`).
    pub options: Vec<(String, String)>,
    pub output: OutputPlacement,
    pub exchange: Option<ExchangeConfig>,
    /// The committed output of every stage that the fragment reads.
    pub inputs: Vec<Manifest>,
    pub pins: Vec<FilePin>,
    /// Milliseconds the worker may take before it gives up by itself.
    pub timeout_ms: u64,
    /// Bytes of table data the attempt may read before it gives up by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes_scanned: Option<u64>,
    /// An attempt before this one was killed for its memory: spill sooner, read less ahead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub low_memory: bool,
    /// There is no plan: the outputs named by `inputs` become one, partition by partition.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub combine: bool,
    /// Set when the request was too large for a payload: the object below the exchange's URL that holds the whole request.
    /// `plan`, `inputs` and `pins` are then empty here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
}

impl TaskRequest {
    /// The encoded physical plan.
    ///
    /// # Errors
    /// `Internal` for a fragment that is not zstd.
    pub fn decompressed_plan(&self) -> Result<Vec<u8>, Error> {
        zstd::stream::decode_all(&self.plan.0[..])
            .map_err(|error| Error::internal(format!("the fragment cannot be decompressed: {error}")))
    }
}

/// The committed output of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProducedTask {
    pub attempt: Attempt,
    pub output: TaskOutput,
}

/// Where the rows are: all partitions back to back, `offsets[p]..offsets[p + 1]` is partition `p`, an empty range an empty partition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskOutput {
    #[serde(with = "super::offsets")]
    pub offsets: Vec<u64>,
    /// Present when the output came back inline; otherwise it is the exchange object of the attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<Blob>,
    /// Which object it is otherwise: an invocation may be delivered twice, and offsets fit only the object that came with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<Uuid>,
    pub rows: u64,
}

/// The answer of one attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResponse {
    pub attempt: Attempt,
    pub result: Result<TaskOutput, Error>,
    pub stats: TaskStats,
}

/// What one attempt did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TaskStats {
    pub requests: RequestCounts,
    pub elapsed_ms: u64,
    /// Of the operators and of the exchange writer.
    pub spilled_bytes: u64,
    /// Rows that came out of the fragment's scans and inputs.
    #[serde(default)]
    pub rows_in: u64,
    /// The most that operators and the exchange writer held at once, as far as they account for it.
    #[serde(default)]
    pub peak_memory_bytes: u64,
}
