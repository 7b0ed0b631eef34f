//! Everything a door can do: start a query, watch it, take its rows, cancel it, and read its bill.

mod cost;
mod execution;
mod explain;
mod folders;
mod handle;
mod launch;
mod ledger;
mod limits;
mod placement;
mod planning;
mod prices;
mod progress;
mod remote;
mod request;
mod service;
mod session;
mod settings;
mod shared;
mod stats;

pub use cost::Cost;
pub use handle::{QueryHandle, ResultStream};
pub use limits::QueryLimits;
pub use prices::{Price, PriceBook};
pub use progress::{QueryProgress, QueryState};
pub use request::{QueryId, QueryRequest};
pub use service::{QueryService, QueryServiceParts};
pub use settings::{Compute, EngineSettings};
pub use shared::Clock;
pub use stats::QueryStats;

pub use crate::coordinator::{StageStats, TaskDetail};
