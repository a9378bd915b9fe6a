//! References that follow a rename, as with OpenLDAP's refint overlay.

use super::entry::Entry;
use crate::domain::dn::Dn;

/// Attributes whose values are names of entries.
const REFERENCES: [&str; 2] = ["manager", "member"];

/// Replaces an old name, and those below it, in all references.
pub(super) fn follow<'a>(entries: impl Iterator<Item = &'a mut Entry>, old: &Dn, new: &str) {
    let is_reference = |name: &str| REFERENCES.iter().any(|r| r.eq_ignore_ascii_case(name));
    let lists = entries.flat_map(|entry| &mut entry.attributes).filter(|(name, _)| is_reference(name));
    for value in lists.flat_map(|(_, values)| values) {
        if let Some(name) = renamed(value, old, new) {
            *value = name.into_bytes();
        }
    }
}

/// New name of what a value refers to, if it is the old one or below it.
fn renamed(value: &[u8], old: &Dn, new: &str) -> Option<String> {
    let name = Dn::parse(std::str::from_utf8(value).ok()?).ok()?;
    let (key, above) = (name.key(), old.key());
    let deeper = name.rdns().len().checked_sub(old.rdns().len())?;
    match deeper {
        0 => (key == above).then(|| new.to_owned()),
        _ => key.is_below(above.as_str()).then(|| name.first_rdns_under(deeper, new)),
    }
}
