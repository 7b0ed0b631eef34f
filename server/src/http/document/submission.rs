//! What is asked for.

use std::collections::BTreeMap;

use arachne_engine::access::Principal;
use arachne_engine::query::{Door, QueryRequest};
use arachne_engine::{Error, ErrorCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ParametersDocument;

/// A statement, and how it is to be run.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = Submission)]
#[serde(deny_unknown_fields)]
pub struct SubmissionDocument {
    /// One statement.
    #[schema(min_length = 1, example = "SELECT count(*) AS n FROM sales.orders WHERE day >= ?")]
    pub sql: String,
    /// Where names without a database are looked up; `default` if none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub database: Option<String>,
    /// For `?` and `$1` an array, for `$name` and `:name` an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parameters: Option<ParametersDocument>,
    /// How long the answer may wait for the end of the query: `10s`, `500ms`, `1m`, at most `60s`. 0 if it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^([0-9]{1,4}ms|[1-5]?[0-9]s|60s|1m)$", example = "10s")]
    pub wait: Option<String>,
    /// What happens to the query when it has not ended by then.
    #[serde(default)]
    pub on_timeout: OnTimeout,
    #[serde(default)]
    pub limits: LimitsDocument,
    /// `arachne.*` and `datafusion.*` settings for this query.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Only plan it and say what it would read and cost.
    #[serde(default)]
    pub dry_run: bool,
    /// The same token of the same user means the same query; as the header `Idempotency-Key`, which comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    pub token: Option<String>,
}

/// What happens to a query whose client has waited for long enough.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// It goes on; the answer is 202 with its location.
    #[default]
    Continue,
    /// It is cancelled, also when the client hangs up.
    Cancel,
}

/// What the query may take before it is cut off. The server's own limits hold too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Limits)]
#[serde(deny_unknown_fields)]
pub struct LimitsDocument {
    /// Bytes of table data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub bytes_scanned: Option<u64>,
    /// Without the time in the queue: `30s`, `5m`, `2h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^[0-9]{1,9}(ms|s|m|h)$", example = "30s")]
    pub time: Option<String>,
    /// Rows of the result; with more the query fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub rows: Option<u64>,
    /// US dollars.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 0)]
    pub cost: Option<f64>,
}

impl SubmissionDocument {
    /// Bare SQL.
    pub fn of_sql(sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), ..Self::default() }
    }

    /// # Errors
    /// `InvalidArgument` without SQL, and for parameters that are not of their types.
    pub(in crate::http) fn into_request(self, principal: Principal) -> Result<QueryRequest, Error> {
        let Self { sql, database, parameters, limits, settings, token, .. } = self;
        if sql.trim().is_empty() {
            return Err(Error::new(ErrorCode::InvalidArgument, "there is no SQL"));
        }
        let mut request = QueryRequest::new(sql);
        if let Some(database) = database {
            request.database = database.to_lowercase();
        }
        request.principal = principal;
        request.door = Door::Http;
        request.settings = settings.into_iter().chain(limits.settings()).collect();
        request.token = token;
        if let Some(parameters) = parameters {
            request.parameters = parameters.parse()?;
        }
        Ok(request)
    }
}

impl LimitsDocument {
    fn settings(self) -> impl Iterator<Item = (String, String)> {
        let limits = [
            ("max_bytes_scanned", self.bytes_scanned.map(|bytes| bytes.to_string())),
            ("max_time", self.time),
            ("max_result_rows", self.rows.map(|rows| rows.to_string())),
            ("max_cost", self.cost.map(|dollars| dollars.to_string())),
        ];
        limits.into_iter().filter_map(|(name, value)| Some((format!("arachne.{name}"), value?)))
    }
}
