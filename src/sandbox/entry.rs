//! Entry of the tree: its DN in OpenLDAP's spelling, its attributes, and the selection of a search.

use super::ber::{Answer, Attribute};
use super::schema::SUBSCHEMA_DN;
use crate::domain::dn::{Ava, Dn, Rdn};
use ldap3_proto::proto::{LdapModify, LdapModifyType};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Never returned or compared.
const SECRET: &str = "userPassword";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hidden {
    #[default]
    No,
    /// Only this entry, not those below.
    Alone,
    Subtree,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) dn: String,
    pub(super) rdn: String,
    pub(super) parent: Option<u64>,
    pub(super) children: BTreeSet<u64>,
    pub(super) uuid: Uuid,
    pub(super) hidden: Hidden,
    pub(super) attributes: Vec<Attribute>,
    pub(super) created: String,
    pub(super) modified: String,
}

impl Entry {
    pub fn values(&self, name: &str) -> Option<&[Vec<u8>]> {
        let name = base_name(name);
        self.attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_slice())
    }

    /// Adds a value unless present; the attribute keeps its spelling.
    pub fn add_value(&mut self, name: &str, value: &[u8]) -> bool {
        match self.attributes.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) {
            Some((_, values)) if values.iter().any(|v| same_value(v, value)) => false,
            Some((_, values)) => {
                values.push(value.to_vec());
                true
            }
            None => {
                self.attributes.push((name.to_owned(), vec![value.to_vec()]));
                true
            }
        }
    }

    pub fn remove_value(&mut self, name: &str, value: &[u8]) -> bool {
        let Some((_, values)) = self.attributes.iter_mut().find(|(n, _)| n.eq_ignore_ascii_case(name)) else {
            return false;
        };
        let before = values.len();
        values.retain(|v| !same_value(v, value));
        let removed = values.len() < before;
        self.attributes.retain(|(_, v)| !v.is_empty());
        removed
    }

    pub fn remove_attribute(&mut self, name: &str) -> bool {
        let before = self.attributes.len();
        self.attributes.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        self.attributes.len() < before
    }

    /// Applies a modification (RFC 4511, section 4.6).
    pub fn apply(&mut self, change: &LdapModify) -> Result<(), Answer> {
        let name = change.modification.atype.as_str();
        let values = &change.modification.vals;
        match change.operation {
            LdapModifyType::Add => {
                for value in values {
                    if !self.add_value(name, value) {
                        return Err(Answer::new(20, &format!("modify/add: {name}: value already exists")));
                    }
                }
            }
            LdapModifyType::Delete if values.is_empty() => {
                if !self.remove_attribute(name) {
                    return Err(Answer::new(16, &format!("modify/delete: {name}: no such attribute")));
                }
            }
            LdapModifyType::Delete => {
                for value in values {
                    if !self.remove_value(name, value) {
                        return Err(Answer::new(16, &format!("modify/delete: {name}: no such value")));
                    }
                }
            }
            LdapModifyType::Replace => {
                self.remove_attribute(name);
                for value in values {
                    self.add_value(name, value);
                }
            }
            LdapModifyType::Increment => return Err(Answer::new(2, "modify/increment is not supported")),
        }
        Ok(())
    }

    /// Operational attributes; `account` is the creator.
    pub fn operational(&self, account: &str) -> Vec<Attribute> {
        let one = |name: &str, value: &str| (name.to_owned(), vec![value.as_bytes().to_vec()]);
        let mut all = Vec::with_capacity(9);
        if let Some(class) = self.values("objectClass").and_then(|v| v.last()) {
            all.push(("structuralObjectClass".to_owned(), vec![class.clone()]));
        }
        all.push(one("entryUUID", &self.uuid.hyphenated().to_string()));
        all.push(one("creatorsName", account));
        all.push(one("createTimestamp", &self.created));
        all.push(one("modifiersName", account));
        all.push(one("modifyTimestamp", &self.modified));
        all.push(one("entryDN", &self.dn));
        all.push(one("subschemaSubentry", SUBSCHEMA_DN));
        all.push(one("hasSubordinates", if self.children.is_empty() { "FALSE" } else { "TRUE" }));
        all
    }
}

#[derive(Debug, Clone)]
pub struct Selection {
    user: bool,
    operational: bool,
    names: Vec<String>,
    types_only: bool,
}

impl Selection {
    /// Parses an attribute list (RFC 4511, section 4.5.1.8).
    pub fn new(requested: &[String], types_only: bool) -> Selection {
        let named = |wanted: &str| requested.iter().any(|r| r == wanted);
        Selection {
            user: requested.is_empty() || named("*"),
            operational: named("+"),
            names: requested.iter().filter(|r| !matches!(r.as_str(), "*" | "+" | "1.1")).cloned().collect(),
            types_only,
        }
    }

    pub(super) fn wants_operational(&self) -> bool {
        self.operational || !self.names.is_empty()
    }

