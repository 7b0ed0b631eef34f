//! Tables.

use arachne_engine::Error;
use arachne_engine::access::Principal;
use arachne_engine::query::QueryService;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};

use super::{Part, TablePath};
use crate::http::document::{ProblemDocument, TableDocument, TableNameDocument, TablesDocument};
use crate::http::extract::{NoParams, Params, PathParams};
use crate::http::links::{Page, QueryString, cut, segment};
use crate::http::problem::Problem;

/// List the tables of a database
#[utoipa::path(
    get,
    path = "/v1/catalog/databases/{db}/tables",
    tag = "catalog",
    params(("db" = String, Path, description = "The database"), Part),
    responses(
        (status = 200, description = "Tables", body = TablesDocument,
            headers(("Link" = String, description = "The next page, as `rel=\"next\"`, if there is one"))),
        (status = "4XX", description = "There is no such database", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The catalog does not answer", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn tables(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    PathParams(db): PathParams<String>,
    Params(part): Params<Part>,
) -> Result<Response, Problem> {
    let limit = part.limit()?;
    let db = db.to_lowercase();
    let tables = service.catalog_of(&principal).tables(&db).await.map_err(Error::from)?;
    let (tables, more) = cut(tables, part.offset, limit);
    let next = more.then(|| {
        let path = format!("/v1/catalog/databases/{}/tables", segment(&db));
        QueryString::of_part(part.offset.saturating_add(limit), part.limit).after(&path)
    });
    let tables = tables.into_iter().map(TableNameDocument::from).collect();
    Ok(Page { document: TablesDocument { tables, next: next.clone() }, next }.into_response())
}

/// Get a table
///
/// Columns with their types, partition keys, location, format, parameters, and the DDL that makes it.
#[utoipa::path(
    get,
    path = "/v1/catalog/databases/{db}/tables/{table}",
    tag = "catalog",
    params(TablePath),
    responses(
        (status = 200, description = "The table", body = TableDocument),
        (status = "4XX", description = "There is no such table", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The catalog does not answer", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn table(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    PathParams(path): PathParams<TablePath>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<TableDocument>, Problem> {
    let TablePath { db, table } = path.lower();
    Ok(Json(service.catalog_of(&principal).table(&db, &table).await.map_err(Error::from)?.into()))
}
