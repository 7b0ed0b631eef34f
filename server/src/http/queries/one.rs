//! One query: what it is, and its end.

use arachne_engine::access::Principal;
use arachne_engine::query::{QueryId, QueryService};
use axum::extract::State;
use axum::{Extension, Json};

use crate::http::document::{ProblemDocument, QueryDocument};
use crate::http::extract::{NoParams, Params, PathParams};
use crate::http::problem::Problem;

/// Get a query
///
/// Of any door, while it runs and for as long as the history keeps it.
#[utoipa::path(
    get,
    path = "/v1/queries/{id}",
    tag = "queries",
    params(("id" = String, Path, description = "The id of the query")),
    responses(
        (status = 200, description = "The query", body = QueryDocument),
        (status = "4XX", description = "There is no such query", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The history does not answer", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn get(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    PathParams(id): PathParams<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<QueryDocument>, Problem> {
    Ok(Json(service.get(&principal, &QueryId(id)).await?.into()))
}

/// Cancel a query
///
/// Whichever door it came through. A query that has ended stays as it is.
#[utoipa::path(
    delete,
    path = "/v1/queries/{id}",
    tag = "queries",
    params(("id" = String, Path, description = "The id of the query")),
    responses(
        (status = 200, description = "The query as it is now", body = QueryDocument),
        (status = "4XX", description = "There is no such query", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The history does not answer", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn cancel(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    PathParams(id): PathParams<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<QueryDocument>, Problem> {
    Ok(Json(service.cancel(&principal, &QueryId(id)).await?.into()))
}
