//! Whether the server is there, and whether it can work.

use arachne_engine::query::QueryService;
use arachne_engine::{Error, ErrorCode};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tracing::warn;
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
    if let Err(error) = service.ready().await {
        // Anybody may ask: what exactly is wrong, and where, is for the log.
        warn!(%error, "not ready");
        let message = "the catalog, the history or the place for results does not answer; the server's log says more";
        return Err(Problem::new(Error::new(ErrorCode::Unavailable, message)));
    }
    Ok(Json(HEALTH))
}
