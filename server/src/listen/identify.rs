//! Finds out who calls, before a door hears of it, and puts the [`Principal`] into the request's extensions.
//!
//! What a request says in `Authorization` comes first, then the certificate of its connection.

use std::sync::Arc;

use arachne_engine::access::Principal;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use axum_server::tls::TlsInfo;

use super::body;
use super::certificate::common_name;
use super::problem::problem;
use crate::auth::Denied;
use crate::doors::Doors;
use crate::telemetry::METRICS_ROUTE;

/// Who may ask whether the server is there.
const OPEN_ROUTES: [&str; 3] = ["/health", "/healthz", "/readyz"];

#[derive(Debug, Clone)]
pub(super) struct Identify {
    pub(super) doors: Doors,
    pub(super) open_metrics: bool,
}

pub(super) async fn http(State(identify): State<Identify>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let is_open = |route| OPEN_ROUTES.contains(&route) || (identify.open_metrics && route == METRICS_ROUTE);
    if !route.is_some_and(is_open) {
        match principal(&identify.doors, connection(&request), request.headers()).await {
            Ok(principal) => {
                request.extensions_mut().insert(principal);
            }
            Err(denied) => {
                body::discard(request.into_body()).await;
                return refused_http(&denied);
            }
        }
    }
    next.run(request).await
}

pub(super) async fn grpc(State(doors): State<Doors>, mut request: Request, next: Next) -> Response {
    match principal(&doors, connection(&request), request.headers()).await {
        Ok(principal) => {
            request.extensions_mut().insert(principal);
            next.run(request).await
        }
        Err(denied) => tonic::Status::from(denied).into_http(),
    }
}

fn connection(request: &Request) -> Option<Arc<TlsInfo>> {
    request.extensions().get().cloned()
}

async fn principal(doors: &Doors, connection: Option<Arc<TlsInfo>>, headers: &HeaderMap) -> Result<Principal, Denied> {
    let certificate = connection.as_ref().and_then(|connection| connection.peer_certificates.first());
    let found = match certificate {
        Some(certificate) if !headers.contains_key(AUTHORIZATION) => {
            common_name(certificate).ok_or(Denied::UnknownCertificate).and_then(|name| doors.auth.certificate(&name))
        }
        _ => doors.auth.authenticate(headers).await,
    };
    found.inspect_err(|denied| doors.metrics.denied(denied))
}

fn refused_http(denied: &Denied) -> Response {
    if let Denied::TooManyAttempts { retry_after } = denied {
        let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "throttled", &denied.to_string());
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs().max(1)));
        return response;
    }
    let mut response = problem(StatusCode::UNAUTHORIZED, "unauthenticated", &denied.to_string());
    let challenges = [r#"Basic realm="arachne", charset="UTF-8""#, r#"Bearer realm="arachne""#];
    for challenge in challenges {
        response.headers_mut().append(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}
