//! What is known of a table without reading its rows.

use arachne_catalog::{Parameters, Table};
use arachne_engine::Error;
use arachne_engine::access::Principal;
use arachne_engine::query::{Door, QueryRequest, QueryService};
use axum::extract::State;
use axum::{Extension, Json};

use super::TablePath;
use crate::http::document::{ProblemDocument, StatisticsDocument};
use crate::http::extract::{NoParams, Params, PathParams};
use crate::http::problem::Problem;

/// Get what is known of a table
///
/// Files and bytes are those that a query of the whole table reads now: they are listed for it, and no rows are read.
#[utoipa::path(
    get,
    path = "/v1/catalog/databases/{db}/tables/{table}/statistics",
    tag = "catalog",
    params(TablePath),
    responses(
        (status = 200, description = "Sizes and counts", body = StatisticsDocument),
        (status = "4XX", description = "There is no such table, or its files cannot be listed", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The catalog or the object store does not answer", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn statistics(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    PathParams(path): PathParams<TablePath>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<StatisticsDocument>, Problem> {
    let TablePath { db, table } = path.lower();
    let catalog = service.catalog_of(&principal);
    let Table { storage, partition_keys, parameters, .. } = catalog.table(&db, &table).await.map_err(Error::from)?;
    let partitions =
        if partition_keys.is_empty() { 0 } else { catalog.partitions(&db, &table).await.map_err(Error::from)?.len() };
    let whole = QueryRequest {
        principal,
        door: Door::Http,
        ..QueryRequest::new(format!("SELECT * FROM {}.{}", quoted(&db), quoted(&table)))
    };
    let run = service.dry_run(&whole).await?;
    Ok(Json(StatisticsDocument {
        columns: storage.columns.len() as u64,
        partition_keys: partition_keys.len() as u64,
        partitions: partitions as u64,
        files: run.files,
        bytes: run.bytes,
        rows: rows(&parameters),
    }))
}

/// As Hive and Glue's crawlers note them.
fn rows(parameters: &Parameters) -> Option<u64> {
    ["numRows", "recordCount"].into_iter().find_map(|name| parameters.get(name)?.parse().ok())
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
