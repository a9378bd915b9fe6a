//! Entries outside the naming contexts: root DSE and schema entry, readable without a bind.

use super::ber::{self, Attribute};
use super::directory::Directory;
use super::schema::SUBSCHEMA_DN;

pub(super) struct Special {
    pub dn: &'static str,
    pub user: Vec<Attribute>,
    pub operational: Vec<Attribute>,
}

pub(super) fn special(directory: &Directory, key: &str) -> Option<Special> {
    match key {
        "" => Some(root_dse(directory)),
        "cn=subschema" => Some(subschema(directory)),
        _ => None,
    }
}

fn root_dse(directory: &Directory) -> Special {
    let tree = directory.tree();
    let suffixes: Vec<&str> = tree.suffixes().collect();
    let mut operational = vec![attribute("structuralObjectClass", &["OpenLDAProotDSE"])];
    if !suffixes.is_empty() {
        operational.push(attribute("namingContexts", &suffixes));
    }
    operational.push(attribute("supportedControl", &["2.16.840.1.113730.3.4.2", ber::PAGED_RESULTS]));
    operational.push(attribute("supportedExtension", &[ldap3_proto::proto::OID_WHOAMI]));
    operational.push(attribute("supportedLDAPVersion", &["3"]));
    operational.push(attribute("entryDN", &[""]));
    operational.push(attribute("subschemaSubentry", &[SUBSCHEMA_DN]));
    Special { dn: "", user: vec![attribute("objectClass", &["top", "OpenLDAProotDSE"])], operational }
}

fn subschema(directory: &Directory) -> Special {
    let classes = attribute("objectClass", &["top", "subentry", "subschema", "extensibleObject"]);
    let mut operational = vec![
        attribute("structuralObjectClass", &["subentry"]),
        attribute("entryDN", &[SUBSCHEMA_DN]),
        attribute("subschemaSubentry", &[SUBSCHEMA_DN]),
    ];
    operational.extend(directory.schema().attributes());
    Special { dn: SUBSCHEMA_DN, user: vec![classes, attribute("cn", &["Subschema"])], operational }
}

fn attribute(name: &str, values: &[&str]) -> Attribute {
    (name.to_owned(), values.iter().map(|v| v.as_bytes().to_vec()).collect())
}
