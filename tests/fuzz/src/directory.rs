//! A directory as it really is, edited at random, and what an import sees of it.

use std::collections::BTreeMap;

use jim::domain::hierarchy::{EntryId, EntryIds, IdKind, Seen};

use super::choices::Choices;

mod edits;
mod sight;

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
    /// The entry that it was copied from together with the ids, or itself.
    source: Uid,
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
    /// Whether entries are copied with their ids.
    pub copies: bool,
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

    /// The ids that an entry shows.
    pub fn ids_of(&self, uid: Uid) -> EntryIds {
        self.nodes.get(&uid).map_or(EntryIds::default(), |n| ids(n.source, n.shown))
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
