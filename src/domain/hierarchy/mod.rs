//! Trees of partitions and containers: what is stored, what a directory showed, and the plan that leads from the
//! one to the other.
//!
//! [`plan()`] is a pure function. It never decides that something is gone because it was not seen: it names
//! candidates, and only a verdict that the directory gave for a candidate removes anything.

mod known;
mod matching;
mod plan;
mod report;
mod warnings;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;

use uuid::Uuid;

use super::dn::DnKey;

pub use known::Known;
pub use plan::{Addition, Candidate, ParentRef, PartitionRef, PartitionUpdate, Plan, Policy, Retarget, Update, plan};
pub use report::{Changes, Moved, Renamed, Touched, summary};

/// The key of a stored row. Never used twice.
pub type RowId = i64;

/// Which immutable id a directory gave, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IdKind {
    /// `objectGUID` of the Active Directory family.
    ObjectGuid,
    /// `entryUUID` (RFC 4530).
    EntryUuid,
    /// `nsUniqueId` of 389 Directory Server.
    NsUniqueId,
}

/// An id that follows an entry through renames and moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId {
    /// Where it came from; ids of different kinds are never compared.
    pub kind: IdKind,
    /// The sixteen bytes that all three kinds come down to.
    pub value: [u8; 16],
}

impl fmt::Display for EntryId {
    /// The attribute and its value as directories show it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = u128::from_be_bytes(self.value);
        match self.kind {
            IdKind::ObjectGuid => write!(f, "objectGUID {}", Uuid::from_u128(value)),
            IdKind::EntryUuid => write!(f, "entryUUID {}", Uuid::from_u128(value)),
            IdKind::NsUniqueId => {
                let [a, b, c, d] = [96, 64, 32, 0].map(|shift| (value >> shift) as u32);
                write!(f, "nsUniqueId {a:08x}-{b:08x}-{c:08x}-{d:08x}")
            }
        }
    }
}

/// The immutable ids that an entry shows, the best kind first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EntryIds(pub [Option<EntryId>; 2]);

impl EntryIds {
    /// The id to store.
    pub fn best(&self) -> Option<EntryId> {
        self.0[0].or(self.0[1])
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = EntryId> + '_ {
        self.0.iter().flatten().copied()
    }

    /// Whether `stored` and these ids cannot be of one entry: the same kind with another value.
    pub fn contradicts(&self, stored: Option<EntryId>) -> bool {
        stored.is_some_and(|s| self.iter().any(|id| id.kind == s.kind && id.value != s.value))
    }
}

/// A partition as stored.
#[derive(Debug, Clone)]
pub struct StoredPartition {
    /// Row.
    pub id: RowId,
    /// The DN as the directory listed it.
    pub external_id: Arc<str>,
    /// Its normal form.
    pub key: DnKey,
    /// The id of the naming context's own entry, once it was readable.
    pub entry_id: Option<EntryId>,
    /// Technical.
    pub hidden: bool,
    /// Chosen by the administrator.
    pub selected: bool,
}

/// A container as stored.
#[derive(Debug, Clone)]
pub struct StoredContainer {
    /// Row.
    pub id: RowId,
    /// The partition's row.
    pub partition_id: RowId,
    /// The container above; `None` directly below the partition. Ids begin with 1, and half a million rows are held with
    /// eight bytes less each.
    pub above: Option<NonZero<RowId>>,
    /// The DN as the directory sent it.
    pub external_id: Arc<str>,
    /// The immutable id, where the directory showed one.
    pub entry_id: Option<EntryId>,
    /// Unescaped value of the first RDN.
    pub name: Arc<str>,
    /// The entry's description.
    pub description: Option<Box<str>>,
    /// Technical.
    pub hidden: bool,
    /// Chosen by the administrator.
    pub selected: bool,
}

impl StoredContainer {
    /// The row of the container above; `None` directly below the partition.
    pub fn parent_id(&self) -> Option<RowId> {
        self.above.map(NonZero::get)
    }

    /// The normal form of its DN, made when it is needed: in most imports nearly no row is asked for it.
    pub fn key(&self) -> DnKey {
        DnKey::of_stored(&self.external_id)
    }
}

