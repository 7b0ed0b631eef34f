//! Queries that have ended, as the service tells of them.

use arachne_engine::query::{Door, QueryObserver, QueryState, QueryStats};
use tracing::info;

use super::metrics::Metrics;

impl QueryObserver for Metrics {
    fn ended(&self, door: Door, state: QueryState, stats: &QueryStats) {
        let name = state_name(state);
        self.query(door.name(), name, stats);
        let milliseconds = u64::try_from(stats.total.as_millis()).unwrap_or(u64::MAX);
        let bytes = stats.requests.bytes_scanned;
        info!(%door, state = name, milliseconds, rows = stats.rows, bytes, "query ended");
    }
}

fn state_name(state: QueryState) -> &'static str {
    match state {
        QueryState::Queued => "queued",
        QueryState::Planning => "planning",
        QueryState::Running => "running",
        QueryState::Finished => "succeeded",
        QueryState::Failed => "failed",
        QueryState::Cancelled => "cancelled",
    }
}
