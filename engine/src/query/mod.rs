//! Everything a door can do: start a query, watch it, take its rows, cancel it, and read its bill.

mod admission;
mod analysis;
mod clean_up;
#[cfg(feature = "cluster")]
mod cluster;
mod coordination;
mod cost;
mod estimate;
mod execution;
mod explain;
mod folders;
mod handle;
mod housekeeping;
mod info;
mod journal;
mod launch;
mod ledger;
mod limits;
mod living;
mod memory;
mod placement;
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

pub use admission::QueueLimits;
pub use coordination::{ByHeartbeat, Coordination, Liveness, RetentionSettings};
pub use cost::Cost;
pub use estimate::CostEstimate;
pub use handle::{QueryHandle, ResultStream};
pub use info::QueryInfo;
pub use limits::QueryLimits;
pub use prices::{Price, PriceBook};
pub use progress::{QueryProgress, QueryState};
pub use request::{QueryId, QueryRequest};
pub use results::ResultPage;
pub use service::{QueryService, QueryServiceParts};
pub use settings::{Compute, EngineSettings};
pub use shared::Clock;
pub use stats::QueryStats;

pub use arachne_catalog::history::{HistoryFilter, QueryHistory, UnknownRecordState};

pub use crate::coordinator::{StageStats, TaskDetail};
pub use crate::exchange::Swept;