/// All that is stored of one system's hierarchy. Containers are ordered by row.
#[derive(Debug, Clone, Default)]
pub struct StoredTree {
    /// The partitions.
    pub partitions: Vec<StoredPartition>,
    /// The containers of all of them.
    pub containers: Vec<StoredContainer>,
}

impl StoredTree {
    /// Where a row is in the list.
    pub fn row_of(&self, id: RowId) -> Option<usize> {
        self.containers.binary_search_by_key(&id, |c| c.id).ok()
    }

    /// Position of the parent of each container.
    fn parents(&self) -> Vec<Option<u32>> {
        let above = |c: &StoredContainer| c.parent_id().and_then(|id| self.row_of(id)).map(|r| r as u32);
        self.containers.iter().map(above).collect()
    }
}

/// How much of a partition was seen, and with that what may be concluded from an absence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// Its own entry and every page were read, the last result was success, nothing was skipped.
    Complete,
    /// Entries came, but not all. Nothing is removed. The text says why.
    Incomplete(String),
    /// Nothing can be said; its rows stay as they are. The text says why.
    Failed(String),
}

/// A container as a directory showed it.
#[derive(Debug, Clone)]
pub struct SeenContainer {
    /// The DN as sent.
    pub external_id: Arc<str>,
    /// Its normal form.
    pub key: DnKey,
    /// The immutable ids shown.
    pub ids: EntryIds,
    /// Unescaped value of the first RDN.
    pub name: Arc<str>,
    /// The entry's description.
    pub description: Option<Box<str>>,
    /// Marked technical by the directory.
    pub hidden: bool,
}

/// A partition as a directory listed it.
#[derive(Debug, Clone)]
pub struct SeenPartition {
    /// The DN as listed.
    pub external_id: Arc<str>,
    /// Its normal form.
    pub key: DnKey,
    /// The ids of its own entry; empty while that is unreadable.
    pub ids: EntryIds,
    /// Technical; so are all its containers then.
    pub hidden: bool,
    /// How much of it was seen.
    pub view: View,
    /// Its containers in the order in which they came. The partition's own entry is not among them.
    pub containers: Vec<SeenContainer>,
}

/// What one import saw.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The listed partitions, less the technical ones that the settings leave out.
    pub partitions: Vec<SeenPartition>,
    /// How many the directory listed in all.
    pub listed: usize,
    /// Those that it listed and that were left out: entries below them are not the outer partition's to tell.
    pub others: Vec<DnKey>,
    /// What an administrator should know of the listing itself.
    pub warnings: Vec<String>,
    /// What to do where the directory does not show enough.
    pub advice: Advice,
}

/// Place of a seen container in [`Seen`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EntryRef {
    partition: u32,
    container: u32,
}

impl EntryRef {
    /// The container itself.
    pub fn of(self, seen: &Seen) -> &SeenContainer {
        &seen.partitions[self.partition as usize].containers[self.container as usize]
    }

    /// Index of its partition.
    fn partition(self) -> usize {
        self.partition as usize
    }
}

/// What an administrator can change on the directory at hand, to be put into warnings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Advice {
    /// So that what is hidden can be told from what is gone.
    pub see_all: &'static str,
    /// So that immutable ids can be read.
    pub read_ids: &'static str,
}

/// What the directory answered when it was asked about one missing row by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Proved absent.
    Gone,
    /// Taken as absent although this directory cannot tell hidden from absent; worth a warning.
    GoneUnproved,
    /// The entry is there (renamed while reading, or no container any more).
    Answers,
    /// The account may not see enough to tell.
    Hidden,
    /// The directory's rules do not allow a proof.
    Unprovable,
    /// The look-up itself failed.
    Unclear,
    /// Not looked up: too many candidates for one import.
    NotAsked,
}

/// Verdicts by row: containers and partitions have tables of their own.
#[derive(Debug, Clone, Default)]
pub struct Verdicts {
    /// For topmost missing containers.
    pub containers: HashMap<RowId, Verdict>,
    /// For stored partitions that are no longer listed.
    pub partitions: HashMap<RowId, Verdict>,
    /// Entries that were no longer at their name when it was looked up again: renamed while the directory was read.
    pub left: HashSet<EntryRef>,
}
