//! Whether the server is there, and whether it can work.

use arachne_engine::query::QueryService;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::document::ProblemDocument;
use super::problem::Problem;

/// The server is there.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `ok`
    status: &'static str,
    version: &'static str,
}

const HEALTH: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// Whether the server is there
#[utoipa::path(get, path = "/healthz", tag = "server", security(()), responses(
    (status = 200, description = "It is", body = Health),
))]
pub(super) async fn healthz() -> Json<Health> {
    Json(HEALTH)
}

/// Whether the server can work
///
/// Its catalog and the place where results are kept can be reached.
#[utoipa::path(get, path = "/readyz", tag = "server", security(()), responses(
    (status = 200, description = "It can", body = Health),
    (status = 503, description = "Something does not answer", body = ProblemDocument, content_type = "application/problem+json"),
))]
pub(super) async fn readyz(State(service): State<QueryService>) -> Result<Json<Health>, Problem> {
    service
        .ready()
        .await
        .map_err(|error| Problem::new(error).with_status(axum::http::StatusCode::SERVICE_UNAVAILABLE))?;
    Ok(Json(HEALTH))
}
