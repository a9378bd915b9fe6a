//! Tests of the form of keys, and of their hashes under the keys of a keyring.

use super::*;

fn hasher(dir: &std::path::Path) -> Hasher {
    Hasher::new(&Keyring::create(&dir.join("jim.keys")).expect("keyring")).expect("hasher")
}

#[test]
fn generated_keys_have_the_form_and_none_comes_twice() {
    let (mut ids, mut secrets) = (std::collections::HashSet::new(), std::collections::HashSet::new());
    let mut counts = [[0u32; 128]; 4 + ID];
    for _ in 0..100_000 {
        let key = generate();
        let key = key.expose();
        assert!(key.len() == GENERATED && matches!(shape(key), Some(Shape::Generated(_))), "{}", key.len());
        assert!(ids.insert(key[4..16].to_owned()) && secrets.insert(key[17..60].to_owned()));
        assert_eq!(prefix(key), key[..16]);
        counts.iter_mut().zip(key.bytes()).for_each(|(count, byte)| count[usize::from(byte)] += 1);
    }
    // No character of an id is likelier than another: a difference of 15 percent is six times what chance makes.
    for (place, count) in counts.iter().enumerate().skip(4) {
        for byte in BASE62 {
            let count = count[usize::from(*byte)];
            assert!((1_371..1_855).contains(&count), "{} at {place}: {count}", char::from(*byte));
        }
    }
}

#[test]
fn every_edit_of_one_character_breaks_a_key() {
    for _ in 0..3 {
        let key = generate().expose().to_owned();
        for place in 0..key.len() {
            for other in (0x21..0x7f).filter(|b| *b != key.as_bytes()[place]) {
                let mut bent = key.clone().into_bytes();
                bent[place] = other;
                let bent = String::from_utf8(bent).expect("ascii");
                assert!(!matches!(shape(&bent), Some(Shape::Generated(_))), "byte {place}");
            }
        }
        for cut in 0..key.len() {
            assert!(!matches!(shape(&key[..cut]), Some(Shape::Generated(_))));
        }
        assert!(!matches!(shape(&format!("{key}0")), Some(Shape::Generated(_))));
    }
}

#[test]
fn a_secret_is_the_whole_number_that_it_is_made_of() {
    for (number, digits) in [
        ([0; 32], "0".repeat(SECRET).as_str()),
        ([0xff; 32], "1pX8wOr5j2ACunjH7GLL8mWZWHmY1LA1ZO6Adwksjhy"),
        (std::array::from_fn(|i| i as u8), "flDIBkGwcRKRL9GXCgaFM3UNu2jQTCljt7CJTlUa300"),
    ] {
        let mut text = String::new();
        push_number(&mut text, Zeroizing::new(number));
        assert_eq!(text, digits);
    }
}

#[test]
fn a_checksum_alone_makes_no_key_of_ours() {
    let key = generate().expose().to_owned();
    for place in 4..GENERATED - CRC {
        let mut bent = key.clone();
        bent.replace_range(place..=place, "-");
        bent.replace_range(GENERATED - CRC.., &crc(&bent[..GENERATED - CRC]));
        assert_eq!(shape(&bent), Some(Shape::Operator), "byte {place}");
    }
}

#[test]
fn operators_keys_are_taken_as_they_are() {
    for (length, ok) in [(31, false), (32, true), (1024, true), (1025, false)] {
        let key = format!("jim_{}", "x".repeat(length - 4));
        assert_eq!(shape(&key), ok.then_some(Shape::Operator), "{length}");
    }
    for bad in ["", "jam_0123456789012345678901234567890123", "jim_with blank 0123456789012345678901234567890"] {
        assert_eq!(shape(bad), None);
    }
    assert_eq!(prefix("jim_operatorchosenkey0123456789ab"), "jim_operator");
}

#[test]
fn a_hash_verifies_its_key_only_with_its_pepper() {
    let dir = tempfile::tempdir().expect("folder");
    let hasher = self::hasher(dir.path());
    let key = generate();
    let phc = hasher.hash(key.expose()).expect("hashes");
    assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert!(hasher.verify(key.expose(), &phc, hasher.kid()).expect("runs"));
    assert!(!hasher.verify(generate().expose(), &phc, hasher.kid()).expect("runs"));
    let elsewhere = tempfile::tempdir().expect("folder");
    let other = self::hasher(elsewhere.path());
    assert!(!other.verify(key.expose(), &phc, other.kid()).expect("runs"));
    assert!(other.verify(key.expose(), &phc, hasher.kid()).is_err(), "without its pepper it is an error");
    assert!(hasher.verify(key.expose(), "$argon2id$nonsense", hasher.kid()).is_err());
    assert!(hasher.is_current(&phc, hasher.kid()) && !hasher.is_current(&phc, other.kid()));
    assert!(!hasher.is_current(&phc.replace("t=2", "t=3"), hasher.kid()));
}

#[test]
fn hashes_of_different_costs_are_verified_in_turn() {
    let dir = tempfile::tempdir().expect("folder");
    let hasher = self::hasher(dir.path());
    let cheap = hasher.run(&hasher.newest, "jim_key", &[7; SALT], (64, 1, 1)).expect("hashes");
    let (salt, hash) = (STANDARD_NO_PAD.encode([7; SALT]), STANDARD_NO_PAD.encode(cheap));
    let cheap = format!("$argon2id$v=19$m=64,t=1,p=1${salt}${hash}");
    let dear = hasher.hash("jim_key").expect("hashes");
    assert!([&cheap, &dear, &cheap].iter().all(|phc| hasher.verify("jim_key", phc, hasher.kid()).expect("runs")));
    assert!(!hasher.is_current(&cheap, hasher.kid()));
    assert!(hasher.arena.lock().is_some());
    hasher.release_memory();
    assert!(hasher.arena.lock().is_none());
}

#[test]
fn keys_hashed_under_an_older_master_key_still_verify() {
    let dir = tempfile::tempdir().expect("folder");
    let ring = Keyring::create(&dir.path().join("jim.keys")).expect("keyring");
    let old = Hasher::new(&ring).expect("hasher");
    let new = Hasher::new(&ring.add_key().expect("added")).expect("hasher");
    assert_ne!(old.kid(), new.kid());
    let (own, operators) = (generate(), "jim_operatorchosenkey0123456789ab");
    for key in [own.expose(), operators] {
        let phc = old.hash(key).expect("hashes");
        assert!(new.verify(key, &phc, old.kid()).expect("runs"));
        assert!(!new.verify(key, &phc, new.kid()).expect("runs"), "each has a pepper of its own");
        assert!(new.lookups(key).contains(&old.lookup(key)) && new.lookups(key)[0] == new.lookup(key));
    }
    assert_ne!(old.lookup(operators), new.lookup(operators));
    assert_eq!((new.lookups(operators).len(), new.lookups(own.expose()).len()), (2, 1));
}
