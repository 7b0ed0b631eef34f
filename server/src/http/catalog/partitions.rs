//! Partitions of a table.

use arachne_engine::Error;
use arachne_engine::access::Principal;
use arachne_engine::query::QueryService;
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};

use super::{Part, TablePath};
use crate::http::document::{PartitionDocument, PartitionsDocument, ProblemDocument};
use crate::http::extract::{Params, PathParams};
use crate::http::links::{Page, QueryString, cut, segment};
use crate::http::problem::Problem;

/// List the partitions of a table
///
/// Those in the catalog; partition projection makes none there.
#[utoipa::path(
    get,
    path = "/v1/catalog/databases/{db}/tables/{table}/partitions",
    tag = "catalog",
    params(TablePath, Part),
    responses(
        (status = 200, description = "Partitions", body = PartitionsDocument,
            headers(("Link" = String, description = "The next page, as `rel=\"next\"`, if there is one"))),
        (status = "4XX", description = "There is no such table", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The catalog does not answer", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn partitions(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    PathParams(path): PathParams<TablePath>,
    Params(part): Params<Part>,
) -> Result<Response, Problem> {
    let limit = part.limit()?;
    let TablePath { db, table } = path.lower();
    let catalog = service.catalog_of(&principal);
    let keys = catalog.table(&db, &table).await.map_err(Error::from)?.partition_keys;
    let partitions = catalog.partitions(&db, &table).await.map_err(Error::from)?;
    let (partitions, more) = cut(partitions, part.offset, limit);
    let next = more.then(|| {
        let path = format!("/v1/catalog/databases/{}/tables/{}/partitions", segment(&db), segment(&table));
        QueryString::of_part(part.offset.saturating_add(limit), part.limit).after(&path)
    });
    let partitions = partitions.into_iter().map(|partition| PartitionDocument::of(partition, &keys)).collect();
    Ok(Page { document: PartitionsDocument { partitions, next: next.clone() }, next }.into_response())
}
