//! What a certificate says, for people who have to find out why it is not trusted. Nothing is decided by it: trust is
//! the TLS library's business.
//!
//! [`encoding`] finds the one certificate in what somebody sent, [`signature`] tells whether its issuer signed it.

pub mod encoding;
pub mod signature;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Version;

/// A certificate is a stranger's text: so much of it is shown.
const MAX_TEXT: usize = 256;
const MAX_NAMES: usize = 100;

/// A certificate as its text has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Whom it is for, as a distinguished name.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The host names and addresses that it covers (subjectAltName).
    pub names: Vec<String>,
    /// When it begins to count.
    pub valid_from: OffsetDateTime,
    /// When it ends.
    pub valid_to: OffsetDateTime,
    /// Hexadecimal fingerprint of the whole.
    pub sha256: String,
    /// The older fingerprint by which people know certificates: SHA-1 in upper-case hexadecimal. It proves nothing.
    pub thumbprint: String,
    /// The number that its issuer gave it, in upper-case hexadecimal.
    pub serial: String,
    /// Whether it is made to vouch for others. The first version of certificates could not say so: one of these is
    /// taken for it if it vouches for itself.
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

/// The number without the zero that only says that it is positive, and no more of it than is shown of a text.
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
    text.chars().filter(|c| !c.is_control()).take(MAX_TEXT).collect()
}
