//! The HTTP door, as far as it is built, on loopback.
//!
//! `POST /v1/sql` with the SQL as the body (or `{"sql": ...}`): the rows come with the answer, in the format of `Accept`.
//! `POST /v1/queries` with `{"sql": ...}`: the query goes on by itself, its rows are kept; `GET /v1/queries`, and
//! `/v1/queries/{id}`, `/v1/queries/{id}/results`; `DELETE` cancels. `GET /health`.
//! There are no credentials yet, so it listens on loopback only, and answers no other web site's pages (`same_machine`).

mod body;
mod negotiate;
mod problem;
mod queries;
mod request;
mod same_machine;
mod sql;

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use arachne_engine::query::QueryService;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use tokio::net::TcpListener;

pub use same_machine::NotLoopback;

/// SQL texts are small.
const MAX_REQUEST_BYTES: usize = 1 << 20;

/// The routes, to be served by [`serve`] or called by a test.
pub fn router(service: QueryService) -> Router {
    let health = || async { Json(serde_json::json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})) };
    Router::new()
        .route("/health", get(health))
        .route("/v1/sql", post(sql::run))
        .route("/v1/queries", post(queries::submit).get(queries::list))
        .route("/v1/queries/{id}", get(queries::get).delete(queries::cancel))
        .route("/v1/queries/{id}/results", get(queries::results))
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .layer(middleware::from_fn(same_machine::check))
        .with_state(service)
}

/// Listens on a loopback address.
///
/// # Errors
/// `InvalidInput` for any other address, and what the operating system says.
pub async fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    if !address.ip().is_loopback() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, NotLoopback(address)));
    }
    TcpListener::bind(address).await
}

/// Serves until `shutdown` is ready; then takes no more connections and waits for those that are open.
pub async fn serve(
    listener: TcpListener,
    service: QueryService,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    axum::serve(listener, router(service)).with_graceful_shutdown(shutdown).await
}

#[cfg(test)]
mod tests;
