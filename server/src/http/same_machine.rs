//! Who may call a door without credentials: programs on this machine, but not the pages of other web sites that happen to be
//! open in a browser here. A page can send a POST to 127.0.0.1, and can point its own name there (DNS rebinding); the first
//! shows in `Origin`, the second in `Host`.

use std::net::{IpAddr, SocketAddr};

use arachne_engine::{Error, ErrorCode};
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use url::{Host, Url};

use super::problem::Problem;

/// Why a door does not open.
#[derive(Debug, thiserror::Error)]
#[error(
    "will not listen on {0}: there is no authentication yet, so only loopback addresses such as 127.0.0.1 are allowed"
)]
pub struct NotLoopback(pub SocketAddr);

pub(super) async fn check(request: Request, next: Next) -> Response {
    if comes_from_here(request.headers()) {
        return next.run(request).await;
    }
    let message = "only programs on this machine may call this server, not the pages of other web sites";
    Problem::new(Error::new(ErrorCode::PermissionDenied, message)).into_response()
}

fn comes_from_here(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(HOST).is_none_or(|host| names_this_machine(&format!("http://{host}")));
    let origin = headers.get(ORIGIN).is_none() || text(ORIGIN).is_some_and(names_this_machine);
    host && origin
}

fn names_this_machine(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => false,
    }
}
