//! Imports of files: what of a file becomes objects, what is refused, and when a reading is complete.

use std::fs;
use std::path::PathBuf;

use tokio::sync::mpsc::Receiver;

use super::sample::{attribute, scope_of, scope_type};
use super::*;
use crate::connectors::definitions::file_setting as id;
use crate::connectors::file::tests::values;
use crate::connectors::import::Progress;
use crate::domain::connector_space::{ErrorType, ReadObject, ScopeType};
use crate::domain::schema::{DataType, Plurality};
use crate::domain::value::Value;

mod changes;
mod faults;
mod objects;

const BY_KIND: [(i64, &str); 2] = [(id::OBJECT_TYPE, ""), (id::OBJECT_TYPE_COLUMN, "kind")];
const STOP: [(i64, &str); 1] = [(id::STOP_ON_FIRST_ERROR, "true")];
const LIMITS: Limits = Limits { settled: Duration::ZERO, ..Limits::DEFAULT };

/// A folder with `people.csv`, its settings and what is selected.
struct Place {
    root: tempfile::TempDir,
    settings: FileSettings,
    scope: ImportScope,
    limits: Limits,
    pulse: Pulse,
}

impl Place {
    fn new(scope: ImportScope, changes: &[(i64, &str)]) -> Place {
        let settings = FileSettings::read(&values(changes)).expect("good settings");
        let root = tempfile::tempdir().expect("folder");
        Place { root, settings, scope, limits: LIMITS, pulse: Pulse::default() }
    }

    fn path(&self) -> PathBuf {
        self.root.path().join("people.csv")
    }

    fn write(&self, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(), bytes).expect("file");
    }

    fn open(&self) -> Result<Import<'_>, Failure> {
        Import::open(self.root.path(), &self.settings, &self.scope, self.limits, &self.pulse)
    }

    /// The whole import of the file as it is.
    fn import(&self) -> Result<Seen, Failure> {
        let (mut pages, receiver) = Pages::new(Progress::default());
        let items = std::thread::spawn(move || all(receiver));
        let result = self.open().and_then(|mut import| {
            let checked = import.check(&mut pages)?;
            import.read(checked, &mut pages)
        });
        drop(pages);
        let items = items.join().expect("items");
        assert!(result.is_ok() || items.is_empty(), "an import that failed in its first pass emitted {items:?}");
        result.map(|reading| Seen { items, reading })
    }
}

fn all(mut receiver: Receiver<Vec<ReadItem>>) -> Vec<ReadItem> {
    std::iter::from_fn(|| receiver.blocking_recv()).flatten().collect()
}

#[derive(Debug)]
struct Seen {
    items: Vec<ReadItem>,
    reading: Reading,
}

impl Seen {
    fn is_complete(&self) -> bool {
        !self.reading.complete.is_empty()
    }

    fn objects<'s>(&'s self) -> Vec<&'s ReadObject> {
        let object = |item: &'s ReadItem| match item {
            ReadItem::Object(object) => Some(object.as_ref()),
            ReadItem::Refused(_) => None,
        };
        self.items.iter().filter_map(object).collect()
    }

    /// External ids of the objects.
    fn ids(&self) -> Vec<&str> {
        self.objects().iter().map(|object| &*object.external_id.text).collect()
    }

    /// Error, external id and message of each refused row.
    fn refused<'s>(&'s self) -> Vec<(ErrorType, Option<&'s str>, &'s str)> {
        let refused = |item: &'s ReadItem| match item {
            ReadItem::Refused(refused) => Some(refused.as_ref()),
            ReadItem::Object(_) => None,
        };
        let refused = self.items.iter().filter_map(refused);
        refused.map(|r| (r.error, r.external_id.as_ref().map(|id| &*id.text), r.message.as_str())).collect()
    }
}

/// A person with the attributes `id` (10), `name` (11) and `mail` (12), all texts.
fn person() -> ScopeType {
    scope_type(1, "person", &["id", "name", "mail"])
}

fn import(bytes: impl AsRef<[u8]>, changes: &[(i64, &str)]) -> Result<Seen, Failure> {
    import_of(scope_of(vec![person()]), bytes, changes)
}

fn import_of(scope: ImportScope, bytes: impl AsRef<[u8]>, changes: &[(i64, &str)]) -> Result<Seen, Failure> {
    let place = Place::new(scope, changes);
    place.write(bytes);
    place.import()
}

fn texts(object: &ReadObject, attribute: i64) -> Vec<String> {
    object.values.of(attribute).iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect()
}