    pub fn choose(&self, user: &[Attribute], operational: &[Attribute]) -> Vec<Attribute> {
        let chosen = |all: bool, (name, _): &&Attribute| all || self.names.iter().any(|n| same_type(n, name));
        let user = user.iter().filter(|a| !same_type(&a.0, SECRET)).filter(|a| chosen(self.user, a));
        let operational = operational.iter().filter(|a| chosen(self.operational, a));
        user.chain(operational)
            .map(|(name, values)| (name.clone(), if self.types_only { Vec::new() } else { values.clone() }))
            .collect()
    }
}

pub(super) fn is_secret(name: &str) -> bool {
    same_type(name, SECRET)
}

/// Compares attribute descriptions without options such as `;binary`.
pub(super) fn same_type(a: &str, b: &str) -> bool {
    base_name(a).eq_ignore_ascii_case(base_name(b))
}

fn base_name(name: &str) -> &str {
    name.split(';').next().unwrap_or(name)
}

/// Compares values ignoring case and runs of blanks.
pub(super) fn same_value(a: &[u8], b: &[u8]) -> bool {
    // Most values are plain ASCII; comparing them must not allocate for each entry searched.
    let plain = |v: &[u8]| v.is_ascii() && !v.contains(&b' ');
    a.eq_ignore_ascii_case(b) || (!(plain(a) && plain(b)) && folded(a) == folded(b))
}

pub(super) fn folded(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value).to_lowercase();
    text.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// RDN in OpenLDAP's spelling, attribute types spelled as in the entry.
pub(super) fn rdn_text(rdn: &Rdn, attributes: &[Attribute]) -> String {
    let pair = |ava: &Ava| {
        let stored = attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(ava.attribute()));
        let name = stored.map_or(ava.attribute(), |(n, _)| n.as_str());
        format!("{name}={}", escape_value(ava.value()))
    };
    rdn.pairs().iter().map(pair).collect::<Vec<_>>().join("+")
}

/// DN in OpenLDAP's spelling, the first RDN spelled as in the entry.
pub(super) fn dn_text(dn: &Dn, attributes: &[Attribute]) -> String {
    dn.rdns()
        .iter()
        .enumerate()
        .map(|(i, rdn)| rdn_text(rdn, if i == 0 { attributes } else { &[] }))
        .collect::<Vec<_>>()
        .join(",")
}

/// Escapes a value as OpenLDAP does: in hexadecimal, but not control characters and UTF-8.
fn escape_value(value: &str) -> String {
    let last = value.len().saturating_sub(1);
    let mut out = String::with_capacity(value.len() + 8);
    for (i, c) in value.char_indices() {
        let special = matches!(c, ',' | '+' | '"' | '\\' | '<' | '>' | ';' | '=')
            || (c == '#' && i == 0)
            || (c == ' ' && (i == 0 || i == last));
        match u8::try_from(c) {
            Ok(byte) if special || byte == 0 => out.push_str(&format!("\\{byte:02X}")),
            _ => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelt_as_openldap_spells_them() {
        // Each pair was taken from OpenLDAP 2.5.13.
        for (given, shown) in [
            ("OU=Sales\\, E\\+M\\<\\>\\\"\\;\\=x,DC=x", "ou=Sales\\2C E\\2BM\\3C\\3E\\22\\3B\\3Dx,dc=x"),
            ("ou=\\#a \\\\ \\20,dc=x", "ou=\\23a \\5C \\20,dc=x"),
            ("ou=Z\\C3\\BCrich,dc=x", "ou=Zürich,dc=x"),
        ] {
            assert_eq!(dn_text(&Dn::parse(given).expect(given), &[]), shown);
        }
        let stored = [("OU".to_owned(), vec![b"x".to_vec()])];
        assert_eq!(dn_text(&Dn::parse("ou=x,dc=y").expect("dn"), &stored), "OU=x,dc=y");
    }

    #[test]
    fn a_selection_follows_the_attribute_list() {
        let user = [("ou".to_owned(), vec![b"a".to_vec()]), ("userPassword".to_owned(), vec![b"b".to_vec()])];
        let operational = [("entryUUID".to_owned(), vec![b"c".to_vec()])];
        for (asked, got) in [
            (&[][..], &["ou"][..]),
            (&["*"], &["ou"]),
            (&["+"], &["entryUUID"]),
            (&["*", "+"], &["ou", "entryUUID"]),
            (&["1.1"], &[]),
            (&["1.1", "OU"], &["ou"]),
            (&["entryuuid"], &["entryUUID"]),
            (&["userPassword"], &[]),
        ] {
            let asked: Vec<String> = asked.iter().map(|s| (*s).to_owned()).collect();
            let chosen = Selection::new(&asked, false).choose(&user, &operational);
            assert_eq!(chosen.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(), got, "{asked:?}");
        }
        let none = Selection::new(&[], true).choose(&user, &operational);
        assert!(none.iter().all(|(_, values)| values.is_empty()));
    }
}
