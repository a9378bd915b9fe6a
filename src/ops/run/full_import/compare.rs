//! Comparison of a read object with the stored one.

use std::collections::{BTreeMap, HashSet};

use super::Import;
use super::batch::{NewReferences, name_of};
use super::index::Known;
use crate::db::Connection;
use crate::domain::connector_space::{
    ChangeType, ErrorType, ExternalId, Item, Outcome, OutcomeKind, ReadItem, ReadObject, Refused, RowId, ShownChange,
    Status, Values,
};
use crate::domain::service_setting::OutcomeLevel;
use crate::error::Result;
use crate::store::connector_space::{self as rows, Hasher, Head, NewHead, StoredObject, Unresolved};
use time::OffsetDateTime;

/// Head of an object whose own was lost.
pub(super) fn recovered(hasher: &Hasher, object: &StoredObject, is_own: bool) -> NewHead {
    let own = rows::own_id(&object.external_id).filter(|_| is_own);
    let id = ExternalId { text: object.external_id.as_str().into(), own };
    let key = hasher.external_key(object.object_type, &id);
    let name = name_of(hasher, &object.external_id, object.secondary_id.as_deref());
    NewHead { head: Head { key, object: object.id, hash: 0 }, name }
}

/// References of a read object: resolved ids by attribute, and the names that no object has.
#[derive(Default)]
struct Resolved {
    ids: BTreeMap<RowId, Vec<RowId>>,
    open: Vec<(RowId, i64, String)>,
    /// Attribute, target and the name that led to it.
    by_name: Vec<(RowId, RowId, i64)>,
}

/// Stored references of an object.
struct References {
    ids: BTreeMap<RowId, Vec<RowId>>,
    open: Vec<Unresolved>,
}

impl References {
    fn load(c: &Connection, object: RowId) -> Result<References> {
        Ok(References { ids: rows::references(c, object)?, open: rows::unresolved_of_object(c, object)? })
    }
}

impl Import {
    /// Plans one entry or row.
    pub(super) fn item(&mut self, c: &Connection, item: ReadItem) -> Result<()> {
        match item {
            ReadItem::Object(object) => self.object(c, *object),
            ReadItem::Refused(refused) => self.refuse(c, *refused),
        }
    }

    fn object(&mut self, c: &Connection, object: ReadObject) -> Result<()> {
        self.types_seen.insert(object.object_type);
        self.note_shown(&object);
        let key = self.hasher.external_key(object.object_type, &object.external_id);
        if let Some(dns) = self.twice.get(&key) {
            let message = format!("the external id {} occurs at {}", object.external_id.text, dns.join("; and at "));
            return self.refuse(c, twice(object, message));
        }
        match self.index.meet(&key) {
            Known::New => self.add(c, key, object),
            Known::Stored(head) => self.compare(c, head, object),
            Known::Again(id) => self.met_again(c, id, object),
        }
    }

    fn note_shown(&mut self, object: &ReadObject) {
        let Some(info) = self.types.get(&object.object_type) else { return };
        // Most objects show nothing new.
        if info.attributes.keys().all(|id| self.shown.contains(&(object.object_type, *id))) {
            return;
        }
        let values = object.values.attributes().map(|(id, _)| id);
        let shown = values.chain(object.references.iter().map(|(id, _)| *id));
        self.shown.extend(shown.map(|id| (object.object_type, id)));
    }

    fn add(&mut self, c: &Connection, key: [u8; 16], object: ReadObject) -> Result<()> {
        let id = self.ids.next;
        self.ids.next += 1;
        let hash = if object.errors.is_empty() { self.hasher.object(&object) } else { 0 };
        let stored = self.row(id, &object, object.values.clone(), micros(), None);
        let name = name_of(&self.hasher, &stored.external_id, stored.secondary_id.as_deref());
        self.names(c)?.add(name, id);
        self.add_head(Head { key, object: id, hash }, name);
        let resolved = self.resolve(c, &object, &[])?;
        self.track(id, &resolved.by_name);
        for (attribute, ids) in resolved.ids {
            self.batch.references.push(NewReferences { object: id, attribute, ids });
        }
        self.batch.unresolved.extend(resolved.open.into_iter().map(|open| unresolved(id, open)));
        self.resolved_anew.insert(id);
        self.batch.counts.add(stored.partition, stored.object_type, Status::Normal, 1);
        self.totals.added += 1;
        let item = self.new_item(&stored, ChangeType::Added, vec![Outcome::once(OutcomeKind::CsoAdded)]);
        self.batch.items.push(with_error(item, &object));
        self.batch.objects.push(stored);
        Ok(())
    }

