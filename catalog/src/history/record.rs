//! One query, as it is remembered.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Times are milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueryRecord {
    pub id: String,
    /// Given by the user, so that a request that is sent twice is run once.
    #[serde(default)]
    pub token: Option<String>,
    /// The coordinator that runs it.
    pub owner: String,
    pub user: String,
    #[serde(default)]
    pub workgroup: String,
    /// How it came in, in the engine's word.
    #[serde(default)]
    pub door: String,
    pub database: String,
    pub sql: String,
    /// Of everything in the request that decides what it answers: with it, a token that is used for another request is told.
    #[serde(default)]
    pub fingerprint: Option<String>,
    pub state: RecordState,
    #[serde(default)]
    pub error: Option<RecordedError>,
    pub submitted: i64,
    /// When it left the queue.
    #[serde(default)]
    pub started: Option<i64>,
    #[serde(default)]
    pub ended: Option<i64>,
    /// JSON, as the engine wrote it.
    #[serde(default)]
    pub stats: Option<String>,
    /// How it was run, where that cannot be found out again from its SQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Where its rows are kept, if they are.
    #[serde(default)]
    pub result: Option<String>,
    /// What may have objects in an exchange.
    #[serde(default)]
    pub runs: Vec<ExchangeRun>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordState {
    #[default]
    Queued,
    Planning,
    Running,
    Finished,
    Failed,
    Cancelled,
}

impl RecordState {
    pub fn has_ended(self) -> bool {
        match self {
            Self::Queued | Self::Planning | Self::Running => false,
            Self::Finished | Self::Failed | Self::Cancelled => true,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Planning => "planning",
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for RecordState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no state of a query: there are queued, planning, running, finished, failed, cancelled")]
pub struct UnknownRecordState(String);

impl FromStr for RecordState {
    type Err = UnknownRecordState;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Queued, Self::Planning, Self::Running, Self::Finished, Self::Failed, Self::Cancelled];
        let found = all.into_iter().find(|state| state.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownRecordState(text.to_owned()))
    }
}

/// Why a query did not finish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedError {
    /// The engine's word for the kind.
    pub code: String,
    pub message: String,
    #[serde(default)]
    pub hint: Option<String>,
    /// Line and column in the SQL, counted from 1.
    #[serde(default)]
    pub place: Option<(u64, u64)>,
}

/// Objects below an exchange location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeRun {
    pub id: String,
    pub exchange: String,
}

/// A coordinator, and its last sign of life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub id: String,
    pub last_seen: i64,
}

/// Which records are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    pub user: Option<String>,
    pub workgroup: Option<String>,
    pub door: Option<String>,
    pub state: Option<RecordState>,
    /// Submitted at this time or later.
    pub since: Option<i64>,
    /// Submitted before this time.
    pub until: Option<i64>,
    /// Only records before this one, for the next page.
    pub before: Option<String>,
    /// 100 if none is given.
    pub limit: Option<usize>,
}

impl HistoryFilter {
    /// Whether a record is wanted.
    pub(super) fn fits(&self, record: &QueryRecord) -> bool {
        let is = |wanted: &Option<String>, value: &String| wanted.as_ref().is_none_or(|wanted| wanted == value);
        is(&self.user, &record.user)
            && is(&self.workgroup, &record.workgroup)
            && is(&self.door, &record.door)
            && self.state.is_none_or(|state| state == record.state)
            && self.since.is_none_or(|since| record.submitted >= since)
            && self.until.is_none_or(|until| record.submitted < until)
            && self.before.as_ref().is_none_or(|before| record.id < *before)
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(100)
    }
}

/// What is kept of ended queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub max_records: usize,
    /// Those that ended before this are forgotten.
    pub ended_since: i64,
}
