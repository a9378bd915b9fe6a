//! Choosing object types and attributes.
//!
//! The attribute that names objects takes part: one that carries an id flag is selected, and cannot be deselected.

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

/// What a caller wants of an attribute; `None` keeps what is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// Takes part in synchronisation.
    pub selected: Option<bool>,
    /// Names an object for good.
    pub external: Option<bool>,
    /// Names an object while it stays where it is.
    pub secondary: Option<bool>,
}

/// What a bulk update did.
pub struct Bulk {
    /// The one activity.
    pub activity: Uuid,
    /// The attributes that were updated, by id.
    pub updated: Vec<ListedAttribute>,
    /// Ids that were not, with the reason.
    pub errors: Vec<(i64, String)>,
}

/// Attributes that an activity names; the rest are counted.
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

/// Stores what is chosen for a type.
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
            let mut told = Vec::new();
            tell(&mut told, "selected", "not selected", selected);
            let [on, off] = ["contributed attributes go when obsolete", "contributed attributes stay when obsolete"];
            tell(&mut told, on, off, remove_contributed);
            let message = sentence(format!("Object type {}", before.stored.name), told);
            record_update(tx, &stored, &by, &Outcome::done(message))?;
            schema::object_type(tx, system, id)
        })
        .await
}

/// Stores what is chosen for an attribute. The id flags are each carried by one attribute of a type at most: who gets
/// one takes it from the other.
pub async fn update_attribute(
    app: &App,
    system: i64,
    object_type: RowId,
    id: RowId,
    wish: Wish,
    caller: &Caller,
) -> Result<ListedAttribute> {
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let stored = connected_systems::get(tx, system)?;
            let of = schema::type_head(tx, system, object_type)?.stored.name;
            let attribute = schema::attribute(tx, object_type, id)?;
            let attribute = attribute.ok_or_else(|| Error::not_found("attribute", id))?;
            let changed = change(tx, object_type, attribute, wish)?.map_err(|e| Error::field("selected", e))?;
            let Changed { attribute, mut told, taken } = changed;
            told.extend(taken);
            let message = sentence(format!("Attribute {of}.{}", attribute.stored.name), told);
            record_update(tx, &stored, &by, &Outcome::done(message))?;
            Ok(attribute)
        })
        .await
}

/// Stores many wishes in one transaction with one activity, in the order of the ids. What cannot be stored is
/// reported; the rest is.
pub async fn update_many(
    app: &App,
    system: i64,
    object_type: RowId,
    wishes: BTreeMap<i64, Wish>,
    caller: &Caller,
) -> Result<Bulk> {
    if wishes.is_empty() {
        return Err(Error::field("attributes", "Must name at least one attribute."));
    }
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let stored = connected_systems::get(tx, system)?;
            let of = schema::type_head(tx, system, object_type)?.stored.name;
            let (mut done, mut names, mut taken, mut errors) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
            let mut claimed = HashSet::new();
            for (id, wish) in &wishes {
                match one_of_many(tx, object_type, *id, *wish, &mut claimed)? {
                    Ok(changed) => {
                        done.push(*id);
                        names.push(match changed.told.join(", ") {
                            told if told.is_empty() => changed.attribute.stored.name.to_string(),
                            told => format!("{} ({told})", changed.attribute.stored.name),
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
                to_process: wishes.len(),
                processed: done.len(),
                ..Outcome::default()
            };
            let activity = record_update(tx, &stored, &by, &outcome)?;
            // As they are in the end: a later one may have taken a flag from an earlier one.
            let updated = done.into_iter().map(|id| schema::attribute(tx, object_type, id));
            let updated = updated.filter_map(Result::transpose).collect::<Result<_>>()?;
            Ok(Bulk { activity, updated, errors })
        })
        .await
}

/// What became of one attribute.
struct Changed {
    attribute: ListedAttribute,
    /// What was asked for.
    told: Vec<String>,
    /// What other attributes lost by it.
    taken: Vec<String>,
}

fn one_of_many(
    tx: &Tx<'_>,
    object_type: RowId,
    id: i64,
    wish: Wish,
    claimed: &mut HashSet<Flag>,
) -> Result<Result<Changed, String>> {
    let Some(attribute) = schema::attribute(tx, object_type, id)? else {
        return Ok(Err(format!("Attribute {id} does not exist.")));
    };
    let wants = [(wish.external, Flag::External), (wish.secondary, Flag::Secondary)];
    let wants: Vec<Flag> = wants.into_iter().filter(|(w, _)| *w == Some(true)).map(|(_, flag)| flag).collect();
    if wants.iter().any(|flag| claimed.contains(flag)) {
        return Ok(Err("Another attribute of this update already claims the same id flag.".to_owned()));
    }
    let changed = change(tx, object_type, attribute, wish)?;
    if changed.is_ok() {
        claimed.extend(wants);
    }
    Ok(changed.map_err(str::to_owned))
}

/// Changes one attribute by the rules, or says why not.
fn change(
    tx: &Tx<'_>,
    object_type: RowId,
    mut attribute: ListedAttribute,
    wish: Wish,
) -> Result<Result<Changed, &'static str>> {
    let a = &mut attribute.stored;
    if wish.selected == Some(false) {
        // Also if the same wish clears the flag: first one, then the other.
        if a.is_locked() {
            return Ok(Err(LOCKED));
        }
        if wish.external == Some(true) || wish.secondary == Some(true) {
            return Ok(Err(CONTRADICTS));
        }
    }
    let (mut told, mut taken) = (Vec::new(), Vec::new());
    tell(&mut told, "selected", "not selected", wish.selected);
    tell(&mut told, "external id", "not external id", wish.external);
    tell(&mut told, "secondary external id", "not secondary external id", wish.secondary);
    a.is_external_id = wish.external.unwrap_or(a.is_external_id);
    a.is_secondary_external_id = wish.secondary.unwrap_or(a.is_secondary_external_id);
    a.selected = wish.selected.unwrap_or(a.selected) || a.is_locked();
    for (wish, flag, what) in
        [(wish.external, Flag::External, "external id"), (wish.secondary, Flag::Secondary, "secondary external id")]
    {
        if wish == Some(true) {
            let from = schema::clear(tx, flag, object_type, a.id)?;
            taken.extend(from.iter().map(|name| format!("{what} taken from {name}")));
        }
    }
    schema::update_attribute(tx, a)?;
    Ok(Ok(Changed { attribute, told, taken }))
}

fn tell(told: &mut Vec<String>, on: &str, off: &str, wish: Option<bool>) {
    told.extend(wish.map(|wish| if wish { on } else { off }.to_owned()));
}

fn sentence(subject: String, told: Vec<String>) -> String {
    match told.is_empty() {
        true => format!("{subject}: nothing changed"),
        false => format!("{subject}: {}", told.join(", ")),
    }
}
