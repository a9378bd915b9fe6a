//! Self-signed certificates for tests, made at run time, so that no private key lies in the source. The unit tests of
//! `src/security` include this file too, so it uses nothing of the crate.

use std::io;
use std::sync::Arc;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::{ServerConfig, SignatureScheme};

/// The DER of the OID of Ed25519, as an AlgorithmIdentifier.
const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];
const BIT_STRING: u8 = 0x03;
const OCTETS: u8 = 0x04;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// A self-signed certificate and the server that uses it.
pub struct Certificate {
    der: Vec<u8>,
    private: Vec<u8>,
    config: Arc<ServerConfig>,
}

impl Certificate {
    /// A new key and a certificate for these DNS names and for 127.0.0.1, valid from 2020 to 2049.
    pub fn for_names(names: &[&str]) -> io::Result<Certificate> {
        Certificate::valid_until(names, "491231235959Z")
    }

    /// One that ran out in 2021.
    pub fn expired(names: &[&str]) -> io::Result<Certificate> {
        Certificate::valid_until(names, "210101000000Z")
    }

    fn valid_until(names: &[&str], end: &str) -> io::Result<Certificate> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).map_err(io::Error::other)?;
        let private = [&[0x02, 0x01, 0x00], ED25519, &tlv(OCTETS, &tlv(OCTETS, &seed))].concat();
        let own = tlv(SEQUENCE, &private);
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(own.clone()));
        let key = ring::sign::any_supported_type(&private).map_err(io::Error::other)?;
        let public = key.public_key().ok_or_else(|| io::Error::other("no public key"))?;
        let signed = contents(names, end, public.as_ref());
        let signer = key.choose_scheme(&[SignatureScheme::ED25519]).ok_or_else(|| io::Error::other("no signer"))?;
        let signature = signer.sign(&signed).map_err(io::Error::other)?;
        let bits = tlv(BIT_STRING, &[&[0], signature.as_slice()].concat());
        let der = tlv(SEQUENCE, &[signed.as_slice(), ED25519, &bits].concat());
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|c| c.with_no_client_auth().with_single_cert(vec![CertificateDer::from(der.clone())], private))
            .map_err(io::Error::other)?;
        Ok(Certificate { der, private: own, config: Arc::new(config) })
    }

    /// The certificate in DER, for a client's store of trusted roots.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The certificate in PEM.
    pub fn pem(&self) -> String {
        pem("CERTIFICATE", &self.der)
    }

    /// Its key in PEM, for a server that reads it from a file.
    pub fn key_pem(&self) -> String {
        pem("PRIVATE KEY", &self.private)
    }

    /// What the sandbox serves it with.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

fn pem(what: &str, der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {what}-----\n");
    for (i, c) in text.chars().enumerate() {
        if i > 0 && i % 64 == 0 {
            pem.push('\n');
        }
        pem.push(c);
    }
    pem.push_str(&format!("\n-----END {what}-----\n"));
    pem
}

/// Tag, length and value in DER. No value here is longer than 64 KiB.
fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(content.len()).unwrap_or(u16::MAX).to_be_bytes();
    let mut out = match (high, low) {
        (0, 0..=127) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    out.extend_from_slice(content);
    out
}

/// The part of the certificate that is signed (RFC 5280, section 4.1): subject and issuer are one, and the only
/// extension is the names.
fn contents(names: &[&str], end: &str, public: &[u8]) -> Vec<u8> {
    let common_name = [&[0x06, 0x03, 0x55, 0x04, 0x03][..], &tlv(0x0c, b"sandbox")].concat();
    let subject = tlv(SEQUENCE, &tlv(SET, &tlv(SEQUENCE, &common_name)));
    let validity = tlv(SEQUENCE, &[tlv(0x17, b"200101000000Z"), tlv(0x17, end.as_bytes())].concat());
    let mut alternatives = Vec::new();
    for name in names {
        alternatives.extend(tlv(0x82, name.as_bytes()));
    }
    alternatives.extend(tlv(0x87, &[127, 0, 0, 1]));
    let names = [&[0x06, 0x03, 0x55, 0x1d, 0x11][..], &tlv(OCTETS, &tlv(SEQUENCE, &alternatives))].concat();
    let extensions = tlv(0xa3, &tlv(SEQUENCE, &tlv(SEQUENCE, &names)));
    let version = tlv(0xa0, &[0x02, 0x01, 0x02]);
    let serial = [0x02, 0x01, 0x01];
    let parts = [&version[..], &serial, ED25519, &subject, &validity, &subject, public, &extensions];
    tlv(SEQUENCE, &parts.concat())
}
