//! A directory as it really is, edited at random, and what an import sees of it.

use std::collections::BTreeMap;

use jim::domain::dn::key_and_name;
use jim::domain::hierarchy::{EntryId, EntryIds, IdKind, Seen, SeenContainer, SeenPartition, Verdict, View};

use super::choices::Choices;

/// Who an entry really is, whatever ids it shows.
pub type Uid = u32;
/// The normalised RDNs of a name, the entry's own first.
pub type Path = Vec<String>;

/// Values as a directory spells them, and folded as a comparison does.
const NAMES: [(&str, &str); 14] = [
    ("a", "a"),
    ("b", "b"),
    ("A", "a"),
    ("c", "c"),
    ("d", "d"),
    ("B", "b"),
    ("e", "e"),
    ("Sales, EMEA", "sales, emea"),
    ("É", "é"),
    ("é", "é"),
    ("x  y", "x y"),
    ("X y", "x y"),
    ("#1+1=2", "#1+1=2"),
    (" \"q\\", "\"q\\"),
];

/// Which immutable ids are readable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// None.
    Nothing,
    /// `entryUUID`.
    Uuid,
    /// `nsUniqueId`.
    Ns,
    /// Both.
    Both,
}

/// One entry.
#[derive(Debug, Clone)]
pub struct Node {
    /// The entry above; `None` directly below the suffix.
    pub parent: Option<Uid>,
    /// Index of the suffix.
    pub suffix: usize,
    attribute: &'static str,
    name: usize,
    /// Whether it is of a class that is a container.
    pub container: bool,
    /// Whether the account cannot see it.
    pub hidden: bool,
    technical: bool,
    shown: Shown,
    description: u8,
}

/// A naming context.
#[derive(Debug, Clone)]
pub struct Suffix {
    uid: Uid,
    path: Path,
    /// Whether the root entry lists it.
    pub listed: bool,
    /// Whether it exists at all.
    pub exists: bool,
    shown: Shown,
    technical: bool,
}

/// How a run of imports differs from the plainest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// What entries show at first.
    pub ids: Shown,
    /// Whether that changes.
    pub ids_change: bool,
    /// Whether there are two naming contexts; the second one may lie inside the first.
    pub two_suffixes: bool,
    /// Whether entries are hidden, views are partial, look-ups fail.
    pub rough: bool,
}

/// The whole directory.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Its entries by who they are.
    pub nodes: BTreeMap<Uid, Node>,
    /// Its naming contexts.
    pub suffixes: Vec<Suffix>,
    kind: Kind,
    next: Uid,
}

/// What an import saw, and who the seen entries really are.
pub struct Sight {
    /// What the plan is given.
    pub seen: Seen,
    /// The suffix behind each seen partition.
    pub suffix_of: Vec<usize>,
    /// The entry behind each seen container.
    pub uid_of: Vec<Vec<Uid>>,
}

impl Directory {
    /// One or two empty naming contexts.
    pub fn new(kind: Kind, choices: &mut Choices<'_>) -> Self {
        let suffix = |uid: Uid, path: &[&str]| Suffix {
            uid,
            path: path.iter().map(|p| (*p).to_owned()).collect(),
            listed: true,
            exists: true,
            shown: kind.ids,
            technical: false,
        };
        let mut suffixes = vec![suffix(1, &["dc=example", "dc=com"])];
        if kind.two_suffixes {
            let inner: &[&str] = &["dc=sub", "dc=example", "dc=com"];
            suffixes.push(suffix(2, if choices.once_in(3) { inner } else { &["o=partners"] }));
        }
        Directory { nodes: BTreeMap::new(), suffixes, kind, next: 10 }
    }

    /// Makes one random edit and tells it.
    pub fn edit(&mut self, choices: &mut Choices<'_>) -> String {
        let uids: Vec<Uid> = self.nodes.keys().copied().collect();
        if uids.is_empty() || uids.len() < 12 && choices.once_in(3) {
            return self.add(choices);
        }
        let uid = choices.one_of(&uids);
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
            description: 0,
        };
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

