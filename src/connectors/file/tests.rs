//! What the unit tests of this folder share: setting values of a good system.

use std::fs;

use super::*;
use crate::connectors::definitions::{self, file_setting as id};
use crate::domain::setting::{Value, Values};

/// The presets, a path and a type, with changes; an empty text clears.
pub(super) fn values(changes: &[(i64, &str)]) -> Values {
    let definition = definitions::by_id(definitions::FILE).expect("file");
    let mut values = Values(definition.settings.iter().filter_map(|s| Some((s.id, s.preset_value()?))).collect());
    for (setting, text) in [(id::FILE_PATH, "people.csv"), (id::OBJECT_TYPE, "person")].iter().chain(changes) {
        if text.is_empty() {
            values.0.remove(setting)
        } else {
            let value = if *setting == id::STOP_ON_FIRST_ERROR {
                Value::Flag(*text == "true")
            } else {
                Value::Text((*text).to_owned())
            };
            values.0.insert(*setting, value)
        };
    }
    values
}

fn seen(root: &Path, changes: &[(i64, &str)]) -> Result<SeenSchema, String> {
    schema(root, &FileSettings::read(&values(changes)).expect("good settings"))
}

#[test]
fn a_file_below_the_folder_is_read() {
    let root = tempfile::tempdir().expect("folder");
    fs::write(root.path().join("people.csv"), "id,name\n1,Anna\n").expect("file");
    let seen = seen(root.path(), &[]).expect("schema");
    let names: Vec<&str> = seen.types.iter().flat_map(|t| &t.attributes).map(|a| a.name.as_ref()).collect();
    assert_eq!((names.as_slice(), seen.complete), (&["id", "name"][..], true));
    assert_eq!((seen.external_id, seen.secondary_external_id), (None, None));
}

#[test]
fn only_an_export_makes_do_without_a_file() {
    let root = tempfile::tempdir().expect("folder");
    for mode in ["Import Only", "Bidirectional"] {
        let why = seen(root.path(), &[(id::MODE, mode)]).expect_err(mode);
        assert!(why.starts_with("File Path \"people.csv\" does not exist"), "{why}");
        assert!(!why.contains(&root.path().display().to_string()), "{why}");
    }
    let export = [(id::MODE, "Export Only")];
    let made = seen(root.path(), &export).expect("no file is needed");
    assert_eq!(made.types, [SeenType { name: "person".into(), attributes: Vec::new() }]);
    assert!(made.complete && made.warnings.is_empty(), "the one type that is set is all there is");

    let by_column = [export[0], (id::OBJECT_TYPE, ""), (id::OBJECT_TYPE_COLUMN, "kind")];
    let made = seen(root.path(), &by_column).expect("no file is needed");
    assert!(made.types.is_empty() && !made.complete);
    assert!(made.warnings[0].contains("does not exist yet"), "{:?}", made.warnings);

    let out = seen(root.path(), &[export[0], (id::FILE_PATH, "../people.csv")]).expect_err("leads out");
    assert!(out.starts_with("File Path \"../people.csv\" leads out"), "{out}");
    let no_root = seen(&root.path().join("no"), &export).expect_err("no folder");
    assert!(no_root.starts_with("the connector files folder cannot be opened"), "{no_root}");

    fs::write(root.path().join("people.csv"), "").expect("file");
    assert!(seen(root.path(), &export).expect_err("empty").contains("is empty"), "a file that is there is read");
}

#[test]
fn a_large_sparse_file_costs_nothing() {
    let root = tempfile::tempdir().expect("folder");
    let path = root.path().join("people.csv");
    fs::write(&path, "id,name\n1,Anna\n").expect("file");
    let file = fs::OpenOptions::new().write(true).open(&path).expect("open");
    file.set_len(1 << 30).expect("length");
    let why = seen(root.path(), &[]).expect_err("row 3 is a gigabyte");
    assert_eq!(why, "File Path \"people.csv\": row 3 does not end within the first 8 MiB; is a quote not closed?");
}
