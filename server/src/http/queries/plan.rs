//! `/v1/queries/{id}/plan`: how a query is, or was, run.

use arachne_engine::access::Principal;
use arachne_engine::query::{QueryId, QueryService};
use axum::extract::State;
use axum::{Extension, Json};

use crate::http::document::{PlanDocument, ProblemDocument};
use crate::http::extract::{NoParams, Params, PathParams};
use crate::http::problem::Problem;

/// Get the plan of a query
///
/// As `EXPLAIN` shows it; what its stages did once it has ended.
#[utoipa::path(
    get,
    path = "/v1/queries/{id}/plan",
    tag = "queries",
    params(("id" = String, Path, description = "The id of the query")),
    responses(
        (status = 200, description = "The plan", body = PlanDocument),
        (status = "4XX", description = "There is no such query, or it has no plan", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The plan cannot be made", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn plan(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    PathParams(id): PathParams<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<PlanDocument>, Problem> {
    let id = QueryId(id);
    let plan = service.plan(&principal, &id).await.map_err(|error| Problem::of_query(error, id.clone()))?;
    Ok(Json(PlanDocument { query_id: id.0, plan: plan.text, stages: plan.stages }))
}
