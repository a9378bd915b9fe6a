//! Properties of a certificate, for diagnosis; the TLS library decides about trust.
//!
//! [`encoding`] extracts one certificate from bytes, [`signature`] checks it against its issuer, [`strength`] finds what
//! the TLS library rejects in its form.

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

/// Limits of displayed text, which is untrusted.
const MAX_TEXT: usize = 256;
const MAX_NAMES: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    pub subject: String,
    pub issuer: String,
    /// Host names and addresses (subjectAltName).
    pub names: Vec<String>,
    pub valid_from: OffsetDateTime,
    pub valid_to: OffsetDateTime,
    /// Fingerprint in lower-case hexadecimal.
    pub sha256: String,
    /// SHA-1 fingerprint in upper-case hexadecimal, for identification only.
    pub thumbprint: String,
    /// Serial number in upper-case hexadecimal.
    pub serial: String,
    /// Whether it may sign others. Version 1 has no such extension: a self-signed one counts as an authority.
    pub is_authority: bool,
}

impl Certificate {
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

/// Serial number without the leading zero of positive numbers, truncated like other text.
fn serial(raw: &[u8]) -> &[u8] {
    let number = raw.strip_prefix(&[0]).filter(|rest| !rest.is_empty()).unwrap_or(raw);
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
