//! Runs one task: decode the fragment, read splits and inputs, execute, place the output.
//!
//! A [`Worker`] lives as long as its process: object stores, file footers and the memory pool stay warm between tasks.

mod fragment_stats;
mod in_process;
mod run_task;
mod settings;
mod task_memory;

pub use in_process::InProcessInvoker;
pub use run_task::Worker;
#[cfg(feature = "coordinator")]
pub(crate) use run_task::disk_manager;
pub use settings::WorkerSettings;
