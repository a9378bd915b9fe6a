//! API keys: what a presented text can be taken for.

use jim::security::api_key::{Shape, prefix, shape};

/// Checks the judgement of one text against the rules as they are written down.
///
/// # Panics
/// Where it is another one.
pub fn check(text: &str) {
    let visible = text.bytes().all(|b| (b'!'..=b'~').contains(&b));
    let can_be_one = text.starts_with("jim_") && (32..=1024).contains(&text.len()) && visible;
    let own = can_be_one && is_own(text.as_bytes());
    match shape(text) {
        None => assert!(!can_be_one, "{text:?}"),
        Some(Shape::Operator) => assert!(can_be_one && !own, "{text:?}"),
        Some(Shape::Generated(id)) => {
            assert!(own && text[4..16] == *id && prefix(text) == format!("jim_{id}"), "{text:?}");
            // One wrong character is always noticed.
            for at in 4..text.len() {
                let mut bent = text.as_bytes().to_vec();
                bent[at] = if bent[at] == b'x' { b'y' } else { b'x' };
                let bent = String::from_utf8(bent).expect("ASCII");
                assert_eq!(shape(&bent), Some(Shape::Operator), "{text:?}, byte {at}");
            }
        }
    }
    assert!(text.starts_with(&prefix(text)) && prefix(text).chars().count() <= 16, "{text:?}");
}

/// `jim_`, 12 characters, `_`, 43 characters, and the CRC-32 of all that in 6 base62 digits.
fn is_own(key: &[u8]) -> bool {
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_alphanumeric);
    if key.len() != 66 || key[16] != b'_' || !digits(&key[4..16]) || !digits(&key[17..]) {
        return false;
    }
    checksum(&key[..60]).as_bytes() == &key[60..]
}

/// The checksum of the first 60 characters, written without a table.
pub fn checksum(body: &[u8]) -> String {
    let mut number = !body.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| (c >> 1) ^ if c & 1 == 1 { 0xedb8_8320 } else { 0 })
    });
    let base = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut digits = [' '; 6];
    for digit in digits.iter_mut().rev() {
        *digit = char::from(base[(number % 62) as usize]);
        number /= 62;
    }
    digits.iter().collect()
}