    fn row(&self, id: RowId, object: &ReadObject, values: Values, created: i64, updated: Option<i64>) -> StoredObject {
        let external_id = object.external_id.text.to_string();
        let info = self.types.get(&object.object_type);
        StoredObject {
            id,
            object_type: object.object_type,
            partition: object.partition,
            status: Status::Normal,
            created,
            updated,
            display_name: info.map_or_else(String::new, |info| info.display_name(&values, &external_id)),
            external_id,
            secondary_id: object.dn.as_deref().map(str::to_owned),
            values,
        }
    }

    pub(super) fn compare(&mut self, c: &Connection, head: Head, object: ReadObject) -> Result<()> {
        self.release(head.object);
        let hash = if object.errors.is_empty() { self.hasher.object(&object) } else { 0 };
        if head.hash == hash && hash != 0 {
            self.unchanged += 1;
            return Ok(());
        }
        let Some(stored) = rows::get(c, head.object)? else {
            return Err(crate::error::Error::internal("an object of the index is missing", "connector_objects"));
        };
        let before = References::load(c, stored.id)?;
        let mut kept: Vec<RowId> = object.errors.iter().map(|e| e.attribute).collect();
        let waiting = self.lost_unshown(&stored, &before, &object, &kept);
        kept.extend(&waiting);
        let values = object.values.clone().with_kept(&kept, &stored.values);
        let (changes, silent) = self.split(object.object_type, values.changes_from(&stored.values));
        let row = self.row(stored.id, &object, values, stored.created, Some(micros()));
        let references = self.compare_references(c, &stored, before, &object, &kept)?;
        let hash = if waiting.is_empty() { hash } else { 0 };
        if head.hash != hash {
            self.batch.hashes.push((head.key, hash));
        }
        let references = self.shown_only(object.object_type, references);
        let same = changes.is_empty() && references.is_empty() && same_frame(&row, &stored);
        let of_type = object.object_type;
        if waiting.is_empty() && self.held_attributes.keys().any(|(object, _)| *object == stored.id) {
            self.held_attributes.retain(|(object, _), _| *object != stored.id);
            self.batch.released.push(stored.id);
        }
        self.vanishing.extend(waiting.into_iter().map(|attribute| (of_type, stored.id, attribute, !same)));
        if same {
            self.unchanged += 1;
            self.item_of_errors(&row, &object);
            if silent {
                self.batch.objects.push(StoredObject { updated: stored.updated, ..row });
            }
            return Ok(());
        }
        self.rename(c, &stored, &row)?;
        self.recount(&stored, &row);
        let mut item = self.new_item(&row, ChangeType::Updated, vec![Outcome::once(OutcomeKind::CsoUpdated)]);
        if self.level == OutcomeLevel::Detailed {
            item.changes = self.shown_changes(&stored, &row, &changes, references);
        }
        self.batch.items.push(with_error(item, &object));
        self.batch.objects.push(row);
        self.totals.updated += 1;
        Ok(())
    }

    /// Attributes that the object lost as a whole and that no object of its type has shown in this run so far: they may
    /// be unreadable now, so that their values stay until one object shows them.
    fn lost_unshown(
        &self,
        stored: &StoredObject,
        before: &References,
        object: &ReadObject,
        kept: &[RowId],
    ) -> Vec<RowId> {
        let Some(info) = self.types.get(&object.object_type) else { return Vec::new() };
        let had = stored.values.attributes().map(|(id, _)| id).chain(before.ids.keys().copied());
        let mut lost: Vec<RowId> = had.chain(before.open.iter().map(|u| u.attribute)).collect();
        lost.sort_unstable();
        lost.dedup();
        let shows = |id: &RowId| {
            !object.values.of(*id).is_empty() || object.references.iter().any(|(a, names)| a == id && !names.is_empty())
        };
        lost.retain(|id| {
            let unshown = !self.shown.contains(&(object.object_type, *id));
            unshown && !kept.contains(id) && !shows(id) && info.attributes.contains_key(id)
        });
        lost
    }

