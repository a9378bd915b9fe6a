//! Tree of entries: naming contexts, parents and children, visibility, and edits by the rules of OpenLDAP.

use super::ber::{Answer, Attribute};
use super::entry::{Entry, Hidden, dn_text, rdn_text, same_value};
use super::refint::follow;
use crate::domain::dn::{Ava, Dn, DnKey};
use ldap3_proto::proto::{LdapModify, LdapModifyType, LdapPartialAttribute};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use time::macros::format_description;
use uuid::Uuid;

/// A naming context, with or without an entry.
#[derive(Debug, Clone)]
struct Suffix {
    dn: String,
    key: DnKey,
}

#[derive(Debug, Clone, Default)]
pub struct Tree {
    pub(super) entries: HashMap<u64, Entry>,
    by_key: HashMap<DnKey, u64>,
    suffixes: Vec<Suffix>,
    next: u64,
    /// Served by a directory: new entries get random ids, since a re-created entry must have a new one.
    pub(super) live: bool,
    /// References follow renames.
    refint: bool,
    errors: Vec<Answer>,
}

impl Tree {
    pub fn new() -> Tree {
        Tree::default()
    }

    /// Adds a naming context with its entry.
    pub fn suffix(mut self, dn: &str) -> Tree {
        let added = self.add_suffix(dn).and_then(|()| self.add(dn, Vec::new()).map(|_| ()));
        self.record(added)
    }

    /// Adds a naming context without an entry.
    pub fn empty_suffix(mut self, dn: &str) -> Tree {
        let added = self.add_suffix(dn);
        self.record(added)
    }

    pub fn ou(self, dn: &str) -> Tree {
        self.entry(dn, &[("objectClass", &["top", "organizationalUnit"])])
    }

    /// Adds an entry; missing RDN attributes and object class are supplied.
    pub fn entry(mut self, dn: &str, attributes: &[(&str, &[&str])]) -> Tree {
        let attributes =
            attributes.iter().map(|(n, v)| ((*n).to_owned(), v.iter().map(|v| v.as_bytes().to_vec()).collect()));
        let added = self.add(dn, attributes.collect()).map(|_| ());
        self.record(added)
    }

    /// Lets names in references follow when their entry, or one above it, is renamed or moved.
    pub fn with_refint(mut self) -> Tree {
        self.refint = true;
        self
    }

    /// Errors of the builder methods, with which no directory starts.
    pub(super) fn errors(&self) -> &[Answer] {
        &self.errors
    }

    fn record(mut self, done: Result<(), Answer>) -> Tree {
        self.errors.extend(done.err());
        self
    }

    pub(super) fn suffixes(&self) -> impl Iterator<Item = &str> {
        self.suffixes.iter().map(|s| s.dn.as_str())
    }

    pub fn suffix_of(&self, key: &DnKey) -> Option<&DnKey> {
        let holds = |s: &&Suffix| s.key == *key || key.is_below(s.key.as_str());
        self.suffixes.iter().filter(holds).map(|s| &s.key).max_by_key(|k| k.as_str().len())
    }

    pub fn add_suffix(&mut self, dn: &str) -> Result<(), Answer> {
        let dn = parse(dn)?;
        let key = dn.key();
        if self.suffixes.iter().any(|s| s.key == key) {
            return Err(Answer::new(68, "the naming context exists"));
        }
        self.suffixes.push(Suffix { dn: dn_text(&dn, &[]), key });
        Ok(())
    }

    /// Removes a naming context with its entries.
    pub fn remove_suffix(&mut self, dn: &str) -> Result<(), Answer> {
        let key = parse(dn)?.key();
        if let Some(&id) = self.by_key.get(&key) {
            self.detach(id);
        }
        let before = self.suffixes.len();
        self.suffixes.retain(|s| s.key != key);
        if self.suffixes.len() < before { Ok(()) } else { Err(Answer::new(32, "no such naming context")) }
    }

