//! What the coordinator and a worker say to each other.
//!
//! JSON, because AWS Lambda accepts nothing else as a payload; bulk fields are base64 of zstd or Arrow IPC.

mod cancel;
mod manifest;
mod message;
mod offsets;
mod payload;

pub use cancel::CancelMarker;
pub use manifest::{Manifest, StageInput};
pub use message::{
    Attempt, ENGINE_VERSION, ExchangeConfig, FilePin, OutputKind, OutputPlacement, ProducedTask, RunId, TaskKey,
    TaskOutput, TaskRequest, TaskResponse, TaskStats,
};
pub use payload::{Blob, MAX_PAYLOAD_BYTES};
