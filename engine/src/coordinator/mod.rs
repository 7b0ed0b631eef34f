//! Runs the stages of one distributed plan: a pure scheduler decides, a thin driver performs.

mod driver;
mod retry;
mod run;
mod scheduler;
mod stage_stats;

pub use retry::{Failure, RetryPolicy};
pub use run::{Run, RunConfig, RunObserver, RunProgress, TaskSpec};
pub use scheduler::{Action, Event, Scheduler, SchedulerLimits};
pub use stage_stats::StageStats;
