//! Scope of an import: the stored selection as it is when the run starts.

use std::collections::HashSet;

use crate::db::Connection;
use crate::domain::connector_space::{ImportScope, RowId, ScopeAttribute, ScopeContainer, ScopePartition, ScopeType};
use crate::domain::hierarchy::StoredTree;
use crate::domain::schema::{StoredAttribute, StoredType};
use crate::error::Result;
use crate::store::run_profiles::RunProfile;
use crate::store::{hierarchy, schema};

/// Immutable ids that directories keep by themselves.
const OWN_IDS: [&str; 3] = ["objectGUID", "entryUUID", "nsUniqueId"];

/// Kinds of external ids that the stored types have.
pub(crate) struct IdKinds {
    /// Types whose external id is the directory's own, which a rename does not change.
    pub own_types: HashSet<RowId>,
    /// One of them is `objectGUID`: references follow their objects.
    pub links_follow: bool,
}

/// Reads the selection that a run of the profile works with.
pub(crate) fn load(c: &Connection, profile: &RunProfile) -> Result<(ImportScope, IdKinds)> {
    let types = schema::load(c, profile.system)?;
    let tree = hierarchy::load(c, profile.system)?;
    let ids = types.iter().filter_map(|t| Some((t.id, &*t.attributes.iter().find(|a| a.is_external_id)?.name)));
    let ids: Vec<(RowId, &str)> =
        ids.filter(|(_, name)| OWN_IDS.iter().any(|own| own.eq_ignore_ascii_case(name))).collect();
    let kinds = IdKinds {
        own_types: ids.iter().map(|(id, _)| *id).collect(),
        links_follow: ids.iter().any(|(_, name)| name.eq_ignore_ascii_case(OWN_IDS[0])),
    };
    let scope = ImportScope {
        types: types.iter().filter(|t| t.selected).map(scope_type).collect(),
        other_types: types.iter().map(|t| t.name.clone()).collect(),
        partitions: partitions(&tree, profile.partition),
        page_size: u32::try_from(profile.page_size).unwrap_or(500),
        file_path: profile.file_path.clone(),
    };
    Ok((scope, kinds))
}

fn scope_type(stored: &StoredType) -> ScopeType {
    let attribute = |a: &StoredAttribute| ScopeAttribute {
        id: a.id,
        name: a.name.clone(),
        data_type: a.data_type,
        plurality: a.plurality,
        is_external_id: a.is_external_id,
    };
    let attributes = stored.attributes.iter().filter(|a| a.selected).map(attribute).collect();
    ScopeType { id: stored.id, name: stored.name.clone(), attributes }
}

/// Selected partitions with their containers, parents before children.
fn partitions(tree: &StoredTree, only: Option<i64>) -> Vec<ScopePartition> {
    let wanted = tree.partitions.iter().filter(|p| p.selected && only.is_none_or(|id| id == p.id));
    let partition = |p: &crate::domain::hierarchy::StoredPartition| {
        let own = tree.containers.iter().filter(|c| c.partition_id == p.id);
        let mut containers: Vec<ScopeContainer> = own
            .map(|c| ScopeContainer {
                id: c.id,
                dn: c.external_id.clone(),
                key: c.key(),
                entry_id: c.entry_id,
                selected: c.selected,
            })
            .collect();
        containers.sort_by_cached_key(|c| (crate::domain::dn::depth(c.key.as_str()), c.id));
        ScopePartition { id: p.id, dn: p.external_id.clone(), key: p.key.clone(), containers }
    };
    wanted.map(partition).collect()
}
