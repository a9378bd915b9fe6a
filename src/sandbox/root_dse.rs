//! The entries outside every naming context: the root DSE and the schema entry. Anybody may read them, bound or
//! not; nothing of the tree but the names of its naming contexts is told here.

use super::Tls;
use super::ber::{self, Attribute};
use super::session::{START_TLS, Session};

/// What stands for these entries where those of the tree have their numbers.
const ROOT_DSE: u64 = u64::MAX;
const SUBSCHEMA: u64 = u64::MAX - 1;

/// The name of the schema entry.
pub const SUBSCHEMA_DN: &str = "cn=Subschema";

/// One of these entries.
pub struct Special {
    /// Its name.
    pub dn: &'static str,
    /// Its user attributes.
    pub user: Vec<Attribute>,
    /// Its operational attributes.
    pub operational: Vec<Attribute>,
}

impl Session {
    /// The entry of this name, if it is one of these, with what stands for it.
    pub(super) fn special(&self, key: &str) -> Option<(u64, Special)> {
        let found = match key {
            "" => ROOT_DSE,
            "cn=subschema" => SUBSCHEMA,
            _ => return None,
        };
        self.special_by_id(found).map(|entry| (found, entry))
    }

    /// The entry that this stands for, if it is one of these.
    pub(super) fn special_by_id(&self, found: u64) -> Option<Special> {
        match found {
            ROOT_DSE => Some(self.root_dse()),
            SUBSCHEMA => Some(self.subschema()),
            _ => None,
        }
    }

    fn root_dse(&self) -> Special {
        let tree = self.shared.tree();
        let faults = self.faults();
        let shown = |suffix: &&str| !faults.unlisted.iter().any(|u| u == suffix);
        let invented = faults.listed.iter().map(String::as_str);
        let suffixes: Vec<&str> = tree.suffixes().filter(shown).chain(invented).collect();
        let mut operational = vec![attribute("structuralObjectClass", &["OpenLDAProotDSE"])];
        if !suffixes.is_empty() {
            operational.push(attribute("namingContexts", &suffixes));
        }
        let mut controls = vec!["2.16.840.1.113730.3.4.2"];
        if !faults.no_paging {
            controls.push(ber::PAGED_RESULTS);
        }
        operational.push(attribute("supportedControl", &controls));
        let mut extensions = vec![ldap3_proto::proto::OID_WHOAMI];
        if matches!(self.shared.tls, Some(Tls::StartTls(_))) {
            extensions.push(START_TLS);
        }
        operational.push(attribute("supportedExtension", &extensions));
        operational.push(attribute("supportedLDAPVersion", &["3"]));
        operational.push(attribute("entryDN", &[""]));
        operational.push(attribute("subschemaSubentry", &[SUBSCHEMA_DN]));
        Special { dn: "", user: vec![attribute("objectClass", &["top", "OpenLDAProotDSE"])], operational }
    }

    fn subschema(&self) -> Special {
        let (schema, since) = self.shared.schema();
        let classes = attribute("objectClass", &["top", "subentry", "subschema", "extensibleObject"]);
        let mut operational = vec![
            attribute("structuralObjectClass", &["subentry"]),
            attribute("createTimestamp", &[&since]),
            attribute("modifyTimestamp", &[&since]),
            attribute("entryDN", &[SUBSCHEMA_DN]),
            attribute("subschemaSubentry", &[SUBSCHEMA_DN]),
        ];
        operational.extend(schema.served());
        Special { dn: SUBSCHEMA_DN, user: vec![classes, attribute("cn", &["Subschema"])], operational }
    }
}

fn attribute(name: &str, values: &[&str]) -> Attribute {
    (name.to_owned(), values.iter().map(|v| v.as_bytes().to_vec()).collect())
}
