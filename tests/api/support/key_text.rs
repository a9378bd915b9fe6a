//! Texts that look like keys: the tests and the benchmark of keys are refused with them.

/// The key's own id with another secret, the n-th, and check digits that are right.
pub fn wrong_secret(key: &str, n: usize) -> String {
    let body = &key[..key.len() - 6 - 4];
    let end = &key[body.len()..body.len() + 4];
    // Never the right one: the number skips it.
    let other = (0..).map(|n| format!("{n:04}")).filter(|other| other != end).nth(n).expect("a number");
    with_crc(&format!("{body}{other}"))
}

/// A key by its form, the n-th of an id that no key has.
pub fn unknown_id(n: usize) -> String {
    with_crc(&format!("jim_{n:012}_{}", "1".repeat(43)))
}

/// A text with the check digits that belong to it.
pub fn with_crc(body: &str) -> String {
    const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut n = crc32fast::hash(body.as_bytes());
    let mut digits = [0u8; 6];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(n % 62) as usize];
        n /= 62;
    }
    format!("{body}{}", String::from_utf8_lossy(&digits))
}
