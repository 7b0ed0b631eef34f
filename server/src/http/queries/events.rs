//! `/v1/queries/{id}/events`: how far a query is, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use arachne_engine::access::Principal;
use arachne_engine::query::{QueryId, QueryInfo, QueryService};
use axum::Extension;
use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;

use crate::http::document::{ProblemDocument, QueryDocument};
use crate::http::extract::{NoParams, Params, PathParams};
use crate::http::openapi::QueryEvent;
use crate::http::problem::Problem;

/// A comment now and then: proxies close what is silent for longer.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Follow a query
///
/// An event `progress` now and whenever something changes, at most about five a second, and one event `end` when the query has ended;
/// the data of each is the query. Comments in between keep the connection open. To watch a query does not keep it alive, and to stop
/// watching does not end it.
#[utoipa::path(
    get,
    path = "/v1/queries/{id}/events",
    tag = "queries",
    params(("id" = String, Path, description = "The id of the query")),
    responses(
        (status = 200, description = "Events", body = QueryEvent, content_type = "text/event-stream"),
        (status = "4XX", description = "There is no such query", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The history does not answer", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn events(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    PathParams(id): PathParams<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Response, Problem> {
    let changes = service.watch(&principal, &QueryId(id)).await?;
    let events = changes.map(|info| Ok::<_, Infallible>(event(info)));
    let keep_alive = KeepAlive::new().interval(HEARTBEAT).text("still here");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    response.headers_mut().insert("x-accel-buffering", axum::http::HeaderValue::from_static("no"));
    Ok(response)
}

fn event(info: QueryInfo) -> Event {
    let name = if info.state.has_ended() { "end" } else { "progress" };
    let document = QueryDocument::from(info);
    // A document of ours is always JSON; were it not, the event would say nothing.
    Event::default().event(name).json_data(document).unwrap_or_default()
}
