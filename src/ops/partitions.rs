//! Selection of partitions and containers. A container without a choice follows its ancestors; none follows a partition.

use std::collections::{BTreeMap, HashMap, HashSet};

use uuid::Uuid;

use super::{Caller, record_update};
use crate::app::App;
use crate::db::Tx;
use crate::domain::dn::DnKey;
use crate::domain::hierarchy::scope::Choice;
use crate::domain::hierarchy::{RowId, StoredPartition};
use crate::error::{Error, Result};
use crate::store::activities::Outcome;
use crate::store::connected_systems;
use crate::store::container_list::{self, Found, Search};
use crate::store::hierarchy::{self, Node};
use crate::store::{page, selection};

/// A partition with its containers, flat.
pub struct Branch {
    pub partition: StoredPartition,
    /// Containers in no particular order.
    pub nodes: Vec<Node>,
}

/// Container as a caller names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    Id(i64),
    /// By its normal form, and as it was written.
    Dn(DnKey, String),
}

/// Result of a bulk update.
pub struct Bulk {
    pub activity: Uuid,
    pub updated: usize,
    /// Ids of containers that were not updated, and why; a DN without a container has no id.
    pub errors: Vec<(Option<i64>, String)>,
}

/// All partitions of a system with their containers.
pub async fn list(app: &App, system: i64) -> Result<Vec<Branch>> {
    let listed = app.db.read(move |c| {
        connected_systems::require(c, system)?;
        let branch = |partition: StoredPartition| Ok(Branch { nodes: hierarchy::nodes(c, partition.id)?, partition });
        hierarchy::partitions(c, system)?.into_iter().map(branch).collect()
    });
    listed.await
}

/// Stores a partition's selection, if one is given.
pub async fn select_partition(
    app: &App,
    system: i64,
    id: RowId,
    selected: Option<bool>,
    caller: &Caller,
) -> Result<Branch> {
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let stored = connected_systems::get(tx, system)?;
            let mut partition = hierarchy::partition(tx, system, id)?;
            if let Some(selected) = selected {
                hierarchy::select_partition(tx, system, id, selected)?;
                partition.selected = selected;
            }
            let message = message("Partition", &partition.external_id, selected.map(Choice::Own));
            record_update(tx, &stored, &by, &Outcome::done(message))?;
            Ok(Branch { partition, nodes: hierarchy::nodes(tx, id)? })
        })
        .await
}

/// Stores a container's choice, if one is given. Returns it with everything below it, flat.
pub async fn select_container(
    app: &App,
    system: i64,
    id: RowId,
    choice: Option<Choice>,
    caller: &Caller,
) -> Result<Vec<Node>> {
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let stored = connected_systems::get(tx, system)?;
            let dn = hierarchy::container_dn(tx, system, id)?;
            if let Some(choice) = choice {
                selection::choose(tx, system, &BTreeMap::from([(id, choice)]))?;
            }
            let message = message("Container", &dn, choice);
            record_update(tx, &stored, &by, &Outcome::done(message))?;
            hierarchy::nodes_below(tx, id)
        })
        .await
}

/// Page of containers that hold a text.
pub(crate) async fn find_containers(app: &App, system: i64, search: Search) -> Result<page::Found<Found>> {
    let found = app.db.read(move |c| {
        connected_systems::require(c, system)?;
        container_list::find(c, system, &search)
    });
    found.await
}

/// Stores many choices in one transaction with one activity. Containers that this system does not have are
/// reported; the others are stored.
///
/// # Errors
/// None are named, or one is named twice.
pub async fn select_many(
    app: &App,
    system: i64,
    wanted: BTreeMap<Named, Option<Choice>>,
    caller: &Caller,
) -> Result<Bulk> {
    if wanted.is_empty() {
        return Err(Error::field("containers", "Must name at least one container."));
    }
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let stored = connected_systems::get(tx, system)?;
            let mut errors = Vec::new();
            let mut choices = BTreeMap::new();
            for (id, choice) in by_id(tx, system, &wanted, &mut errors)? {
                match hierarchy::container_dn(tx, system, id) {
                    Ok(_) => choices.extend(choice.map(|choice| (id, choice))),
                    Err(Error::NotFound { .. }) => errors.push((Some(id), format!("Container {id} does not exist."))),
                    Err(e) => return Err(e),
                }
            }
            if !choices.is_empty() {
                selection::choose(tx, system, &choices)?;
            }
            let updated = wanted.len() - errors.len();
            let outcome = Outcome {
                message: Some(format!("Selection of {updated} containers")),
                warning: (!errors.is_empty()).then(|| format!("{} containers could not be updated", errors.len())),
                to_process: wanted.len(),
                processed: updated,
                ..Outcome::default()
            };
            let activity = record_update(tx, &stored, &by, &outcome)?;
            Ok(Bulk { activity, updated, errors })
        })
        .await
}

/// Ids of the containers that are named. DNs without a container are added to the errors.
fn by_id(
    tx: &Tx<'_>,
    system: i64,
    wanted: &BTreeMap<Named, Option<Choice>>,
    errors: &mut Vec<(Option<i64>, String)>,
) -> Result<BTreeMap<i64, Option<Choice>>> {
    let dns: HashSet<&DnKey> =
        wanted.keys().filter_map(|named| if let Named::Dn(key, _) = named { Some(key) } else { None }).collect();
    // A search of all containers, which ids do not need.
    let rows = if dns.is_empty() { HashMap::new() } else { hierarchy::by_dn(tx, system, &dns)? };
    let mut ids = BTreeMap::new();
    for (named, choice) in wanted {
        let id = match named {
            Named::Id(id) => *id,
            Named::Dn(key, text) => match rows.get(key) {
                Some(id) => *id,
                None => {
                    let is_partition = hierarchy::partitions(tx, system)?.iter().any(|p| p.key == *key);
                    errors.push((
                        None,
                        if is_partition {
                            format!("{text} is a partition, not a container: PUT partitions/ID selects it.")
                        } else {
                            format!("No container is named {text}.")
                        },
                    ));
                    continue;
                }
            },
        };
        if ids.insert(id, *choice).is_some() {
            return Err(Error::field("containers", format!("Container {id} must be named only once.")));
        }
    }
    Ok(ids)
}

fn message(what: &str, dn: &str, choice: Option<Choice>) -> String {
    match choice {
        Some(Choice::Own(true)) => format!("{what} {dn}: selected"),
        Some(Choice::Own(false)) => format!("{what} {dn}: not selected"),
        Some(Choice::Inherited) => format!("{what} {dn}: selection inherited"),
        None => format!("{what} {dn}: nothing changed"),
    }
}
