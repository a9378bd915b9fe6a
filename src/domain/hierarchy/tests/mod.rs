//! The merge table, row by row: what is reported and what is stored for each situation. Here is the world in which
//! situations are set up; the rows are in the files beside it.

mod additions;
mod guard;
mod identity;
mod removals;
mod renames;
mod report;
mod scope_changes;

use std::collections::HashMap;

use super::*;
use crate::domain::dn::Dn;

const BASE: &str = "dc=example,dc=com";

/// A stored tree and what the directory shows, edited until the situation stands.
#[derive(Clone)]
struct World {
    stored: StoredTree,
    seen: Seen,
    policy: Policy,
}

fn id(n: u8) -> EntryIds {
    EntryIds([Some(EntryId { kind: IdKind::EntryUuid, value: [n; 16] }), None])
}

fn entry(dn: &str, ids: EntryIds) -> SeenContainer {
    let parsed = Dn::parse(dn).expect(dn);
    SeenContainer {
        external_id: dn.into(),
        key: parsed.key(),
        ids,
        name: parsed.name().into(),
        description: None,
        hidden: false,
    }
}

impl World {
    /// A partition with `dns` as containers, ids 1, 2, ... in that order, imported once.
    fn imported(dns: &[&str]) -> World {
        let key = Dn::parse(BASE).expect(BASE).key();
        let containers =
            dns.iter().enumerate().map(|(i, rdns)| entry(&format!("{rdns},{BASE}"), id(i as u8 + 1))).collect();
        let partition = SeenPartition {
            external_id: BASE.into(),
            key,
            ids: id(200),
            hidden: false,
            view: View::Complete,
            containers,
        };
        let mut world = World {
            stored: StoredTree::default(),
            seen: Seen { partitions: vec![partition], listed: 1, ..Seen::default() },
            policy: Policy::default(),
        };
        world.import();
        world
    }

    fn plan(&self) -> Plan {
        plan(&self.stored, &self.seen, &self.policy)
    }

    /// Applies a plan as the store does, and checks the invariants of a stored tree.
    fn import(&mut self) -> Plan {
        let plan = self.plan();
        if plan.guard.is_none() {
            apply(&mut self.stored, &self.seen, &plan);
        }
        let again = self.plan();
        assert!(plan.guard.is_some() || !again.changes.any(), "a second import reports changes: {:?}", again.changes);
        plan
    }

    fn containers(&mut self) -> &mut Vec<SeenContainer> {
        &mut self.seen.partitions[0].containers
    }

    /// Replaces what is seen of the entry with this id.
    fn now(&mut self, n: u8, rdns: &str) {
        let new = entry(&format!("{rdns},{BASE}"), id(n));
        let slot = self.containers().iter_mut().find(|c| c.ids == id(n)).expect("seen");
        *slot = new;
    }

    fn unseen(&mut self, n: u8) {
        self.containers().retain(|c| c.ids != id(n));
    }

    fn row(&self, n: u8) -> Option<&StoredContainer> {
        self.stored.containers.iter().find(|c| c.entry_id == id(n).best())
    }

    fn select(&mut self, n: u8) -> RowId {
        let row = self.stored.containers.iter_mut().find(|c| c.entry_id == id(n).best()).expect("stored");
        (row.choice, row.selected) = (Some(true), true);
        row.id
    }

    fn everything_is(&mut self, verdict: Verdict) {
        self.policy.verdicts.containers = self.stored.containers.iter().map(|c| (c.id, verdict)).collect();
        self.policy.verdicts.partitions = self.stored.partitions.iter().map(|p| (p.id, verdict)).collect();
    }
}

