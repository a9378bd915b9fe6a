//! What a connection holds against a certificate whose content is in order: age and weakness of its form, and its
//! purpose.

use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::X509Version;

use super::signature::LEAST_RSA_BITS;

/// Signature algorithms with a digest that is not accepted any more (RFC 8017, RFC 3279, RFC 5758).
const OLD_DIGESTS: [(&str, &str); 5] = [
    ("1.2.840.113549.1.1.2", "MD2"),
    ("1.2.840.113549.1.1.4", "MD5"),
    ("1.2.840.113549.1.1.5", "SHA-1"),
    ("1.2.840.10040.4.3", "SHA-1"),
    ("1.2.840.10045.4.1", "SHA-1"),
];

/// Form and purpose of a certificate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strength {
    /// Written as version 1, before extensions.
    pub is_version_1: bool,
    /// Bits of an RSA key that is too short.
    pub short_key: Option<usize>,
    /// Digest of its signature, if that is an old one. It does not matter for a certificate that is trusted itself.
    pub old_digest: Option<&'static str>,
    /// Whether its purpose leaves servers out (extendedKeyUsage).
    pub is_not_for_servers: bool,
    /// Issued by itself, going by the names.
    pub is_self_issued: bool,
}

impl Strength {
    /// Of the DER form; of what cannot be read nothing is held against it here.
    pub fn read(der: &[u8]) -> Strength {
        let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Strength::default() };
        let short_key = match certificate.public_key().parsed() {
            Ok(PublicKey::RSA(rsa)) => Some(rsa.key_size()).filter(|bits| *bits < LEAST_RSA_BITS),
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

    /// Why connections cannot use it although it is stored as trusted: sentences for its owner.
    pub fn warnings(&self) -> Vec<String> {
        let key = self.short_key.map(|bits| {
            format!("Its key is RSA with {bits} bits; connections accept no signature of fewer than {LEAST_RSA_BITS}.")
        });
        let digest = self.old_digest.filter(|_| !self.is_self_issued).map(|digest| {
            format!("It is signed with {digest}, which connections do not accept below another authority.")
        });
        let version = (self.is_version_1 && !self.is_self_issued)
            .then(|| "It is of X.509 version 1, which connections do not accept from a directory.".to_owned());
        key.into_iter().chain(digest).chain(version).collect()
    }
}
