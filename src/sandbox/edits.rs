//! Requests that change or compare entries.

use super::ber::{Answer, Attribute};
use super::directory::Directory;
use super::entry::{Entry, is_secret, same_value};
use ldap3_proto::proto::LdapOp;

/// Applies an edit or comparison; an error is its result.
pub(super) fn edit(directory: &Directory, bound: bool, op: LdapOp) -> Result<(), Answer> {
    if !bound {
        let compares = matches!(op, LdapOp::CompareRequest(_));
        let refused = if compares { (32, "") } else { (8, "modifications require authentication") };
        return Err(Answer::new(refused.0, refused.1));
    }
    let mut tree = directory.tree();
    match op {
        LdapOp::AddRequest(r) => {
            tree.add(&r.dn, r.attributes.into_iter().map(|a| (a.atype, a.vals)).collect()).map(|_| ())
        }
        LdapOp::DelRequest(dn) => tree.remove(&dn, false),
        LdapOp::ModifyRequest(r) => tree.modify(&r.dn, &r.changes),
        LdapOp::ModifyDNRequest(r) => {
            let superior = r.new_superior.as_deref().filter(|s| !s.is_empty());
            tree.rename(&r.dn, &r.newrdn, r.deleteoldrdn, superior)
        }
        LdapOp::CompareRequest(r) => {
            let id = tree.find_visible(&r.dn)?;
            let entry = tree.entries.get(&id).ok_or_else(|| Answer::new(32, ""))?;
            Err(compare(entry, &entry.operational(directory.bind_dn()), &r.atype, &r.val))
        }
        _ => Err(Answer::new(2, "unsupported operation")),
    }
}

fn compare(entry: &Entry, operational: &[Attribute], name: &str, value: &[u8]) -> Answer {
    let shown = || operational.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_slice());
    match entry.values(name).or_else(shown).filter(|_| !is_secret(name)) {
        None => Answer::new(16, ""),
        Some(values) if values.iter().any(|v| same_value(v, value)) => Answer::new(6, ""),
        Some(_) => Answer::new(5, ""),
    }
}
