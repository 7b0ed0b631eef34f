//! The HTTP door: SQL in, rows out, and everything else about queries and the catalog as JSON. docs/http-api.md describes it for users.
//!
//! `sql` streams, `queries` runs what goes on without its client, `catalog` shows what there is to query, `health` says whether the
//! server can work, `openapi` describes all of it for programs. Errors are `problem`s, JSON bodies are `document`s.
//! Who calls is known before a request comes here: their `Principal` lies in its extensions.

mod body;
mod catalog;
pub mod document;
mod extract;
mod health;
mod links;
mod negotiate;
mod openapi;
mod problem;
mod queries;
mod sql;

use arachne_engine::{Error, ErrorCode};
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::{get, post};

pub use problem::Problem;

use crate::doors::Doors;

/// The routes. A request must carry its [`Principal`](arachne_engine::access::Principal) as an extension.
pub fn router(doors: Doors) -> Router {
    let document = openapi::document(doors.auth.is_open());
    Router::new()
        .route("/v1/sql", post(sql::run))
        .route("/v1/queries", post(queries::submit).get(queries::list))
        .route("/v1/queries/{id}", get(queries::get).delete(queries::cancel))
        .route("/v1/queries/{id}/results", get(queries::results))
        .route("/v1/queries/{id}/events", get(queries::events))
        .route("/v1/queries/{id}/plan", get(queries::plan))
        .route("/v1/catalog/databases", get(catalog::databases))
        .route("/v1/catalog/databases/{db}", get(catalog::database))
        .route("/v1/catalog/databases/{db}/tables", get(catalog::tables))
        .route("/v1/catalog/databases/{db}/tables/{table}", get(catalog::table))
        .route("/v1/catalog/databases/{db}/tables/{table}/partitions", get(catalog::partitions))
        .route("/v1/catalog/databases/{db}/tables/{table}/statistics", get(catalog::statistics))
        .route("/openapi.json", get(move || openapi::serve(document.clone())))
        .route("/healthz", get(health::healthz))
        .route("/health", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .with_state(doors.service)
}

async fn no_such_path(request: Request) -> Problem {
    let message = format!("there is nothing at {}", request.uri().path());
    Problem::new(Error::new(ErrorCode::NotFound, message).with_hint("GET /openapi.json lists what there is"))
}

async fn no_such_method(request: Request) -> Problem {
    let message = format!("{} cannot be used at {}", request.method(), request.uri().path());
    let error = Error::new(ErrorCode::InvalidArgument, message).with_hint("the header Allow says what can");
    Problem::new(error).with_status(StatusCode::METHOD_NOT_ALLOWED)
}

#[cfg(test)]
mod tests;
