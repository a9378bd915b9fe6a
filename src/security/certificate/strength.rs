//! Weaknesses for which the TLS library rejects a well-formed certificate: version, key, digest and purpose.

use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Version;

use super::signature::MIN_RSA_BITS;

/// Signature algorithms with an obsolete digest (RFC 8017, RFC 3279, RFC 5758).
const OLD_DIGESTS: [(&str, &str); 5] = [
    ("1.2.840.113549.1.1.2", "MD2"),
    ("1.2.840.113549.1.1.4", "MD5"),
    ("1.2.840.113549.1.1.5", "SHA-1"),
    ("1.2.840.10040.4.3", "SHA-1"),
    ("1.2.840.10045.4.1", "SHA-1"),
];

/// Weaknesses of a certificate; none of one that cannot be parsed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strength {
    pub is_version_1: bool,
    /// Bits of an RSA key that is too short.
    pub short_key: Option<usize>,
    /// Obsolete digest of the signature. It is irrelevant if the certificate itself is trusted.
    pub old_digest: Option<&'static str>,
    /// Whether its extendedKeyUsage excludes servers.
    pub is_not_for_servers: bool,
    pub is_self_issued: bool,
}

impl Strength {
    pub fn read(der: &[u8]) -> Strength {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Strength::default() };
        let short_key = match certificate.public_key().parsed() {
            Ok(PublicKey::RSA(rsa)) => Some(rsa.key_size()).filter(|bits| *bits < MIN_RSA_BITS),
            _ => None,
        };
        let algorithm = certificate.signature_algorithm.algorithm.to_id_string();
        let purposes = certificate.extended_key_usage().ok().flatten();
        Strength {
            is_version_1: certificate.version() == X509Version::V1,
            short_key,
            old_digest: OLD_DIGESTS.iter().find(|(oid, _)| *oid == algorithm).map(|(_, name)| *name),
            is_not_for_servers: purposes.is_some_and(|p| !p.value.server_auth && !p.value.any),
            is_self_issued: certificate.subject().as_raw() == certificate.issuer().as_raw(),
        }
    }

    /// Sentences that say why connections cannot use it although it is stored as trusted.
    pub fn warnings(&self) -> Vec<String> {
        let key = self.short_key.map(|bits| {
            format!("Its key is RSA with {bits} bits; connections accept no signature of fewer than {MIN_RSA_BITS}.")
        });
        let digest = self.old_digest.filter(|_| !self.is_self_issued).map(|digest| {
            format!("It is signed with {digest}, which connections do not accept below another authority.")
        });
        let version = (self.is_version_1 && !self.is_self_issued)
            .then(|| "It is of X.509 version 1, which connections do not accept from a directory.".to_owned());
        key.into_iter().chain(digest).chain(version).collect()
    }
}
