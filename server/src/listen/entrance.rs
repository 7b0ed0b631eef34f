//! Everything that is decided before the first connection: who is known, what they may do, TLS, and the sockets.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use arachne_engine::access::Access;
use tokio::net::TcpListener;

use super::error::EntranceError;
use super::tls::Tls;
use super::watched_files::WatchedFiles;
use crate::access::{authenticator, rules};
use crate::auth::Authenticator;
use crate::settings::Settings;

/// Sockets that listen, and what is behind them.
#[derive(Debug)]
pub struct Entrance {
    pub auth: Arc<Authenticator>,
    /// For the service that is to be served.
    pub access: Access,
    pub(super) settings: Settings,
    pub(super) tls: Option<Tls>,
    /// The credentials file, as it was before it was read.
    pub(super) credentials: WatchedFiles,
    pub(super) http: Option<TcpListener>,
    pub(super) flight_sql: Option<TcpListener>,
}

impl Entrance {
    /// Listens. `folder` is where the catalog lies; a self-made certificate is kept there.
    ///
    /// # Errors
    /// Settings that do not fit together or name what cannot be used, addresses that are taken.
    pub async fn open(settings: &Settings, folder: &Path) -> Result<Self, EntranceError> {
        let credentials = WatchedFiles::of(settings.access.credentials.iter().cloned().collect());
        let auth = authenticator(&settings.access)?;
        let access = rules(&settings.access, auth.is_open())?;
        let addresses = addresses(settings);
        if addresses.is_empty() {
            return Err(EntranceError::NoDoor);
        }
        let reachable = addresses.iter().find(|address| !address.ip().is_loopback());
        if let Some(address) = reachable.filter(|_| auth.is_open()) {
            return Err(EntranceError::NobodyKnown(*address));
        }
        let tls = Tls::of(&settings.tls, folder, &names(&settings.tls.names, &addresses))?;
        if let Some(address) = reachable.filter(|_| tls.is_none() && !settings.tls.terminated_elsewhere) {
            return Err(EntranceError::NoTls(*address));
        }
        Ok(Self {
            auth: Arc::new(auth),
            access,
            tls,
            credentials,
            http: listen(settings.http.enabled, settings.http.address).await?,
            flight_sql: listen(settings.flight_sql.enabled, settings.flight_sql.address).await?,
            settings: settings.clone(),
        })
    }

    /// For the operator, a line each: where the doors listen first.
    pub fn start_lines(&self) -> Vec<String> {
        let s = if self.tls.is_some() { "s" } else { "" };
        let address = |listener: &TcpListener| {
            listener.local_addr().map_or_else(|error| error.to_string(), |address| address.to_string())
        };
        let http = self
            .http
            .as_ref()
            .map(|listener| format!("arachne listens on http{s}://{}; Ctrl-C ends it", address(listener)));
        let scheme = if self.tls.is_some() { "grpc+tls" } else { "grpc" };
        let flight_sql = self
            .flight_sql
            .as_ref()
            .map(|listener| format!("arachne listens on {scheme}://{} (Flight SQL)", address(listener)));
        http.into_iter().chain(flight_sql).chain(self.certificate_line()).chain(self.warnings()).collect()
    }

    fn certificate_line(&self) -> Option<String> {
        let tls = self.tls.as_ref()?;
        let file = tls.self_made.as_ref()?;
        Some(format!("the self-made certificate is {}, SHA-256 fingerprint {}", file.display(), tls.fingerprint))
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.auth.is_open() && self.access.policy.is_open() {
            warnings.push("warning: there are no grants (access.grants), so every user may do everything".to_owned());
        }
        let secret_files =
            [self.settings.access.credentials.as_deref(), self.tls.as_ref().map(|tls| tls.key.as_path())];
        for path in secret_files.into_iter().flatten().filter(|path| others_can_read(path)) {
            warnings.push(format!(
                "warning: {path} can be read by everybody on this machine: chmod 600 {path}",
                path = path.display()
            ));
        }
        warnings
    }
}

fn addresses(settings: &Settings) -> Vec<SocketAddr> {
    let http = settings.http.enabled.then_some(settings.http.address);
    let flight_sql = settings.flight_sql.enabled.then_some(settings.flight_sql.address);
    http.into_iter().chain(flight_sql).collect()
}

/// What a self-made certificate is for.
fn names(more: &[String], addresses: &[SocketAddr]) -> Vec<String> {
    let here = ["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let listened =
        addresses.iter().map(SocketAddr::ip).filter(|ip| !IpAddr::is_unspecified(ip)).map(|ip| ip.to_string());
    let mut names: Vec<String> = here.into_iter().chain(listened).chain(more.iter().cloned()).collect();
    names.sort();
    names.dedup();
    names
}

async fn listen(enabled: bool, address: SocketAddr) -> Result<Option<TcpListener>, EntranceError> {
    if !enabled {
        return Ok(None);
    }
    let listener = TcpListener::bind(address).await;
    listener.map(Some).map_err(|source| EntranceError::Listen { address, source })
}

#[cfg(unix)]
fn others_can_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn others_can_read(_: &Path) -> bool {
    false
}
