//! How far a query is.

use serde::Serialize;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryState {
    #[default]
    Planning,
    Running,
    Finished,
    Failed,
    Cancelled,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct QueryProgress {
    pub state: QueryState,
    pub stages: usize,
    pub tasks: usize,
    pub tasks_done: usize,
    pub tasks_running: usize,
    pub retried: usize,
    pub bytes_scanned: u64,
    pub rows: u64,
}
