//! The plan of a query that runs or has run.

use serde::Serialize;
use serde_json::Value;

/// How a query was planned, and what its stages did so far.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryPlan {
    /// As `EXPLAIN` shows it; made anew for a query that is not running here, so that it shows the tables as they are now. That of a
    /// query with parameters, whose values its SQL does not tell, is the one that it ran by.
    pub text: String,
    /// As in [`QueryStats`](super::QueryStats), once the query has ended; empty for one that ran in the coordinator.
    pub stages: Value,
}