    /// Number of an entry, hidden or not.
    pub fn find(&self, dn: &str) -> Result<u64, Answer> {
        let key = parse(dn)?.key();
        self.by_key.get(&key).copied().ok_or_else(|| self.absent(&key))
    }

    pub(super) fn find_visible(&self, dn: &str) -> Result<u64, Answer> {
        let id = self.find(dn)?;
        if self.visible(id) { Ok(id) } else { Err(Answer::new(32, "")) }
    }

    /// `noSuchObject` with the nearest existing ancestor, unless that is hidden.
    fn absent(&self, key: &DnKey) -> Answer {
        let mut answer = Answer::new(32, "");
        let Some(suffix) = self.suffix_of(key) else { return answer };
        let inside = |a: &&str| *a == suffix.as_str() || crate::domain::dn::is_below(a, suffix.as_str());
        let nearest = key.ancestors().take_while(inside).find_map(|a| self.by_key.get(a));
        if let Some(entry) = nearest.filter(|id| self.visible(**id)).and_then(|id| self.entries.get(id)) {
            answer.matched.clone_from(&entry.dn);
        }
        answer
    }

    pub(super) fn visible(&self, id: u64) -> bool {
        let mut hiding = self.entries.get(&id).map(|e| (e.hidden == Hidden::No, e.parent));
        while let Some((true, Some(parent))) = hiding {
            hiding = self.entries.get(&parent).map(|e| (e.hidden != Hidden::Subtree, e.parent));
        }
        matches!(hiding, Some((true, None)))
    }

    /// Adds an entry below its parent, or as the entry of an empty naming context.
    pub fn add(&mut self, dn: &str, mut attributes: Vec<Attribute>) -> Result<u64, Answer> {
        let dn = parse(dn)?;
        let key = dn.key();
        let suffix = self.suffix_of(&key).ok_or_else(|| Answer::new(32, "no global superior knowledge"))?;
        let root = *suffix == key;
        if self.by_key.contains_key(&key) {
            return Err(Answer::new(68, ""));
        }
        let parent = match key.parent().filter(|_| !root) {
            None => None,
            Some(parent) => Some(*self.by_key.get(parent).ok_or_else(|| self.absent(&key))?),
        };
        add_missing(&mut attributes, &dn);
        let id = self.next;
        self.next += 1;
        let own = dn.rdns().first().map(|rdn| rdn_text(rdn, &attributes)).unwrap_or_default();
        let full = match parent.and_then(|p| self.entries.get_mut(&p)) {
            Some(above) => {
                above.children.insert(id);
                format!("{own},{}", above.dn)
            }
            None => dn_text(&dn, &attributes),
        };
        let uuid = if self.live { Uuid::new_v4() } else { fixed_id(&key) };
        let created = now();
        self.entries.insert(
            id,
            Entry {
                dn: full,
                rdn: own,
                parent,
                children: BTreeSet::new(),
                uuid,
                hidden: Hidden::No,
                attributes,
                modified: created.clone(),
                created,
            },
        );
        self.by_key.insert(key, id);
        Ok(id)
    }

    /// Removes an entry; one with children only with `subtree`.
    pub fn remove(&mut self, dn: &str, subtree: bool) -> Result<(), Answer> {
        let id = self.find(dn)?;
        if !subtree && self.entries.get(&id).is_some_and(|e| !e.children.is_empty()) {
            return Err(Answer::new(66, "subordinate objects must be deleted first"));
        }
        self.detach(id);
        Ok(())
    }

    fn detach(&mut self, id: u64) {
        let parent = self.entries.get(&id).and_then(|e| e.parent);
        if let Some(above) = parent.and_then(|p| self.entries.get_mut(&p)) {
            above.children.remove(&id);
        }
        let mut removed = vec![id];
        while let Some(id) = removed.pop() {
            if let Some(entry) = self.entries.remove(&id) {
                if let Ok(dn) = Dn::parse(&entry.dn) {
                    self.by_key.remove(&dn.key());
                }
                removed.extend(entry.children);
            }
        }
    }

