//! A query and how far it is.

use arachne_engine::query::{QueryInfo, QueryProgress, QueryState};
use arachne_engine::{Error, Position};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::CodeDocument;

/// A query, while it runs and long after. Times are milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Query)]
pub struct QueryDocument {
    pub id: String,
    pub sql: String,
    /// Where names without a database were looked up.
    pub database: String,
    pub user: String,
    /// The door that it came through: `embedded`, `http` or `flight-sql`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    pub state: StateDocument,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorDocument>,
    pub submitted_ms: i64,
    /// When it left the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    /// While it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressDocument>,
    /// Rows, time, bytes, requests, stages and dollars, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub stats: Option<Value>,
    /// Whether its rows are kept and can be read.
    pub has_result: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QueryState)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StateDocument {
    /// It waits until others have ended.
    Queued,
    Running,
    Succeeded,
    Failed,
    Cancelled,
}

/// What a running query is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = QueryPhase)]
#[serde(rename_all = "snake_case")]
pub enum PhaseDocument {
    Queued,
    Planning,
    Running,
    Finished,
    Failed,
    Cancelled,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[schema(as = QueryProgress)]
pub struct ProgressDocument {
    pub phase: PhaseDocument,
    pub stages: u64,
    pub tasks: u64,
    pub tasks_done: u64,
    pub tasks_running: u64,
    pub retried: u64,
    pub bytes_scanned: u64,
    pub rows: u64,
}

/// Why a query did not succeed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = QueryError)]
pub struct ErrorDocument {
    pub code: CodeDocument,
    pub message: String,
    /// Where in its SQL, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Queries, the last ones first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Queries)]
pub struct QueriesDocument {
    pub queries: Vec<QueryDocument>,
    /// Where the next page is; also in the header `Link`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl StateDocument {
    pub fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Running => false,
            Self::Succeeded | Self::Failed | Self::Cancelled => true,
        }
    }
}

impl From<QueryInfo> for QueryDocument {
    fn from(info: QueryInfo) -> Self {
        Self {
            id: info.id.0,
            sql: info.sql,
            database: info.database,
            user: info.user,
            door: Some(info.door.to_string()),
            state: info.state.into(),
            error: info.error.map(ErrorDocument::from),
            submitted_ms: info.submitted_ms,
            started_ms: info.started_ms,
            ended_ms: info.ended_ms,
            progress: info.progress.map(ProgressDocument::from),
            stats: info.stats,
            has_result: info.has_result,
        }
    }
}

impl From<QueryState> for StateDocument {
    fn from(state: QueryState) -> Self {
        match state {
            QueryState::Queued => Self::Queued,
            QueryState::Planning | QueryState::Running => Self::Running,
            QueryState::Finished => Self::Succeeded,
            QueryState::Failed => Self::Failed,
            QueryState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<QueryState> for PhaseDocument {
    fn from(state: QueryState) -> Self {
        match state {
            QueryState::Queued => Self::Queued,
            QueryState::Planning => Self::Planning,
            QueryState::Running => Self::Running,
            QueryState::Finished => Self::Finished,
            QueryState::Failed => Self::Failed,
            QueryState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<PhaseDocument> for QueryState {
    fn from(phase: PhaseDocument) -> Self {
        match phase {
            PhaseDocument::Queued => Self::Queued,
            PhaseDocument::Planning => Self::Planning,
            PhaseDocument::Running => Self::Running,
            PhaseDocument::Finished => Self::Finished,
            PhaseDocument::Failed => Self::Failed,
            PhaseDocument::Cancelled => Self::Cancelled,
        }
    }
}

impl From<QueryProgress> for ProgressDocument {
    fn from(progress: QueryProgress) -> Self {
        let QueryProgress { state, stages, tasks, tasks_done, tasks_running, retried, bytes_scanned, rows } = progress;
        Self {
            phase: state.into(),
            stages: stages as u64,
            tasks: tasks as u64,
            tasks_done: tasks_done as u64,
            tasks_running: tasks_running as u64,
            retried: retried as u64,
            bytes_scanned,
            rows,
        }
    }
}

impl From<ProgressDocument> for QueryProgress {
    fn from(progress: ProgressDocument) -> Self {
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        Self {
            state: progress.phase.into(),
            stages: count(progress.stages),
            tasks: count(progress.tasks),
            tasks_done: count(progress.tasks_done),
            tasks_running: count(progress.tasks_running),
            retried: count(progress.retried),
            bytes_scanned: progress.bytes_scanned,
            rows: progress.rows,
        }
    }
}

impl From<Error> for ErrorDocument {
    fn from(error: Error) -> Self {
        let Error { code, message, position, hint } = error;
        let (line, column) = (position.map(|position| position.line), position.map(|position| position.column));
        Self { code: code.into(), message, line, column, hint }
    }
}

impl From<ErrorDocument> for Error {
    fn from(error: ErrorDocument) -> Self {
        let ErrorDocument { code, message, line, column, hint } = error;
        let position = line.zip(column).map(|(line, column)| Position { line, column });
        Self { code: code.into(), message, position, hint }
    }
}
