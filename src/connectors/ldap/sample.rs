//! Handmade LDAP messages for tests, well formed or not.

use super::ber::{ENUMERATED, INTEGER, OCTET_STRING, SEQUENCE, SET};
use super::guard::PAGED_RESULTS;

/// One element with the shortest length.
pub fn tlv(tag: u8, content: impl AsRef<[u8]>) -> Vec<u8> {
    let content = content.as_ref();
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..128 => out.push(length as u8),
        128..256 => out.extend([0x81, length as u8]),
        256..65_536 => out.extend([0x82, (length >> 8) as u8, length as u8]),
        _ => {
            out.push(0x84);
            out.extend((length as u32).to_be_bytes());
        }
    }
    out.extend(content);
    out
}

/// One constructed element.
pub fn seq(tag: u8, parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(tag, parts.concat())
}

pub fn integer(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let skip = bytes.iter().take(3).take_while(|&&b| b == 0).count();
    let sign = if bytes[skip] & 0x80 == 0 { vec![] } else { vec![0] };
    tlv(INTEGER, [sign, bytes[skip..].to_vec()].concat())
}

pub fn string(text: impl AsRef<[u8]>) -> Vec<u8> {
    tlv(OCTET_STRING, text)
}

pub fn message(id: u32, parts: &[Vec<u8>]) -> Vec<u8> {
    seq(SEQUENCE, &[vec![integer(id)], parts.to_vec()].concat())
}

/// An LDAPResult with this tag.
pub fn result(tag: u8, code: u8, diagnostic: &str) -> Vec<u8> {
    seq(tag, &[tlv(ENUMERATED, [code]), string(""), string(diagnostic)])
}

pub fn entry(dn: impl AsRef<[u8]>, attributes: &[(&str, &[&str])]) -> Vec<u8> {
    let attributes = attributes
        .iter()
        .map(|(name, values)| {
            let values = values.iter().map(string).collect::<Vec<_>>();
            seq(SEQUENCE, &[string(name), seq(SET, &values)])
        })
        .collect::<Vec<_>>();
    seq(0x64, &[string(dn), seq(SEQUENCE, &attributes)])
}

pub fn control(oid: &str, rest: &[Vec<u8>]) -> Vec<u8> {
    seq(0xa0, &[seq(SEQUENCE, &[vec![string(oid)], rest.to_vec()].concat())])
}

pub fn paged(cookie: &[u8]) -> Vec<u8> {
    control(PAGED_RESULTS, &[string(seq(SEQUENCE, &[integer(0), string(cookie)]))])
}

/// Constructed elements one in another, `depth` of them; lengths of two octets where they are needed.
pub fn nested(depth: usize) -> Vec<u8> {
    // Built from the inside, but written from the outside: each length is known from what is left.
    let mut sizes = vec![0usize];
    for _ in 1..depth {
        let inner = sizes[sizes.len() - 1];
        let header = match inner {
            0..128 => 2,
            128..256 => 3,
            256..65_536 => 4,
            _ => 6,
        };
        sizes.push(inner + header);
    }
    let mut out = Vec::new();
    for &length in sizes.iter().rev() {
        out.push(SEQUENCE);
        match length {
            0..128 => out.push(length as u8),
            128..256 => out.extend([0x81, length as u8]),
            256..65_536 => out.extend([0x82, (length >> 8) as u8, length as u8]),
            _ => {
                out.push(0x84);
                out.extend((length as u32).to_be_bytes());
            }
        }
    }
    out
}

/// Certificates made on the spot, so that no key lies in the sources and none of them ever expires by surprise.
pub mod tls {
    use std::sync::Arc;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
    use tokio_rustls::rustls::sign::SigningKey;
    use tokio_rustls::rustls::{ServerConfig, SignatureScheme};

    use super::{integer, seq, string, tlv};

    pub const NOW: (&str, &str) = ("200101000000Z", "491231235959Z");
    pub const PAST: (&str, &str) = ("200101000000Z", "210101000000Z");
    pub const FUTURE: (&str, &str) = ("480101000000Z", "491231235959Z");

    /// A key pair: Ed25519, which needs nothing but 32 bytes.
    pub struct Key {
        name: &'static str,
        der: Vec<u8>,
        key: Arc<dyn SigningKey>,
    }

    impl Key {
        pub fn new(seed: u8, name: &'static str) -> Key {
            let prefix = *b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
            let der = [&prefix[..], &[seed; 32]].concat();
            let key = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(der.clone())).expect("key");
            Key { name, der, key }
        }

        fn sign(&self, bytes: &[u8]) -> Vec<u8> {
            let signer = self.key.choose_scheme(&[SignatureScheme::ED25519]).expect("scheme");
            signer.sign(bytes).expect("signature")
        }
    }

    /// A certificate for `key`, signed by `issuer`; `names` are DNS names, or none for one that may sign others.
    pub fn certificate(key: &Key, issuer: &Key, names: &[&str], (from, to): (&str, &str)) -> Vec<u8> {
        let algorithm = seq(0x30, &[tlv(0x06, [0x2b, 0x65, 0x70])]);
        let name =
            |text: &str| seq(0x30, &[seq(0x31, &[seq(0x30, &[tlv(0x06, [0x55, 0x04, 0x03]), tlv(0x0c, text)])])]);
        let extension = if names.is_empty() {
            let value = string(seq(0x30, &[tlv(0x01, [0xff])]));
            seq(0x30, &[tlv(0x06, [0x55, 0x1d, 0x13]), tlv(0x01, [0xff]), value])
        } else {
            let names = names.iter().map(|name| tlv(0x82, name)).collect::<Vec<_>>();
            seq(0x30, &[tlv(0x06, [0x55, 0x1d, 0x11]), string(seq(0x30, &names))])
        };
        let body = seq(
            0x30,
            &[
                tlv(0xa0, integer(2)),
                integer(1),
                algorithm.clone(),
                name(issuer.name),
                seq(0x30, &[tlv(0x17, from), tlv(0x17, to)]),
                name(key.name),
                key.key.public_key().expect("public key").as_ref().to_vec(),
                tlv(0xa3, seq(0x30, &[extension])),
            ],
        );
        let signature = [vec![0], issuer.sign(&body)].concat();
        seq(0x30, &[body, algorithm, tlv(0x03, signature)])
    }

    pub fn pem(certificate: &[u8]) -> String {
        format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(certificate))
    }

    pub fn server(certificate: Vec<u8>, key: &Key) -> Arc<ServerConfig> {
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.der.clone()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(certificate)], key)
            .expect("server");
        Arc::new(config)
    }
}
