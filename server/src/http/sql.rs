//! `POST /v1/sql`: rows come with the answer and are not kept; a client that hangs up cancels its query.

use arachne_engine::access::Principal;
use arachne_engine::query::{QueryRequest, QueryService};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::body;
use super::document::{ProblemDocument, SubmissionDocument};
use super::extract::{Params, Text};
use super::negotiate::Media;
use super::openapi::{AnyRows, Row};
use super::problem::Problem;
use crate::format::Numbers;

/// For requests whose body is bare SQL.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SqlParams {
    /// Where names without a database are looked up; `default` if none is given.
    #[param(nullable = false)]
    database: Option<String>,
    /// How 64-bit integers and decimals are written in JSON.
    #[serde(default)]
    #[param(inline, required = false)]
    numbers: Numbers,
}

/// Run a statement and stream its rows
///
/// The body is the SQL itself, or JSON as for `POST /v1/queries`. The rows are not kept. An error after the first rows breaks the body
/// off; as NDJSON a last line `{"error": ...}` says what it was.
#[utoipa::path(
    post,
    path = "/v1/sql",
    tag = "queries",
    params(SqlParams),
    request_body(
        content(
            (String = "text/plain", example = "SELECT 1 AS one"),
            (String = "application/sql"),
            (SubmissionDocument = "application/json"),
        )
    ),
    responses(
        (status = 200, description = "The rows", content(
            (Vec<Row> = "application/json"),
            (AnyRows = "application/x-ndjson"),
            (AnyRows = "text/csv"),
            (AnyRows = "text/tab-separated-values"),
            (AnyRows = "application/vnd.apache.arrow.stream"),
            (AnyRows = "application/vnd.apache.parquet"),
        ), headers(("X-Arachne-Query-Id" = String, description = "The query, for `/v1/queries/{id}`"))),
        (status = "4XX", description = "The request or the statement is wrong", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The query failed", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(super) async fn run(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    Params(params): Params<SqlParams>,
    media: Media,
    text: Text,
) -> Result<Response, Problem> {
    let numbers = params.numbers;
    let request = request(&text, params, principal)?;
    let mut handle = service.start(request);
    let id = handle.id().clone();
    let results = handle.results().await.map_err(|error| Problem::of_query(error, id.clone()))?;
    body::response(results, media, numbers, &id).await
}

fn request(body: &Text, params: SqlParams, principal: Principal) -> Result<QueryRequest, Problem> {
    body.must_be(&["text/plain", "application/sql", "application/json"])?;
    let is_json = body.media.as_deref() == Some("application/json");
    // No SQL begins with a brace, so curl's default content type does not matter.
    let mut document = if is_json || body.text.trim_start().starts_with('{') {
        body.json::<SubmissionDocument>()?
    } else {
        SubmissionDocument::of_sql(&body.text)
    };
    if document.token.is_some() || document.wait.is_some() || document.dry_run {
        return Err(Problem::invalid("token, wait and dry_run are for queries whose rows are kept")
            .with_hint("send it to POST /v1/queries"));
    }
    document.database = document.database.or(params.database);
    document.into_request(principal).map_err(Problem::new)
}
