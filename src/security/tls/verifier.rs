//! Verifiers of the certificates of directories. With each the directory must prove that it holds the key.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use time::OffsetDateTime;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{ResolvesClientCert, WebPkiServerVerifier, verify_server_name};
use tokio_rustls::rustls::crypto::{WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::diagnosis::Diagnosis;
use crate::security::certificate::Certificate;

/// Intermediate certificates kept to explain a failure.
const MAX_CHAIN: usize = 10;

/// Checks that the directory holds the key, the same for every verifier.
macro_rules! signature_checks {
    () => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls12_signature(message, cert, dss, &algorithms())
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            dss: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            verify_tls13_signature(message, cert, dss, &algorithms())
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            algorithms().supported_schemes()
        }
    };
}

fn algorithms() -> WebPkiSupportedAlgorithms {
    ring::default_provider().signature_verification_algorithms
}

/// Trusts chains to an authority, and known certificates themselves, because the library rejects some self-signed ones as
/// chains. Name and validity are always checked.
#[derive(Debug)]
pub(super) struct Trusting {
    authorities: Arc<dyn ServerCertVerifier>,
    known: Arc<HashSet<CertificateDer<'static>>>,
}

impl Trusting {
    pub(super) fn new(
        anchors: RootCertStore,
        known: Arc<HashSet<CertificateDer<'static>>>,
    ) -> Result<Trusting, String> {
        let authorities: Arc<dyn ServerCertVerifier> = if anchors.is_empty() {
            // The library builds no verifier without anchors, and failures would have no reason.
            Arc::new(Fixed { accepts: false })
        } else {
            let provider = Arc::new(ring::default_provider());
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(anchors), provider).build();
            verifier.map_err(|e| e.to_string())?
        };
        Ok(Trusting { authorities, known })
    }
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let known = self.known.contains(end_entity).then(|| Certificate::read(end_entity)).flatten();
        let Some(read) = known else {
            return self.authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        };
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        if now < read.valid_from.unix_timestamp() {
            return Err(CertificateError::NotValidYet.into());
        }
        if now > read.valid_to.unix_timestamp() {
            return Err(CertificateError::Expired.into());
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    signature_checks!();
}

/// Delegating verifier that records what the directory presents and asks for.
#[derive(Debug)]
pub struct Witness {
    verifier: Arc<dyn ServerCertVerifier>,
    known: Arc<HashSet<CertificateDer<'static>>>,
    /// The directory's own certificate first.
    chain: OnceLock<Vec<CertificateDer<'static>>>,
    /// Whether a client certificate was requested.
    asked: AtomicBool,
}

impl Witness {
    pub(super) fn of(verifier: Arc<dyn ServerCertVerifier>, known: Arc<HashSet<CertificateDer<'static>>>) -> Witness {
        Witness { verifier, known, chain: OnceLock::new(), asked: AtomicBool::new(false) }
    }

    /// The directory's own certificate in DER form, if it was presented.
    pub fn presented(&self) -> Option<&[u8]> {
        self.chain.get()?.first().map(AsRef::as_ref)
    }

    /// Whether a client certificate was requested.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Reason of a failed handshake from a closed list, with the certificate that caused it.
    pub fn reason(&self, error: &std::io::Error, host: &str) -> String {
        let chain = self.chain.get().map(Vec::as_slice).unwrap_or_default();
        Diagnosis { chain, known: &self.known, asked: self.asked(), host, now: OffsetDateTime::now_utc() }.reason(error)
    }
}

/// Offers no client certificate, but records the request, which may explain a refusal.
impl ResolvesClientCert for Witness {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
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
        let chain = std::iter::once(end_entity).chain(intermediates.iter().take(MAX_CHAIN));
        let _ = self.chain.set(chain.map(|certificate| certificate.clone().into_owned()).collect());
        self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    signature_checks!();
}

/// Accepts every certificate or none; the directory must still prove that it holds the key.
#[derive(Debug)]
pub(super) struct Fixed {
    pub accepts: bool,
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

    signature_checks!();
}
