//! Well-known attributes: what they have to be on each of the three directories.

use std::collections::BTreeSet;

use super::{Imported, attributes, list, text};

/// Type, plurality and writability: `String 1 rw`, `Reference * r`. Empty where no class of the directory has it.
pub struct Known(&'static str, [&'static str; 3]);

/// On OpenLDAP, 389 Directory Server, Samba.
pub const KNOWN: [Known; 71] = [
    Known("objectClass", ["String * rw", "String * rw", "String * r"]),
    Known("cn", ["String * rw", "String * rw", "String 1 rw"]),
    Known("sn", ["String * rw", "String * rw", "String 1 rw"]),
    Known("givenName", ["String * rw", "String * rw", "String 1 rw"]),
    Known("displayName", ["String 1 rw", "String 1 rw", "String 1 rw"]),
    Known("initials", ["String * rw", "String * rw", "String 1 rw"]),
    Known("title", ["String * rw", "String * rw", "String 1 rw"]),
    Known("mail", ["String * rw", "String * rw", "String 1 rw"]),
    Known("uid", ["String * rw", "String * rw", "String * rw"]),
    Known("userPassword", ["Binary * rw", "Binary * rw", "Binary * rw"]),
    Known("member", ["Reference * rw", "Reference * rw", "Reference * rw"]),
    Known("uniqueMember", ["String * rw", "String * rw", ""]),
    Known("owner", ["Reference * rw", "Reference * rw", ""]),
    Known("manager", ["Reference * rw", "Reference * rw", "Reference 1 rw"]),
    Known("secretary", ["Reference * rw", "Reference * rw", "Reference * rw"]),
    Known("seeAlso", ["Reference * rw", "Reference * rw", "Reference * rw"]),
    Known("telephoneNumber", ["String * rw", "String * rw", "String 1 rw"]),
    Known("facsimileTelephoneNumber", ["String * rw", "String * rw", "String 1 rw"]),
    Known("postalAddress", ["String * rw", "String * rw", "String * rw"]),
    Known("jpegPhoto", ["Binary * rw", "Binary * rw", "Binary * rw"]),
    Known("audio", ["Binary * rw", "Binary * rw", "Binary * rw"]),
    Known("userCertificate", ["Binary * rw", "Binary * rw", "Binary * rw"]),
    Known("userPKCS12", ["Binary * rw", "Binary * rw", "Binary * rw"]),
    Known("x500UniqueIdentifier", ["String * rw", "String * rw", ""]),
    Known("x500uniqueIdentifier", ["", "", "Binary * rw"]),
    Known("ou", ["String * rw", "String * rw", "String * rw"]),
    Known("o", ["String * rw", "String * rw", "String * rw"]),
    Known("c", ["String 1 rw", "String 1 rw", "String 1 rw"]),
    Known("l", ["String * rw", "String * rw", "String 1 rw"]),
    Known("st", ["String * rw", "String * rw", "String 1 rw"]),
    Known("street", ["String * rw", "String * rw", "String 1 rw"]),
    Known("employeeNumber", ["String 1 rw", "String 1 rw", "String 1 rw"]),
    Known("preferredLanguage", ["String 1 rw", "String 1 rw", "String 1 rw"]),
    Known("labeledURI", ["String * rw", "String * rw", "String * rw"]),
    Known("aliasedObjectName", ["Reference 1 rw", "Reference 1 rw", ""]),
    Known("ref", ["String * r", "String * rw", ""]),
    Known("subtreeSpecification", ["String 1 r", "", ""]),
    Known("aci", ["", "String * r", ""]),
    Known("nsRoleDN", ["", "Reference * r", ""]),
    Known("passwordExpirationTime", ["", "DateTime 1 r", ""]),
    Known("entryUUID", ["Guid 1 r", "Guid 1 r", ""]),
    Known("nsUniqueId", ["", "String 1 r", ""]),
    Known("distinguishedName", ["String 1 rw", "String 1 rw", "String 1 rw"]),
    Known("objectGUID", ["", "", "Guid 1 r"]),
    Known("objectSid", ["", "", "Binary 1 r"]),
    Known("sAMAccountName", ["", "", "String 1 rw"]),
    Known("userPrincipalName", ["", "", "String 1 rw"]),
    Known("userAccountControl", ["", "", "Integer 1 rw"]),
    Known("primaryGroupID", ["", "", "Integer 1 rw"]),
    Known("groupType", ["", "", "Integer 1 rw"]),
    Known("uidNumber", ["", "Integer 1 rw", "Integer 1 rw"]),
    Known("accountExpires", ["", "", "LongNumber 1 rw"]),
    Known("pwdLastSet", ["", "", "LongNumber 1 rw"]),
    Known("lastLogonTimestamp", ["", "", "LongNumber 1 rw"]),
    Known("uSNChanged", ["", "", "LongNumber 1 r"]),
    Known("whenCreated", ["", "", "DateTime 1 r"]),
    Known("whenChanged", ["", "", "DateTime 1 r"]),
    Known("createTimeStamp", ["", "", "DateTime 1 r"]),
    Known("memberOf", ["", "", "Reference * r"]),
    Known("directReports", ["", "", "Reference * r"]),
    Known("objectCategory", ["", "", "Reference 1 rw"]),
    Known("tokenGroups", ["", "", "Binary * r"]),
    Known("canonicalName", ["", "", "String * r"]),
    Known("msDS-PrincipalName", ["", "", "String 1 r"]),
    Known("isDeleted", ["", "", "Boolean 1 r"]),
    Known("isCriticalSystemObject", ["", "", "Boolean 1 rw"]),
    Known("nTSecurityDescriptor", ["", "", "Binary 1 rw"]),
    Known("wellKnownObjects", ["", "", "String * r"]),
    Known("thumbnailPhoto", ["", "", "Binary 1 rw"]),
    Known("logonHours", ["", "", "Binary 1 rw"]),
    Known("servicePrincipalName", ["", "", "String * rw"]),
];

/// Which column of the table counts.
#[derive(Clone, Copy)]
pub enum Of {
    OpenLdap,
    Ds389,
    Samba,
}

/// Every attribute of the table is what it has to be, in each type that has it.
pub fn known(imported: &Imported<'_>, of: Of) {
    let mut wrong = BTreeSet::new();
    for Known(name, columns) in &KNOWN {
        let expected = columns[of as usize];
        let mut types = 0;
        for seen in list(&imported.stored) {
            for a in attributes(seen).filter(|a| a["name"] == *name) {
                types += 1;
                let plurality = if a["attributePlurality"] == "Single" { "1" } else { "*" };
                let writability = if a["writability"] == "ReadWrite" { "rw" } else { "r" };
                let found = format!("{} {plurality} {writability}", text(a, "type"));
                if found != expected {
                    wrong.insert(format!("{name} is {found}, not {expected}"));
                }
            }
        }
        if (types > 0) == expected.is_empty() {
            wrong.insert(format!("{name} is in {types} types"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
