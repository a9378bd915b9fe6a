//! The inputs that fuzzing kept: each still does what it has to. How they are found is in `tests/fuzz/run.sh`.

use std::path::{Path, PathBuf};

use crate::properties::{dn, guard, hierarchy, key, schema};
use crate::tier::figure;

fn replay(target: &str, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("a corpus").map(|f| f.expect("a file").path()).collect();
    assert!(files.len() > 10, "{} has {} files", folder.display(), files.len());
    let count = files.len();
    for file in files {
        let data = std::fs::read(&file).expect("an input");
        assert!(std::panic::catch_unwind(|| property(&data)).is_ok(), "{}", file.display());
    }
    figure(format!("{count} kept inputs of {target} replayed"));
}

#[test]
fn kept_names() {
    replay("dn", dn);
}

#[test]
fn kept_answers() {
    replay("guard", guard);
}

#[test]
fn kept_edits() {
    replay("hierarchy", hierarchy);
}

#[test]
fn kept_keys() {
    replay("key", key);
}

#[test]
fn kept_definitions() {
    replay("schema", schema);
}