    /// Stores a new name, and notes the old one for the references that use it.
    fn rename(&mut self, c: &Connection, before: &StoredObject, after: &StoredObject) -> Result<()> {
        let name = |o: &StoredObject| name_of(&self.hasher, &o.external_id, o.secondary_id.as_deref());
        let (old, new) = (name(before), name(after));
        if old == new && before.status == after.status {
            return Ok(());
        }
        let names = self.names(c)?;
        if old != new {
            names.remove(old, before.id);
            self.batch.names_freed.push((old, before.id));
            if before.status == Status::Normal {
                let text = before.secondary_id.clone().unwrap_or_else(|| before.external_id.clone());
                self.freed.push((before.id, text));
            }
        }
        self.names(c)?.add(new, before.id);
        self.batch.names_given.push((new, before.id));
        Ok(())
    }

    fn recount(&mut self, before: &StoredObject, after: &StoredObject) {
        let place = |o: &StoredObject| (o.partition, o.object_type, o.status);
        if place(before) != place(after) {
            self.batch.counts.add(before.partition, before.object_type, before.status, -1);
            self.batch.counts.add(after.partition, after.object_type, after.status, 1);
        }
    }

    /// Plans the references of a known object. Returns what changed, for people.
    fn compare_references(
        &mut self,
        c: &Connection,
        stored: &StoredObject,
        before: References,
        object: &ReadObject,
        kept: &[RowId],
    ) -> Result<Vec<ShownChange>> {
        if before.ids.is_empty() && before.open.is_empty() && object.references.is_empty() {
            return Ok(Vec::new());
        }
        self.resolved_anew.insert(stored.id);
        let resolved = self.resolve(c, object, kept)?;
        self.track(stored.id, &resolved.by_name);
        let open_before: HashSet<(RowId, i64)> = before.open.iter().map(|u| (u.attribute, u.name_hash)).collect();
        let open_after: HashSet<(RowId, i64)> = resolved.open.iter().map(|open| (open.0, open.1)).collect();
        let mut changed: BTreeMap<RowId, [Vec<Unresolved>; 2]> = BTreeMap::new();
        for lost in before.open.into_iter().filter(|u| !open_after.contains(&(u.attribute, u.name_hash))) {
            changed.entry(lost.attribute).or_default()[0].push(lost);
        }
        for gained in resolved.open.into_iter().filter(|open| !open_before.contains(&(open.0, open.1))) {
            changed.entry(gained.0).or_default()[1].push(unresolved(stored.id, gained));
        }
        for attribute in before.ids.keys().chain(resolved.ids.keys()) {
            if before.ids.get(attribute) != resolved.ids.get(attribute) {
                changed.entry(*attribute).or_default();
            }
        }
        let none = Vec::new();
        let mut shown = Vec::new();
        for (attribute, [lost, gained]) in changed.into_iter().filter(|(id, _)| !kept.contains(id)) {
            let old = before.ids.get(&attribute).unwrap_or(&none);
            let new = resolved.ids.get(&attribute).unwrap_or(&none);
            if old == new && lost.is_empty() && gained.is_empty() {
                continue;
            }
            if old != new {
                self.batch.references.push(NewReferences { object: stored.id, attribute, ids: new.clone() });
            }
            shown.push(self.shown_references(c, attribute, [old, new], [&lost, &gained])?);
            self.batch.resolved.extend(lost);
            self.batch.unresolved.extend(gained);
        }
        Ok(shown)
    }

