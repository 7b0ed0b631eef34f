//! `/v1/queries`: queries that go on without their client, and whose rows are kept.

use arachne_engine::query::{HistoryFilter, QueryId, QueryInfo, QueryService, ResultPage};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};

use super::body;
use super::negotiate::Media;
use super::problem::Problem;
use super::request::{RequestDocument, invalid, utf8};

/// `POST /v1/queries`: 202 with the query, before it has run.
pub(super) async fn submit(State(service): State<QueryService>, body: Bytes) -> Result<Response, Problem> {
    let request = utf8(&body).and_then(RequestDocument::parse).and_then(RequestDocument::into_request);
    let info = service.submit(request.map_err(Problem::new)?).await.map_err(Problem::new)?;
    let location = format!("/v1/queries/{}", info.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, location)], Json(info)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    user: Option<String>,
    state: Option<String>,
    before: Option<String>,
    limit: Option<usize>,
}

#[derive(Serialize)]
pub(super) struct Queries {
    queries: Vec<QueryInfo>,
}

/// More at once would be a large answer.
const MAX_LISTED: usize = 1000;

/// `GET /v1/queries?user=&state=&before=&limit=`: the last ones first.
pub(super) async fn list(
    State(service): State<QueryService>,
    Query(which): Query<Which>,
) -> Result<Json<Queries>, Problem> {
    let state = which.state.map(|state| state.parse()).transpose();
    let state =
        state.map_err(|error: arachne_engine::query::UnknownRecordState| Problem::new(invalid(error.to_string())))?;
    let limit = which.limit.map(|limit| limit.min(MAX_LISTED));
    let filter = HistoryFilter { user: which.user, state, before: which.before, limit };
    let queries = service.list(&filter).await.map_err(Problem::new)?;
    Ok(Json(Queries { queries }))
}

/// `GET /v1/queries/{id}`.
pub(super) async fn get(
    State(service): State<QueryService>,
    Path(id): Path<String>,
) -> Result<Json<QueryInfo>, Problem> {
    service.get(&QueryId(id)).await.map(Json).map_err(Problem::new)
}

/// `DELETE /v1/queries/{id}`: cancels; a query that has ended stays as it is.
pub(super) async fn cancel(
    State(service): State<QueryService>,
    Path(id): Path<String>,
) -> Result<Json<QueryInfo>, Problem> {
    service.cancel(&QueryId(id)).await.map(Json).map_err(Problem::new)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    offset: u64,
    limit: Option<u64>,
}

/// `GET /v1/queries/{id}/results?offset=&limit=`: the rows, in the format that is accepted; 409 while the query has not ended.
pub(super) async fn results(
    State(service): State<QueryService>,
    Path(id): Path<String>,
    Query(Page { offset, limit }): Query<Page>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    let media = Media::accepted(accept).map_err(Problem::new)?;
    let id = QueryId(id);
    let has_ended = service.get(&id).await.map_err(Problem::new)?.state.has_ended();
    let results = service.results(&id, ResultPage { offset, limit }).await.map_err(|error| {
        let problem = Problem::of_query(error, id.clone());
        if has_ended { problem } else { problem.with_status(StatusCode::CONFLICT) }
    })?;
    Ok(body::response(results, media, &id))
}
