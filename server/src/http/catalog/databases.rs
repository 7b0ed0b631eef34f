//! Databases.

use arachne_engine::Error;
use arachne_engine::access::Principal;
use arachne_engine::query::QueryService;
use axum::extract::State;
use axum::{Extension, Json};

use crate::http::document::{DatabaseDocument, DatabasesDocument, ProblemDocument};
use crate::http::extract::{NoParams, Params, PathParams};
use crate::http::problem::Problem;

/// List databases
#[utoipa::path(
    get,
    path = "/v1/catalog/databases",
    tag = "catalog",
    responses(
        (status = 200, description = "Databases", body = DatabasesDocument),
        (status = "4XX", description = "The request is wrong", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The catalog does not answer", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn databases(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<DatabasesDocument>, Problem> {
    let databases = service.catalog_of(&principal).databases().await.map_err(Error::from)?;
    Ok(Json(DatabasesDocument { databases: databases.into_iter().map(DatabaseDocument::from).collect() }))
}

/// Get a database
#[utoipa::path(
    get,
    path = "/v1/catalog/databases/{db}",
    tag = "catalog",
    params(("db" = String, Path, description = "The database")),
    responses(
        (status = 200, description = "The database", body = DatabaseDocument),
        (status = "4XX", description = "There is no such database", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The catalog does not answer", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn database(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    PathParams(db): PathParams<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<DatabaseDocument>, Problem> {
    let database = service.catalog_of(&principal).database(&db.to_lowercase()).await.map_err(Error::from)?;
    Ok(Json(database.into()))
}
