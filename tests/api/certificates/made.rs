//! Certificates of every kind, made at run time (RFC 5280, section 4.1), and servers that show them.

use std::sync::Arc;

use ring::signature::{Ed25519KeyPair, KeyPair};
use time::{Duration, OffsetDateTime};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring as provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

const SEQUENCE: u8 = 0x30;
const ED25519: &[u8] = &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70];

/// A subject with a name and a key.
pub struct Party {
    name: String,
    seed: [u8; 32],
}

/// What a certificate is to be.
#[derive(Clone, Copy)]
pub struct Wish {
    pub names: &'static [&'static str],
    /// basicConstraints; none at all leaves the extension out.
    pub authority: Option<bool>,
    /// Begin and end, in days from now.
    pub days: (i64, i64),
}

/// A server's own.
pub const SERVER: Wish = Wish { names: &["localhost"], authority: None, days: (-1, 365) };
/// An authority's.
pub const AUTHORITY: Wish = Wish { names: &[], authority: Some(true), days: (-1, 365) };

impl Party {
    pub fn new(name: &str) -> Party {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("random bytes");
        Party { name: name.to_owned(), seed }
    }

    /// A certificate for this party from that one.
    pub fn certificate(&self, issuer: &Party, wish: Wish) -> Vec<u8> {
        let mut extensions = Vec::new();
        if let Some(authority) = wish.authority {
            let value = tlv(SEQUENCE, if authority { &[1, 1, 0xff][..] } else { &[] });
            extensions.extend(extension(&[0x55, 0x1d, 0x13], &value));
        }
        if !wish.names.is_empty() {
            let names: Vec<u8> = wish.names.iter().flat_map(|name| tlv(0x82, name.as_bytes())).collect();
            extensions.extend(extension(&[0x55, 0x1d, 0x11], &tlv(SEQUENCE, &names)));
        }
        let mut parts = vec![tlv(0xa0, &[2, 1, 2]), vec![2, 1, 1], ED25519.to_vec(), issuer.distinguished_name()];
        parts.push(tlv(SEQUENCE, &[date(wish.days.0), date(wish.days.1)].concat()));
        parts.push(self.distinguished_name());
        let public = [&[0], self.pair().public_key().as_ref()].concat();
        parts.push(tlv(SEQUENCE, &[ED25519, &tlv(3, &public)].concat()));
        if !extensions.is_empty() {
            parts.push(tlv(0xa3, &tlv(SEQUENCE, &extensions)));
        }
        let signed = tlv(SEQUENCE, &parts.concat());
        let signature = [&[0], issuer.pair().sign(&signed).as_ref()].concat();
        tlv(SEQUENCE, &[signed, ED25519.to_vec(), tlv(3, &signature)].concat())
    }

    /// What a server shows these certificates with, its own first.
    pub fn server(&self, chain: &[&[u8]]) -> Arc<ServerConfig> {
        let chain = chain.iter().map(|der| CertificateDer::from(der.to_vec())).collect();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.private()));
        let config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|c| c.with_no_client_auth().with_single_cert(chain, key));
        Arc::new(config.expect("a server"))
    }

    /// The private key (PKCS #8).
    pub fn private(&self) -> Vec<u8> {
        tlv(SEQUENCE, &[&[2, 1, 0], ED25519, &tlv(4, &tlv(4, &self.seed))].concat())
    }

    fn pair(&self) -> Ed25519KeyPair {
        Ed25519KeyPair::from_seed_unchecked(&self.seed).expect("a key")
    }

    fn distinguished_name(&self) -> Vec<u8> {
        let name = [&[6, 3, 0x55, 4, 3][..], &tlv(0x0c, self.name.as_bytes())].concat();
        tlv(SEQUENCE, &tlv(0x31, &tlv(SEQUENCE, &name)))
    }
}

/// One that a server made for itself.
pub fn own(wish: Wish) -> Vec<u8> {
    let party = Party::new("server");
    party.certificate(&party, wish)
}

/// Such a block of PEM.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = super::base64(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).expect("ascii")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn extension(oid: &[u8], value: &[u8]) -> Vec<u8> {
    tlv(SEQUENCE, &[tlv(6, oid), tlv(4, value)].concat())
}

/// GeneralizedTime, that many days from now.
fn date(days: i64) -> Vec<u8> {
    let at = OffsetDateTime::now_utc() + Duration::days(days);
    let (y, m, d) = (at.year(), u8::from(at.month()), at.day());
    let text = format!("{y:04}{m:02}{d:02}{:02}{:02}{:02}Z", at.hour(), at.minute(), at.second());
    tlv(0x18, text.as_bytes())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..128 => vec![tag, length as u8],
        128..256 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [head, content.to_vec()].concat()
}
