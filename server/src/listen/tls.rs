//! TLS for both doors, by rustls.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use super::certificate::{IdentityFiles, fingerprint, self_made};
use super::error::EntranceError;
use super::watched_files::WatchedFiles;
use crate::settings::TlsSettings;

/// What a server shows to its clients, and asks of them.
#[derive(Debug, Clone)]
pub(super) struct Tls {
    config: ServerConfig,
    /// Of the server's certificate.
    pub(super) fingerprint: String,
    /// The file that clients can trust it by, when it is self-made.
    pub(super) self_made: Option<PathBuf>,
    /// The file with the private key.
    pub(super) key: PathBuf,
    /// Everything that it was read from, as it was before it was read.
    pub(super) files: WatchedFiles,
    source: Source,
}

/// What it is made from.
#[derive(Debug, Clone)]
struct Source {
    settings: TlsSettings,
    folder: PathBuf,
    names: Vec<String>,
}

impl Tls {
    /// None where the settings have no TLS. `folder` is for what is self-made, `names` are those that it is for.
    ///
    /// # Errors
    /// What is wrong with the settings or the files.
    pub(super) fn of(settings: &TlsSettings, folder: &Path, names: &[String]) -> Result<Option<Self>, EntranceError> {
        let Some(files) = identity(settings, folder, names)? else { return Ok(None) };
        let read = [Some(&files.cert), Some(&files.key), settings.client_ca.as_ref()];
        let watched = WatchedFiles::of(read.into_iter().flatten().cloned().collect());
        let source = Source { settings: settings.clone(), folder: folder.into(), names: names.into() };
        let chain = certificates("the certificate", &files.cert)?;
        let key = PrivateKeyDer::from_pem_file(&files.key)
            .map_err(|error| unusable("the private key", &files.key, &error.to_string()))?;
        let fingerprint = chain.first().map(|certificate| fingerprint(certificate)).unwrap_or_default();
        let provider = Arc::new(ring::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| EntranceError::Tls(error.to_string()))?
            .with_client_cert_verifier(client_verifier(settings, provider)?)
            .with_single_cert(chain, key)
            .map_err(|error| unusable("the certificate", &files.cert, &error.to_string()))?;
        let self_made = settings.self_made.then_some(files.cert);
        Ok(Some(Self { config, fingerprint, self_made, key: files.key, files: watched, source }))
    }

    /// The same settings with the files as they are now.
    ///
    /// # Errors
    /// As those of [`of`](Self::of).
    pub(super) fn again(&self) -> Result<Self, EntranceError> {
        let Source { settings, folder, names } = &self.source;
        let tls = Self::of(settings, folder, names)?;
        tls.ok_or_else(|| EntranceError::Tls("there is no certificate any more".to_owned()))
    }

    /// For a door that speaks these protocols, the best first.
    pub(super) fn speaking(&self, protocols: &[&[u8]]) -> Arc<ServerConfig> {
        let mut config = self.config.clone();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }
}

fn identity(settings: &TlsSettings, folder: &Path, names: &[String]) -> Result<Option<IdentityFiles>, EntranceError> {
    let TlsSettings { cert, key, client_ca, client_certificate_required, .. } = settings;
    if *client_certificate_required && client_ca.is_none() {
        return Err(EntranceError::RequiredWithoutCa);
    }
    match (cert, key, settings.self_made) {
        (Some(_), _, true) | (_, Some(_), true) => Err(EntranceError::TwoIdentities),
        (Some(cert), Some(key), false) => Ok(Some(IdentityFiles { cert: cert.clone(), key: key.clone() })),
        (Some(_), None, false) | (None, Some(_), false) => Err(EntranceError::HalfAnIdentity),
        (None, None, true) => self_made(folder, names).map(Some),
        (None, None, false) if client_ca.is_some() => Err(EntranceError::ClientsWithoutServer),
        (None, None, false) => Ok(None),
    }
}

fn client_verifier(
    settings: &TlsSettings,
    provider: Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, EntranceError> {
    let Some(path) = &settings.client_ca else { return Ok(WebPkiClientVerifier::no_client_auth()) };
    let what = "the clients' certificate authority";
    let mut roots = RootCertStore::empty();
    for certificate in certificates(what, path)? {
        roots.add(certificate).map_err(|error| unusable(what, path, &error.to_string()))?;
    }
    let mut builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    if !settings.client_certificate_required {
        builder = builder.allow_unauthenticated();
    }
    builder.build().map_err(|error| unusable(what, path, &error.to_string()))
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, EntranceError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| unusable(what, path, &error.to_string()))?;
    if found.is_empty() { Err(unusable(what, path, "it holds no certificate in PEM form")) } else { Ok(found) }
}

fn unusable(what: &'static str, path: &Path, reason: &str) -> EntranceError {
    EntranceError::TlsFile { what, path: path.into(), reason: reason.into() }
}