    /// Resolves the references of a read object, but for those of `kept` attributes.
    fn resolve(&mut self, c: &Connection, object: &ReadObject, kept: &[RowId]) -> Result<Resolved> {
        let mut resolved = Resolved::default();
        let is_file = object.dn.is_none();
        let hasher = self.hasher.clone();
        for (attribute, texts) in object.references.iter().filter(|(id, _)| !kept.contains(id)) {
            let names = self.names(c)?;
            let ids = resolved.ids.entry(*attribute).or_default();
            for text in texts {
                let name = if is_file { hasher.text(text) } else { name_of(&hasher, "", Some(text)) };
                match names.get(name) {
                    Some(id) => {
                        ids.push(id);
                        resolved.by_name.push((*attribute, id, name));
                    }
                    None => resolved.open.push((*attribute, name, text.to_string())),
                }
            }
            ids.sort_unstable();
            ids.dedup();
        }
        Ok(resolved)
    }

    /// Removes the held removal of an object that is there.
    fn release(&mut self, object: RowId) {
        if self.held.remove(&object) {
            self.batch.released.push(object);
        }
    }

    /// An entry that is no object; the stored object of its identity or name is not missing.
    fn refuse(&mut self, c: &Connection, refused: Refused) -> Result<()> {
        // Both the holder of the identity and that of the name are there in some form.
        let mut object = None;
        if let (Some(object_type), Some(id)) = (refused.object_type, &refused.external_id) {
            let key = self.hasher.external_key(object_type, id);
            if let Known::Stored(Head { object: id, .. }) | Known::Again(id) = self.index.meet(&key) {
                self.release(id);
                object = Some(id);
            }
        }
        if let Some(dn) = refused.dn.as_deref() {
            let name = name_of(&self.hasher, "", Some(dn));
            let named = self.names(c)?.get(name).map(|id| rows::get(c, id)).transpose()?.flatten();
            if let Some(stored) = named {
                let own = self.own_types.contains(&stored.object_type);
                self.index.meet(&recovered(&self.hasher, &stored, own).head.key);
                self.release(stored.id);
                object = Some(stored.id);
            }
        }
        self.refused += 1;
        let type_name = refused.object_type.and_then(|id| self.types.get(&id)).map(|info| info.name.clone());
        self.batch.items.push(Item {
            object,
            change: ChangeType::NoChange,
            error: Some(refused.error),
            external_id: refused.external_id.map(|id| id.text.into()),
            display_name: refused.dn.map(String::from),
            type_name,
            message: Some(refused.message),
            outcomes: Vec::new(),
            changes: Vec::new(),
        });
        Ok(())
    }

    fn item_of_errors(&mut self, row: &StoredObject, object: &ReadObject) {
        if !object.errors.is_empty() {
            let item = self.new_item(row, ChangeType::NoChange, Vec::new());
            self.batch.items.push(with_error(item, object));
        }
    }
}

/// An object whose identity occurs more than once.
fn twice(object: ReadObject, message: String) -> Refused {
    Refused {
        error: ErrorType::DuplicateObject,
        message,
        object_type: Some(object.object_type),
        external_id: Some(object.external_id),
        dn: object.dn,
    }
}

/// Adds the errors of single attributes to the item of their object.
fn with_error(item: Item, object: &ReadObject) -> Item {
    let Some(first) = object.errors.first() else { return item };
    let messages: Vec<&str> = object.errors.iter().map(|e| e.message.as_str()).collect();
    Item { error: Some(first.error), message: Some(messages.join("; ")), ..item }
}

/// Whether two versions of an object differ in nothing but values.
fn same_frame(a: &StoredObject, b: &StoredObject) -> bool {
    let frame = |o: &StoredObject| {
        (o.object_type, o.partition, o.status, o.external_id.clone(), o.secondary_id.clone(), o.display_name.clone())
    };
    frame(a) == frame(b)
}

fn unresolved(object: RowId, (attribute, name_hash, name): (RowId, i64, String)) -> Unresolved {
    Unresolved { name_hash, object, attribute, name }
}

/// Now, in microseconds since 1970 UTC.
pub(super) fn micros() -> i64 {
    i64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX)
}
