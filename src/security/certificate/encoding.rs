//! Extraction of one certificate from uploaded bytes or a file. No error repeats input, which may hold a private key by
//! mistake.

use tokio_rustls::rustls::pki_types::pem::{PemObject, SectionKind};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::domain::text::strip_bom;

/// Size limit of a certificate. A larger one fits into no TLS handshake here.
pub const MAX_DER: usize = 64 * 1024;
/// Size limit of an upload or file: PEM files may hold explanations.
pub const MAX_BYTES: usize = 1024 * 1024;

const NOT_ONE: &str = "Must hold exactly one certificate, in DER or PEM form.";
const PRIVATE: &str = "Holds a private key, which belongs to the directory alone; only the certificate is wanted.";

/// DER form of the only certificate in these bytes. An error is a sentence for the caller.
pub fn only_certificate(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let bytes = strip_bom(bytes);
    let der = if contains(bytes, b"-----BEGIN ") { from_pem(bytes)? } else { bytes.to_vec() };
    if der.len() > MAX_DER {
        return Err(format!("Must not hold a certificate of more than {MAX_DER} bytes."));
    }
    match X509Certificate::from_der(&der) {
        Ok(([], _)) => Ok(der),
        _ if PrivateKeyDer::try_from(der.as_slice()).is_ok() => Err(PRIVATE.to_owned()),
        _ => Err(NOT_ONE.to_owned()),
    }
}

fn from_pem(bytes: &[u8]) -> Result<Vec<u8>, String> {
    // Of every kind, also encrypted.
    if contains(bytes, b"PRIVATE KEY-----") {
        return Err(PRIVATE.to_owned());
    }
    let broken = || "Is not valid PEM.".to_owned();
    let mut found: Vec<CertificateDer<'_>> = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        match section.map_err(|_| broken())? {
            (SectionKind::Certificate, _) if !found.is_empty() => return Err(NOT_ONE.to_owned()),
            (SectionKind::Certificate, der) => found.push(der.into()),
            _ => {}
        }
    }
    found.pop().map(|der| der.to_vec()).ok_or_else(|| NOT_ONE.to_owned())
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::test_certificate::Certificate;

    #[test]
    fn exactly_one_certificate_is_accepted() {
        let (one, other) = (Certificate::for_names(&["a"]).expect("one"), Certificate::for_names(&["b"]).expect("two"));
        let (der, pem) = (one.der().to_vec(), one.pem());
        let public = "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n";
        for good in [
            der.clone(),
            pem.clone().into_bytes(),
            format!("\u{feff}{pem}").into_bytes(),
            format!("Subject: sandbox\r\n{}\nthe end", pem.replace('\n', "\r\n")).into_bytes(),
            format!("{public}{pem}").into_bytes(),
        ] {
            assert_eq!(only_certificate(&good), Ok(der.clone()));
        }
        let private = |kind: &str| format!("{pem}-----BEGIN {kind}-----\nMAA=\n-----END {kind}-----\n").into_bytes();
        for (bad, why) in [
            (vec![], NOT_ONE),
            (b"nonsense".to_vec(), NOT_ONE),
            ([der.as_slice(), &[0]].concat(), NOT_ONE),
            ([der.as_slice(), other.der()].concat(), NOT_ONE),
            (der[..der.len() - 1].to_vec(), NOT_ONE),
            (format!("{pem}{}", other.pem()).into_bytes(), NOT_ONE),
            (format!("{pem}{pem}").into_bytes(), NOT_ONE),
            (public.as_bytes().to_vec(), NOT_ONE),
            (pem.replace("CERTIFICATE", "TRUSTED CERTIFICATE").into_bytes(), NOT_ONE),
            (pem.replace("-----END CERTIFICATE-----", "").into_bytes(), "Is not valid PEM."),
            (pem.replace("M", "*").into_bytes(), "Is not valid PEM."),
            (private("PRIVATE KEY"), PRIVATE),
            (private("ENCRYPTED PRIVATE KEY"), PRIVATE),
            (private("RSA PRIVATE KEY"), PRIVATE),
        ] {
            assert_eq!(only_certificate(&bad).expect_err("refused"), why);
        }
        assert!(only_certificate(&vec![0x30; MAX_DER + 1]).expect_err("refused").contains("65536 bytes"));
    }
}
