//! `POST /v1/sql`.

use arachne_engine::query::{QueryRequest, QueryService};
use arachne_engine::{Error, ErrorCode};
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::body;
use super::negotiate::Media;
use super::problem::Problem;

/// `?database=sales`, for requests whose body is bare SQL.
#[derive(Deserialize)]
pub(super) struct Parameters {
    database: Option<String>,
}

/// The JSON form of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SqlDocument {
    sql: String,
    database: Option<String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

pub(super) async fn run(
    State(service): State<QueryService>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let media = Media::accepted(text(ACCEPT)).map_err(Problem::new)?;
    let request = request(&body, text(CONTENT_TYPE), parameters.database).map_err(Problem::new)?;

    let mut handle = service.start(request);
    let id = handle.id().clone();
    let results = handle.results().await.map_err(|error| Problem::of_query(error, id.clone()))?;
    let headers = [("content-type", media.name().to_owned()), ("x-arachne-query-id", id.0)];
    Ok((headers, body::of(results, media)).into_response())
}

fn request(body: &[u8], content_type: Option<&str>, database: Option<String>) -> Result<QueryRequest, Error> {
    let invalid = |message: String| Error::new(ErrorCode::InvalidArgument, message);
    let text = std::str::from_utf8(body).map_err(|_| invalid("the body is not UTF-8 text".into()))?;
    // No SQL begins with a brace, so curl's default content type does not matter.
    let is_json =
        content_type.is_some_and(|kind| kind.starts_with("application/json")) || text.trim_start().starts_with('{');
    let document = if is_json {
        serde_json::from_str(text).map_err(|error| invalid(format!("the body is not {{\"sql\": ...}}: {error}")))?
    } else {
        SqlDocument { sql: text.to_owned(), database, settings: BTreeMap::new() }
    };
    if document.sql.trim().is_empty() {
        return Err(invalid("the body has no SQL".into()));
    }
    let database = document.database.unwrap_or_else(|| "default".to_owned()).to_ascii_lowercase();
    Ok(QueryRequest { sql: document.sql, database, settings: document.settings.into_iter().collect() })
}
