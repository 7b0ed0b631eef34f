//! `POST /v1/queries`: starts a query, and waits for it a little if that is wanted.

use std::time::Duration;

use arachne_engine::access::Principal;
use arachne_engine::query::{QueryId, QueryInfo, QueryService, QueryState, ResultPage};
use arachne_engine::{Error, ErrorCode};
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use futures::StreamExt as _;
use serde::Deserialize;
use tokio::time::timeout;
use utoipa::IntoParams;

use super::location;
use super::results::{page_of, total_rows};
use crate::format::{JsonEncoder, Numbers, ResultEncoder as _};
use crate::http::body::{self, QUERY_ID};
use crate::http::document::{
    DryRunDocument, FieldDocument, OnTimeout, ProblemDocument, QueryDocument, ResultDocument, SubmissionDocument,
};
use crate::http::extract::{Params, Text};
use crate::http::links::with_next;
use crate::http::negotiate::Media;
use crate::http::openapi::{AnyRows, Succeeded};
use crate::http::problem::Problem;

/// Longer than this no request is held; proxies give up at about as much.
const MAX_WAIT: Duration = Duration::from_secs(60);
/// Rows that come with the answer when it is JSON.
const FIRST_PAGE: u64 = 1000;

/// How the rows are written, if there are any yet.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Shape {
    /// How 64-bit integers and decimals are written in JSON.
    #[serde(default)]
    #[param(inline, required = false)]
    numbers: Numbers,
}

