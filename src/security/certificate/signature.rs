//! Signature check of a certificate against its issuer, for validation on request. The TLS library does its own.

use tokio_rustls::rustls::RootCertStore;
use x509_parser::error::X509Error;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Smallest accepted RSA key, for signatures and for directories.
pub const MIN_RSA_BITS: usize = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signed {
    Yes,
    No,
    IssuerUnknown,
    /// The algorithm is not supported.
    Unclear,
}

/// Checks against the certificate itself, the others (in DER form) and the roots.
pub fn check(der: &[u8], others: &[Vec<u8>], roots: &RootCertStore) -> Signed {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return Signed::No };
    let issuer = certificate.issuer().as_raw();
    let mut best = Signed::IssuerUnknown;
    let mut found = |key: &SubjectPublicKeyInfo<'_>| {
        best = match (best, verify(&certificate, key)) {
            (Signed::Yes, _) | (_, Signed::Yes) => Signed::Yes,
            (Signed::Unclear, _) | (_, Signed::Unclear) => Signed::Unclear,
            (_, answer) => answer,
        };
    };
    for other in std::iter::once(der).chain(others.iter().map(Vec::as_slice)) {
        if let Ok((_, other)) = X509Certificate::from_der(other)
            && other.subject().as_raw() == issuer
        {
            found(other.public_key());
        }
    }
    for root in &roots.roots {
        // The parts of roots come without their outermost header.
        if sequence(&root.subject) == issuer {
            let key = sequence(&root.subject_public_key_info);
            if let Ok((_, key)) = SubjectPublicKeyInfo::from_der(&key) {
                found(&key);
            }
        }
    }
    best
}

fn verify(certificate: &X509Certificate<'_>, key: &SubjectPublicKeyInfo<'_>) -> Signed {
    if let Ok(PublicKey::RSA(rsa)) = key.parsed()
        && rsa.key_size() < MIN_RSA_BITS
    {
        return Signed::Unclear;
    }
    match certificate.verify_signature(Some(key)) {
        Ok(()) => Signed::Yes,
        Err(X509Error::SignatureUnsupportedAlgorithm) => Signed::Unclear,
        Err(_) => Signed::No,
    }
}

/// A DER SEQUENCE of this content.
fn sequence(content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut der = vec![0x30];
    if let (Ok(short), true) = (u8::try_from(length), length < 0x80) {
        der.push(short);
    } else {
        let bytes: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|b| *b == 0).collect();
        der.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
        der.extend(bytes);
    }
    der.extend_from_slice(content);
    der
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::test_certificate::Certificate;

    #[test]
    fn a_signature_is_checked_against_the_issuer() {
        let certificate = Certificate::for_names(&["a"]).expect("a certificate");
        let other = Certificate::for_names(&["b"]).expect("another of the same name");
        let none = RootCertStore::empty();
        assert_eq!(check(certificate.der(), &[], &none), Signed::Yes, "it signed itself");
        let mut bent = certificate.der().to_vec();
        *bent.last_mut().expect("a signature") ^= 1;
        assert_eq!(check(&bent, &[], &none), Signed::No);
        assert_eq!(check(&bent, &[other.der().to_vec()], &none), Signed::No);
        let mut roots = RootCertStore::empty();
        roots.add(other.der().to_vec().into()).expect("a root");
        assert_eq!(check(&bent, &[], &roots), Signed::No);
        // Another key of the same name, as after a renewal of the authority.
        let mut renamed = other.der().to_vec();
        let at = renamed.windows(7).position(|w| w == b"sandbox").expect("its issuer");
        renamed[at..at + 7].copy_from_slice(b"sandboy");
        assert_eq!(check(&renamed, &[certificate.der().to_vec()], &roots), Signed::IssuerUnknown);
    }

    #[test]
    fn a_root_of_the_store_is_an_issuer() {
        let certificate = Certificate::for_names(&[&"a".repeat(200)]).expect("a certificate");
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().to_vec().into()).expect("a root");
        let root = roots.roots.first().expect("a root");
        let (_, read) = X509Certificate::from_der(certificate.der()).expect("reads");
        assert_eq!(sequence(&root.subject), read.subject().as_raw());
        let key = sequence(&root.subject_public_key_info);
        let (_, key) = SubjectPublicKeyInfo::from_der(&key).expect("reads");
        assert_eq!(verify(&read, &key), Signed::Yes);
        for (length, head) in [
            (0, &[0x30, 0][..]),
            (127, &[0x30, 127]),
            (128, &[0x30, 0x81, 128]),
            (255, &[0x30, 0x81, 255]),
            (256, &[0x30, 0x82, 1, 0]),
            (65_536, &[0x30, 0x83, 1, 0, 0]),
        ] {
            assert_eq!(sequence(&vec![7; length]), [head, &vec![7; length]].concat(), "{length}");
        }
    }
}
