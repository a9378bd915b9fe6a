//! Requests that change or compare entries. The rules of names and places are the tree's; here are those of
//! attributes, and who may ask.

use super::ber;
use super::entry::{Entry, is_secret, same_value};
use super::faults::Answer;
use super::session::Session;
use super::tree::{Tree, now, parse};
use ldap3_proto::proto::{LdapModify, LdapModifyType, LdapOp};
use std::sync::atomic::Ordering;

impl Session {
    /// Carries out an edit or a comparison: the tag of the response and its result. `None` if it is neither.
    pub(super) fn edit(&mut self, op: LdapOp) -> Option<(u8, Answer)> {
        let tag = match &op {
            LdapOp::AddRequest(_) => ber::ADD_RESPONSE,
            LdapOp::DelRequest(_) => ber::DELETE_RESPONSE,
            LdapOp::ModifyRequest(_) => ber::MODIFY_RESPONSE,
            LdapOp::ModifyDNRequest(_) => ber::RENAME_RESPONSE,
            LdapOp::CompareRequest(_) => ber::COMPARE_RESPONSE,
            _ => return None,
        };
        if !self.bound {
            let compares = tag == ber::COMPARE_RESPONSE;
            let refused =
                if compares { Answer::new(32, "") } else { Answer::new(8, "modifications require authentication") };
            return Some((tag, refused));
        }
        let mut tree = self.shared.tree();
        let done = match op {
            LdapOp::AddRequest(r) => {
                tree.add(&r.dn, r.attributes.into_iter().map(|a| (a.atype, a.vals)).collect()).map(|_| ())
            }
            LdapOp::DelRequest(dn) => tree.remove(&dn, false),
            LdapOp::ModifyRequest(r) => tree.modify(&r.dn, &r.changes),
            LdapOp::ModifyDNRequest(r) => {
                let superior = r.new_superior.as_deref().filter(|s| !s.is_empty());
                tree.rename(&r.dn, &r.newrdn, r.deleteoldrdn, superior)
            }
            LdapOp::CompareRequest(r) => tree.find_visible(&r.dn).and_then(|id| {
                let entry = tree.entries.get(&id).ok_or_else(|| Answer::new(32, ""))?;
                let operational = entry.operational(self.shared.ids.load(Ordering::SeqCst), &self.shared.account);
                Err(compare(entry, &operational, &r.atype, &r.val))
            }),
            _ => return None,
        };
        Some((tag, done.err().unwrap_or_default()))
    }
}

fn compare(entry: &Entry, operational: &[ber::Attribute], name: &str, value: &[u8]) -> Answer {
    let shown = || operational.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_slice());
    match entry.values(name).or_else(shown).filter(|_| !is_secret(name)) {
        None => Answer::new(16, ""),
        Some(values) if values.iter().any(|v| same_value(v, value)) => Answer::new(6, ""),
        Some(_) => Answer::new(5, ""),
    }
}

impl Tree {
    /// Changes attributes of an entry: all changes or none.
    pub(super) fn modify(&mut self, dn: &str, changes: &[LdapModify]) -> Result<(), Answer> {
        let id = self.find(dn)?;
        let Some(entry) = self.entries.get_mut(&id) else { return Err(Answer::new(32, "")) };
        let mut changed = entry.clone();
        for change in changes {
            apply(&mut changed, change)?;
        }
        let own = parse(&entry.dn)?;
        let naming = own.rdns().first().map(|rdn| rdn.pairs()).unwrap_or_default();
        let named = |pair: &crate::domain::dn::Ava| {
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
}

fn apply(entry: &mut Entry, change: &LdapModify) -> Result<(), Answer> {
    let name = change.modification.atype.as_str();
    let values = &change.modification.vals;
    match change.operation {
        LdapModifyType::Add => {
            for value in values {
                if !entry.add_value(name, value) {
                    return Err(Answer::new(20, &format!("modify/add: {name}: value already exists")));
                }
            }
        }
        LdapModifyType::Delete if values.is_empty() => {
            if !entry.remove_attribute(name) {
                return Err(Answer::new(16, &format!("modify/delete: {name}: no such attribute")));
            }
        }
        LdapModifyType::Delete => {
            for value in values {
                if !entry.remove_value(name, value) {
                    return Err(Answer::new(16, &format!("modify/delete: {name}: no such value")));
                }
            }
        }
        LdapModifyType::Replace => {
            entry.remove_attribute(name);
            for value in values {
                entry.add_value(name, value);
            }
        }
        LdapModifyType::Increment => return Err(Answer::new(2, "modify/increment is not supported")),
    }
    Ok(())
}
