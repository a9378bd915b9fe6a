//! The plan of a schema import: stored and seen types in, changes out. Pure.
//!
//! Types and attributes are matched by name. What an administrator selected is never removed; a warning lists it.

use std::collections::HashMap;
use std::sync::Arc;

use super::{RowId, SeenAttribute, SeenSchema, SeenType, StoredAttribute, StoredType};
use crate::domain::text::count;

const MAX_NAMED: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeRef {
    Row(RowId),
    New,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition {
    /// Index in [`SeenType::attributes`].
    pub attribute: usize,
    /// Becomes the external id, and selected.
    pub external: bool,
    /// Becomes the secondary external id, and selected.
    pub secondary: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeChange {
    pub row: TypeRef,
    /// Index in [`SeenSchema::types`].
    pub seen: usize,
    pub respelled: bool,
    pub added: Vec<Addition>,
    /// Rows to update, each with the index of the seen attribute.
    pub updated: Vec<(RowId, usize)>,
    pub removed: Vec<RowId>,
    /// Row that becomes the external id, and selected.
    pub external: Option<RowId>,
    /// Row that becomes the secondary external id, and selected.
    pub secondary: Option<RowId>,
}

/// Numbers of changes; totals are those after the import.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub types: usize,
    pub types_added: usize,
    pub types_removed: usize,
    pub attributes: usize,
    pub attributes_added: usize,
    pub attributes_removed: usize,
    pub attributes_updated: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub changes: Vec<TypeChange>,
    pub removed: Vec<RowId>,
    pub counts: Counts,
    pub warnings: Vec<String>,
}

impl Plan {
    pub fn summary(&self) -> String {
        let c = &self.counts;
        let mut parts = Vec::new();
        for (what, types, attributes) in [
            ("added", c.types_added, c.attributes_added),
            ("removed", c.types_removed, c.attributes_removed),
            ("updated", 0, c.attributes_updated),
        ] {
            let counted = [(types, "type"), (attributes, "attribute")];
            let counted: Vec<String> = counted.iter().filter(|(n, _)| *n > 0).map(|(n, w)| count(*n, w)).collect();
            if !counted.is_empty() {
                parts.push(format!("{} {what}", counted.join(" and ")));
            }
        }
        let changes = if parts.is_empty() { "no changes".to_owned() } else { parts.join(", ") };
        format!("{} with {}: {changes}", count(c.types, "object type"), count(c.attributes, "attribute"))
    }
}

pub fn plan(stored: &[StoredType], seen: &SeenSchema) -> Plan {
    let mut plan = Plan { warnings: seen.warnings.clone(), ..Plan::default() };
    let (mut kept_types, mut kept_attributes) = (Vec::new(), Vec::new());
    let pairs = Pairs::of(stored.iter().map(|t| &*t.name), seen.types.iter().map(|t| &*t.name));
    for (i, known) in pairs.seen.iter().enumerate() {
        let (Some(known), Some(now)) = (known, seen.types.get(i)) else { continue };
        let row = known.and_then(|row| stored.get(row));
        let change = change(row, i, now, seen, &mut plan.counts, &mut kept_attributes);
        if !change.is_empty() {
            plan.changes.push(change);
        }
    }
    for row in pairs.missing.iter().filter_map(|i| stored.get(*i)) {
        if seen.complete && !is_selected(row, seen) {
            plan.counts.types_removed += 1;
            plan.removed.push(row.id);
            continue;
        }
        plan.counts.types += 1;
        plan.counts.attributes += row.attributes.len();
        if seen.complete {
            kept_types.push(row.name.to_string());
        }
    }
    plan.warnings.extend(kept_warning("object type", &mut kept_types));
    plan.warnings.extend(kept_warning("attribute", &mut kept_attributes));
    plan
}

impl TypeChange {
    fn is_empty(&self) -> bool {
        self.row != TypeRef::New
            && !self.respelled
            && self.added.is_empty()
            && self.updated.is_empty()
            && self.removed.is_empty()
            && self.external.is_none()
            && self.secondary.is_none()
    }
}

/// Plans one seen type, against its stored row if there is one.
fn change(
    row: Option<&StoredType>,
    place: usize,
    now: &SeenType,
    seen: &SeenSchema,
    counts: &mut Counts,
    kept: &mut Vec<String>,
) -> TypeChange {
    let stored = row.map_or(&[][..], |row| &row.attributes);
    let pairs = Pairs::of(stored.iter().map(|a| &*a.name), now.attributes.iter().map(|a| &*a.name));
    let mut change = TypeChange {
        row: row.map_or(TypeRef::New, |row| TypeRef::Row(row.id)),
        seen: place,
        respelled: row.is_some_and(|row| *row.name != *now.name),
        added: pairs.added().map(|attribute| Addition { attribute, external: false, secondary: false }).collect(),
        updated: Vec::new(),
        removed: Vec::new(),
        external: None,
        secondary: None,
    };
    for (i, known) in pairs.seen.iter().enumerate() {
        let (Some(Some(known)), Some(attribute)) = (known, now.attributes.get(i)) else { continue };
        if let Some(old) = stored.get(*known).filter(|old| !is_same(old, attribute)) {
            change.updated.push((old.id, i));
        }
    }
    // No attributes means that they are unknown.
    if seen.complete && !now.attributes.is_empty() {
        for old in pairs.missing.iter().filter_map(|i| stored.get(*i)) {
            if old.selected || old.is_locked() {
                kept.push(format!("{}.{}", row.map_or("", |row| &row.name), old.name))
            } else {
                change.removed.push(old.id)
            }
        }
    }
    flag(&mut change, stored, &pairs, now, seen);
    counts.types += 1;
    counts.types_added += usize::from(row.is_none());
    counts.attributes += stored.len() + change.added.len() - change.removed.len();
    counts.attributes_added += change.added.len();
    counts.attributes_removed += change.removed.len();
    counts.attributes_updated += change.updated.len();
    change
}

/// Sets the recommended external ids where a type has none.
fn flag(change: &mut TypeChange, stored: &[StoredAttribute], pairs: &Pairs, now: &SeenType, seen: &SeenSchema) {
    let recommended = |name: &Option<Arc<str>>, taken: bool| {
        let name = name.as_ref().filter(|_| !taken)?;
        let place = now.attributes.iter().position(|a| a.name == *name)?;
        let known = (*pairs.seen.get(place)?)?;
        Some((place, known.and_then(|old| stored.get(old)).map(|old| old.id)))
    };
    let external = recommended(&seen.external_id, stored.iter().any(|a| a.is_external_id));
    let secondary = recommended(&seen.secondary_external_id, stored.iter().any(|a| a.is_secondary_external_id));
    change.external = external.and_then(|(_, row)| row);
    change.secondary = secondary.and_then(|(_, row)| row);
    for addition in &mut change.added {
        addition.external = external == Some((addition.attribute, None));
        addition.secondary = secondary == Some((addition.attribute, None));
    }
}

/// Whether the administrator selected a type or an attribute of it. A flag set by the connector is no such selection.
fn is_selected(row: &StoredType, seen: &SeenSchema) -> bool {
    let flagged_by_connector =
        |a: &StoredAttribute| a.is_locked() && seen.id_attributes.iter().any(|id| id.eq_ignore_ascii_case(&a.name));
    row.selected || row.attributes.iter().any(|a| a.selected && !flagged_by_connector(a))
}

fn is_same(old: &StoredAttribute, now: &SeenAttribute) -> bool {
    *old.name == *now.name
        && old.description.as_deref() == now.description.as_deref()
        && old.class_name.as_deref() == now.class_name.as_deref()
        && (old.data_type, old.plurality, old.writability) == (now.data_type, now.plurality, now.writability)
}

fn kept_warning(what: &str, names: &mut [String]) -> Option<String> {
    names.sort_unstable();
    let shown = names.get(..MAX_NAMED.min(names.len()))?.join(", ");
    let more = match names.len().saturating_sub(MAX_NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    (!names.is_empty()).then(|| {
        let counted = count(names.len(), what);
        format!("{counted} kept although no longer in the schema, because of choices made there: {shown}{more}")
    })
}

/// Pairs of stored and seen names: equal text first, then ignoring case where that is unambiguous.
struct Pairs {
    /// For each seen name: `None` if it repeats an earlier one, else the stored one, `None` if new.
    seen: Vec<Option<Option<usize>>>,
    /// Stored names that were not seen.
    missing: Vec<usize>,
}

impl Pairs {
    fn of<'a>(stored: impl Iterator<Item = &'a str>, seen: impl Iterator<Item = &'a str>) -> Pairs {
        let stored: Vec<&str> = stored.collect();
        let mut left: HashMap<&str, usize> = stored.iter().enumerate().map(|(i, name)| (*name, i)).collect();
        let mut names = HashMap::new();
        let mut pairs = Vec::new();
        for (i, name) in seen.enumerate() {
            let first = names.insert(name, i).is_none();
            pairs.push(first.then(|| left.remove(name)));
        }
        if !left.is_empty() {
            let mut folded: HashMap<String, (Vec<usize>, Vec<usize>)> = HashMap::new();
            for (name, i) in &left {
                folded.entry(name.to_lowercase()).or_default().0.push(*i);
            }
            for (name, i) in &names {
                if pairs.get(*i).is_some_and(|p| *p == Some(None))
                    && let Some((_, seen)) = folded.get_mut(&name.to_lowercase())
                {
                    seen.push(*i);
                }
            }
            for (old, now) in folded.into_values() {
                if let ([old], [now]) = (old.as_slice(), now.as_slice()) {
                    if let Some(pair) = pairs.get_mut(*now) {
                        *pair = Some(Some(*old));
                    }
                    if let Some(name) = stored.get(*old) {
                        left.remove(name);
                    }
                }
            }
        }
        let mut missing: Vec<usize> = left.into_values().collect();
        missing.sort_unstable();
        Pairs { seen: pairs, missing }
    }

    /// Indexes of new names.
    fn added(&self) -> impl Iterator<Item = usize> {
        self.seen.iter().enumerate().filter(|(_, pair)| **pair == Some(None)).map(|(i, _)| i)
    }
}
