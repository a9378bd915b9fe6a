//! Immutable ids in the directories' formats, and filters for them.

use uuid::Uuid;

use super::entry::Entry;
use crate::domain::hierarchy::{EntryId, EntryIds, IdKind};

/// Immutable ids of an entry, best kind first; malformed ones are ignored.
pub fn ids(entry: &Entry) -> EntryIds {
    let guid = entry.first("objectGUID").and_then(|v| <[u8; 16]>::try_from(v).ok()).map(|v| {
        let value = Uuid::from_bytes_le(v).into_bytes();
        EntryId { kind: IdKind::ObjectGuid, value }
    });
    let uuid = entry
        .first_text("entryUUID")
        .and_then(|t| Uuid::try_parse(t).ok())
        .map(|u| EntryId { kind: IdKind::EntryUuid, value: u.into_bytes() });
    let ns = entry.first_text("nsUniqueId").and_then(ns_unique_id);
    let mut found = guid.into_iter().chain(uuid).chain(ns);
    EntryIds([found.next(), found.next()])
}

/// Parses `8-8-8-8` hexadecimal digits.
pub fn ns_unique_id(text: &str) -> Option<EntryId> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let value = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?.to_be_bytes();
    Some(EntryId { kind: IdKind::NsUniqueId, value })
}

pub fn id_filter(id: EntryId) -> String {
    match id.kind {
        IdKind::ObjectGuid => {
            let bytes = Uuid::from_bytes(id.value).to_bytes_le();
            let escaped: String = bytes.iter().map(|b| format!("\\{b:02x}")).collect();
            format!("(objectGUID={escaped})")
        }
        IdKind::EntryUuid | IdKind::NsUniqueId => format!("({})", id.to_string().replacen(' ', "=", 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_their_three_forms_and_written_back() {
        let text = |name: &str, v: &str| (name.to_owned(), vec![v.as_bytes().to_vec()]);
        let bytes = vec![0xfa, 0x93, 0xdc, 0x4d, 0x8d, 0x1d, 0x3b, 0x4c, 1, 2, 3, 4, 5, 6, 7, 8];
        let guid = ids(&Entry::new("x", vec![("objectGUID".to_owned(), vec![bytes])])).best().expect("guid");
        assert!(Uuid::from_bytes(guid.value).to_string().starts_with("4ddc93fa-1d8d-4c3b-"));
        assert!(id_filter(guid).starts_with("(objectGUID=\\fa\\93\\dc\\4d"));
        let both = ids(&Entry::new(
            "x",
            vec![
                text("nsUniqueId", "66446001-1dd211b2-8f3e8cd3-6f2ac55a"),
                text("entryUUID", "8C1B0F3E-0000-103E-8000-0123456789AB"),
            ],
        ));
        let kinds: Vec<IdKind> = both.iter().map(|i| i.kind).collect();
        assert_eq!(kinds, [IdKind::EntryUuid, IdKind::NsUniqueId]);
        let filters: Vec<String> = both.iter().map(id_filter).collect();
        assert_eq!(
            filters,
            ["(entryUUID=8c1b0f3e-0000-103e-8000-0123456789ab)", "(nsUniqueId=66446001-1dd211b2-8f3e8cd3-6f2ac55a)"]
        );
        assert_eq!(ids(&Entry::new("x", vec![text("entryUUID", "not one")])), EntryIds::default());
    }
}
