//! A query as seen from outside: while it runs and long after.

use arachne_catalog::history::{QueryRecord, RecordState, RecordedError};
use serde::Serialize;
use serde_json::Value;

use super::progress::{QueryProgress, QueryState};
use super::request::{Door, QueryId};
use crate::error::{Error, ErrorCode, Position};

/// Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryInfo {
    pub id: QueryId,
    pub sql: String,
    pub database: String,
    pub user: String,
    pub workgroup: String,
    pub door: Door,
    pub state: QueryState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    pub submitted_ms: i64,
    /// When it left the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    /// While it runs in this process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<QueryProgress>,
    /// [`QueryStats`](super::QueryStats) as JSON, once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stats: Option<Value>,
    /// Whether its rows can be read.
    pub has_result: bool,
}

impl QueryInfo {
    /// Statistics that cannot be read, because another version wrote them, are left out.
    pub(super) fn of(record: QueryRecord) -> Self {
        let state = QueryState::from(record.state);
        Self {
            id: QueryId(record.id),
            sql: record.sql,
            database: record.database,
            user: record.user,
            workgroup: record.workgroup,
            // Records of before there were doors came from this process.
            door: record.door.parse().unwrap_or_default(),
            state,
            error: record.error.map(error),
            submitted_ms: record.submitted,
            started_ms: record.started,
            ended_ms: record.ended,
            progress: None,
            stats: record.stats.and_then(|stats| serde_json::from_str(&stats).ok()),
            has_result: record.result.is_some() && state == QueryState::Finished,
        }
    }
}

fn error(recorded: RecordedError) -> Error {
    let RecordedError { code, message, hint, place } = recorded;
    let code = serde_json::from_value(Value::String(code)).unwrap_or(ErrorCode::Internal);
    let position = place.map(|(line, column)| Position { line, column });
    Error { code, message, position, hint }
}

impl From<RecordState> for QueryState {
    fn from(state: RecordState) -> Self {
        match state {
            RecordState::Queued => Self::Queued,
            RecordState::Planning => Self::Planning,
            RecordState::Running => Self::Running,
            RecordState::Finished => Self::Finished,
            RecordState::Failed => Self::Failed,
            RecordState::Cancelled => Self::Cancelled,
        }
    }
}

impl From<QueryState> for RecordState {
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
