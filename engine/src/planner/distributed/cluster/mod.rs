//! The compute `cluster`: a distributed plan over gRPC workers on machines that the user keeps.
//!
//! The plan is the one that Lambda gets. What differs is the transport, chosen when the plan is executed: here stages run at the
//! same time and rows stream from worker to worker through datafusion-distributed's own service (docs/adr/0012).
//!
//! Coordinator: `members` knows who is there, `run` executes a plan on them, once more if a worker is lost before the first row.
//! Worker: `worker` serves, `admission` bounds, `session` sets up one task. Both: `channel` dials, `task_node` travels in every plan and carries what
//! the library does not (pins there, figures back), `header` is what must be known before a plan is decoded, `wire_error` keeps
//! our errors whole across gRPC.

mod admission;
mod calls;
mod channel;
mod figures;
mod header;
mod members;
mod run;
mod session;
mod task_node;
mod wire_error;
mod worker;

pub(super) use channel::Route;
pub(crate) use members::ClusterMembers;
pub(crate) use run::ClusterRun;
pub(super) use task_node::ClusterTaskExec;
pub use worker::{ClusterWorker, ClusterWorkerSettings, TaskCount};
