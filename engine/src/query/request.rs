//! What is asked for.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

/// The user of requests that name none.
const LOCAL_USER: &str = "local";

/// One statement to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryRequest {
    pub sql: String,
    /// Where names without a database are looked up.
    pub database: String,
    /// `arachne.*` and `datafusion.*` settings for this query.
    pub settings: Vec<(String, String)>,
    /// The user or workgroup: whoever the queue is fair to.
    pub user: String,
    /// The same token of the same user means the same query, however often it is submitted.
    pub token: Option<String>,
}

impl QueryRequest {
    pub fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            database: "default".to_owned(),
            settings: Vec::new(),
            user: LOCAL_USER.to_owned(),
            token: None,
        }
    }

    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct QueryId(pub String);

impl QueryId {
    /// Sorts by time.
    pub(super) fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
