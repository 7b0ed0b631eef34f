//! From a logical plan to stages.
//!
//! The passes, in order:
//! 0. `date_differences`, `multisets`, `using_joins`, `athena_casts`: what SQL means where DataFusion's reader does not say it (coordinator).
//! 1. `scalar_subqueries`: evaluate uncorrelated scalar subqueries first and put their values in (coordinator).
//! 2. DataFusion's own logical and physical planning, in the session of `session`; `handed_down_filters` is one of its rules.
//! 3. `distributed::cut`: datafusion-distributed cuts the physical plan at exchanges, with our leaf splits and guards.
//! 4. `distributed::repair`: restores what the cut forgets (declared order, equalities, constants).
//! 5. `ready`, on the worker, or in the coordinator for a plan that stays there: `condition_order`, `join_filters`, then read-ahead under
//!    the scans.
//! 6. In the coordinator, and on the worker of a cluster: `yielding`, so that operators can be stopped.

#[cfg(feature = "coordinator")]
pub(crate) mod athena_casts;
mod condition_order;
#[cfg(feature = "coordinator")]
pub(crate) mod date_differences;
pub(crate) mod distributed;
#[cfg(feature = "coordinator")]
pub(crate) mod handed_down_filters;
pub(crate) mod join_filters;
#[cfg(feature = "coordinator")]
pub(crate) mod multisets;
pub(crate) mod ready;
#[cfg(feature = "coordinator")]
pub(crate) mod scalar_subqueries;
#[cfg(feature = "coordinator")]
pub(crate) mod session;
#[cfg(feature = "coordinator")]
pub(crate) mod sizing;
#[cfg(feature = "coordinator")]
pub(crate) mod using_joins;
#[cfg(feature = "coordinator")]
pub(crate) mod whole_windows;
#[cfg(feature = "coordinator")]
pub(crate) mod yielding;
