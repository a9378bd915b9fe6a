//! Identifying attributes: the recommended external ids, and the attributes added to every type.

use super::types::{DISTINGUISHED_NAME, ENTRY_UUID, NS_UNIQUE_ID, OBJECT_GUID};
use crate::connectors::ldap::root_dse::Kind;
use crate::domain::hierarchy::{EntryIds, IdKind};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    /// External id; `None` if no attribute identifies objects.
    pub external: Option<&'static str>,
    /// Attributes of every type, the external id included.
    pub added: &'static [&'static str],
}

pub fn depends_on_entry(kind: Kind) -> bool {
    matches!(kind, Kind::Ds389 | Kind::Generic)
}

/// Chooses by the kind of directory, the ids shown by a partition's root entry, and the declared attributes.
pub fn choose(kind: Kind, shown: EntryIds, declared: impl Fn(&str) -> bool) -> Ids {
    let shows = |kind: IdKind| shown.iter().any(|id| id.kind == kind);
    let ids = |external, added| Ids { external: Some(external), added };
    match kind {
        Kind::ActiveDirectory | Kind::AdLds | Kind::SambaAd => ids(OBJECT_GUID, &[OBJECT_GUID, DISTINGUISHED_NAME]),
        Kind::OpenLdap => ids(ENTRY_UUID, &[ENTRY_UUID, DISTINGUISHED_NAME]),
        Kind::Ds389 => {
            let external = if shows(IdKind::EntryUuid) { ENTRY_UUID } else { NS_UNIQUE_ID };
            ids(external, &[ENTRY_UUID, NS_UNIQUE_ID, DISTINGUISHED_NAME])
        }
        Kind::Generic if shows(IdKind::EntryUuid) => ids(ENTRY_UUID, &[ENTRY_UUID, DISTINGUISHED_NAME]),
        Kind::Generic if shows(IdKind::NsUniqueId) => ids(NS_UNIQUE_ID, &[NS_UNIQUE_ID, DISTINGUISHED_NAME]),
        Kind::Generic if declared(ENTRY_UUID) => ids(ENTRY_UUID, &[ENTRY_UUID, DISTINGUISHED_NAME]),
        Kind::Generic if declared(NS_UNIQUE_ID) => ids(NS_UNIQUE_ID, &[NS_UNIQUE_ID, DISTINGUISHED_NAME]),
        Kind::Generic => Ids { external: None, added: &[DISTINGUISHED_NAME] },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::hierarchy::EntryId;

    #[test]
    fn ids_follow_the_kind_of_directory_and_what_it_shows() {
        let of = |kind| EntryId { kind, value: [1; 16] };
        let (uuid, unique) = (of(IdKind::EntryUuid), of(IdKind::NsUniqueId));
        let none = EntryIds::default();
        let (only_uuid, only_unique) = (EntryIds([Some(uuid), None]), EntryIds([Some(unique), None]));
        let both = EntryIds([Some(uuid), Some(unique)]);
        for (kind, shown, declared, external, added) in [
            (Kind::ActiveDirectory, none, "", Some("objectGUID"), "objectGUID distinguishedName"),
            (Kind::AdLds, both, "entryUUID", Some("objectGUID"), "objectGUID distinguishedName"),
            (Kind::SambaAd, none, "", Some("objectGUID"), "objectGUID distinguishedName"),
            (Kind::OpenLdap, none, "", Some("entryUUID"), "entryUUID distinguishedName"),
            (Kind::OpenLdap, only_unique, "nsUniqueId", Some("entryUUID"), "entryUUID distinguishedName"),
            (Kind::Ds389, none, "entryUUID", Some("nsUniqueId"), "entryUUID nsUniqueId distinguishedName"),
            (Kind::Ds389, only_unique, "", Some("nsUniqueId"), "entryUUID nsUniqueId distinguishedName"),
            (Kind::Ds389, both, "", Some("entryUUID"), "entryUUID nsUniqueId distinguishedName"),
            (Kind::Generic, both, "", Some("entryUUID"), "entryUUID distinguishedName"),
            (Kind::Generic, only_uuid, "nsUniqueId", Some("entryUUID"), "entryUUID distinguishedName"),
            (Kind::Generic, only_unique, "entryUUID", Some("nsUniqueId"), "nsUniqueId distinguishedName"),
            (Kind::Generic, none, "entryUUID nsUniqueId", Some("entryUUID"), "entryUUID distinguishedName"),
            (Kind::Generic, none, "nsUniqueId", Some("nsUniqueId"), "nsUniqueId distinguishedName"),
            (Kind::Generic, none, "", None, "distinguishedName"),
        ] {
            let ids = choose(kind, shown, |name| declared.split(' ').any(|d| d == name));
            assert_eq!(
                (ids.external, ids.added.join(" ").as_str()),
                (external, added),
                "{kind:?} {shown:?} {declared}"
            );
        }
    }
}
