//! Properties of a certificate, for people who investigate why it is not trusted. Trust itself is decided by the TLS
//! library.
//!
//! [`encoding`] extracts one certificate from bytes, [`signature`] checks it against its issuer, [`strength`] knows
//! what connections hold against its form.

pub mod encoding;
pub mod signature;
pub mod strength;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Version;

use crate::domain::text::is_bidi_or_separator;

/// Limits of what is shown of a certificate, which is untrusted text.
const MAX_TEXT: usize = 256;
const MAX_NAMES: usize = 100;

/// Properties of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Distinguished name of its owner.
    pub subject: String,
    /// Distinguished name of its signer.
    pub issuer: String,
    /// Host names and addresses that it covers (subjectAltName).
    pub names: Vec<String>,
    pub valid_from: OffsetDateTime,
    pub valid_to: OffsetDateTime,
    /// Hexadecimal fingerprint.
    pub sha256: String,
    /// SHA-1 fingerprint in upper-case hexadecimal, for identification only.
    pub thumbprint: String,
    /// Serial number in upper-case hexadecimal.
    pub serial: String,
    /// Whether it may sign others. Version 1 has no such extension: one that is self-signed counts as an authority.
    pub is_authority: bool,
}

impl Certificate {
    /// Reads the DER form; `None` if it is none.
    pub fn read(der: &[u8]) -> Option<Certificate> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let names = match certificate.subject_alternative_name() {
            Ok(Some(extension)) => extension.value.general_names.iter().filter_map(name).take(MAX_NAMES).collect(),
            _ => Vec::new(),
        };
        Some(Certificate {
            subject: shown(&certificate.subject().to_string()),
            issuer: shown(&certificate.issuer().to_string()),
            names,
            valid_from: certificate.validity().not_before.to_datetime(),
            valid_to: certificate.validity().not_after.to_datetime(),
            sha256: Sha256::digest(der).iter().map(|b| format!("{b:02x}")).collect(),
            thumbprint: hex(digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref()),
            serial: hex(serial(certificate.raw_serial())),
            is_authority: certificate.is_ca()
                || (certificate.version() == X509Version::V1 && certificate.subject() == certificate.issuer()),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02X}")).collect()
}

/// The serial number without the leading zero that marks it as positive, cut like other text.
fn serial(raw: &[u8]) -> &[u8] {
    let number = match raw {
        [0, rest @ ..] if !rest.is_empty() => rest,
        whole => whole,
    };
    number.get(..MAX_TEXT / 2).unwrap_or(number)
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(shown(name)),
        GeneralName::IPAddress(bytes) => match <[u8; 4]>::try_from(*bytes) {
            Ok(v4) => Some(std::net::Ipv4Addr::from(v4).to_string()),
            Err(_) => Some(std::net::Ipv6Addr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
        },
        _ => None,
    }
}

fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control() && !is_bidi_or_separator(*c)).take(MAX_TEXT).collect()
}
