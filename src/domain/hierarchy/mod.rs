//! Trees of partitions and containers: stored, seen, and the plan from one to the other.
//!
//! [`plan()`] is pure. An entry that was not seen is a candidate for removal; only a verdict of the directory on the
//! candidate removes its row.

mod dn_index;
mod matching;
mod plan;
mod report;
pub(crate) mod scope;
mod warnings;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;

use uuid::Uuid;

use super::dn::DnKey;

pub use dn_index::DnIndex;
pub use plan::{Addition, Candidate, ParentRef, PartitionRef, PartitionUpdate, Plan, Policy, Retarget, Update, plan};
pub use report::{Changes, Moved, Renamed, Touched, summary};

/// Key of a stored row, never reused.
pub type RowId = i64;

/// Attribute of an immutable id, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdKind {
    /// `objectGUID` of the Active Directory family.
    ObjectGuid,
    /// `entryUUID` (RFC 4530).
    EntryUuid,
    /// `nsUniqueId` of 389 Directory Server.
    NsUniqueId,
}

/// Immutable id, which an entry keeps when it is renamed or moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId {
    /// Ids of different kinds are never compared.
    pub kind: IdKind,
    pub value: [u8; 16],
}

impl EntryId {
    /// The value in the usual form of its kind.
    pub fn text(&self) -> String {
        let value = u128::from_be_bytes(self.value);
        match self.kind {
            IdKind::ObjectGuid | IdKind::EntryUuid => Uuid::from_u128(value).to_string(),
            IdKind::NsUniqueId => {
                let [a, b, c, d] = [96, 64, 32, 0].map(|shift| (value >> shift) as u32);
                format!("{a:08x}-{b:08x}-{c:08x}-{d:08x}")
            }
        }
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attribute = match self.kind {
            IdKind::ObjectGuid => "objectGUID",
            IdKind::EntryUuid => "entryUUID",
            IdKind::NsUniqueId => "nsUniqueId",
        };
        write!(f, "{attribute} {}", self.text())
    }
}

/// Immutable ids of an entry, best kind first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryIds(pub [Option<EntryId>; 2]);

impl EntryIds {
    pub fn best(&self) -> Option<EntryId> {
        self.0[0].or(self.0[1])
    }

    pub fn iter(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.0.iter().flatten().copied()
    }

    /// Whether `stored` must be of another entry: the same kind with another value.
    pub fn contradicts(&self, stored: Option<EntryId>) -> bool {
        stored.is_some_and(|s| self.iter().any(|id| id.kind == s.kind && id.value != s.value))
    }
}

#[derive(Debug, Clone)]
pub struct StoredPartition {
    pub id: RowId,
    pub external_id: Arc<str>,
    pub key: DnKey,
    /// Id of the naming context's own entry, once it was readable.
    pub entry_id: Option<EntryId>,
    /// Technical: holds no organisation.
    pub hidden: bool,
    pub selected: bool,
}

#[derive(Debug, Clone)]
pub struct StoredContainer {
    pub id: RowId,
    pub partition_id: RowId,
    /// Parent container; `None` directly below the partition. `NonZero` saves eight bytes a row, for large trees.
    pub above: Option<NonZero<RowId>>,
    pub external_id: Arc<str>,
    pub entry_id: Option<EntryId>,
    pub name: Arc<str>,
    pub description: Option<Box<str>>,
    pub hidden: bool,
    /// Stored by an administrator; without one its ancestors decide.
    pub choice: Option<bool>,
    /// Effective selection: what the choices give.
    pub selected: bool,
}

impl StoredContainer {
    pub fn parent_id(&self) -> Option<RowId> {
        self.above.map(NonZero::get)
    }

    /// Computed on demand: most imports need it for few rows.
    pub fn key(&self) -> DnKey {
        DnKey::of_stored(&self.external_id)
    }
}

/// Stored hierarchy of one connected system. Containers are ordered by row.
#[derive(Debug, Clone, Default)]
pub struct StoredTree {
    pub partitions: Vec<StoredPartition>,
    pub containers: Vec<StoredContainer>,
}

impl StoredTree {
    /// Position of a row in the list.
    pub fn row_of(&self, id: RowId) -> Option<usize> {
        self.containers.binary_search_by_key(&id, |c| c.id).ok()
    }

    /// Position of the parent of each container.
    fn parents(&self) -> Vec<Option<u32>> {
        let above = |c: &StoredContainer| c.parent_id().and_then(|id| self.row_of(id)).map(|r| r as u32);
        self.containers.iter().map(above).collect()
    }
}

/// Completeness of the view of a partition: only an entry missing from a complete view may be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// The partition's own entry and every page were read, the last result was success, no entry was skipped.
    Complete,
    /// Some entries are missing, for this reason; nothing is removed.
    Incomplete(String),
    /// Not readable, for this reason; all rows stay.
    Failed(String),
}

#[derive(Debug, Clone)]
pub struct SeenContainer {
    pub external_id: Arc<str>,
    pub key: DnKey,
    pub ids: EntryIds,
    pub name: Arc<str>,
    pub description: Option<Box<str>>,
    /// Marked as technical by the directory.
    pub hidden: bool,
}

#[derive(Debug, Clone)]
pub struct SeenPartition {
    pub external_id: Arc<str>,
    pub key: DnKey,
    /// Ids of its own entry; empty while that is unreadable.
    pub ids: EntryIds,
    /// Technical, and with it all its containers.
    pub hidden: bool,
    pub view: View,
    /// In the order received, without the partition's own entry.
    pub containers: Vec<SeenContainer>,
}

#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// Listed partitions without the technical ones that the settings skip.
    pub partitions: Vec<SeenPartition>,
    /// Number of listed partitions, with those skipped.
    pub listed: usize,
    /// Keys of the skipped partitions: entries below them do not belong to an outer partition.
    pub others: Vec<DnKey>,
    pub warnings: Vec<String>,
    pub remedies: Remedies,
}

/// Position of a container in [`Seen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryRef {
    partition: u32,
    container: u32,
}

impl EntryRef {
    pub fn of(self, seen: &Seen) -> &SeenContainer {
        &seen.partitions[self.partition as usize].containers[self.container as usize]
    }

    fn partition(self) -> usize {
        self.partition as usize
    }
}

/// Remedies on the directory at hand, for warnings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Remedies {
    /// Makes hidden entries distinguishable from removed ones.
    pub see_all: &'static str,
    pub read_ids: &'static str,
}

/// Result of looking up one missing row by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Absent,
    /// Assumed absent, with a warning: this directory cannot distinguish hidden from absent entries.
    AbsentUnproved,
    /// The entry exists (renamed during the import, or no longer a container).
    Present,
    /// Possibly hidden: the account may not see enough.
    Hidden,
    Unprovable,
    LookUpFailed,
    /// Over the limit of look-ups of one import.
    Skipped,
}

/// Verdicts by row of the containers table and of the partitions table.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    pub containers: HashMap<RowId, Verdict>,
    pub partitions: HashMap<RowId, Verdict>,
    /// Entries renamed during the import: no longer at their DN when it was looked up again.
    pub moved_away: HashSet<EntryRef>,
}
