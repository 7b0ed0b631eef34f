//! `POST /v1/sql`: rows come with the answer and are not kept; a client that hangs up cancels its query.

use arachne_engine::Error;
use arachne_engine::query::{QueryRequest, QueryService};
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::response::Response;
use serde::Deserialize;

use super::body;
use super::negotiate::Media;
use super::problem::Problem;
use super::request::{RequestDocument, invalid, utf8};

/// `?database=sales`, for requests whose body is bare SQL.
#[derive(Deserialize)]
pub(super) struct Parameters {
    database: Option<String>,
    user: Option<String>,
}

pub(super) async fn run(
    State(service): State<QueryService>,
    Query(parameters): Query<Parameters>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let media = Media::accepted(text(ACCEPT)).map_err(Problem::new)?;
    let request = request(&body, text(CONTENT_TYPE), parameters).map_err(Problem::new)?;

    let mut handle = service.start(request);
    let id = handle.id().clone();
    let results = handle.results().await.map_err(|error| Problem::of_query(error, id.clone()))?;
    Ok(body::response(results, media, &id))
}

fn request(body: &[u8], content_type: Option<&str>, parameters: Parameters) -> Result<QueryRequest, Error> {
    let text = utf8(body)?;
    // No SQL begins with a brace, so curl's default content type does not matter.
    let is_json =
        content_type.is_some_and(|kind| kind.starts_with("application/json")) || text.trim_start().starts_with('{');
    let document = if is_json {
        RequestDocument::parse(text)?
    } else {
        let Parameters { database, user } = parameters;
        RequestDocument { database, user, ..RequestDocument::of_sql(text) }
    };
    if document.token.is_some() {
        return Err(invalid("a token is for queries whose rows are kept: POST /v1/queries"));
    }
    document.into_request()
}
