//! Everything a door can do: start a query, watch it, take its rows, cancel it, and read its bill.

mod admission;
mod analysis;
mod binding;
mod clean_up;
#[cfg(feature = "cluster")]
mod cluster;
mod coordination;
mod cost;
mod description;
mod drain;
mod dry_run;
mod estimate;
mod execution;
mod explain;
mod folders;
mod handle;
mod housekeeping;
mod info;
mod interval_parameters;
mod journal;
mod launch;
mod ledger;
mod limits;
mod living;
mod memory;
mod observer;
mod placement;
mod plan_text;
mod planning;
mod prices;
mod progress;
mod pump;
mod remote;
mod request;
mod results;
mod service;
mod session;
mod settings;
mod shared;
mod stats;
mod watch;
mod widen;

pub use admission::{Load, QueueLimits};
pub use coordination::{ByHeartbeat, Coordination, Liveness, RetentionSettings};
pub use cost::Cost;
pub use description::{Description, StatementKind};
pub use dry_run::DryRun;
pub use estimate::CostEstimate;
pub use handle::{QueryHandle, ResultStream};
pub use info::QueryInfo;
pub use limits::QueryLimits;
pub use observer::{NoObserver, QueryObserver};
pub use plan_text::QueryPlan;
pub use prices::{Price, PriceBook};
pub use progress::{QueryProgress, QueryState};
pub use request::{Door, Parameters, QueryId, QueryRequest};
pub use results::{ResultLink, ResultPage};
pub use service::{LONGEST_LINK, QueryService, QueryServiceParts};
pub use settings::{Compute, EngineSettings};
pub use shared::Clock;
pub use stats::QueryStats;

pub use arachne_catalog::history::{HistoryFilter, QueryHistory, RecordState, UnknownRecordState};

pub use crate::coordinator::{StageStats, TaskDetail};
pub use crate::exchange::Swept;
/// A value of any type: what parameters are made of.
pub use datafusion::common::ScalarValue;

#[cfg(test)]
mod tests;
