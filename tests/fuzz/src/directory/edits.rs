//! Random edits of a directory, one after another, each described in words.

use std::collections::BTreeMap;

use super::super::choices::Choices;
use super::{Directory, NAMES, Node, Shown, Suffix, Uid};

impl Directory {
    /// Makes one random edit and describes it.
    pub fn edit(&mut self, choices: &mut Choices<'_>) -> String {
        let uids: Vec<Uid> = self.nodes.keys().copied().collect();
        if uids.is_empty() || uids.len() < 12 && choices.once_in(3) {
            return self.add(choices);
        }
        let uid = choices.one_of(&uids);
        if self.kind.copies && choices.once_in(5) {
            return self.copy(uid, choices);
        }
        let told = match choices.below(if self.kind.rough { 20 } else { 14 }) {
            0 | 1 => self.rename(uid, choices),
            2 => self.respell(uid),
            3 | 4 => self.move_to(uid, choices),
            5 => self.rename(uid, choices) + " and " + &self.move_to(uid, choices),
            6 => self.delete(uid),
            7 => self.recreate(uid, choices),
            8 => self.swap_names(uid, choices.one_of(&uids)),
            9 => self.swap_places(uid, choices.one_of(&uids)),
            10 => self.touch(uid, choices),
            11 if self.kind.ids_change => self.show(uid, choices),
            12 if self.kind.two_suffixes => self.edit_suffix(choices),
            13.. if self.kind.rough => self.hide(uid, choices),
            _ => self.add(choices),
        };
        format!("{told} -> {}", self.tell(uid))
    }

    fn tell(&self, uid: Uid) -> String {
        self.path(uid).map_or("gone".to_owned(), |p| p.join(","))
    }

    fn add(&mut self, choices: &mut Choices<'_>) -> String {
        if self.nodes.len() > 24 {
            return "nothing".to_owned();
        }
        let existing: Vec<usize> = (0..self.suffixes.len()).filter(|s| self.suffixes[*s].exists).collect();
        let Some(suffix) = (!existing.is_empty()).then(|| choices.one_of(&existing)) else {
            return "nothing".to_owned();
        };
        let above: Vec<Uid> = self.nodes.iter().filter(|(_, n)| n.suffix == suffix).map(|(u, _)| *u).collect();
        let parent = if above.is_empty() || choices.once_in(3) { None } else { Some(choices.one_of(&above)) };
        let node = Node {
            parent,
            suffix,
            attribute: if choices.once_in(6) { "cn" } else { "ou" },
            name: choices.below(NAMES.len()),
            container: !(self.kind.rough && choices.once_in(8)),
            hidden: false,
            technical: choices.once_in(10),
            shown: self.kind.ids,
            source: self.next,
            description: 0,
        };
        self.insert(node)
    }

    /// Makes an entry of the same ids elsewhere, as a copied suffix or subtree has them.
    fn copy(&mut self, uid: Uid, choices: &mut Choices<'_>) -> String {
        let (parent, suffix) = choices.one_of(&self.places());
        let node = Node { parent, suffix, ..self.nodes[&uid].clone() };
        format!("{uid} copied: {}", self.insert(node))
    }

    fn insert(&mut self, node: Node) -> String {
        let uid = self.next;
        self.next += 1;
        self.nodes.insert(uid, node);
        if self.clashes(uid) {
            self.nodes.remove(&uid);
            return "nothing".to_owned();
        }
        format!("{uid} added -> {}", self.tell(uid))
    }

    /// Does an edit, and takes it back where two entries would have one name or an entry would be below itself.
    fn tried(&mut self, what: String, uids: &[Uid], edit: impl FnOnce(&mut BTreeMap<Uid, Node>)) -> String {
        let before = self.nodes.clone();
        edit(&mut self.nodes);
        if uids.iter().any(|u| self.path(*u).is_none() || self.clashes(*u)) {
            self.nodes = before;
            return format!("{what} refused");
        }
        what
    }

    fn clashes(&self, uid: Uid) -> bool {
        let node = &self.nodes[&uid];
        self.nodes
            .iter()
            .any(|(u, n)| *u != uid && n.parent == node.parent && n.suffix == node.suffix && n.label() == node.label())
    }

    fn rename(&mut self, uid: Uid, choices: &mut Choices<'_>) -> String {
        let name = choices.below(NAMES.len());
        self.tried(format!("{uid} renamed"), &[uid], |nodes| nodes.get_mut(&uid).expect("node").name = name)
    }

    fn respell(&mut self, uid: Uid) -> String {
        let name = self.nodes[&uid].name;
        let other = (0..NAMES.len()).find(|n| *n != name && NAMES[*n].1 == NAMES[name].1).unwrap_or(name);
        self.tried(format!("{uid} respelled"), &[uid], |nodes| nodes.get_mut(&uid).expect("node").name = other)
    }

    /// Everything that an entry may hang under.
    fn places(&self) -> Vec<(Option<Uid>, usize)> {
        let nodes = self.nodes.iter().map(|(u, n)| (Some(*u), n.suffix));
        nodes.chain((0..self.suffixes.len()).filter(|s| self.suffixes[*s].exists).map(|s| (None, s))).collect()
    }

