//! Data types of attributes, by syntax (RFC 4517 and Active Directory) and by name.

use crate::domain::schema::{DataType, Plurality, Writability};

/// OID prefix of the syntaxes of RFC 4517.
const LDAP_SYNTAX: &str = "1.3.6.1.4.1.1466.115.121.1.";
/// Syntax of RFC 4530.
const UUID: &str = "1.3.6.1.1.16.1";

/// Data type of a syntax of RFC 4517; `None` if unknown, which means text.
pub fn of_syntax(oid: &str) -> Option<DataType> {
    if oid == UUID {
        return Some(DataType::Guid);
    }
    Some(match oid.strip_prefix(LDAP_SYNTAX)? {
        "7" => DataType::Boolean,
        "27" => DataType::Integer,
        "24" | "53" => DataType::DateTime,
        "12" => DataType::Reference,
        // Audio, Binary, Certificate, Certificate List, Certificate Pair, Fax, JPEG, Octet String, Supported Algorithm.
        "4" | "5" | "8" | "9" | "10" | "23" | "28" | "40" | "49" => DataType::Binary,
        // Name And Optional UID: a DN with something behind it refers to no object.
        "34" => DataType::String,
        _ => return None,
    })
}

/// Data type of a syntax of Active Directory (MS-ADTS 3.1.1.2.2.2). `oMSyntax` makes no difference here.
pub fn of_ad_syntax(oid: &str) -> DataType {
    match oid {
        "2.5.5.8" => DataType::Boolean,
        "2.5.5.9" => DataType::Integer,
        "2.5.5.16" => DataType::LongNumber,
        "2.5.5.11" => DataType::DateTime,
        "2.5.5.1" => DataType::Reference,
        // Octets, security descriptors, SIDs.
        "2.5.5.10" | "2.5.5.15" | "2.5.5.17" => DataType::Binary,
        _ => DataType::String,
    }
}

pub const OBJECT_GUID: &str = "objectGUID";
/// RFC 4530; 389 Directory Server declares it as text.
pub const ENTRY_UUID: &str = "entryUUID";
pub const NS_UNIQUE_ID: &str = "nsUniqueId";
pub const DISTINGUISHED_NAME: &str = "distinguishedName";

/// Attributes whose external id flags the connector sets, not an administrator.
pub const ID_ATTRIBUTES: [&str; 4] = [OBJECT_GUID, ENTRY_UUID, NS_UNIQUE_ID, DISTINGUISHED_NAME];

/// Types known by attribute name, regardless of the schema.
pub fn by_name(name: &str) -> Option<(DataType, Plurality, Writability)> {
    let is = |known: &str| name.eq_ignore_ascii_case(known);
    if is(OBJECT_GUID) || is(ENTRY_UUID) {
        Some((DataType::Guid, Plurality::Single, Writability::ReadOnly))
    } else if is(NS_UNIQUE_ID) {
        Some((DataType::String, Plurality::Single, Writability::ReadOnly))
    } else if is(DISTINGUISHED_NAME) {
        // Written to rename and move; text, since it refers to no other object.
        Some((DataType::String, Plurality::Single, Writability::ReadWrite))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntaxes_have_types() {
        for (last, expected) in [
            ("7", Some(DataType::Boolean)),
            ("27", Some(DataType::Integer)),
            ("24", Some(DataType::DateTime)),
            ("53", Some(DataType::DateTime)),
            ("12", Some(DataType::Reference)),
            ("4", Some(DataType::Binary)),
            ("5", Some(DataType::Binary)),
            ("8", Some(DataType::Binary)),
            ("9", Some(DataType::Binary)),
            ("10", Some(DataType::Binary)),
            ("23", Some(DataType::Binary)),
            ("28", Some(DataType::Binary)),
            ("40", Some(DataType::Binary)),
            ("49", Some(DataType::Binary)),
            ("34", Some(DataType::String)),
            ("15", None),
            ("26", None),
            ("38", None),
            ("50", None),
            ("6", None),
            ("", None),
            ("7.1", None),
        ] {
            assert_eq!(of_syntax(&format!("{LDAP_SYNTAX}{last}")), expected, "{last}");
        }
        assert_eq!(of_syntax("1.3.6.1.1.16.1"), Some(DataType::Guid));
        assert_eq!(of_syntax("7"), None);
    }

    #[test]
    fn syntaxes_of_active_directory_have_types() {
        for (last, expected) in [
            (1, DataType::Reference),
            (2, DataType::String),
            (3, DataType::String),
            (4, DataType::String),
            (5, DataType::String),
            (6, DataType::String),
            (7, DataType::String),
            (8, DataType::Boolean),
            (9, DataType::Integer),
            (10, DataType::Binary),
            (11, DataType::DateTime),
            (12, DataType::String),
            (13, DataType::String),
            (14, DataType::String),
            (15, DataType::Binary),
            (16, DataType::LongNumber),
            (17, DataType::Binary),
            (18, DataType::String),
        ] {
            assert_eq!(of_ad_syntax(&format!("2.5.5.{last}")), expected, "{last}");
        }
    }

    #[test]
    fn ids_and_the_own_name_are_known_by_name() {
        use Plurality::Single;
        use Writability::{ReadOnly, ReadWrite};
        for (name, expected) in [
            ("ENTRYUUID", Some((DataType::Guid, Single, ReadOnly))),
            ("objectGUID", Some((DataType::Guid, Single, ReadOnly))),
            ("nsuniqueid", Some((DataType::String, Single, ReadOnly))),
            ("distinguishedName", Some((DataType::String, Single, ReadWrite))),
            ("entryDN", None),
        ] {
            assert_eq!(by_name(name), expected, "{name}");
        }
    }
}
