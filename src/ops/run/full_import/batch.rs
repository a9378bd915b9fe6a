//! Changes of one transaction of an import.

use crate::db::Tx;
use crate::domain::connector_space::{ErrorType, Item, RowId};
use crate::error::Result;
use crate::store::connector_space::{self as rows, Counts, Hasher, Ids, NewHead, StoredObject, Unresolved};
use crate::store::{held_removals, items};

/// Items without and items with an error that are kept of one activity (contract, 19).
const MAX_ITEMS: u64 = 100_000;
/// Changed objects of a transaction.
const MAX_CHANGES: usize = 5_000;

/// References of one attribute of an object.
#[derive(Debug)]
pub(super) struct NewReferences {
    pub object: RowId,
    pub attribute: RowId,
    /// Ascending.
    pub ids: Vec<RowId>,
}

/// Everything that the next transaction writes.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub objects: Vec<StoredObject>,
    pub hashes: Vec<([u8; 16], i64)>,
    pub counts: Counts,
    pub references: Vec<NewReferences>,
    pub unresolved: Vec<Unresolved>,
    /// Unresolved references that are resolved or gone.
    pub resolved: Vec<Unresolved>,
    pub names_given: Vec<(i64, RowId)>,
    pub names_freed: Vec<(i64, RowId)>,
    /// Objects whose held removals are no longer wanted.
    pub released: Vec<RowId>,
    pub items: Vec<Item>,
    /// Counts of items and ids once this is committed.
    pub items_after: Option<(ItemCounts, Ids)>,
}

/// Items of a run so far: the first of each kind are kept.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ItemCounts {
    written: i64,
    plain: u64,
    with_error: u64,
    pub left_out: u64,
    /// Items with an error, by whether it is UnhandledError.
    pub errors: u64,
    pub unhandled: u64,
}

impl ItemCounts {
    /// Number of the item, unless there are too many of its kind.
    fn take(&mut self, item: &Item) -> Option<i64> {
        if let Some(error) = item.error {
            self.errors += 1;
            self.unhandled += u64::from(error == ErrorType::UnhandledError);
        }
        let kind = if item.error.is_some() { &mut self.with_error } else { &mut self.plain };
        *kind += 1;
        if *kind > MAX_ITEMS {
            self.left_out += 1;
            return None;
        }
        self.written += 1;
        Some(self.written)
    }
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty()
            && self.hashes.is_empty()
            && self.items.is_empty()
            && self.references.is_empty()
            && self.unresolved.is_empty()
            && self.resolved.is_empty()
            && self.released.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.objects.len() + self.hashes.len() + self.items.len() + self.resolved.len() >= MAX_CHANGES
    }

    /// Writes all changes. `record` is false for runs that keep counts only.
    pub(super) fn apply(
        &self,
        tx: &Tx<'_>,
        system: i64,
        activity: i64,
        record: bool,
        counts: &mut ItemCounts,
    ) -> Result<()> {
        self.objects.iter().try_for_each(|object| rows::put(tx, object))?;
        for (key, hash) in &self.hashes {
            rows::set_hash(tx, system, key, *hash)?;
        }
        for (name, object) in &self.names_freed {
            rows::remove_name(tx, system, *name, *object)?;
            rows::note_freed(tx, system, *object)?;
        }
        for (name, object) in &self.names_given {
            rows::add_name(tx, system, *name, *object)?;
        }
        for NewReferences { object, attribute, ids } in &self.references {
            rows::set_references(tx, *object, *attribute, ids)?;
        }
        self.resolved.iter().try_for_each(|gone| rows::remove_unresolved(tx, system, gone))?;
        self.unresolved.iter().try_for_each(|reference| rows::add_unresolved(tx, system, reference))?;
        for object in &self.released {
            held_removals::release(tx, *object)?;
        }
        for item in &self.items {
            if let Some(n) = counts.take(item).filter(|_| record) {
                items::insert(tx, activity, n, item)?;
            }
        }
        self.counts.apply(tx, system)
    }
}

/// Heads and names of new objects that are not written yet.
#[derive(Default)]
pub(super) struct LateHeads {
    pub new: Vec<NewHead>,
}

impl LateHeads {
    /// Heads that are kept before they are written: 10 MiB of memory.
    const MAX: usize = 250_000;

    pub(super) fn is_full(&self) -> bool {
        self.new.len() >= Self::MAX
    }
}

/// Name of an object as references use it: its DN, or for a file its external id.
pub(super) fn name_of(hasher: &Hasher, external_id: &str, dn: Option<&str>) -> i64 {
    use crate::domain::dn::{DnKey, key_and_name};
    match dn {
        None => hasher.text(external_id),
        Some(dn) => key_and_name(dn).map_or_else(|_| hasher.text(dn), |(key, _): (DnKey, String)| hasher.dn(&key)),
    }
}
