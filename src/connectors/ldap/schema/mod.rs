//! Schema of a directory: its object types and their attributes.
//!
//! Directories publish definitions in one entry ([`subschema`]) or as an entry each (`active_directory`). Both fill a
//! `model`, which resolves to types. Oddities are warnings; an incomplete schema is a failure, because the missing
//! half would look removed.

mod active_directory;
pub mod bounds;
mod classes;
pub mod definition;
mod findings;
mod ids;
mod lexer;
mod model;
mod names;
mod resolve;
pub mod subschema;
mod types;

pub use classes::{Classes, classes};
pub use resolve::object_types;
use std::sync::Arc;
pub use types::{DISTINGUISHED_NAME, ENTRY_UUID, NS_UNIQUE_ID, OBJECT_GUID};

use super::failure::EXCEEDS;
use super::root_dse::RootDse;
use super::session::{EVERY_ENTRY, Session};
use super::{Access, Failure, Stage, partitions};
use crate::domain::hierarchy::EntryIds;
use crate::domain::schema::{SeenAttribute, SeenSchema};
use bounds::Exceeds;
use model::Model;

const INCOMPLETE: &str = "the schema cannot be read as a whole";

/// Reads the schema completely, or fails.
pub async fn discover(access: &Access, session: &mut Session, root: &RootDse) -> Result<SeenSchema, Failure> {
    session.enter(Stage::Schema);
    let read = if root.kind.is_ad_family() {
        active_directory::model(access, session, root).await?
    } else {
        let entry = subschema::entry(access, session, root).await?;
        // A large schema takes a while; other requests must not wait.
        let read = tokio::task::block_in_place(|| subschema::of_entry(&entry, access.settings.auxiliary));
        read.and_then(|model| if access.budget.keep(model.bytes()) { Ok(model) } else { Err(Exceeds("text")) })
            .map_err(|what| exceeds(access, what))?
    };
    match read.counts() {
        (_, 0) => return Err(unreadable(access, "no object class is shown")),
        (0, _) => return Err(unreadable(access, "no attribute type is shown")),
        _ => {}
    }
    let shown =
        if ids::depends_on_entry(root.kind) { shown_ids(access, session, root).await? } else { EntryIds::default() };
    let clean = |text: &str| session.clean(text);
    let seen =
        tokio::task::block_in_place(|| schema(read, root, shown, clean)).map_err(|what| exceeds(access, what))?;
    // Parsing cannot be cancelled, so the timeout is checked afterwards.
    access.in_time(Stage::Schema)?;
    Ok(seen)
}

fn schema(
    mut model: Model,
    root: &RootDse,
    shown: EntryIds,
    clean: impl Fn(&str) -> String,
) -> Result<SeenSchema, Exceeds> {
    let chosen = ids::choose(root.kind, shown, |name| model.declared(name).is_some());
    let added: Vec<SeenAttribute> = chosen.added.iter().filter_map(|name| id_attribute(&model, name)).collect();
    let named = |name: &str| added.iter().find(|a| a.name.eq_ignore_ascii_case(name)).map(|a| a.name.clone());
    let types = object_types(&mut model, &added)?;
    model.findings.no_external_id = chosen.external.is_none();
    Ok(SeenSchema {
        types,
        complete: model.findings.is_whole(),
        id_attributes: &types::ID_ATTRIBUTES,
        external_id: chosen.external.and_then(named),
        secondary_external_id: named(types::DISTINGUISHED_NAME),
        warnings: model.findings.warnings(clean),
    })
}

/// An attribute of every type: as declared, else as known by name.
fn id_attribute(model: &Model, name: &str) -> Option<SeenAttribute> {
    let known = || {
        let (data_type, plurality, writability) = types::by_name(name)?;
        let name = Arc::from(name);
        Some(SeenAttribute { name, description: None, class_name: None, data_type, plurality, writability })
    };
    model.declared(name).or_else(known)
}

/// Ids shown by the root entry of the first visible partition; empty if unreadable.
async fn shown_ids(access: &Access, session: &mut Session, root: &RootDse) -> Result<EntryIds, Failure> {
    let listed = partitions::list(access, session, root).await?.partitions;
    let Some(partition) = listed.iter().find(|p| p.held && !p.hidden) else { return Ok(EntryIds::default()) };
    let wanted = ["entryUUID", "nsUniqueId"];
    let read = access.within(Stage::Schema, session.read(&partition.dn, EVERY_ENTRY, &wanted)).await?;
    Ok(read.entry.filter(|_| read.code == 0).map(|entry| super::ids::ids(&entry)).unwrap_or_default())
}

fn unreadable(access: &Access, why: &str) -> Failure {
    Failure::new(Stage::Schema, &access.label(), why)
}

fn exceeds(access: &Access, what: Exceeds) -> Failure {
    tracing::warn!(what = what.0, "the schema exceeds a limit");
    unreadable(access, EXCEEDS)
}

#[cfg(test)]
mod tests;
