//! The HTTP door with all that is around it.

use std::any::Any;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;

use super::body::{self, BodyLimits};
use super::identify::{self, Identify};
use super::problem::problem;
use super::same_machine;
use crate::doors::Doors;
use crate::settings::Settings;
use crate::telemetry::{self, METRICS_ROUTE};

pub(super) fn app(doors: Doors, settings: &Settings) -> Router {
    let bytes = usize::try_from(settings.http.max_body.0).unwrap_or(usize::MAX);
    let limits = BodyLimits { bytes, time: settings.http.body_timeout.0 };
    let identify = Identify { doors: doors.clone(), open_metrics: settings.telemetry.open_metrics };
    let metrics = doors.metrics.clone();
    let is_open = doors.auth.is_open();
    let inner = around(crate::http::router(doors.clone()).merge(metrics_route(doors)), limits, identify);
    let checked = if is_open { inner.layer(middleware::from_fn(same_machine::check)) } else { inner };
    checked
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(metrics, telemetry::http_request))
}

fn around(door: Router, limits: BodyLimits, identify: Identify) -> Router {
    // The extractors' own limit is for those who have none.
    door.layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(limits, body::read))
        .layer(middleware::from_fn_with_state(identify, identify::http))
}

fn metrics_route(doors: Doors) -> Router {
    let scrape = async |State(doors): State<Doors>| {
        let load = doors.service.load();
        ([(CONTENT_TYPE, telemetry::CONTENT_TYPE)], doors.metrics.text(load.running, load.queued)).into_response()
    };
    Router::new().route(METRICS_ROUTE, get(scrape)).with_state(doors)
}

/// What the panic said is for the log.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    error!(panic = said(panic.as_ref()), "a request panicked");
    problem(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "the server failed to answer this request; its log says more",
    )
}

pub(super) fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no text)")
}
