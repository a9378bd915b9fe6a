//! Roles of API keys: ids and names, both fixed by the API.

/// May do everything.
pub const ADMINISTRATOR: i64 = 1;
/// May read.
pub const READER: i64 = 2;

/// Every role with its name, in the order of ids.
pub const ALL: [(i64, &str); 2] = [(ADMINISTRATOR, "Administrator"), (READER, "Reader")];

/// Names of the roles with these ids.
pub fn names(ids: &[i64]) -> Vec<&'static str> {
    ALL.iter().filter(|(id, _)| ids.contains(id)).map(|(_, name)| *name).collect()
}

/// Id of the role with this name, in any case.
pub fn parse(name: &str) -> Option<i64> {
    ALL.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(id, _)| *id)
}
