//! Trust for connections to directories: the certificates of the system, of the operator's folder and of the database.
//!
//! Only TLS 1.2 and 1.3, with an explicit crypto provider and no process-wide default. Texts of the TLS library are not
//! shown: `diagnosis` has ours. [`stored`] holds the certificates of the database, [`files`] reads those in files,
//! `verifier` verifies. [`listener`] is the server side.

mod diagnosis;
pub mod files;
pub mod listener;
pub mod stored;
mod verifier;

use std::collections::HashSet;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use time::OffsetDateTime;
use tokio::sync::{Mutex, OnceCell};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::domain::text::strip_bom;
use files::CertificateFiles;
use stored::{Stored, StoredCertificate};
use verifier::{Fixed, Trusting};

pub use diagnosis::{CLIENT_CERTIFICATE, CLIENT_CERTIFICATE_ASKED, NOT_COVERED, wants_client_certificate};
pub use verifier::Witness;

/// Size limit of a file of the operator's folder, which may hold many certificates.
const MAX_TRUSTED: u64 = 4 * 1024 * 1024;

/// Trust anchors for the certificates of directories.
#[derive(Debug)]
pub struct ClientTrust {
    /// Certificates of the operator's folder.
    own: Vec<CertificateDer<'static>>,
    stored: Stored,
    files: Option<CertificateFiles>,
    /// Certificates of the system and the operator, without the stored ones.
    roots: OnceCell<Arc<RootCertStore>>,
    cached: Mutex<Option<Cached>>,
}

/// Verifier, and the input for which it is current.
#[derive(Debug)]
struct Cached {
    revision: u64,
    /// Whether each stored certificate is trusted: its file, if any, still holds it.
    trusted: Vec<bool>,
    /// Period in which the validity of none of them changes.
    from: OffsetDateTime,
    until: Option<OffsetDateTime>,
    verifier: Verifier,
}

#[derive(Debug, Clone)]
struct Verifier {
    verifier: Arc<dyn ServerCertVerifier>,
    /// Certificates that are trusted themselves or sign others, without the system's.
    known: Arc<HashSet<CertificateDer<'static>>>,
}

/// One handshake: its configuration, and the witness of what the directory presents.
#[derive(Debug)]
pub struct Handshake {
    pub config: Arc<ClientConfig>,
    pub witness: Arc<Witness>,
}

impl ClientTrust {
    /// Reads every `*.pem` and `*.crt` file of the folder. The many certificates of the system are read for the first
    /// connection. An error is for the operator.
    pub fn load(trust_dir: Option<&Path>) -> Result<ClientTrust, String> {
        let mut own = Vec::new();
        for file in trust_dir.map(certificate_files).transpose()?.unwrap_or_default() {
            let bad = || format!("{} is not a certificate file in PEM form", file.display());
            // Opening a pipe would block.
            let meta = std::fs::metadata(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
            if !meta.is_file() || meta.len() > MAX_TRUSTED {
                return Err(format!("{} is no file, or too long for certificates to trust", file.display()));
            }
            for certificate in certificates_of(&file, MAX_TRUSTED).ok_or_else(bad)? {
                RootCertStore::empty().add(certificate.clone()).map_err(|_| bad())?;
                own.push(certificate);
            }
        }
        Ok(ClientTrust {
            own,
            stored: Stored::default(),
            files: None,
            roots: OnceCell::new(),
            cached: Mutex::new(None),
        })
    }

    /// Sets the reader of certificates in files, without which they are not trusted.
    pub fn with_files(self, files: CertificateFiles) -> ClientTrust {
        ClientTrust { files: Some(files), ..self }
    }

    pub fn files(&self) -> Option<&CertificateFiles> {
        self.files.as_ref()
    }

    pub fn stored(&self) -> &Stored {
        &self.stored
    }

    /// One handshake of a client. With `verify` false any certificate is accepted; the connection is still encrypted.
    /// An error is for the log only.
    pub async fn handshake(&self, verify: bool) -> Result<Handshake, String> {
        let accepting = || Verifier { verifier: Arc::new(Fixed { accepts: true }), known: Arc::default() };
        let Verifier { verifier, known } = if verify { self.verifier().await? } else { accepting() };
        let witness = Arc::new(Witness::of(verifier, known));
        Ok(Handshake { config: Arc::new(client(&witness)?), witness })
    }

    /// Certificates of the system and of the operator's folder. An error is for the log only.
    pub async fn roots(&self) -> Result<Arc<RootCertStore>, String> {
        let roots = self.roots.get_or_try_init(|| async {
            let own = self.own.clone();
            // The system's store is a file of some hundred kilobytes, or a folder of as many files.
            tokio::task::spawn_blocking(move || Arc::new(all_roots(own))).await.map_err(|e| e.to_string())
        });
        roots.await.cloned()
    }

    /// Verifier for the next connection, cached. Files are read each time.
    async fn verifier(&self) -> Result<Verifier, String> {
        let (revision, stored) = self.stored.now();
        let trusted = files::still_held(self.files.as_ref(), &stored).await;
        let roots = self.roots().await?;
        let mut cached = self.cached.lock().await;
        let now = OffsetDateTime::now_utc();
        if let Some(cached) = &*cached
            && (cached.revision, &cached.trusted) == (revision, &trusted)
            && cached.from <= now
            && cached.until.is_none_or(|until| now < until)
        {
            return Ok(cached.verifier.clone());
        }
        let own = self.own.clone();
        let new = tokio::task::spawn_blocking(move || {
            let certificates =
                || stored.iter().zip(&trusted).filter(|(_, trusted)| **trusted).map(|(stored, _)| stored);
            let until = certificates().filter_map(|stored| stored.changes_after(now)).min();
            let verifier = trusting(&roots, own, certificates(), now)?;
            Ok::<_, String>(Cached { revision, from: now, until, verifier, trusted })
        });
        Ok(cached.insert(new.await.map_err(|e| e.to_string())??).verifier.clone())
    }
}

/// Whether the TLS library can parse a certificate: it insists on strict DER.
pub fn is_readable(der: &[u8]) -> bool {
    let der = CertificateDer::from(der);
    ParsedCertificate::try_from(&der).is_ok() || RootCertStore::empty().add(der.into_owned()).is_ok()
}

fn certificate_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = || format!("the folder {} cannot be read", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|_| unreadable())? {
        let path = entry.map_err(|_| unreadable())?.path();
        if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("pem") || e.eq_ignore_ascii_case("crt")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Certificates of a PEM file, of which at most `limit` bytes are read; `None` if there are none.
fn certificates_of(file: &Path, limit: u64) -> Option<Vec<CertificateDer<'static>>> {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "certificates")]
    let opened = std::fs::File::open(file);
    opened.ok()?.take(limit).read_to_end(&mut bytes).ok()?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(strip_bom(&bytes)).collect();
    found.ok().filter(|found| !found.is_empty())
}

fn all_roots(own: Vec<CertificateDer<'static>>) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(own);
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::debug!(%error, "a certificate of the system cannot be read");
    }
    let (added, ignored) = roots.add_parsable_certificates(system.certs);
    tracing::debug!(added, ignored, "certificates of the system");
    roots
}

