//! The doors: where they listen, behind which TLS, and how much of each is enough.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ByteSize, HumanDuration};

/// The HTTP door.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    pub enabled: bool,
    /// Where to listen. Any other address than loopback needs users or tokens, and TLS.
    pub address: SocketAddr,
    /// Open at once; more are closed when they come.
    pub max_connections: usize,
    /// The longest body of a request.
    pub max_body: ByteSize,
    /// The longest head of a request, and the most that it may hold.
    pub max_header: ByteSize,
    pub max_headers: usize,
    /// For a request's head to arrive, from the first byte or from the request before: an idle connection ends with it.
    pub header_timeout: HumanDuration,
    /// For a request's body to arrive.
    pub body_timeout: HumanDuration,
    /// For a client that reads nothing of an answer that is there.
    pub write_timeout: HumanDuration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8642)),
            max_connections: 4096,
            max_body: ByteSize(8 << 20),
            max_header: ByteSize(64 << 10),
            max_headers: 100,
            header_timeout: HumanDuration(Duration::from_secs(30)),
            body_timeout: HumanDuration(Duration::from_secs(60)),
            write_timeout: HumanDuration(Duration::from_secs(600)),
        }
    }
}

/// The Flight SQL door.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FlightSqlSettings {
    pub enabled: bool,
    /// Where to listen. Any other address than loopback needs users or tokens, and TLS.
    pub address: SocketAddr,
    /// Open at once; more are closed when they come.
    pub max_connections: usize,
    /// Calls under way on one connection.
    pub max_calls_per_connection: u32,
    /// The longest message that is taken.
    pub max_message: ByteSize,
    pub max_header: ByteSize,
    /// A connection is asked for a sign of life so often, and ends when there is none for `keep_alive_timeout`.
    pub keep_alive: HumanDuration,
    pub keep_alive_timeout: HumanDuration,
    /// For a client that reads nothing of an answer that is there.
    pub write_timeout: HumanDuration,
}

impl Default for FlightSqlSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 8643)),
            max_connections: 4096,
            max_calls_per_connection: 256,
            max_message: ByteSize(64 << 20),
            max_header: ByteSize(64 << 10),
            keep_alive: HumanDuration(Duration::from_secs(60)),
            keep_alive_timeout: HumanDuration(Duration::from_secs(20)),
            write_timeout: HumanDuration(Duration::from_secs(600)),
        }
    }
}

/// TLS of both doors: files, or a certificate that the server makes for itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSettings {
    /// PEM, the server's certificate first.
    pub cert: Option<PathBuf>,
    /// PEM.
    pub key: Option<PathBuf>,
    /// Make one where there is none yet, and keep it beside the catalog. Clients trust it by its file or its fingerprint.
    pub self_made: bool,
    /// Names and addresses in it, beside `localhost` and where the doors listen.
    pub names: Vec<String>,
    /// PEM: who signs the certificates of clients. Their common name is the user.
    pub client_ca: Option<PathBuf>,
    /// Whether a client without a certificate is turned away even if it has a password or a token.
    pub client_certificate_required: bool,
    /// Something in front of the server does TLS: it may listen without on any address.
    pub terminated_elsewhere: bool,
}

/// What operators see.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetrySettings {
    /// Whether `/metrics` answers callers who do not say who they are. On a server that is open it always does.
    pub open_metrics: bool,
    /// `http://host:4317`: where traces go to, by OTLP over gRPC; by default `OTEL_EXPORTER_OTLP_ENDPOINT`, else nowhere.
    pub otlp_endpoint: Option<String>,
    /// One JSON object a line instead of text.
    pub json_logs: bool,
}

/// How a server ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShutdownSettings {
    /// For queries that run; they are cancelled after.
    pub grace: HumanDuration,
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self { grace: HumanDuration(Duration::from_secs(30)) }
    }
}
