//! Tests of sealing and opening, and of the keyring file.

use std::os::unix::fs::{MetadataExt, PermissionsExt};

use super::*;

#[test]
fn a_sealed_value_opens_only_in_its_row_and_unchanged() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("jim.keys");
    let ring = Keyring::create(&path).expect("made");
    assert!(Keyring::create(&path).is_err(), "an existing keyring is never overwritten");
    let again = Keyring::load(&path).expect("loads");
    let sealed = ring.seal_setting(7, 3, "s3cur3p@ssw0rd").expect("seals");
    assert_eq!(again.open_setting(7, 3, &sealed).expect("opens").expose(), "s3cur3p@ssw0rd");
    assert!(again.open_setting(8, 3, &sealed).is_err() && again.open_setting(7, 4, &sealed).is_err());
    assert_ne!(sealed, ring.seal_setting(7, 3, "s3cur3p@ssw0rd").expect("seals"));
    for i in 0..sealed.len() {
        let mut bent = sealed.clone();
        bent[i] ^= 1;
        assert!(again.open_setting(7, 3, &bent).is_err(), "byte {i}");
        assert!(again.open_setting(7, 3, &sealed[..i]).is_err(), "cut at {i}");
    }
    let kid = ring.current_kid();
    assert!(again.passes_check(kid, &ring.check_value(kid).expect("check")));
    assert_ne!(ring.derive(kid, "a"), ring.derive(kid, "b"));
}

#[test]
fn adding_a_key_keeps_the_others() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("jim.keys");
    let first = Keyring::create(&path).expect("made");
    let old = first.seal_setting(1, 3, "old").expect("seals");
    // A last line without its end is what an editor may leave.
    let text = std::fs::read_to_string(&path).expect("text");
    std::fs::write(&path, text.trim_end()).expect("write");
    std::fs::write(path.with_added_extension("part"), "a piece").expect("write");
    let second = first.add_key().expect("added");
    assert!(!path.with_added_extension("part").exists());
    assert_eq!(std::fs::metadata(&path).expect("a file").mode() & 0o777, 0o600);
    assert!(std::fs::read_to_string(&path).expect("text").starts_with(text.trim_end()));
    assert_eq!(second.kids().collect::<Vec<_>>(), [second.current_kid(), first.current_kid()]);
    assert_eq!(second.open_setting(1, 3, &old).expect("opens").expose(), "old");
    let new = second.seal_setting(1, 3, "new").expect("seals");
    let kids = (sealed_with(&old), sealed_with(&new));
    assert_eq!(kids, (Some(first.current_kid()), Some(second.current_kid())));
    assert!(first.open_setting(1, 3, &new).is_err(), "the old key does not open what the new one sealed");
    // A concurrent addition is kept; another keyring at this path is not changed.
    assert_eq!(first.add_key().expect("added").kids().count(), 3);
    std::fs::remove_file(&path).expect("removed");
    Keyring::create(&path).expect("made");
    assert!(second.add_key().is_err());
    assert_eq!(Keyring::load(&path).expect("loads").kids().count(), 1);
}

#[test]
fn a_loose_damaged_or_missing_keyring_is_refused_with_a_remedy() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("jim.keys");
    let refusal = |p: &Path| Keyring::load(p).expect_err("refused").to_string();
    assert!(refusal(&path).contains("missing"));
    Keyring::create(&path).expect("made");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
    assert!(refusal(&path).contains("chmod 600"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    std::fs::write(&path, "not a key").expect("write");
    assert!(refusal(&path).contains("damaged"));
    for nothing in ["", "\n \n"] {
        std::fs::write(&path, nothing).expect("write");
        assert!(refusal(&path).contains("empty"));
    }
    let child = path.join("jim.keys");
    assert!(refusal(&child).contains("cannot read"), "something else than missing");
}

#[test]
fn debug_output_shows_no_secret() {
    let dir = tempfile::tempdir().expect("folder");
    let ring = Keyring::create(&dir.path().join("jim.keys")).expect("made");
    assert_eq!(format!("{:?}", Secret::new("s3cur3p@ssw0rd".to_owned())), "Secret(..)");
    assert_eq!(format!("{ring:?}"), format!("Keyring({}, 1 keys)", ring.path().display()));
}

#[test]
fn a_check_value_is_of_one_key_of_one_keyring() {
    let dir = tempfile::tempdir().expect("folder");
    let first = Keyring::create(&dir.path().join("jim.keys")).expect("made");
    let second = first.add_key().expect("added");
    let (old, new) = (first.current_kid(), second.current_kid());
    let value = second.check_value(old).expect("held");
    assert!(first.passes_check(old, &value) && second.passes_check(old, &value));
    assert!(!second.passes_check(new, &value), "of another key");
    let text = std::str::from_utf8(CHECK_TEXT).expect("text");
    assert!(!second.passes_check(new, &second.seal_setting(1, 3, text).expect("seals")), "sealed for another place");
    let other = Keyring::create(&dir.path().join("other.keys")).expect("made");
    assert!(!other.passes_check(old, &value) && other.check_value(old).is_err());
    assert_eq!([&first, &second, &other].map(|ring| ring.holds(new)), [false, true, false]);
}

#[test]
fn a_keyring_is_changed_by_one_process_at_a_time_and_not_through_a_link() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("jim.keys");
    let ring = Keyring::create(&path).expect("made");
    let refusal = |ring: &Keyring| ring.add_key().expect_err("refused").to_string();
    let folder = File::open(dir.path()).expect("folder");
    flock(&folder, FlockOperation::LockExclusive).expect("locked");
    assert!(refusal(&ring).contains("by another process"));
    drop(folder);
    let link = dir.path().join("link.keys");
    std::os::unix::fs::symlink(&path, &link).expect("linked");
    assert!(refusal(&Keyring::load(&link).expect("loads")).contains("is a link"));
    // The same key id with another key.
    let other = MasterKey { kid: ring.current_kid(), key: Zeroizing::new([7; 32]) };
    std::fs::write(&path, other.line().as_bytes()).expect("write");
    assert!(refusal(&ring).contains("replaced by another one"));
    assert_eq!(Keyring::load(&path).expect("loads").kids().count(), 1);
    assert_eq!(folder_of(Path::new("jim.keys")), Path::new("."));
}

#[test]
fn a_keyring_is_at_most_64_kib_long() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("jim.keys");
    Keyring::create(&path).expect("made");
    let mut text = std::fs::read_to_string(&path).expect("text");
    text.push_str(&"\n".repeat(65_536 - text.len()));
    std::fs::write(&path, &text).expect("write");
    let ring = Keyring::load(&path).expect("loads");
    assert!(ring.add_key().expect_err("refused").to_string().contains("room for no more"));
    std::fs::write(&path, text + "\n").expect("write");
    assert!(Keyring::load(&path).expect_err("refused").to_string().contains("too long"));
}
