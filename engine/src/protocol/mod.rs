//! What the coordinator and a worker say to each other.
//!
//! JSON, because AWS Lambda accepts nothing else as a payload; bulk fields are base64 of zstd or Arrow IPC.

mod message;
mod payload;

pub use message::{
    Attempt, ENGINE_VERSION, ExchangeConfig, FilePin, OutputKind, OutputPlacement, ProducedTask, RunId, StageInput,
    TaskKey, TaskOutput, TaskRequest, TaskResponse, TaskStats,
};
pub use payload::{Blob, MAX_PAYLOAD_BYTES};