/// Start a query whose rows are kept
///
/// 202 with the query and its location, or, when it ends within `wait`, 200 with its rows in the format of `Accept`; as JSON with the
/// query beside the first 1000 of them. With `dry_run` nothing is read but metadata, and the answer says what would be.
#[utoipa::path(
    post,
    path = "/v1/queries",
    tag = "queries",
    params(Shape, ("Idempotency-Key" = Option<String>, Header, description = "The same key of the same user means the same query; with another request it is refused with 409", min_length = 1, max_length = 255, nullable = false)),
    request_body(content = SubmissionDocument, content_type = "application/json"),
    responses(
        (status = 200, description = "The query has succeeded: its rows. Or what a dry run found", content(
            (Succeeded = "application/json"),
            (AnyRows = "application/x-ndjson"),
            (AnyRows = "text/csv"),
            (AnyRows = "text/tab-separated-values"),
            (AnyRows = "application/vnd.apache.arrow.stream"),
            (AnyRows = "application/vnd.apache.parquet"),
        ), headers(
            ("X-Arachne-Query-Id" = String, description = "The query"),
            ("Link" = String, description = "The next page, as `rel=\"next\"`, if there is one"),
        )),
        (status = 202, description = "The query goes on", body = QueryDocument, headers(
            ("X-Arachne-Query-Id" = String, description = "The query"),
            ("Location" = String, description = "Where the query is"),
        )),
        (status = "4XX", description = "The request or the statement is wrong, or there are too many queries", body = ProblemDocument, content_type = "application/problem+json"),
        (status = "5XX", description = "The query failed", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn submit(
    State(service): State<QueryService>,
    Extension(principal): Extension<Principal>,
    Params(Shape { numbers }): Params<Shape>,
    headers: HeaderMap,
    media: Media,
    text: Text,
) -> Result<Response, Problem> {
    text.must_be(&["application/json"])?;
    let mut document: SubmissionDocument = text.json()?;
    if let Some(key) = headers.get("idempotency-key") {
        document.token = Some(key.to_str().map_err(|_| Problem::invalid("the Idempotency-Key is no text"))?.to_owned());
    }
    check_token(document.token.as_deref())?;
    let wait = document.wait.as_deref().map_or(Ok(Duration::ZERO), parse_wait)?;
    let (on_timeout, dry_run) = (document.on_timeout, document.dry_run);
    if on_timeout == OnTimeout::Cancel && wait.is_zero() {
        return Err(Problem::invalid("on_timeout cancel wants a wait").with_hint("say how long: \"wait\": \"10s\""));
    }
    let request = document.into_request(principal.clone())?;
    // Said at once, and not by a query that fails.
    service.check_settings(&request)?;
    if dry_run {
        return Ok(Json(DryRunDocument::from(service.dry_run(&request).await?)).into_response());
    }

    let info = service.submit(request).await?;
    let waiting = Waiting { service: &service, principal: &principal, id: info.id.clone() };
    let info = match on_timeout {
        OnTimeout::Continue => waiting.wait(info, wait).await?,
        OnTimeout::Cancel => waiting.wait_or_cancel(info, wait).await?,
    };
    match info.state {
        QueryState::Queued | QueryState::Planning | QueryState::Running => Ok(accepted(info)),
        // Who did not wait wants to know that it was taken, whatever has become of it since.
        _ if wait.is_zero() => Ok(accepted(info)),
        QueryState::Finished => waiting.rows(info, media, numbers).await,
        QueryState::Failed | QueryState::Cancelled => {
            let error = info.error.unwrap_or_else(|| Error::new(ErrorCode::Cancelled, "the query was cancelled"));
            Err(Problem::of_query(error, info.id))
        }
    }
}

fn accepted(info: QueryInfo) -> Response {
    let headers = [(LOCATION.as_str(), location(&info.id)), (QUERY_ID, info.id.0.clone())];
    (StatusCode::ACCEPTED, headers, Json(QueryDocument::from(info))).into_response()
}

fn check_token(token: Option<&str>) -> Result<(), Problem> {
    match token {
        Some(token) if token.is_empty() || token.len() > 255 => {
            Err(Problem::invalid("an idempotency key has 1 to 255 characters"))
        }
        _ => Ok(()),
    }
}

fn parse_wait(text: &str) -> Result<Duration, Problem> {
    let wrong = || Problem::invalid(format!("wait is a time such as 10s or 500ms, not '{text}'"));
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let wait = match &text[digits..] {
        "ms" => Duration::from_millis(number),
        "" | "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(wrong()),
    };
    if wait > MAX_WAIT {
        return Err(Problem::invalid(format!("wait is at most {}s", MAX_WAIT.as_secs()))
            .with_hint("let the query go on, and ask for it again: its location comes with 202"));
    }
    Ok(wait)
}

/// A request that is held until its query has ended.
struct Waiting<'a> {
    service: &'a QueryService,
    principal: &'a Principal,
    id: QueryId,
}

impl Waiting<'_> {
    /// The query when it has ended, or as it is after a while.
    async fn wait(&self, info: QueryInfo, wait: Duration) -> Result<QueryInfo, Error> {
        if wait.is_zero() || info.state.has_ended() {
            return Ok(info);
        }
        let mut changes = self.service.watch(self.principal, &self.id).await?;
        let ended = async {
            while let Some(info) = changes.next().await {
                if info.state.has_ended() {
                    return Some(info);
                }
            }
            None
        };
        match timeout(wait, ended).await {
            Ok(Some(info)) => Ok(info),
            Ok(None) | Err(_) => self.service.get(self.principal, &self.id).await,
        }
    }

    /// The same, but the query ends with the wait, or with the client that waits.
    async fn wait_or_cancel(&self, info: QueryInfo, wait: Duration) -> Result<QueryInfo, Error> {
        let mut hung_up = CancelOnDrop::new(self);
        let info = self.wait(info, wait).await?;
        hung_up.disarm();
        if info.state.has_ended() {
            return Ok(info);
        }
        let mut info = self.service.cancel(self.principal, &self.id).await?;
        if info.state != QueryState::Finished && info.state != QueryState::Failed {
            let message = format!("the query had not ended after {wait:?} and was cancelled");
            info.error = Some(Error::new(ErrorCode::Cancelled, message).with_hint("wait for longer, or let it go on"));
            info.state = QueryState::Cancelled;
        }
        Ok(info)
    }

    async fn rows(&self, info: QueryInfo, media: Media, numbers: Numbers) -> Result<Response, Problem> {
        let of_query = |error| Problem::of_query(error, self.id.clone());
        let page = if media == Media::Json { Some(FIRST_PAGE) } else { None };
        let page = ResultPage { offset: 0, limit: page };
        let mut results = self.service.results(self.principal, &self.id, page).await.map_err(of_query)?;
        if media != Media::Json {
            return body::response(results, media, numbers, &self.id).await;
        }
        let mut encoder = JsonEncoder::array().with_numbers(numbers);
        let mut rows = Vec::new();
        let schema = results.schema();
        encoder.begin(&schema, &mut rows).map_err(|error| of_query(error.into()))?;
        while let Some(batch) = results.next().await {
            let batch = batch.map_err(of_query)?;
            encoder.batch(&batch, &mut rows).map_err(|error| of_query(error.into()))?;
        }
        encoder.end(&mut rows).map_err(|error| of_query(error.into()))?;
        let next = (total_rows(&info) > FIRST_PAGE).then(|| page_of(&self.id, FIRST_PAGE, Some(FIRST_PAGE), numbers));
        let document = ResultDocument {
            query: info.into(),
            columns: FieldDocument::all(&schema),
            rows: String::from_utf8_lossy(&rows).into_owned(),
            next,
        };
        let text = document.to_json().map_err(|error| of_query(Error::internal(error.to_string())))?;
        let headers = [(CONTENT_TYPE.as_str(), "application/json".to_owned()), (QUERY_ID, self.id.0.clone())];
        Ok(with_next((headers, text).into_response(), document.next.as_deref()))
    }
}

/// Cancels a query when the request that waits for it is given up, which is how a client that hangs up shows.
struct CancelOnDrop {
    cancel: Option<(QueryService, Principal, QueryId)>,
}

impl CancelOnDrop {
    fn new(waiting: &Waiting<'_>) -> Self {
        Self { cancel: Some((waiting.service.clone(), waiting.principal.clone(), waiting.id.clone())) }
    }

    fn disarm(&mut self) {
        self.cancel = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some((service, principal, id)) = self.cancel.take() {
            // It notes the end of a query, and is over when that is done.
            tokio::spawn(async move { service.cancel(&principal, &id).await.map(|_| ()) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_a_time_and_bounded() {
        for (text, seconds) in [("10s", 10.0), ("500ms", 0.5), ("1m", 60.0), ("3", 3.0), ("0s", 0.0)] {
            assert_eq!(parse_wait(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for wrong in ["", "s", "10h", "-1s", "61s", "1.5s", "99999999999999999999s", "ten"] {
            assert!(parse_wait(wrong).is_err(), "{wrong}");
        }
    }
}
