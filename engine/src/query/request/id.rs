//! The name of a query.

use std::fmt;

use serde::Serialize;
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct QueryId(pub String);

impl QueryId {
    /// Sorts by time.
    pub(in crate::query) fn new() -> Self {
        Self(Uuid::now_v7().to_string())
    }
}

impl fmt::Display for QueryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
