//! The plan of a schema import: what is stored and what was seen in, changes out. Pure.
//!
//! Names decide what is the same. Nothing that somebody chose goes because it was not seen: it stays, and is told.

use std::collections::HashMap;
use std::sync::Arc;

use super::{RowId, SeenAttribute, SeenSchema, SeenType, StoredAttribute, StoredType};
use crate::domain::text::count;

/// Names that a warning lists; the rest are counted.
const MAX_NAMED: usize = 20;

/// A type of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeRef {
    /// A stored one.
    Row(RowId),
    /// One that is not stored yet.
    New,
}

/// An attribute that becomes a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addition {
    /// Its place in the type that was seen.
    pub attribute: usize,
    /// It becomes the external id, and selected.
    pub external: bool,
    /// It becomes the secondary external id, and selected.
    pub secondary: bool,
}

/// What changes about one type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeChange {
    /// Which one.
    pub row: TypeRef,
    /// Its place in the schema that was seen.
    pub seen: usize,
    /// Its name is spelled differently now.
    pub respelled: bool,
    /// Attributes that are new.
    pub added: Vec<Addition>,
    /// Rows that are brought to what was seen.
    pub refreshed: Vec<(RowId, usize)>,
    /// Rows that go.
    pub gone: Vec<RowId>,
    /// The row that becomes the external id, and selected.
    pub external: Option<RowId>,
    /// The row that becomes the secondary external id, and selected.
    pub secondary: Option<RowId>,
}

/// How much changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Counts {
    pub types: usize,
    pub types_added: usize,
    pub types_gone: usize,
    pub attributes: usize,
    pub attributes_added: usize,
    pub attributes_gone: usize,
    pub attributes_refreshed: usize,
}

/// What an import does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Types with changes, new ones among them.
    pub changes: Vec<TypeChange>,
    /// Types that go with all their attributes.
    pub gone: Vec<RowId>,
    /// Totals are those after the import.
    pub counts: Counts,
    /// What an administrator should know.
    pub warnings: Vec<String>,
}

impl Plan {
    /// One line of what changes.
    pub fn summary(&self) -> String {
        let c = &self.counts;
        let mut parts = Vec::new();
        for (what, types, attributes) in [
            ("added", c.types_added, c.attributes_added),
            ("removed", c.types_gone, c.attributes_gone),
            ("updated", 0, c.attributes_refreshed),
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

/// Plans how `stored` becomes what was seen.
pub fn plan(stored: &[StoredType], seen: &SeenSchema) -> Plan {
    let mut plan = Plan { warnings: seen.warnings.clone(), ..Plan::default() };
    let (mut kept_types, mut kept_attributes) = (Vec::new(), Vec::new());
    let pairs = Pairs::of(stored.iter().map(|t| &*t.name), seen.types.iter().map(|t| &*t.name));
    for (i, known) in pairs.seen.iter().enumerate() {
        let (Some(known), Some(now)) = (known, seen.types.get(i)) else { continue };
        let change = match known.and_then(|row| stored.get(row)) {
            Some(row) => merged(row, i, now, seen, &mut plan.counts, &mut kept_attributes),
            None => added(i, now, seen, &mut plan.counts),
        };
        if !change.is_empty() {
            plan.changes.push(change);
        }
    }
    for row in pairs.missing.iter().filter_map(|i| stored.get(*i)) {
        if seen.complete && !is_wanted(row, seen) {
            plan.counts.types_gone += 1;
            plan.gone.push(row.id);
            continue;
        }
        plan.counts.types += 1;
        plan.counts.attributes += row.attributes.len();
        if seen.complete {
            kept_types.push(row.name.to_string());
        }
    }
    plan.warnings.extend(kept("object type", &mut kept_types));
    plan.warnings.extend(kept("attribute", &mut kept_attributes));
    plan
}

impl TypeChange {
    fn of(row: TypeRef, seen: usize) -> Self {
        let (added, refreshed, gone) = (Vec::new(), Vec::new(), Vec::new());
        TypeChange { row, seen, respelled: false, added, refreshed, gone, external: None, secondary: None }
    }

    fn is_empty(&self) -> bool {
        self.row != TypeRef::New
            && !self.respelled
            && self.added.is_empty()
            && self.refreshed.is_empty()
            && self.gone.is_empty()
            && self.external.is_none()
            && self.secondary.is_none()
    }
}

fn added(place: usize, now: &SeenType, seen: &SeenSchema, counts: &mut Counts) -> TypeChange {
    let mut change = TypeChange::of(TypeRef::New, place);
    let names = Pairs::of(std::iter::empty(), now.attributes.iter().map(|a| &*a.name));
    change.added = names.added().map(|attribute| Addition { attribute, external: false, secondary: false }).collect();
    flag(&mut change, None, &names, now, seen);
    counts.types += 1;
    counts.types_added += 1;
    counts.attributes += change.added.len();
    counts.attributes_added += change.added.len();
    change
}

fn merged(
    row: &StoredType,
    place: usize,
    now: &SeenType,
    seen: &SeenSchema,
    counts: &mut Counts,
    kept: &mut Vec<String>,
) -> TypeChange {
    let mut change = TypeChange::of(TypeRef::Row(row.id), place);
    change.respelled = *row.name != *now.name;
    let pairs = Pairs::of(row.attributes.iter().map(|a| &*a.name), now.attributes.iter().map(|a| &*a.name));
    change.added = pairs.added().map(|attribute| Addition { attribute, external: false, secondary: false }).collect();
    for (i, known) in pairs.seen.iter().enumerate() {
        let (Some(Some(known)), Some(attribute)) = (known, now.attributes.get(i)) else { continue };
        if let Some(old) = row.attributes.get(*known).filter(|old| !is_same(old, attribute)) {
            change.refreshed.push((old.id, i));
        }
    }
    // A type without attributes is one of which nothing is known.
    if seen.complete && !now.attributes.is_empty() {
        for old in pairs.missing.iter().filter_map(|i| row.attributes.get(*i)) {
            if old.selected || old.is_locked() {
                kept.push(format!("{}.{}", row.name, old.name))
            } else {
                change.gone.push(old.id)
            }
        }
    }
    flag(&mut change, Some(row), &pairs, now, seen);
    counts.types += 1;
    counts.attributes += row.attributes.len() + change.added.len() - change.gone.len();
    counts.attributes_added += change.added.len();
    counts.attributes_gone += change.gone.len();
    counts.attributes_refreshed += change.refreshed.len();
    change
}

/// Gives a type without external ids what the connector recommends.
fn flag(change: &mut TypeChange, row: Option<&StoredType>, pairs: &Pairs, now: &SeenType, seen: &SeenSchema) {
    let stored = row.map_or(&[][..], |r| &r.attributes);
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

/// Whether somebody chose a type or an attribute of it. That an attribute carries a flag which the connector gave it, and
/// is selected for that, is nobody's choice.
fn is_wanted(row: &StoredType, seen: &SeenSchema) -> bool {
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

fn kept(what: &str, names: &mut [String]) -> Option<String> {
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

/// Which stored name is which seen one: equal text first, then ignoring case where that leaves no doubt.
struct Pairs {
    /// For each seen name `None` if it repeats an earlier one, else the stored one that it is, if it is not new.
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

    /// Places of seen names that are new.
    fn added(&self) -> impl Iterator<Item = usize> {
        self.seen.iter().enumerate().filter(|(_, pair)| **pair == Some(None)).map(|(i, _)| i)
    }
}