    /// Renames or moves an entry with its subtree.
    pub fn rename(
        &mut self,
        dn: &str,
        new_rdn: &str,
        delete_old: bool,
        new_superior: Option<&str>,
    ) -> Result<(), Answer> {
        let id = self.find(dn)?;
        let old = parse(dn)?;
        let named = parse(new_rdn)?;
        let [rdn] = named.rdns() else { return Err(Answer::new(34, "invalid new RDN")) };
        let (parent, superior) = match (new_superior, self.entries.get(&id).and_then(|e| e.parent)) {
            (_, None) => return Err(Answer::new(53, "cannot rename a naming context")),
            (Some(dn), Some(_)) => (self.find(dn)?, parse(dn)?.key()),
            (None, Some(parent)) => {
                (parent, old.key().parent().map(|k| DnKey::from(k.to_owned())).unwrap_or(named.key()))
            }
        };
        if superior == old.key() || superior.is_below(old.key().as_str()) {
            return Err(Answer::new(53, "cannot place an entry below itself"));
        }
        if self.suffix_of(&superior) != self.suffix_of(&old.key()) {
            return Err(Answer::new(71, "cannot rename between DSAs"));
        }
        let above = self.entries.get(&parent).map(|e| e.dn.clone()).unwrap_or_default();
        let key = parse(&named.first_rdns_under(1, &above))?.key();
        if self.by_key.get(&key).is_some_and(|other| *other != id) {
            return Err(Answer::new(68, ""));
        }
        let Some(entry) = self.entries.get_mut(&id) else { return Err(Answer::new(32, "")) };
        let before = entry.parent.replace(parent);
        if delete_old {
            for pair in old.rdns().first().map(|r| r.pairs()).unwrap_or_default() {
                entry.remove_value(pair.attribute(), pair.value().as_bytes());
            }
        }
        rdn.pairs().iter().for_each(|p| {
            entry.add_value(p.attribute(), p.value().as_bytes());
        });
        entry.rdn = rdn_text(rdn, &entry.attributes);
        entry.modified = now();
        if let Some(before) = before.and_then(|p| self.entries.get_mut(&p)) {
            before.children.remove(&id);
        }
        if let Some(parent) = self.entries.get_mut(&parent) {
            parent.children.insert(id);
        }
        self.rewrite_names(id, &above)?;
        if let Some(new) = self.entries.get(&id).filter(|_| self.refint).map(|e| e.dn.clone()) {
            follow(self.entries.values_mut(), &old, &new);
        }
        Ok(())
    }

    /// Updates the DNs of a subtree after a move.
    fn rewrite_names(&mut self, id: u64, above: &str) -> Result<(), Answer> {
        let mut moved = vec![(id, above.to_owned())];
        let mut fresh = Vec::new();
        while let Some((id, above)) = moved.pop() {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let dn = format!("{},{above}", entry.rdn);
            self.by_key.remove(&parse(&entry.dn)?.key());
            fresh.push((parse(&dn)?.key(), id));
            moved.extend(entry.children.iter().map(|c| (*c, dn.clone())));
            entry.dn = dn;
        }
        self.by_key.extend(fresh);
        Ok(())
    }

    /// Changes attributes of an entry atomically.
    pub fn modify(&mut self, dn: &str, changes: &[LdapModify]) -> Result<(), Answer> {
        let id = self.find(dn)?;
        let Some(entry) = self.entries.get_mut(&id) else { return Err(Answer::new(32, "")) };
        let mut changed = entry.clone();
        for change in changes {
            changed.apply(change)?;
        }
        let own = parse(&entry.dn)?;
        let naming = own.rdns().first().map(|rdn| rdn.pairs()).unwrap_or_default();
        let named = |pair: &Ava| {
            let values = changed.values(pair.attribute()).unwrap_or_default();
            values.iter().any(|v| same_value(v, pair.value().as_bytes()))
        };
        if !naming.iter().all(named) {
            return Err(Answer::new(67, "naming attribute value is not present in entry"));
        }
        if changed.values("objectClass").is_none() {
            return Err(Answer::new(65, "no objectClass attribute"));
        }
        changed.modified = now();
        *entry = changed;
        Ok(())
    }