fn apply(stored: &mut StoredTree, seen: &Seen, plan: &Plan) {
    let first = stored.partitions.iter().map(|p| p.id).max().unwrap_or_default() + 1;
    for (i, added) in plan.partitions_added.iter().enumerate() {
        let p = &seen.partitions[*added];
        stored.partitions.push(StoredPartition {
            id: first + i as RowId,
            external_id: p.external_id.clone(),
            key: p.key.clone(),
            entry_id: plan.id_of(p.ids, None),
            hidden: p.hidden,
            selected: false,
        });
    }
    for update in &plan.partitions_updated {
        let row = stored.partitions.iter_mut().find(|p| p.id == update.row).expect("row");
        let p = &seen.partitions[update.seen];
        (row.external_id, row.key, row.hidden, row.entry_id) =
            (p.external_id.clone(), p.key.clone(), p.hidden, update.entry_id);
    }
    let partition = |r: PartitionRef| match r {
        PartitionRef::Row(id) => id,
        PartitionRef::New(i) => first + i as RowId,
    };
    let next = stored.containers.iter().map(|c| c.id).max().unwrap_or_default() + 1;
    let parent = |p: ParentRef| match p {
        ParentRef::Root => None,
        ParentRef::Row(id) => Some(id),
        ParentRef::New(i) => Some(next + i as RowId),
    };
    let row = |id, to: &Addition, entry_id, choice, selected| {
        let c = to.entry.of(seen).clone();
        StoredContainer {
            id,
            partition_id: partition(to.partition),
            above: parent(to.parent).and_then(std::num::NonZero::new),
            external_id: c.external_id,
            entry_id,
            name: c.name,
            description: c.description,
            hidden: to.hidden,
            choice,
            selected,
        }
    };
    for update in &plan.updated {
        let old = stored.containers.iter_mut().find(|c| c.id == update.row).expect("row");
        *old = row(old.id, &update.to, update.entry_id, old.choice, old.selected);
    }
    for retarget in &plan.retargeted {
        let old = stored.containers.iter_mut().find(|c| c.id == retarget.row).expect("row");
        old.external_id = retarget.external_id.clone();
        old.partition_id = partition(retarget.partition);
    }
    for (id, selected) in &plan.rescoped {
        stored.containers.iter_mut().find(|c| c.id == *id).expect("row").selected = *selected;
    }
    stored.containers.retain(|c| !plan.removed.contains(&c.id));
    stored.partitions.retain(|p| !plan.partitions_removed.contains(&p.id));
    for (i, added) in plan.added.iter().enumerate() {
        if let ParentRef::New(p) = added.parent {
            assert!(p < i, "a parent comes before its children");
        }
        let ids = added.entry.of(seen).ids;
        let selected = plan.added_selected.get(i).copied().unwrap_or_default();
        stored.containers.push(row(next + i as RowId, added, plan.id_of(ids, None), None, selected));
    }
    let ids: HashMap<RowId, RowId> = stored.containers.iter().map(|c| (c.id, c.partition_id)).collect();
    let mut keys = std::collections::HashSet::new();
    for c in &stored.containers {
        assert!(keys.insert((c.partition_id, c.key())), "two rows for {}", c.external_id);
        assert!(stored.partitions.iter().any(|p| p.id == c.partition_id));
        if let Some(parent) = c.parent_id() {
            assert_eq!(ids.get(&parent), Some(&c.partition_id), "{} hangs in another partition", c.external_id);
        }
    }
    let member = |c: &StoredContainer| {
        let parent = c.parent_id().map(|id| stored.containers.iter().position(|p| p.id == id).expect("row") as u32);
        scope::Member { parent, choice: c.choice, hidden: c.hidden }
    };
    let effective = scope::effective(&stored.containers.iter().map(member).collect::<Vec<_>>());
    for (c, selected) in stored.containers.iter().zip(effective) {
        assert_eq!(c.selected, selected, "selection of {}", c.external_id);
    }
    assert_eq!((plan.total_partitions, plan.total_containers), (stored.partitions.len(), stored.containers.len()));
}

fn renamed(plan: &Plan) -> Vec<(&str, &str)> {
    plan.changes.renamed_containers.iter().map(|r| (&*r.old_name, &*r.new_name)).collect()
}

fn moved(plan: &Plan) -> Vec<(&str, Option<&str>, Option<&str>)> {
    let text = |p: &Option<Arc<str>>| p.as_deref().map(|p| p.to_owned().leak() as &str);
    plan.changes.moved_containers.iter().map(|m| (&*m.name, text(&m.old_parent), text(&m.new_parent))).collect()
}

fn names(touched: &[Touched]) -> Vec<&str> {
    touched.iter().map(|t| &*t.name).collect()
}

fn with_second_partition() -> World {
    let mut world = World::imported(&["ou=a"]);
    let key = Dn::parse("o=partners").expect("dn").key();
    let containers = vec![entry("ou=p,o=partners", id(50))];
    let second = SeenPartition {
        external_id: "o=partners".into(),
        key,
        ids: id(201),
        hidden: false,
        view: View::Complete,
        containers,
    };
    world.seen.partitions.push(second);
    world.seen.listed = 2;
    world.import();
    world
}
