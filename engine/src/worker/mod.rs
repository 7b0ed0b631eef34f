//! Runs one task: decode the fragment, read splits and inputs, execute, place the output.
//!
//! A [`Worker`] lives as long as its process: object stores, file footers and the memory pool stay warm between tasks.

mod combine;
mod fragment_stats;
mod in_process;
mod refused_joins;
mod request;
mod run_task;
mod settings;
mod stop;
mod surroundings;
mod task_memory;

#[cfg(feature = "coordinator")]
pub(crate) use fragment_stats::FragmentStats;
pub use in_process::InProcessInvoker;
#[cfg(feature = "coordinator")]
pub(crate) use refused_joins::refusal;
pub(crate) use refused_joins::refuse_large_joins;
pub use run_task::Worker;
#[cfg(feature = "coordinator")]
pub(crate) use run_task::disk_manager;
pub use settings::WorkerSettings;
#[cfg(feature = "cluster")]
pub(crate) use surroundings::Surroundings;
