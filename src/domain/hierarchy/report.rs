//! What a caller is told about a plan: the arrays of the import result, in their order.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::{Seen, View};
use crate::domain::dn;

/// An element that appeared or vanished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// The DN.
    pub external_id: Arc<str>,
    /// The name.
    pub name: Arc<str>,
    /// The stored selection of what was removed; false for what was added.
    pub was_selected: bool,
}

/// An element with a new name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// The new DN.
    pub external_id: Arc<str>,
    /// The name until now.
    pub old_name: Arc<str>,
    /// The name from now on.
    pub new_name: Arc<str>,
    /// Its selection, which it keeps.
    pub was_selected: bool,
}

/// A container under another parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The new DN.
    pub external_id: Arc<str>,
    /// The new name.
    pub name: Arc<str>,
    /// The DN of the parent until now; `None` for the partition itself.
    pub old_parent: Option<Arc<str>>,
    /// The DN of the parent from now on; `None` for the partition itself.
    pub new_parent: Option<Arc<str>>,
    /// Its selection, which it keeps.
    pub was_selected: bool,
}

/// All that an import changes, as it is reported. Parents come before children, then by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New partitions.
    pub added_partitions: Vec<Touched>,
    /// Partitions that are gone.
    pub removed_partitions: Vec<Touched>,
    /// Partitions with another DN.
    pub renamed_partitions: Vec<Renamed>,
    /// New containers.
    pub added_containers: Vec<Touched>,
    /// Containers that are gone.
    pub removed_containers: Vec<Touched>,
    /// Containers with another name.
    pub renamed_containers: Vec<Renamed>,
    /// Containers with another parent.
    pub moved_containers: Vec<Moved>,
}

impl Changes {
    /// Whether there is anything to report.
    pub fn any(&self) -> bool {
        self.added() + self.removed() + self.updated() > 0
    }

    /// Whether something that was chosen is gone.
    pub fn selected_removed(&self) -> bool {
        self.removed_partitions.iter().chain(&self.removed_containers).any(|t| t.was_selected)
    }

    fn added(&self) -> usize {
        self.added_partitions.len() + self.added_containers.len()
    }

    fn removed(&self) -> usize {
        self.removed_partitions.len() + self.removed_containers.len()
    }

    fn updated(&self) -> usize {
        self.renamed_partitions.len() + self.renamed_containers.len() + self.moved_containers.len()
    }
}

/// The one-line account of an import, with what it could not read.
pub fn summary(changes: &Changes, seen: &Seen) -> String {
    let mut text = if changes.any() {
        format!("{} added, {} removed, {} updated", changes.added(), changes.removed(), changes.updated())
    } else {
        "No changes detected".to_owned()
    };
    let count = |is: fn(&View) -> bool| seen.partitions.iter().filter(|p| is(&p.view)).count();
    let in_part = count(|view| matches!(view, View::Incomplete(_)));
    let unread = count(|view| matches!(view, View::Failed(_)));
    for (count, what) in [(in_part, "read in part"), (unread, "not read")] {
        match count {
            0 => {}
            1 => text.push_str(&format!("; 1 partition was {what}")),
            n => text.push_str(&format!("; {n} partitions were {what}")),
        }
    }
    text
}

/// The order of reported containers: parents before children, then by name. Made for each comparison, because a place
/// that is kept costs more than one that is looked at again: what a directory lists is mostly in order already.
pub(super) struct Place<'a> {
    /// The DN key, which says how deep it is.
    pub key: Cow<'a, str>,
    pub name: &'a str,
    pub external_id: &'a str,
}

impl Place<'_> {
    pub fn compare(&self, other: &Place<'_>) -> Ordering {
        dn::depth(&self.key)
            .cmp(&dn::depth(&other.key))
            .then_with(|| compare_folded(self.name, other.name))
            .then_with(|| self.external_id.cmp(other.external_id))
    }
}

/// Ignoring case, without a folded copy of either.
fn compare_folded(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.bytes().map(|c| c.to_ascii_lowercase()).cmp(b.bytes().map(|c| c.to_ascii_lowercase()));
    }
    a.chars().flat_map(char::to_lowercase).cmp(b.chars().flat_map(char::to_lowercase))
}
