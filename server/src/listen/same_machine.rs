//! Who may call a door where nobody has to say who they are: programs on this machine, but not the pages of other web sites that happen to be
//! open in a browser here. A page can send a POST to 127.0.0.1, and can point its own name there (DNS rebinding); the first
//! shows in `Origin`, the second in `Host`.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use url::{Host, Url};

use super::problem::problem;

pub(super) async fn check(request: Request, next: Next) -> Response {
    if comes_from_here(request.headers()) {
        return next.run(request).await;
    }
    let message = "only programs on this machine may call this server, not the pages of other web sites";
    problem(StatusCode::FORBIDDEN, "permission_denied", message)
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
