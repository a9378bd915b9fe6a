//! Whom we believe when we connect to a directory: the certificates of the system and of the operator's folder.
//!
//! Only TLS 1.2 and 1.3, with the cryptography named here and never with a process-wide default. The TLS library's
//! own texts stay in here.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tokio::sync::OnceCell;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

/// The certificates that a directory's certificate may lead to.
#[derive(Debug)]
pub struct ClientTrust {
    own: RootCertStore,
    roots: OnceCell<Arc<RootCertStore>>,
    verifying: OnceCell<Arc<ClientConfig>>,
    accepting: OnceCell<Arc<ClientConfig>>,
}

impl ClientTrust {
    /// Reads every `*.pem` and `*.crt` file of the folder. The system's certificates, which are many, are read when
    /// the first connection needs them.
    ///
    /// # Errors
    /// Names the folder or file that cannot be used, for the operator.
    pub fn load(trust_dir: Option<&Path>) -> Result<ClientTrust, String> {
        let mut own = RootCertStore::empty();
        for file in trust_dir.map(certificate_files).transpose()?.unwrap_or_default() {
            let bad = || format!("{} is not a certificate file in PEM form", file.display());
            let certificates = CertificateDer::pem_file_iter(&file).map_err(|_| bad())?;
            let before = own.len();
            for certificate in certificates {
                own.add(certificate.map_err(|_| bad())?).map_err(|_| bad())?;
            }
            if own.len() == before {
                return Err(bad());
            }
        }
        Ok(ClientTrust { own, roots: OnceCell::new(), verifying: OnceCell::new(), accepting: OnceCell::new() })
    }

    /// The configuration for a connection. With `verify` false any certificate is accepted, though the connection is
    /// still encrypted.
    ///
    /// # Errors
    /// A fault of ours, for the log only.
    pub async fn config(&self, verify: bool) -> Result<Arc<ClientConfig>, String> {
        let cell = if verify { &self.verifying } else { &self.accepting };
        let made = cell.get_or_try_init(|| async { client(self.verifier(verify).await?).map(Arc::new) }).await;
        made.cloned()
    }

    /// The same for one connection, whose certificate is remembered whether it is trusted or not.
    ///
    /// # Errors
    /// A fault of ours, for the log only.
    pub async fn witnessed(&self, verify: bool) -> Result<(Arc<ClientConfig>, Arc<Witness>), String> {
        let witness = Arc::new(Witness { verifier: self.verifier(verify).await?, presented: OnceLock::new() });
        Ok((Arc::new(client(witness.clone())?), witness))
    }

    async fn verifier(&self, verify: bool) -> Result<Arc<dyn ServerCertVerifier>, String> {
        let provider = Arc::new(ring::default_provider());
        if !verify {
            return Ok(Arc::new(Fixed { accepts: true, provider }));
        }
        let roots = self.roots.get_or_try_init(|| async {
            let own = self.own.clone();
            // The system's store is a file of some hundred kilobytes, or a folder of as many files.
            tokio::task::spawn_blocking(move || Arc::new(all_roots(own))).await.map_err(|e| e.to_string())
        });
        let roots = roots.await?.clone();
        if roots.is_empty() {
            // The library would refuse to verify at all, and the reason would be lost.
            return Ok(Arc::new(Fixed { accepts: false, provider }));
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider);
        Ok(verifier.build().map_err(|e| e.to_string())?)
    }
}

/// Why a handshake failed, from a closed list.
pub fn handshake_reason(error: &std::io::Error) -> &'static str {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    let Some(Error::InvalidCertificate(fault)) = inner else { return "handshake failed" };
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "certificate has expired",
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => "certificate not yet valid",
        // A bad signature: signed by somebody who only bears the name of one that is trusted.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => "issuer not trusted",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => NOT_COVERED,
        // A certificate made to sign others that a server shows as its own: the usual self-signed one. The library
        // has no code for it, only this name.
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => "issuer not trusted",
        _ => "handshake failed",
    }
}

/// The certificate is for other names.
pub const NOT_COVERED: &str = "host name not covered by the certificate";

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

fn all_roots(mut roots: RootCertStore) -> RootCertStore {
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::debug!(%error, "a certificate of the system cannot be read");
    }
    let (added, ignored) = roots.add_parsable_certificates(system.certs);
    tracing::debug!(added, ignored, "certificates of the system");
    roots
}

fn client(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, String> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|e| e.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(config)
}

/// Judges as another one does, and remembers what was presented.
#[derive(Debug)]
pub struct Witness {
    verifier: Arc<dyn ServerCertVerifier>,
    presented: OnceLock<Vec<u8>>,
}

impl Witness {
    /// The certificate that the directory showed, in DER form, if it came so far.
    pub fn presented(&self) -> Option<&[u8]> {
        self.presented.get().map(Vec::as_slice)
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let _ = self.presented.set(end_entity.to_vec());
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// Accepts any certificate or none, but insists that the peer holds its key.
#[derive(Debug)]
struct Fixed {
    accepts: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Fixed {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let untrusted = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        if self.accepts { Ok(ServerCertVerified::assertion()) } else { Err(untrusted) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_is_named_and_others_are_left_alone() {
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
        assert!(ClientTrust::load(Some(&folder.path().join("missing"))).is_err());
        assert!(ClientTrust::load(None).is_ok());
    }
}
