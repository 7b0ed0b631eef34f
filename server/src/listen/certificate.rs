//! Certificates: whom one names, and the one that a server makes for itself.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::error::EntranceError;

/// The common name of a certificate (DER) whose signature TLS has verified.
pub(super) fn common_name(certificate: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let mut names = certificate.subject().iter_common_name();
    let name = names.next()?.as_str().ok()?.to_owned();
    // Which of two would be meant?
    names.next().is_none().then_some(name)
}

/// SHA-256 of a certificate (DER), as `openssl x509 -fingerprint -sha256` writes it.
pub(super) fn fingerprint(certificate: &[u8]) -> String {
    let digest = Sha256::digest(certificate);
    digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// Two PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IdentityFiles {
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
}

/// The certificate that the server made for itself, beside the catalog; made now if there is none, or not for all these names.
pub(super) fn self_made(folder: &Path, names: &[String]) -> Result<IdentityFiles, EntranceError> {
    let files = IdentityFiles { cert: folder.join("server-cert.pem"), key: folder.join("server-key.pem") };
    let list = folder.join("server-cert.names");
    let wanted = names.join("\n");
    let is_there = files.cert.exists() && files.key.exists();
    if is_there && fs::read_to_string(&list).is_ok_and(|made_for| made_for == wanted) {
        return Ok(files);
    }
    let (cert, key) =
        make(names).map_err(|error| EntranceError::Tls(format!("a certificate cannot be made: {error}")))?;
    let unwritable = |path: &Path| {
        let path = path.to_path_buf();
        move |error: io::Error| EntranceError::TlsFile {
            what: "the self-made certificate",
            path,
            reason: error.to_string(),
        }
    };
    fs::create_dir_all(folder).map_err(unwritable(folder))?;
    write(&files.key, &key, Readers::Owner).map_err(unwritable(&files.key))?;
    write(&files.cert, &cert, Readers::All).map_err(unwritable(&files.cert))?;
    write(&list, &wanted, Readers::All).map_err(unwritable(&list))?;
    Ok(files)
}

fn make(names: &[String]) -> Result<(String, String), rcgen::Error> {
    let mut params = CertificateParams::new(names.to_vec())?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "arachne");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?.pem(), key.serialize_pem()))
}

#[derive(Clone, Copy)]
enum Readers {
    Owner,
    All,
}

/// Anew, so that the file has its mode before it has its text.
fn write(path: &Path, text: &str, readers: Readers) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(match readers {
            Readers::Owner => 0o600,
            Readers::All => 0o644,
        });
    }
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    #[test]
    fn a_self_made_certificate_stays_until_its_names_change() {
        let dir = tempfile::tempdir().unwrap();
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let read = || fs::read(dir.path().join("server-cert.pem")).unwrap();
        let files = self_made(dir.path(), &names(&["localhost", "127.0.0.1"])).unwrap();
        let first = read();
        self_made(dir.path(), &names(&["localhost", "127.0.0.1"])).unwrap();
        assert_eq!(read(), first);
        self_made(dir.path(), &names(&["localhost", "db.example"])).unwrap();
        assert_ne!(read(), first);
        let der = CertificateDer::from_pem_slice(&read()).unwrap();
        assert_eq!(common_name(&der).as_deref(), Some("arachne"));
        assert_eq!(fingerprint(&der).len(), 32 * 3 - 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_name() {
        assert_eq!(common_name(b""), None);
        assert_eq!(common_name(&[0x30; 64]), None);
    }
}
