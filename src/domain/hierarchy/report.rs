//! Changes of a plan as an import reports them, in the order of the report.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

use super::{Seen, View};
use crate::domain::dn;

/// An added or removed partition or container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    pub external_id: Arc<str>,
    pub name: Arc<str>,
    /// Effective selection of a removed row; false for an added one.
    pub was_selected: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renamed {
    /// New DN.
    pub external_id: Arc<str>,
    pub old_name: Arc<str>,
    pub new_name: Arc<str>,
    /// Effective selection before the import.
    pub was_selected: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// New DN.
    pub external_id: Arc<str>,
    pub name: Arc<str>,
    /// DN; `None` for the partition itself.
    pub old_parent: Option<Arc<str>>,
    pub new_parent: Option<Arc<str>>,
    pub was_selected: bool,
}

/// All reported changes. Parents before children, then by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    pub added_partitions: Vec<Touched>,
    pub removed_partitions: Vec<Touched>,
    pub renamed_partitions: Vec<Renamed>,
    pub added_containers: Vec<Touched>,
    pub removed_containers: Vec<Touched>,
    pub renamed_containers: Vec<Renamed>,
    pub moved_containers: Vec<Moved>,
}

impl Changes {
    pub fn any(&self) -> bool {
        self.added() + self.removed() + self.updated() > 0
    }

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

/// One-line summary of an import, with the number of unread partitions.
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

/// Sort key of reported containers: parents before children, then by name. Built for each comparison: storing keys
/// costs more, since directories list mostly in order.
pub(super) struct Place<'a> {
    /// DN key, for the depth.
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

/// Compares ignoring case, without allocating.
fn compare_folded(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        return a.bytes().map(|c| c.to_ascii_lowercase()).cmp(b.bytes().map(|c| c.to_ascii_lowercase()));
    }
    a.chars().flat_map(char::to_lowercase).cmp(b.chars().flat_map(char::to_lowercase))
}
