//! Keys and secrets: API keys and their verification, sealed values, TLS trust. No secret leaves this room in a
//! type that can be printed or serialised.
#![cfg_attr(not(test), deny(clippy::expect_used, clippy::indexing_slicing))]

pub mod api_key;
pub mod certificate;
pub mod clock;
pub mod key_cache;
pub mod limiter;
pub mod private_file;
pub mod refusals;
pub mod secret;
#[cfg(test)]
#[allow(dead_code, reason = "the tests of the API use all of it")]
#[path = "../../tests/api/support/directory/certificate.rs"]
mod test_certificate;
#[cfg(test)]
mod tests;
pub mod tls;

/// SHA-256 of the whole input, in hexadecimal.
pub fn sha256(reader: &mut impl std::io::Read) -> std::io::Result<String> {
    use sha2::{Digest, Sha256};
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            Ok(n) => hash.update(buffer.get(..n).unwrap_or_default()),
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
}

/// Random bytes from the operating system.
#[allow(clippy::expect_used, reason = "without randomness no key, nonce or salt is safe")]
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
