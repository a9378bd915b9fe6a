//! Roles of API keys: ids and names, fixed by the API.

pub const ADMINISTRATOR: i64 = 1;
pub const READER: i64 = 2;

pub const ALL: [(i64, &str); 2] = [(ADMINISTRATOR, "Administrator"), (READER, "Reader")];

pub fn names(ids: &[i64]) -> Vec<&'static str> {
    ALL.iter().filter(|(id, _)| ids.contains(id)).map(|(_, name)| *name).collect()
}

/// Id by name, ignoring case.
pub fn parse(name: &str) -> Option<i64> {
    ALL.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(id, _)| *id)
}
