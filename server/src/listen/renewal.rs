//! Takes up certificates, users and tokens that have changed in their files while the server runs.
//!
//! The files are looked at rather than waited for: that works on every file system, and for the links that container platforms
//! swap. New connections see a new certificate, open ones go on with theirs. What cannot be used is said, and the one before stays.

use std::sync::Arc;
use std::time::Duration;

use axum_server::tls_rustls::RustlsConfig;
use tracing::{error, info};

use super::error::EntranceError;
use super::tls::Tls;
use super::watched_files::WatchedFiles;
use crate::access;
use crate::auth::Authenticator;
use crate::settings::AccessSettings;

/// How often files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

type Protocols = &'static [&'static [u8]];

pub(super) struct Renewal {
    access: AccessSettings,
    credentials: Files,
    auth: Arc<Authenticator>,
    tls: Option<Tls>,
    certificates: Files,
    doors: Vec<(Protocols, RustlsConfig)>,
}

/// Files that are in use.
struct Files {
    used: WatchedFiles,
    /// As they looked when they could not be used.
    refused: Option<WatchedFiles>,
}

impl Renewal {
    pub(super) fn new(
        access: AccessSettings,
        credentials: WatchedFiles,
        auth: Arc<Authenticator>,
        tls: Option<Tls>,
    ) -> Self {
        let certificates = Files::new(tls.as_ref().map(|tls| tls.files.clone()).unwrap_or_default());
        Self { access, credentials: Files::new(credentials), auth, tls, certificates, doors: Vec::new() }
    }

    /// TLS for a door that speaks these protocols, the best first; it changes when the files do.
    pub(super) fn speaking(&mut self, protocols: Protocols) -> Option<RustlsConfig> {
        let config = RustlsConfig::from_config(self.tls.as_ref()?.speaking(protocols));
        self.doors.push((protocols, config.clone()));
        Some(config)
    }

    /// Until it is dropped.
    pub(super) async fn go_on(mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self = match tokio::task::spawn_blocking(move || self.looked()).await {
                Ok(renewal) => renewal,
                Err(error) => return error!(%error, "changes of certificates and users are not seen any more"),
            };
        }
    }

    fn looked(mut self) -> Self {
        if let Some(now) = self.certificates.changed() {
            let renewed = self.renew_certificates();
            self.certificates.settle(now, renewed, "certificates");
        }
        if let Some(now) = self.credentials.changed() {
            let renewed = self.renew_credentials();
            self.credentials.settle(now, renewed, "users and tokens");
        }
        self
    }

    fn renew_certificates(&mut self) -> Result<(), EntranceError> {
        let Some(tls) = &self.tls else { return Ok(()) };
        let renewed = tls.again()?;
        for (protocols, config) in &self.doors {
            config.reload_from_config(renewed.speaking(protocols));
        }
        info!(fingerprint = renewed.fingerprint, "the certificate was renewed");
        self.tls = Some(renewed);
        Ok(())
    }

    fn renew_credentials(&self) -> Result<(), EntranceError> {
        if let Some(credentials) = access::credentials(&self.access)? {
            self.auth.renew(credentials)?;
            info!("users and tokens were read again");
        }
        Ok(())
    }
}

impl Files {
    fn new(used: WatchedFiles) -> Self {
        Self { used, refused: None }
    }

    /// As they are now, if that is not how they are used.
    fn changed(&self) -> Option<WatchedFiles> {
        let now = self.used.now();
        (now != self.used).then_some(now)
    }

    /// What was refused is tried again each time: it may have been read while it was written. It is said once.
    fn settle(&mut self, now: WatchedFiles, renewed: Result<(), EntranceError>, what: &str) {
        match renewed {
            Ok(()) => *self = Self::new(now),
            Err(error) => {
                if self.refused.as_ref() != Some(&now) {
                    error!("the {what} stay as they were: {error}");
                }
                self.refused = Some(now);
            }
        }
    }
}
