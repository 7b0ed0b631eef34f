//! What passes between stages: one object an attempt in S3, or a small output that travels in the answer itself.
//!
//! An object holds all partitions back to back, each a stream of Arrow IPC (LZ4); its offset table travels in the manifest. Every
//! attempt writes under its own name and a manifest names one winning attempt a task, so outputs of two attempts are never mixed.

#[cfg(feature = "coordinator")]
mod cleanup;
pub(crate) mod layout;
#[cfg(feature = "coordinator")]
pub(crate) mod measured;
mod partition_buffer;
mod reader;
mod reader_memory;
mod spill;
mod upload;
mod whole;
mod writer;

#[cfg(feature = "coordinator")]
pub use cleanup::Swept;
#[cfg(feature = "coordinator")]
pub(crate) use cleanup::{Marker, remove_run, sweep_by_age};
pub(crate) use reader::Source;
pub(crate) use reader::open_partitions;
pub(crate) use whole::read_whole;
pub(crate) use writer::{Destination, OutputWriter};
