//! Items of a run: what happened to one object, as a tree, with the attributes that changed.

use super::{ErrorType, RowId};
use crate::domain::names::wire_names;

wire_names! {
    /// Main change of an item. The database stores its position in this order.
    pub(crate) enum ChangeType {
        NotSet,
        Added,
        Updated,
        Deleted,
        Projected,
        Joined,
        AttributeFlow,
        Disconnected,
        DisconnectedOutOfScope,
        OutOfScopeRetainJoin,
        DriftCorrection,
        Exported,
        Deprovisioned,
        NoChange,
        PendingExport,
        PendingExportConfirmed,
        Created,
    }
}

wire_names! {
    /// What a run did, in the order of summaries (contract, 19).
    pub(crate) enum OutcomeKind {
        CsoAdded,
        CsoUpdated,
        CsoDeleted,
        DeletionDetected,
        ExportConfirmed,
        ExportFailed,
        Projected,
        Joined,
        AttributeFlow,
        Disconnected,
        DisconnectedOutOfScope,
        OutOfScopeRetainJoin,
        MvoDeleted,
        DriftCorrection,
        Provisioned,
        PendingExportCreated,
        Exported,
        Deprovisioned,
        MvoDeletionScheduled,
        MvoDeletionCancelled,
        /// A removal that the brake held back.
        HeldBack,
    }
}

/// One thing that happened to an object, with what followed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub kind: OutcomeKind,
    pub count: u64,
    pub detail: Option<String>,
    pub children: Vec<Outcome>,
}

impl Outcome {
    pub(crate) fn once(kind: OutcomeKind) -> Outcome {
        Outcome { kind, count: 1, detail: None, children: Vec::new() }
    }
}

/// `Name:count` of all outcomes of a tree, in the order of [`OutcomeKind`].
pub(crate) fn summary(outcomes: &[Outcome]) -> String {
    let mut counts = vec![0_u64; OutcomeKind::ALL.len()];
    let mut left: Vec<&Outcome> = outcomes.iter().collect();
    while let Some(outcome) = left.pop() {
        if let Some(count) = counts.get_mut(outcome.kind as usize) {
            *count += outcome.count;
        }
        left.extend(&outcome.children);
    }
    let named = OutcomeKind::ALL.iter().zip(counts).filter(|(_, n)| *n > 0);
    named.map(|(kind, n)| format!("{}:{n}", kind.name())).collect::<Vec<_>>().join(",")
}

/// Values of one attribute before and after, as text, cut to a few.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShownChange {
    pub attribute: String,
    pub before: Vec<String>,
    pub after: Vec<String>,
    /// Number of values in all.
    pub before_count: u64,
    pub after_count: u64,
}

/// One object of a run that changed or failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub object: Option<RowId>,
    pub change: ChangeType,
    pub error: Option<ErrorType>,
    pub external_id: Option<String>,
    pub display_name: Option<String>,
    pub type_name: Option<String>,
    pub message: Option<String>,
    pub outcomes: Vec<Outcome>,
    pub changes: Vec<ShownChange>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_the_whole_tree_in_order() {
        let joined = Outcome {
            children: vec![Outcome::once(OutcomeKind::AttributeFlow); 2],
            ..Outcome::once(OutcomeKind::Joined)
        };
        let outcomes = [joined, Outcome { count: 3, ..Outcome::once(OutcomeKind::CsoUpdated) }];
        assert_eq!(summary(&outcomes), "CsoUpdated:3,Joined:1,AttributeFlow:2");
        assert_eq!(summary(&[]), "");
    }
}
