//! Runs the stages of one distributed plan: a pure scheduler decides, a thin driver performs.

mod driver;
mod retry;
mod run;
mod scheduler;
mod stage_stats;
mod state;
mod task;

pub use retry::{Failure, RetryPolicy};
pub use run::{Run, RunObserver};
pub use scheduler::{Action, Event, Scheduler, SchedulerLimits};
pub use stage_stats::{StageStats, TaskDetail};
pub use state::RunProgress;
pub use task::{RunConfig, TaskSpec};