    fn move_to(&mut self, uid: Uid, choices: &mut Choices<'_>) -> String {
        let mut places: Vec<(Option<Uid>, usize)> = self.nodes.iter().map(|(u, n)| (Some(*u), n.suffix)).collect();
        places.extend((0..self.suffixes.len()).filter(|s| self.suffixes[*s].exists).map(|s| (None, s)));
        let (parent, suffix) = choices.one_of(&places);
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
    /// only out of the way, and all of it shows again: a directory lets nobody delete what has something below.
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

    fn below(&self, uid: Uid) -> Vec<Uid> {
        let mut found = vec![uid];
        let mut next = 0;
        while let Some(parent) = found.get(next).copied() {
            found.extend(self.nodes.iter().filter(|(_, n)| n.parent == Some(parent)).map(|(u, _)| *u));
            next += 1;
        }
        found
    }

    /// Where an entry is; `None` if it is nowhere, or below itself.
    pub fn path(&self, uid: Uid) -> Option<Path> {
        let mut path = Vec::new();
        let mut node = self.nodes.get(&uid)?;
        loop {
            path.push(node.label());
            match node.parent {
                Some(_) if path.len() > self.nodes.len() => return None,
                Some(parent) => node = self.nodes.get(&parent)?,
                None => break,
            }
        }
        path.extend_from_slice(&self.suffixes[node.suffix].path);
        Some(path)
    }

    fn dn(&self, uid: Uid, style: usize) -> String {
        let node = &self.nodes[&uid];
        let rdn = node.spelled(style);
        let above = match node.parent {
            Some(parent) => self.dn(parent, style),
            None => self.suffixes[node.suffix].path.join(","),
        };
        format!("{rdn}{}{above}", [",", ", "][style / 2 % 2])
    }

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

    /// An entry with an id that was renamed while it was read, or one that came again as it was.
    fn read_twice(&self, containers: &mut Vec<SeenContainer>, uids: &mut Vec<Uid>, choices: &mut Choices<'_>) {
        let again = choices.below(uids.len());
        let uid = uids[again];
        let dn = containers[again].external_id.to_string();
        let renamed = choices.once_in(2) && self.nodes[&uid].shown != Shown::Nothing;
        if renamed {
            containers.insert(0, self.container_at(uid, format!("ou=meanwhile,{dn}")));
            uids.insert(0, uid);
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
            ids: ids(uid, node.shown),
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
        let answers = |(uid, n): (&Uid, &Node)| {
            n.suffix == suffix && !n.hidden && ids(*uid, n.shown).iter().any(|i| Some(i) == id)
        };
        match at(key.as_str()).map(|u| &self.nodes[u]) {
            _ if !parent_shows => Verdict::Hidden,
            Some(node) if node.hidden => Verdict::Hidden,
            Some(_) => Verdict::Answers,
            None if self.kind.rough && choices.once_in(8) => {
                choices.one_of(&[Verdict::Unclear, Verdict::Unprovable, Verdict::NotAsked, Verdict::GoneUnproved])
            }
            None if self.nodes.iter().any(answers) => Verdict::Answers,
            None => Verdict::Gone,
        }
    }

    /// What it answers when asked for a naming context that it does not list.
    pub fn partition_verdict(&self, key: &str, choices: &mut Choices<'_>) -> Verdict {
        match self.suffixes.iter().any(|s| s.exists && s.path.join("\u{1e}") == key) {
            _ if self.kind.rough && choices.once_in(6) => Verdict::Unclear,
            true => Verdict::Answers,
            false => Verdict::Gone,
        }
    }

    /// The ids that an entry shows.
    pub fn ids_of(&self, uid: Uid) -> EntryIds {
        self.nodes.get(&uid).map_or(EntryIds::default(), |n| ids(uid, n.shown))
    }
}

impl Node {
    fn label(&self) -> String {
        format!("{}={}", self.attribute, NAMES[self.name].1)
    }

    /// The RDN, spelled in one of several ways that all mean the same.
    fn spelled(&self, style: usize) -> String {
        let mut out = if style % 2 == 1 { self.attribute.to_uppercase() } else { self.attribute.to_owned() };
        out.push('=');
        for (i, c) in NAMES[self.name].0.chars().enumerate() {
            match c {
                ',' | '+' | '"' | '\\' if style % 2 == 1 => out.push_str(&format!("\\{:02X}", c as u32)),
                ',' | '+' | '"' | '\\' => out.extend(['\\', c]),
                ' ' | '#' if i == 0 => out.extend(['\\', c]),
                c => out.push(c),
            }
        }
        out
    }
}

fn ids(uid: Uid, shown: Shown) -> EntryIds {
    let id = |kind, salt: u8| {
        let mut value = [salt; 16];
        value[..4].copy_from_slice(&uid.to_be_bytes());
        Some(EntryId { kind, value })
    };
    let (uuid, ns) = (id(IdKind::EntryUuid, 1), id(IdKind::NsUniqueId, 2));
    match shown {
        Shown::Nothing => EntryIds::default(),
        Shown::Uuid => EntryIds([uuid, None]),
        Shown::Ns => EntryIds([ns, None]),
        Shown::Both => EntryIds([uuid, ns]),
    }
}
