//! Selection of object types and attributes. An attribute with an id flag is always selected.

use std::collections::{BTreeMap, HashSet};

use uuid::Uuid;

use super::{Caller, record_update};
use crate::app::App;
use crate::db::Tx;
use crate::domain::schema::RowId;
use crate::domain::text::count;
use crate::error::{Error, Result};
use crate::store::activities::Outcome;
use crate::store::connected_systems;
use crate::store::schema::{self, Flag, ListedAttribute, ListedType};

/// Changes of an attribute; `None` keeps a flag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AttributePatch {
    pub selected: Option<bool>,
    /// External id.
    pub external: Option<bool>,
    /// Secondary external id.
    pub secondary: Option<bool>,
}

/// Result of a bulk update.
pub struct Bulk {
    pub activity: Uuid,
    pub updated: Vec<ListedAttribute>,
    /// Ids of attributes that were not updated, and why.
    pub errors: Vec<(i64, String)>,
}

/// Attributes that an activity names; others are counted.
const MAX_NAMED: usize = 20;
const LOCKED: &str = "An external id or secondary external id is always selected; clear its flag, or give it to another \
                      attribute, before this one is deselected.";
const CONTRADICTS: &str = "Must not be false for what becomes an external id or secondary external id.";

/// All object types of a system with their attributes.
pub async fn list(app: &App, system: i64) -> Result<Vec<ListedType>> {
    let listed = app.db.read(move |c| {
        connected_systems::require(c, system)?;
        schema::list(c, system)
    });
    listed.await
}

pub async fn update_type(
    app: &App,
    system: i64,
    id: RowId,
    selected: Option<bool>,
    remove_contributed: Option<bool>,
    caller: &Caller,
) -> Result<ListedType> {
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let stored = connected_systems::get(tx, system)?;
            let before = schema::type_head(tx, system, id)?;
            schema::update_type(tx, id, selected, remove_contributed)?;
            let mut flags = Vec::new();
            describe(&mut flags, "selected", "not selected", selected);
            let [on, off] = ["contributed attributes go when obsolete", "contributed attributes stay when obsolete"];
            describe(&mut flags, on, off, remove_contributed);
            let message = sentence(format!("Object type {}", before.stored.name), flags);
            record_update(tx, &stored, &by, &Outcome::done(message))?;
            schema::object_type(tx, system, id)
        })
        .await
}

/// Changes an attribute. At most one attribute of a type has each id flag: setting it clears that of the other.
pub async fn update_attribute(
    app: &App,
    system: i64,
    object_type: RowId,
    id: RowId,
    patch: AttributePatch,
    caller: &Caller,
) -> Result<ListedAttribute> {
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let stored = connected_systems::get(tx, system)?;
            let of = schema::type_head(tx, system, object_type)?.stored.name;
            let attribute = schema::attribute(tx, object_type, id)?;
            let attribute = attribute.ok_or_else(|| Error::not_found("attribute", id))?;
            let changed = change(tx, object_type, attribute, patch)?.map_err(|e| Error::field("selected", e))?;
            let Changed { attribute, mut flags, taken } = changed;
            flags.extend(taken);
            let message = sentence(format!("Attribute {of}.{}", attribute.stored.name), flags);
            record_update(tx, &stored, &by, &Outcome::done(message))?;
            Ok(attribute)
        })
        .await
}

