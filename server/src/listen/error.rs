//! Why a server does not start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::auth::CredentialsError;

#[derive(Debug, thiserror::Error)]
pub enum EntranceError {
    #[error(
        "will not listen on {0} without authentication: add users or tokens (access.credentials, see `arachne password --help`), or listen on a loopback address such as 127.0.0.1"
    )]
    NobodyKnown(SocketAddr),
    #[error(
        "will not listen on {0} without TLS, passwords would be readable on the way: set tls.cert and tls.key, or tls.self_made = true; or tls.terminated_elsewhere = true if something in front of this server does it"
    )]
    NoTls(SocketAddr),
    #[error("both doors are closed: set http.enabled or flight_sql.enabled")]
    NoDoor,
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("the grants or workgroups of the settings (access) are wrong: {0}")]
    Rules(String),
    #[error("tls.cert and tls.key belong together: set both")]
    HalfAnIdentity,
    #[error("tls.self_made and tls.cert exclude each other: set one")]
    TwoIdentities,
    #[error("tls.client_ca needs a certificate of the server: set tls.cert and tls.key, or tls.self_made = true")]
    ClientsWithoutServer,
    #[error("tls.client_certificate_required needs tls.client_ca")]
    RequiredWithoutCa,
    #[error("{what} {path} cannot be used: {reason}", path = .path.display())]
    TlsFile { what: &'static str, path: PathBuf, reason: String },
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
}

impl EntranceError {
    /// Whether the settings are to blame, and not what they met.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Self::Listen { .. })
    }
}