/// Trusts chains to the roots or to a stored authority, and certificates that are stored or in the operator's folder.
fn trusting<'a>(
    roots: &RootCertStore,
    own: Vec<CertificateDer<'static>>,
    stored: impl Iterator<Item = &'a StoredCertificate>,
    now: OffsetDateTime,
) -> Result<Verifier, String> {
    let (mut anchors, mut known) = (roots.clone(), own);
    for certificate in stored {
        let der = CertificateDer::from(certificate.der.to_vec());
        if certificate.is_authority && certificate.is_valid(now) && anchors.add(der.clone()).is_err() {
            tracing::warn!(certificate.id = %certificate.id, "a stored certificate cannot be used as an authority");
        }
        // Expired ones too, to be reported as expired and not as unknown.
        known.push(der);
    }
    let known: Arc<HashSet<_>> = Arc::new(known.into_iter().collect());
    Ok(Verifier { verifier: Arc::new(Trusting::new(anchors, known.clone())?), known })
}

fn client(witness: &Arc<Witness>) -> Result<ClientConfig, String> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(witness.clone())
        .with_client_cert_resolver(witness.clone());
    // A resumed session presents no certificate, and trust may have changed since.
    config.resumption = Resumption::disabled();
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::test_certificate::Certificate;

    #[test]
    fn a_bad_file_is_named_and_other_files_are_ignored() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("readme.txt"), "not a certificate").expect("write");
        assert!(ClientTrust::load(Some(folder.path())).is_ok());
        for (name, content) in [
            ("a.pem", ""),
            ("b.crt", "garbage"),
            ("c.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("write");
            let error = ClientTrust::load(Some(folder.path())).expect_err(name);
            assert!(error.contains(name), "{error}");
            std::fs::remove_file(path).expect("remove");
        }
        let certificate = Certificate::for_names(&["a"]).expect("a certificate");
        std::fs::write(folder.path().join("d.pem"), format!("\u{feff}{}", certificate.pem())).expect("write");
        let trust = ClientTrust::load(Some(folder.path())).expect("behind its byte-order mark");
        assert_eq!(trust.own.iter().map(|own| own.to_vec()).collect::<Vec<_>>(), [certificate.der().to_vec()]);
        assert!(ClientTrust::load(Some(&folder.path().join("missing"))).is_err());
        assert!(ClientTrust::load(None).is_ok());
    }
}
