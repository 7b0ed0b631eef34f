//! The Flight SQL door with all that is around it.

use std::any::Any;

use axum::response::Response;
use axum::{Router, middleware};
use tonic::service::Routes;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::error;

use super::http::said;
use super::identify;
use crate::doors::Doors;
use crate::settings::FlightSqlSettings;
use crate::telemetry;

pub(super) fn app(doors: Doors, settings: &FlightSqlSettings) -> Router {
    let max_message = usize::try_from(settings.max_message.0).unwrap_or(usize::MAX);
    let service = crate::flight_sql::service(doors.clone()).max_decoding_message_size(max_message);
    let routes = Routes::new(service).prepare().into_axum_router();
    let metrics = doors.metrics.clone();
    routes
        .layer(middleware::from_fn_with_state(doors, identify::grpc))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(metrics, telemetry::flight_call))
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    error!(panic = said(panic.as_ref()), "a call panicked");
    tonic::Status::internal("the server failed to answer this call; its log says more").into_http()
}
