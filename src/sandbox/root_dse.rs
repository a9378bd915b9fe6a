//! The entries outside every naming context: the root DSE and the schema entry. Anybody may read them, bound or
//! not; nothing of the tree but the names of its naming contexts is told here.

use super::Tls;
use super::ber::{self, Attribute};
use super::session::{START_TLS, Session};

impl Session {
    /// The root DSE and the schema entry, which lie in no naming context and which anybody may read.
    pub(super) fn special(&self, key: &str) -> Option<(Vec<Attribute>, Vec<Attribute>)> {
        let attribute = |name: &str, values: &[&str]| {
            (name.to_owned(), values.iter().map(|v| v.as_bytes().to_vec()).collect::<Vec<_>>())
        };
        match key {
            "" => {
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
                if !self.faults().no_paging {
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
                operational.push(attribute("subschemaSubentry", &["cn=Subschema"]));
                Some((vec![attribute("objectClass", &["top", "OpenLDAProotDSE"])], operational))
            }
            "cn=subschema" => {
                let classes = attribute("objectClass", &["top", "subentry", "subschema", "extensibleObject"]);
                let operational = vec![attribute("structuralObjectClass", &["subentry"])];
                Some((vec![classes, attribute("cn", &["Subschema"])], operational))
            }
            _ => None,
        }
    }
}
