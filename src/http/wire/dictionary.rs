//! Dictionaries of a request body that are keyed by ids, as bulk updates have them.

use std::collections::BTreeMap;

use super::{Body, Node};

/// The key of a dictionary: an id, written as answers write it, so that no id has two spellings.
pub fn key(text: &str) -> Option<i64> {
    text.parse().ok().filter(|id: &i64| id.to_string() == text)
}

/// A key as a fault may repeat it.
pub fn shown_key(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(32).collect()
}

/// A switch among the members of an object; absent and null are the same.
pub fn switch(members: &[(String, Node)], name: &str) -> Result<Option<bool>, String> {
    let mut given = members.iter().filter(|(member, _)| member.eq_ignore_ascii_case(name));
    match (given.next(), given.next()) {
        (None | Some((_, Node::Null)), None) => Ok(None),
        (Some((_, Node::Bool(on))), None) => Ok(Some(*on)),
        (Some(_), None) => Err(format!("{name} must be true or false.")),
        _ => Err(format!("{name} must be given only once.")),
    }
}

impl Body {
    /// Objects keyed by the ids of `what`; `None` if the field is absent. A null stands for the default: nothing
    /// changes.
    pub fn dictionary<T: Default>(
        &mut self,
        field: &str,
        what: &str,
        read: impl Fn(&[(String, Node)]) -> Result<T, String>,
    ) -> Option<BTreeMap<i64, T>> {
        let mut found = BTreeMap::new();
        let members = match self.take(field)? {
            Node::Object(members) => members,
            _ => {
                self.fault(field, format!("Must be an object keyed by {what} id."));
                return Some(found);
            }
        };
        for (name, node) in members {
            let path = format!("{field}.{}", shown_key(&name));
            let value = match node {
                Node::Null => Ok(T::default()),
                Node::Object(members) => read(&members),
                _ => Err("Must be an object.".to_owned()),
            };
            match (key(&name), value) {
                (None, _) => self.fault(&path, format!("Keys of {field} are {what} ids, written as integers.")),
                (_, Err(fault)) => self.fault(&path, fault),
                (Some(id), Ok(value)) => {
                    if found.insert(id, value).is_some() {
                        self.fault(&path, "Must be given only once.");
                    }
                }
            }
        }
        Some(found)
    }
}
