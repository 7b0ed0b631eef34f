//! From the first connection to the last.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tracing::debug;

use super::connection::Doorkeeper;
use super::entrance::Entrance;
use super::renewal::Renewal;
use super::{grpc, http};
use crate::doors::Doors;
use crate::settings::{FlightSqlSettings, HttpSettings};

/// For answers to be read to their end after the last query has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// How a server came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// All that was open has been answered.
    Answered,
    /// Answers were still being read, or somebody was in a hurry.
    CutOff,
}

/// Serves until it is `asked` to end; then takes no more connections, lets queries end for as long as the settings say, and
/// cancels those that are left. `hurry` ends the wait.
///
/// # Errors
/// When a socket fails.
pub async fn serve(
    entrance: Entrance,
    doors: Doors,
    asked: impl Future<Output = ()>,
    hurry: impl Future<Output = ()>,
) -> io::Result<Ended> {
    let grace = entrance.settings.shutdown.grace.0;
    let service = doors.service.clone();
    let handle = Handle::new();
    let Started { mut servers, renewal } = start(entrance, doors, &handle);
    let _renewal = AbortOnDropHandle::new(tokio::spawn(renewal.go_on()));
    tokio::select! {
        () = asked => {}
        Some(failed) = servers.join_next() => failed.map_err(io::Error::other)??,
    }
    handle.graceful_shutdown(None);
    let ended = async {
        service.drain(grace).await;
        let answered = async { while servers.join_next().await.is_some() {} };
        tokio::time::timeout(LAST_WORDS, answered).await.is_ok()
    };
    let answered = tokio::select! {
        answered = ended => answered,
        () = hurry => false,
    };
    handle.shutdown();
    Ok(if answered { Ended::Answered } else { Ended::CutOff })
}

struct Started {
    servers: JoinSet<io::Result<()>>,
    renewal: Renewal,
}

fn start(entrance: Entrance, doors: Doors, handle: &Handle<SocketAddr>) -> Started {
    let Entrance { settings, tls, http, flight_sql, credentials, .. } = entrance;
    let mut servers = JoinSet::new();
    let mut renewal = Renewal::new(settings.access.clone(), credentials, Arc::clone(&doors.auth), tls);
    if let Some(listener) = http {
        let HttpSettings { max_connections, write_timeout, .. } = settings.http;
        let keeper = Doorkeeper::new("http", max_connections, write_timeout.0, doors.metrics.clone());
        let server = http_server(listener, &settings.http).handle(handle.clone());
        let tls = renewal.speaking(&[b"h2", b"http/1.1"]);
        servers.spawn(run(server, keeper, tls, http::app(doors.clone(), &settings)));
    }
    if let Some(listener) = flight_sql {
        let FlightSqlSettings { max_connections, write_timeout, .. } = settings.flight_sql;
        let keeper = Doorkeeper::new("flight-sql", max_connections, write_timeout.0, doors.metrics.clone());
        let server = grpc_server(listener, &settings.flight_sql).handle(handle.clone());
        let tls = renewal.speaking(&[b"h2"]);
        servers.spawn(run(server, keeper, tls, grpc::app(doors, &settings.flight_sql)));
    }
    Started { servers, renewal }
}

async fn run(server: Server<SocketAddr>, keeper: Doorkeeper, tls: Option<RustlsConfig>, app: Router) -> io::Result<()> {
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let server = server.accept_error_handler(|peer, error| debug!(?peer, %error, "a connection was not taken"));
    match tls {
        None => server.acceptor(keeper).serve(service).await,
        Some(config) => {
            let acceptor = RustlsAcceptor::new(config).acceptor(keeper);
            server.acceptor(acceptor).serve(service).await
        }
    }
}

fn http_server(listener: TcpListener, settings: &HttpSettings) -> Server<SocketAddr> {
    let header = settings.header_timeout.0;
    let mut server = Server::from_listener(listener).first_request_timeout(header);
    let header_bytes = usize::try_from(settings.max_header.0).unwrap_or(usize::MAX);
    let builder = server.http_builder();
    builder
        .http1()
        .header_read_timeout(header)
        // hyper asks for 8 KiB at least.
        .max_buf_size(header_bytes.max(8 << 10))
        .max_headers(settings.max_headers);
    builder
        .http2()
        .max_header_list_size(u32::try_from(header_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(header)
        .keep_alive_timeout(header);
    server
}

fn grpc_server(listener: TcpListener, settings: &FlightSqlSettings) -> Server<SocketAddr> {
    // Who has not called by then is asked for no sign of life yet.
    let silent = settings.keep_alive.0 + settings.keep_alive_timeout.0;
    let mut server = Server::from_listener(listener).http2_only().first_request_timeout(silent);
    server
        .http_builder()
        .http2()
        .max_header_list_size(u32::try_from(settings.max_header.0).unwrap_or(u32::MAX))
        .max_concurrent_streams(settings.max_calls_per_connection)
        .keep_alive_interval(settings.keep_alive.0)
        .keep_alive_timeout(settings.keep_alive_timeout.0);
    server
}
