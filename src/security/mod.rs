//! Keys and secrets: API keys and their verification, sealed values, TLS trust. No secret leaves this room in a
//! type that can be printed or serialised.

pub mod api_key;
pub mod certificate;
pub mod clock;
pub mod key_cache;
pub mod limiter;
pub mod refusals;
pub mod secret;
pub mod tls;

/// Random bytes from the operating system.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0u8; N];
    // Without randomness no key, nonce or salt is safe: there is nothing to fall back to.
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