/// Changes many attributes in one transaction with one activity, in the order of the ids. Invalid changes are reported,
/// the others are stored.
pub async fn update_many(
    app: &App,
    system: i64,
    object_type: RowId,
    patches: BTreeMap<i64, AttributePatch>,
    caller: &Caller,
) -> Result<Bulk> {
    if patches.is_empty() {
        return Err(Error::field("attributes", "Must name at least one attribute."));
    }
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let stored = connected_systems::get(tx, system)?;
            let of = schema::type_head(tx, system, object_type)?.stored.name;
            let (mut done, mut names, mut taken, mut errors) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            let mut claimed = HashSet::new();
            for (id, patch) in &patches {
                match one_of_many(tx, object_type, *id, *patch, &mut claimed)? {
                    Ok(changed) => {
                        done.push(*id);
                        names.push(match changed.flags.join(", ") {
                            flags if flags.is_empty() => changed.attribute.stored.name.to_string(),
                            flags => format!("{} ({flags})", changed.attribute.stored.name),
                        });
                        taken.extend(changed.taken);
                    }
                    Err(why) => errors.push((*id, why)),
                }
            }
            let more = names.len().saturating_sub(MAX_NAMED);
            names.truncate(MAX_NAMED);
            if more > 0 {
                names.push(format!("and {more} more"));
            }
            names.extend(taken);
            let counted = count(done.len(), "attribute");
            let mut message = format!("Object type {of}, {counted} updated");
            if !names.is_empty() {
                message = format!("{message}: {}", names.join(", "));
            }
            let outcome = Outcome {
                message: Some(message),
                warning: (!errors.is_empty())
                    .then(|| format!("{} could not be updated", count(errors.len(), "attribute"))),
                to_process: patches.len(),
                processed: done.len(),
                ..Outcome::default()
            };
            let activity = record_update(tx, &stored, &by, &outcome)?;
            // Read at the end: a later change may have cleared a flag of an earlier one.
            let updated = done.into_iter().map(|id| schema::attribute(tx, object_type, id));
            let updated = updated.filter_map(Result::transpose).collect::<Result<_>>()?;
            Ok(Bulk { activity, updated, errors })
        })
        .await
}

/// Change of one attribute.
struct Changed {
    attribute: ListedAttribute,
    /// Requested flags, as text.
    flags: Vec<String>,
    /// Flags that other attributes lost, as text.
    taken: Vec<String>,
}

fn one_of_many(
    tx: &Tx<'_>,
    object_type: RowId,
    id: i64,
    patch: AttributePatch,
    claimed: &mut HashSet<Flag>,
) -> Result<Result<Changed, String>> {
    let Some(attribute) = schema::attribute(tx, object_type, id)? else {
        return Ok(Err(format!("Attribute {id} does not exist.")));
    };
    let wants = [(patch.external, Flag::External), (patch.secondary, Flag::Secondary)];
    let wants: Vec<Flag> = wants.into_iter().filter(|(w, _)| *w == Some(true)).map(|(_, flag)| flag).collect();
    if wants.iter().any(|flag| claimed.contains(flag)) {
        return Ok(Err("Another attribute of this update already claims the same id flag.".to_owned()));
    }
    let changed = change(tx, object_type, attribute, patch)?;
    if changed.is_ok() {
        claimed.extend(wants);
    }
    Ok(changed.map_err(str::to_owned))
}

/// Changes one attribute, or returns why it cannot be.
fn change(
    tx: &Tx<'_>,
    object_type: RowId,
    mut attribute: ListedAttribute,
    patch: AttributePatch,
) -> Result<Result<Changed, &'static str>> {
    let a = &mut attribute.stored;
    if patch.selected == Some(false) {
        // Also if the same patch clears the flag: that takes two requests.
        if a.is_locked() {
            return Ok(Err(LOCKED));
        }
        if patch.external == Some(true) || patch.secondary == Some(true) {
            return Ok(Err(CONTRADICTS));
        }
    }
    let (mut flags, mut taken) = (Vec::new(), Vec::new());
    describe(&mut flags, "selected", "not selected", patch.selected);
    describe(&mut flags, "external id", "not external id", patch.external);
    describe(&mut flags, "secondary external id", "not secondary external id", patch.secondary);
    a.is_external_id = patch.external.unwrap_or(a.is_external_id);
    a.is_secondary_external_id = patch.secondary.unwrap_or(a.is_secondary_external_id);
    a.selected = patch.selected.unwrap_or(a.selected) || a.is_locked();
    for (patch, flag, what) in
        [(patch.external, Flag::External, "external id"), (patch.secondary, Flag::Secondary, "secondary external id")]
    {
        if patch == Some(true) {
            let from = schema::clear(tx, flag, object_type, a.id)?;
            taken.extend(from.iter().map(|name| format!("{what} taken from {name}")));
        }
    }
    schema::update_attribute(tx, a)?;
    Ok(Ok(Changed { attribute, flags, taken }))
}

fn describe(flags: &mut Vec<String>, on: &str, off: &str, patch: Option<bool>) {
    flags.extend(patch.map(|patch| if patch { on } else { off }.to_owned()));
}

fn sentence(subject: String, flags: Vec<String>) -> String {
    if flags.is_empty() { format!("{subject}: nothing changed") } else { format!("{subject}: {}", flags.join(", ")) }
}