    fn move_to(&mut self, uid: Uid, choices: &mut Choices<'_>) -> String {
        let (parent, suffix) = choices.one_of(&self.places());
        let below = self.below(uid);
        self.tried(format!("{uid} moved"), &[uid], |nodes| {
            for u in below {
                nodes.get_mut(&u).expect("node").suffix = suffix;
            }
            nodes.get_mut(&uid).expect("node").parent = parent;
        })
    }

    fn delete(&mut self, uid: Uid) -> String {
        for u in self.below(uid) {
            self.nodes.remove(&u);
        }
        format!("{uid} deleted")
    }

    /// Deletes an entry with everything below, as it has to be done, and makes it all anew. Sometimes what is below was
    /// only out of the way, and all of it shows again: no directory deletes what has something below.
    fn recreate(&mut self, uid: Uid, choices: &mut Choices<'_>) -> String {
        let mut below = self.below(uid);
        if choices.once_in(3) && below.iter().all(|u| self.nodes[u].container && !self.nodes[u].hidden) {
            below.truncate(1);
        }
        let mut told = Vec::new();
        for old in below {
            let Some(mut node) = self.nodes.remove(&old) else { continue };
            let new = self.next;
            self.next += 1;
            node.description = 0;
            node.source = new;
            self.nodes.insert(new, node);
            for node in self.nodes.values_mut().filter(|n| n.parent == Some(old)) {
                node.parent = Some(new);
            }
            told.push(format!("{old} recreated as {new}"));
        }
        told.join(", ")
    }

    fn swap_names(&mut self, a: Uid, b: Uid) -> String {
        self.tried(format!("{a} and {b} swap names"), &[a, b], |nodes| {
            let (one, other) = (nodes[&a].clone(), nodes[&b].clone());
            let named = |node: &mut Node, from: &Node| (node.attribute, node.name) = (from.attribute, from.name);
            named(nodes.get_mut(&a).expect("node"), &other);
            named(nodes.get_mut(&b).expect("node"), &one);
        })
    }

    fn swap_places(&mut self, a: Uid, b: Uid) -> String {
        let (below_a, below_b) = (self.below(a), self.below(b));
        if below_a.contains(&b) || below_b.contains(&a) {
            return "nothing".to_owned();
        }
        self.tried(format!("{a} and {b} swap places"), &[a, b], |nodes| {
            let (one, other) = (nodes[&a].clone(), nodes[&b].clone());
            for (below, suffix) in [(below_a, other.suffix), (below_b, one.suffix)] {
                for u in below {
                    nodes.get_mut(&u).expect("node").suffix = suffix;
                }
            }
            nodes.get_mut(&a).expect("node").parent = other.parent;
            nodes.get_mut(&b).expect("node").parent = one.parent;
        })
    }

    fn touch(&mut self, uid: Uid, choices: &mut Choices<'_>) -> String {
        let node = self.nodes.get_mut(&uid).expect("node");
        node.description = choices.below(3) as u8;
        node.technical ^= choices.once_in(3);
        format!("{uid} described")
    }

    fn show(&mut self, uid: Uid, choices: &mut Choices<'_>) -> String {
        let shown = choices.one_of(&[Shown::Uuid, Shown::Both, Shown::Nothing, Shown::Ns]);
        self.nodes.get_mut(&uid).expect("node").shown = shown;
        format!("{uid} shows {shown:?}")
    }

    fn hide(&mut self, uid: Uid, choices: &mut Choices<'_>) -> String {
        let (all, class) = (choices.once_in(2), choices.once_in(4));
        let hidden = !self.nodes[&uid].hidden;
        let chosen = if all { self.below(uid) } else { vec![uid] };
        for u in chosen {
            let node = self.nodes.get_mut(&u).expect("node");
            if class { node.container = !node.container } else { node.hidden = hidden }
        }
        format!("{uid} {} (with all below: {all})", if class { "changes class" } else { "hides or shows" })
    }

    fn edit_suffix(&mut self, choices: &mut Choices<'_>) -> String {
        let (next, ids) = (self.next, self.kind.ids);
        let suffix = &mut self.suffixes[1];
        let told = match choices.below(6) {
            0 | 1 => {
                suffix.listed = !suffix.listed && suffix.exists;
                "is listed or not".to_owned()
            }
            2 if suffix.exists => {
                (suffix.exists, suffix.listed) = (false, false);
                self.nodes.retain(|_, n| n.suffix != 1);
                return "suffix 1 deleted".to_owned();
            }
            2 | 3 if !suffix.exists => {
                *suffix = Suffix {
                    uid: next,
                    path: suffix.path.clone(),
                    listed: true,
                    exists: true,
                    shown: ids,
                    technical: false,
                };
                self.next += 1;
                "is made".to_owned()
            }
            3 => {
                let outer = suffix.path.split_off(1);
                suffix.path[0] = choices.one_of(&["o=partners", "o=friends", "dc=sub"]).to_owned();
                suffix.path.extend(outer);
                "is renamed".to_owned()
            }
            4 => {
                suffix.technical = !suffix.technical;
                "is technical or not".to_owned()
            }
            _ => {
                suffix.shown = if self.kind.ids_change { choices.one_of(&[Shown::Uuid, Shown::Nothing]) } else { ids };
                "shows an id or not".to_owned()
            }
        };
        format!("suffix 1 {told}")
    }
}
