//! Runs the stages of one distributed plan: a pure scheduler decides, a thin driver performs.

mod board;
mod cancel;
mod combine;
mod dispatch;
mod driver;
mod manifests;
#[cfg(feature = "cluster")]
mod report;
mod retry;
mod run;
mod scheduler;
mod stage_stats;
mod task;

pub use board::RunProgress;
#[cfg(feature = "cluster")]
pub(crate) use report::RunReporter;
pub use retry::{Failure, RetryPolicy};
pub use run::{Run, RunObserver};
pub use scheduler::{Action, Event, Scheduler, SchedulerLimits, SpeculationPolicy, Submission, Try};
pub use stage_stats::{StageStats, TaskDetail};
pub use task::{COMBINE_ABOVE, RunConfig, TaskSpec};

#[cfg(test)]
mod tests;
