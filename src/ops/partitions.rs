//! Choosing partitions and containers: exactly the row that is named, no cascade.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Caller, record_update};
use crate::app::App;
use crate::db::Tx;
use crate::domain::hierarchy::{RowId, StoredPartition};
use crate::error::{Error, Result};
use crate::store::activities::Outcome;
use crate::store::connected_systems;
use crate::store::hierarchy::{self, Node};

/// A partition with its containers, flat.
pub struct Branch {
    /// The partition.
    pub partition: StoredPartition,
    /// Its containers in no particular order.
    pub nodes: Vec<Node>,
}

/// What a bulk update did.
pub struct Bulk {
    /// The one activity.
    pub activity: Uuid,
    /// Containers updated.
    pub updated: usize,
    /// Ids that were not, with the reason.
    pub errors: Vec<(i64, String)>,
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
            let message = told("Partition", &partition.external_id, selected);
            record_update(tx, &stored, &by, &Outcome::done(message))?;
            Ok(Branch { partition, nodes: hierarchy::nodes(tx, id)? })
        })
        .await
}

/// Stores a container's selection, if one is given. Returns it with everything below it, flat.
pub async fn select_container(
    app: &App,
    system: i64,
    id: RowId,
    selected: Option<bool>,
    caller: &Caller,
) -> Result<Vec<Node>> {
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let stored = connected_systems::get(tx, system)?;
            let dn = hierarchy::container_dn(tx, system, id)?;
            if let Some(selected) = selected {
                hierarchy::select_container(tx, system, id, selected)?;
            }
            let message = told("Container", &dn, selected);
            record_update(tx, &stored, &by, &Outcome::done(message))?;
            hierarchy::nodes_below(tx, id)
        })
        .await
}

/// Stores many selections in one transaction with one activity. Ids that are not of this system are reported;
/// the others are stored.
pub async fn select_many(app: &App, system: i64, wanted: BTreeMap<i64, Option<bool>>, caller: &Caller) -> Result<Bulk> {
    if wanted.is_empty() {
        return Err(Error::field("containers", "Must name at least one container."));
    }
    let by = caller.initiator();
    app.db
        .write(move |tx| {
            let stored = connected_systems::get(tx, system)?;
            let mut errors = Vec::new();
            for (id, selected) in &wanted {
                select_one_of_many(tx, system, *id, *selected, &mut errors)?;
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

fn select_one_of_many(
    tx: &Tx<'_>,
    system: i64,
    id: i64,
    selected: Option<bool>,
    errors: &mut Vec<(i64, String)>,
) -> Result<()> {
    match hierarchy::container_dn(tx, system, id) {
        Ok(_) => selected.map_or(Ok(()), |s| hierarchy::select_container(tx, system, id, s)),
        Err(Error::NotFound { .. }) => {
            errors.push((id, format!("Container {id} does not exist.")));
            Ok(())
        }
        Err(e) => Err(e),
    }
}

fn told(what: &str, dn: &str, selected: Option<bool>) -> String {
    match selected {
        Some(true) => format!("{what} {dn}: selected"),
        Some(false) => format!("{what} {dn}: not selected"),
        None => format!("{what} {dn}: nothing changed"),
    }
}
