//! A statement as it comes over HTTP.

use std::collections::BTreeMap;

use arachne_engine::query::QueryRequest;
use arachne_engine::{Error, ErrorCode};
use serde::Deserialize;

/// The JSON form of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestDocument {
    pub(super) sql: String,
    pub(super) database: Option<String>,
    #[serde(default)]
    pub(super) settings: BTreeMap<String, String>,
    /// The user or workgroup: whoever the queue is fair to.
    pub(super) user: Option<String>,
    /// The same token means the same query.
    pub(super) token: Option<String>,
}

impl RequestDocument {
    /// Bare SQL.
    pub(super) fn of_sql(sql: &str) -> Self {
        Self { sql: sql.to_owned(), database: None, settings: BTreeMap::new(), user: None, token: None }
    }

    /// # Errors
    /// `InvalidArgument` for a body that is not one.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| invalid(format!("the body is not {{\"sql\": ...}}: {error}")))
    }

    /// # Errors
    /// `InvalidArgument` without SQL.
    pub(super) fn into_request(self) -> Result<QueryRequest, Error> {
        if self.sql.trim().is_empty() {
            return Err(invalid("the body has no SQL"));
        }
        let mut request = QueryRequest::new(self.sql);
        if let Some(database) = self.database {
            request.database = database.to_ascii_lowercase();
        }
        if let Some(user) = self.user {
            request.user = user;
        }
        request.settings = self.settings.into_iter().collect();
        request.token = self.token;
        Ok(request)
    }
}

pub(super) fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorCode::InvalidArgument, message)
}

pub(super) fn utf8(body: &[u8]) -> Result<&str, Error> {
    std::str::from_utf8(body).map_err(|_| invalid("the body is not UTF-8 text"))
}
