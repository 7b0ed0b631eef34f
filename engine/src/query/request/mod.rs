//! What is asked for: a statement, its parameters, and on whose behalf.

mod door;
mod fingerprint;
mod id;
mod parameters;

pub use door::Door;
pub use id::QueryId;
pub use parameters::Parameters;

pub(super) use fingerprint::fingerprint;

use crate::access::Principal;

/// One statement to run.
#[derive(Debug, Clone, PartialEq)]
pub struct QueryRequest {
    pub sql: String,
    /// Where names without a database are looked up.
    pub database: String,
    /// `arachne.*` and `datafusion.*` settings for this query.
    pub settings: Vec<(String, String)>,
    /// Whoever asks: the policy is asked about them, the queue is fair to them.
    pub principal: Principal,
    pub door: Door,
    /// The same token of the same user means the same query, however often it is submitted. Only queries that are submitted have
    /// one: the rows of one that is started go to whoever started it.
    pub token: Option<String>,
    /// Values for what the statement leaves open.
    pub parameters: Parameters,
}

impl QueryRequest {
    /// Of the local user, in this process.
    pub fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            database: "default".to_owned(),
            settings: Vec::new(),
            principal: Principal::local(),
            door: Door::Embedded,
            token: None,
            parameters: Parameters::None,
        }
    }

    pub fn with_setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }
}
