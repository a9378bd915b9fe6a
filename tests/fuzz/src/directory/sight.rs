//! What an import sees of a directory: views that may fail or come twice, and answers to what it asks again.

use jim::domain::dn::key_and_name;
use jim::domain::hierarchy::{EntryId, EntryIds, Seen, SeenContainer, SeenPartition, Verdict, View};

use super::super::choices::Choices;
use super::{Directory, NAMES, Node, Shown, Sight, Uid, ids};

impl Directory {
    /// Looks at everything that is listed. Parts of it may fail; entries may come twice.
    pub fn look(&self, choices: &mut Choices<'_>) -> Sight {
        let style = choices.below(4);
        let mut sight = Sight { seen: Seen::default(), suffix_of: Vec::new(), uid_of: Vec::new() };
        for (s, suffix) in self.suffixes.iter().enumerate().filter(|(_, s)| s.listed) {
            let view = match choices.below(if self.kind.rough { 12 } else { 1 }) {
                10 => View::Incomplete("cut".to_owned()),
                11 => View::Failed("down".to_owned()),
                _ => View::Complete,
            };
            let mut containers = Vec::new();
            let mut uids = Vec::new();
            for (uid, node) in &self.nodes {
                let unread = matches!(view, View::Incomplete(_)) && choices.once_in(3);
                if node.suffix == s
                    && node.container
                    && !node.hidden
                    && !unread
                    && view != View::Failed("down".to_owned())
                {
                    containers.push(self.container(*uid, self.dn(*uid, style)));
                    uids.push(*uid);
                }
            }
            if self.kind.rough && !uids.is_empty() && choices.once_in(6) {
                self.read_twice(&mut containers, &mut uids, choices);
            }
            sight.seen.partitions.push(SeenPartition {
                external_id: suffix.path.join(",").into(),
                key: key_and_name(&suffix.path.join(",")).expect("a DN").0,
                ids: if matches!(view, View::Failed(_)) && style == 0 {
                    EntryIds::default()
                } else {
                    ids(suffix.uid, suffix.shown)
                },
                hidden: suffix.technical,
                view,
                containers,
            });
            sight.suffix_of.push(s);
            sight.uid_of.push(uids);
        }
        sight.seen.listed = sight.seen.partitions.len();
        sight
    }

    /// An entry with an id that was renamed while it was read, one that took the name of another after that was read or
    /// before, or one that came again as it was.
    fn read_twice(&self, containers: &mut Vec<SeenContainer>, uids: &mut Vec<Uid>, choices: &mut Choices<'_>) {
        let again = choices.below(uids.len());
        let uid = uids[again];
        let dn = containers[again].external_id.to_string();
        let renamed = choices.once_in(2) && self.nodes[&uid].shown != Shown::Nothing;
        if renamed {
            containers.insert(0, self.container_at(uid, format!("ou=meanwhile,{dn}")));
            uids.insert(0, uid);
        } else if self.nodes[&uid].shown != Shown::Nothing && !self.kind.ids_change && choices.once_in(2) {
            let other = containers[choices.below(containers.len())].external_id.to_string();
            containers[again] = self.container_at(uid, other);
        } else {
            containers.push(self.container(uid, dn));
            uids.push(uid);
        }
    }

    fn container(&self, uid: Uid, dn: String) -> SeenContainer {
        let container = self.container_at(uid, dn);
        assert_eq!(container.key.as_str(), self.path(uid).expect("a path").join("\u{1e}"), "{}", container.external_id);
        assert_eq!(&*container.name, NAMES[self.nodes[&uid].name].0, "{}", container.external_id);
        container
    }

    fn container_at(&self, uid: Uid, dn: String) -> SeenContainer {
        let node = &self.nodes[&uid];
        let (key, name) = key_and_name(&dn).expect("a DN");
        SeenContainer {
            external_id: dn.into(),
            key,
            ids: ids(node.source, node.shown),
            name: name.into(),
            description: (node.description > 0).then(|| format!("text {}", node.description).into()),
            hidden: node.technical,
        }
    }

    /// What the directory answers when it is asked for a container that was not seen.
    pub fn verdict(&self, dn: &str, id: Option<EntryId>, suffix: usize, choices: &mut Choices<'_>) -> Verdict {
        let key = key_and_name(dn).expect("a DN").0;
        let at = |key: &str| self.nodes.keys().find(|u| self.path(**u).is_some_and(|p| p.join("\u{1e}") == key));
        let is_root = |key: &str| self.suffixes.iter().any(|s| s.exists && s.path.join("\u{1e}") == key);
        let parent = key.parent().unwrap_or_default();
        let parent_shows = is_root(parent) || at(parent).is_some_and(|u| !self.nodes[u].hidden);
        let answers =
            |n: &Node| n.suffix == suffix && !n.hidden && ids(n.source, n.shown).iter().any(|i| Some(i) == id);
        match at(key.as_str()).map(|u| &self.nodes[u]) {
            _ if !parent_shows => Verdict::Hidden,
            Some(node) if node.hidden => Verdict::Hidden,
            Some(_) => Verdict::Present,
            None if self.kind.rough && choices.once_in(8) => {
                choices.one_of(&[Verdict::LookUpFailed, Verdict::Unprovable, Verdict::Skipped, Verdict::AbsentUnproved])
            }
            None if self.nodes.values().any(answers) => Verdict::Present,
            None => Verdict::Absent,
        }
    }

    /// Whether an entry with this id is no longer at a name, as far as it can be told.
    pub fn has_left(&self, dn: &str, id: EntryId, choices: &mut Choices<'_>) -> bool {
        let key = key_and_name(dn).expect("a DN").0;
        let there = |(uid, n): (&Uid, &Node)| {
            self.path(*uid).is_some_and(|p| p.join("\u{1e}") == key.as_str())
                && !ids(n.source, n.shown).contradicts(Some(id))
        };
        let unclear = self.kind.rough && choices.once_in(8);
        !unclear && !self.nodes.iter().any(there)
    }

    /// What it answers when asked for a naming context that it does not list.
    pub fn partition_verdict(&self, key: &str, choices: &mut Choices<'_>) -> Verdict {
        match self.suffixes.iter().any(|s| s.exists && s.path.join("\u{1e}") == key) {
            _ if self.kind.rough && choices.once_in(6) => Verdict::LookUpFailed,
            true => Verdict::Present,
            false => Verdict::Absent,
        }
    }
}
