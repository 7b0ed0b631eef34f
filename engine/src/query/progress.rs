//! How far a query is.

use serde::Serialize;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum QueryState {
    /// It waits until others have ended.
    #[default]
    Queued,
    Planning,
    Running,
    Finished,
    Failed,
    Cancelled,
}

impl QueryState {
    pub fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Planning | Self::Running => false,
            Self::Finished | Self::Failed | Self::Cancelled => true,
        }
    }
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
