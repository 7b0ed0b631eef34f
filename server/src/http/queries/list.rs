//! The history, page by page.

use arachne_engine::access::Principal;
use arachne_engine::query::{Door, HistoryFilter, QueryInfo, QueryService, RecordState};
use axum::Extension;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::document::{ProblemDocument, QueriesDocument, QueryDocument, StateDocument};
use crate::http::extract::Params;
use crate::http::links::{Page, QueryString};
use crate::http::problem::Problem;

/// Which queries are wanted.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Which {
    /// Those of one user.
    #[param(nullable = false)]
    user: Option<String>,
    /// Those in one state.
    #[param(inline, nullable = false)]
    state: Option<StateDocument>,
    /// Those of one door: `embedded`, `http` or `flight-sql`.
    #[param(nullable = false, pattern = "^(embedded|http|flight-sql)$")]
    door: Option<String>,
    /// Only queries before this one, by its id.
    #[param(nullable = false)]
    before: Option<String>,
    /// 100 if it is not given.
    #[param(nullable = false, minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

const USUAL_LIMIT: usize = 100;
/// More at once would be a large answer.
const MAX_LIMIT: usize = 1000;

/// List queries
///
/// The last ones first; those of others only for administrators.
#[utoipa::path(
    get,
    path = "/v1/queries",
    tag = "queries",
    params(Which),
    responses(
        (status = 200, description = "Queries", body = QueriesDocument,
            headers(("Link" = String, description = "The next page, as `rel=\"next\"`, if there is one"))),
        (status = "4XX", description = "The filter is wrong", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The history does not answer", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn list(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    Params(which): Params<Which>,
) -> Result<Response, Problem> {
    let limit = which.limit.unwrap_or(USUAL_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::invalid(format!("limit is between 1 and {MAX_LIMIT}")));
    }
    let door = which.door.as_deref().map(str::parse::<Door>).transpose()?;
    let filter = HistoryFilter {
        user: which.user.clone(),
        door: door.map(|door| door.to_string()),
        before: which.before.clone(),
        limit: Some(limit),
        ..HistoryFilter::default()
    };
    let found = find(&service, &principal, filter, which.state).await?;
    let last = found.last().filter(|_| found.len() == limit).map(|info| info.id.0.clone());
    let next = last.map(|last| {
        let mut query = QueryString::default();
        query.add("user", which.user.as_deref());
        query.add("state", which.state.map(state_name));
        query.add("door", which.door.as_deref());
        query.add("before", Some(&last));
        query.add("limit", which.limit.map(|limit| limit.to_string()).as_deref());
        query.after("/v1/queries")
    });
    let queries = found.into_iter().map(QueryDocument::from).collect();
    Ok(Page { document: QueriesDocument { queries, next: next.clone() }, next }.into_response())
}

/// RUNNING is two states in the history.
async fn find(
    service: &QueryService,
    principal: &Principal,
    filter: HistoryFilter,
    state: Option<StateDocument>,
) -> Result<Vec<QueryInfo>, Problem> {
    let states: &[Option<RecordState>] = match state {
        None => &[None],
        Some(StateDocument::Queued) => &[Some(RecordState::Queued)],
        Some(StateDocument::Running) => &[Some(RecordState::Planning), Some(RecordState::Running)],
        Some(StateDocument::Succeeded) => &[Some(RecordState::Finished)],
        Some(StateDocument::Failed) => &[Some(RecordState::Failed)],
        Some(StateDocument::Cancelled) => &[Some(RecordState::Cancelled)],
    };
    let mut found = Vec::new();
    for state in states {
        found.extend(service.list(principal, &HistoryFilter { state: *state, ..filter.clone() }).await?);
    }
    // Ids sort by time.
    found.sort_by(|a, b| b.id.0.cmp(&a.id.0));
    found.dedup_by(|a, b| a.id == b.id);
    found.truncate(filter.limit.unwrap_or(USUAL_LIMIT));
    Ok(found)
}

fn state_name(state: StateDocument) -> &'static str {
    match state {
        StateDocument::Queued => "QUEUED",
        StateDocument::Running => "RUNNING",
        StateDocument::Succeeded => "SUCCEEDED",
        StateDocument::Failed => "FAILED",
        StateDocument::Cancelled => "CANCELLED",
    }
}
