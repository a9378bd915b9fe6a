//! The schema of a directory: which object types there are and which attributes they may have.
//!
//! Directories tell of it in two ways, as definitions in one entry ([`subschema`]) or as an entry for each definition
//! (`active_directory`). Both fill one [`model`], from which the types follow. What is odd is found and told; what
//! cannot be read to its end is a failure, because half a schema would make the other half look like removed.

mod active_directory;
pub mod bounds;
pub mod definition;
pub mod findings;
mod ids;
mod lexer;
pub mod model;
mod names;
mod resolve;
pub mod subschema;
mod types;

pub use resolve::object_types;
use std::sync::Arc;

use super::failure::EXCEEDS;
use super::root_dse::RootDse;
use super::session::{EVERY_ENTRY, Session};
use super::{Access, Failure, Stage, partitions};
use crate::domain::hierarchy::EntryIds;
use crate::domain::schema::{SeenAttribute, SeenSchema};
use bounds::Exceeds;
use model::Model;

const NOT_WHOLE: &str = "the schema cannot be read as a whole";

/// Reads the schema; which classes become object types is in the settings.
///
/// # Errors
/// The schema could not be read to its end: half a schema would make the other half look like removed.
pub async fn discover(access: &Access, session: &mut Session, root: &RootDse) -> Result<SeenSchema, Failure> {
    session.enter(Stage::Schema);
    let read = if root.kind.is_ad_family() {
        active_directory::model(access, session, root).await?
    } else {
        let entry = subschema::entry(access, session, root).await?;
        // Reading a large schema takes a while: other requests are served meanwhile.
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
    // Working it out cannot be interrupted; what took too long is not used.
    access.in_time(Stage::Schema)?;
    Ok(seen)
}

/// What follows from the declarations.
fn schema(
    mut model: Model,
    root: &RootDse,
    shown: EntryIds,
    clean: impl Fn(&str) -> String,
) -> Result<SeenSchema, Exceeds> {
    let chosen = ids::choose(root.kind, shown, |name| model.declared(name).is_some());
    let added: Vec<SeenAttribute> = chosen.added.iter().filter_map(|name| added(&model, name)).collect();
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

/// An attribute that every type gets: as it is declared, or as it is known.
fn added(model: &Model, name: &str) -> Option<SeenAttribute> {
    let known = || {
        let (data_type, plurality, writability) = types::by_name(name)?;
        let name = Arc::from(name);
        Some(SeenAttribute { name, description: None, class_name: None, data_type, plurality, writability })
    };
    model.declared(name).or_else(known)
}

/// The ids that the root entry of the first visible partition shows; none if it cannot be read.
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
    tracing::warn!(what = what.0, "the schema has more than is read");
    unreadable(access, EXCEEDS)
}

#[cfg(test)]
mod tests;
