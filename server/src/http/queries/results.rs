//! The rows of a query that has ended, whole, in pages, or as a link to where they lie.

use std::time::Duration;

use arachne_engine::access::Principal;
use arachne_engine::query::{QueryId, QueryInfo, QueryService, ResultPage};
use arachne_engine::{Error, ErrorCode};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use utoipa::IntoParams;

use super::location;
use crate::format::Numbers;
use crate::http::body;
use crate::http::document::{LinkDocument, ProblemDocument};
use crate::http::extract::{Params, PathParams};
use crate::http::links::{QueryString, with_next};
use crate::http::negotiate::Media;
use crate::http::openapi::{AnyRows, RowsOrLink};
use crate::http::problem::Problem;

/// How long a link to the object store is valid.
const LINK_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Which rows, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Rows {
    /// Rows to leave out.
    #[serde(default)]
    #[param(required = false)]
    offset: u64,
    /// Rows of a page; all if it is not given.
    #[param(nullable = false, minimum = 1)]
    limit: Option<u64>,
    /// How 64-bit integers and decimals are written in JSON.
    #[serde(default)]
    #[param(inline, required = false)]
    numbers: Numbers,
    /// Answer with a presigned link to the whole result in the object store instead of the rows.
    #[serde(default)]
    #[param(required = false)]
    link: bool,
}

/// Get the rows of a query
///
/// In the format of `Accept`, in pages if `limit` is given. 409 while it has not ended, or if it was cancelled. With `link=true` the
/// answer says where the whole result lies, as one Arrow file, if that is in S3.
#[utoipa::path(
    get,
    path = "/v1/queries/{id}/results",
    tag = "queries",
    params(("id" = String, Path, description = "The id of the query"), Rows),
    responses(
        (status = 200, description = "The rows, or the link", content(
            (RowsOrLink = "application/json"),
            (AnyRows = "application/x-ndjson"),
            (AnyRows = "text/csv"),
            (AnyRows = "text/tab-separated-values"),
            (AnyRows = "application/vnd.apache.arrow.stream"),
            (AnyRows = "application/vnd.apache.parquet"),
        ), headers(("Link" = String, description = "The next page, as `rel=\"next\"`, if there is one"))),
        (status = "4XX", description = "There are no such rows, or not yet", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The query failed, or its rows cannot be read", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn results(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    PathParams(id): PathParams<String>,
    Params(rows): Params<Rows>,
    media: Media,
) -> Result<Response, Problem> {
    let id = QueryId(id);
    if rows.limit == Some(0) {
        return Err(Problem::invalid("limit is at least 1"));
    }
    let info = service.get(&principal, &id).await?;
    if !info.state.has_ended() {
        let error = Error::new(ErrorCode::Unavailable, format!("query {id} has not ended yet"))
            .with_hint(format!("wait for it: GET {}/events, or GET {0} until its state is SUCCEEDED", location(&id)));
        return Err(Problem::of_query(error, id).with_status(StatusCode::CONFLICT));
    }
    if rows.link {
        return link(&service, &principal, &id).await;
    }
    let page = ResultPage { offset: rows.offset, limit: rows.limit };
    let of_query = |error| Problem::of_query(error, id.clone());
    let results = service.results(&principal, &id, page).await.map_err(of_query)?;
    let next = next_page(&info, &rows);
    Ok(with_next(body::response(results, media, rows.numbers, &id).await?, next.as_deref()))
}

async fn link(service: &QueryService, principal: &Principal, id: &QueryId) -> Result<Response, Problem> {
    let of_query = |error| Problem::of_query(error, id.clone());
    let Some(link) = service.result_links(principal, id, LINK_LIFETIME).await.map_err(of_query)? else {
        let error =
            Error::new(ErrorCode::NotFound, format!("the rows of query {id} do not lie where a link could lead"))
                .with_hint("results have links when results.location is in S3");
        return Err(of_query(error));
    };
    let document = LinkDocument {
        url: link.url.to_string(),
        expires_ms: link.expires_ms,
        media_type: "application/vnd.apache.arrow.file".to_owned(),
    };
    Ok(Json(document).into_response())
}

/// Where the page after this one is.
fn next_page(info: &QueryInfo, rows: &Rows) -> Option<String> {
    let end = rows.offset.checked_add(rows.limit?)?;
    (end < total_rows(info)).then(|| page_of(&info.id, end, rows.limit, rows.numbers))
}

/// Rows of the whole result.
pub(super) fn total_rows(info: &QueryInfo) -> u64 {
    info.stats.as_ref().and_then(|stats| stats["rows"].as_u64()).unwrap_or(0)
}

/// Where some rows of a query are.
pub(super) fn page_of(id: &QueryId, offset: u64, limit: Option<u64>, numbers: Numbers) -> String {
    let mut query = QueryString::default();
    query.add("offset", Some(&offset.to_string()));
    query.add("limit", limit.map(|limit| limit.to_string()).as_deref());
    query.add(
        "numbers",
        match numbers {
            Numbers::Exact => None,
            Numbers::String => Some("string"),
            Numbers::Number => Some("number"),
        },
    );
    query.after(&format!("{}/results", location(id)))
}