    /// Replaces all values of an attribute.
    pub fn replace(&mut self, dn: &str, name: &str, values: &[&str]) -> Result<(), Answer> {
        let vals = values.iter().map(|value| value.as_bytes().to_vec()).collect();
        let modification = LdapPartialAttribute { atype: name.to_owned(), vals };
        self.modify(dn, &[LdapModify { operation: LdapModifyType::Replace, modification }])
    }

    pub fn hide(&mut self, dn: &str, hidden: Hidden) -> Result<(), Answer> {
        let id = self.find(dn)?;
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.hidden = hidden;
        }
        Ok(())
    }

    /// `entryUUID` of an entry, hidden or not.
    pub fn id_of(&self, dn: &str) -> Result<Uuid, Answer> {
        let id = self.find(dn)?;
        self.entries.get(&id).map(|e| e.uuid).ok_or_else(|| Answer::new(32, ""))
    }

    /// Visible entries of a scope in order of creation, parents first.
    pub(super) fn scope(&self, base: u64, below: usize, with_base: bool) -> Vec<u64> {
        let mut found = Vec::new();
        // A moved entry may be older than its new parent, so the newest entry on the path determines the order.
        let mut open = vec![(base, base, 0)];
        while let Some((id, newest, depth)) = open.pop() {
            let Some(entry) = self.entries.get(&id) else { continue };
            if entry.hidden == Hidden::No && (depth > 0 || with_base) {
                found.push((newest, depth, id));
            }
            if entry.hidden != Hidden::Subtree && depth < below {
                open.extend(entry.children.iter().map(|c| (*c, newest.max(*c), depth + 1)));
            }
        }
        found.sort_unstable();
        found.into_iter().map(|(_, _, id)| id).collect()
    }
}

pub(super) fn parse(dn: &str) -> Result<Dn, Answer> {
    Dn::parse(dn).map_err(|_| Answer::new(34, "invalid DN"))
}

/// Adds missing RDN values and the object class.
fn add_missing(attributes: &mut Vec<Attribute>, dn: &Dn) {
    let pairs = dn.rdns().first().map(|r| r.pairs()).unwrap_or_default();
    if !attributes.iter().any(|(n, _)| n.eq_ignore_ascii_case("objectClass")) {
        let class = match pairs.first().map(Ava::attribute) {
            Some("dc") => "domain",
            Some("o") => "organization",
            Some("ou") => "organizationalUnit",
            _ => "organizationalRole",
        };
        let values = vec![b"top".to_vec(), class.as_bytes().to_vec()];
        attributes.insert(0, ("objectClass".to_owned(), values));
    }
    for pair in pairs {
        let value = pair.value().as_bytes().to_vec();
        match attributes.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(pair.attribute())) {
            Some((_, values)) if values.iter().any(|v| same_value(v, &value)) => {}
            Some((_, values)) => values.push(value),
            None => attributes.push((pair.attribute().to_owned(), vec![value])),
        }
    }
}

/// Deterministic id, derived from the DN.
pub fn fixed_id(key: &DnKey) -> Uuid {
    let digest = Sha256::digest(key.as_str().as_bytes());
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest.iter()).for_each(|(to, from)| *to = *from);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// Current time as generalized time (RFC 4517, section 3.3.13).
pub(super) fn now() -> String {
    let form = format_description!("[year][month][day][hour][minute][second]Z");
    time::OffsetDateTime::now_utc().format(&form).unwrap_or_default()
}
