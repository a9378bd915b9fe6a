//! What is asked of the directory: the filter and the attributes of all selected types.

use std::collections::BTreeMap;

use ldap3::ldap_escape;

use crate::connectors::ldap::root_dse::Kind;
use crate::connectors::ldap::schema::DISTINGUISHED_NAME;
use crate::connectors::ldap::secrets::is_secret;
use crate::domain::connector_space::ImportScope;

/// Filter and attributes of the searches of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub filter: String,
    /// Each once, ascending by lower-case name.
    pub attributes: Vec<Box<str>>,
    /// Selected attributes that are secrets, and not asked for.
    pub secrets: Vec<Box<str>>,
}

impl Request {
    pub fn new(scope: &ImportScope, kind: Kind) -> Request {
        let classes = scope.types.iter().map(|t| format!("(objectClass={})", ldap_escape(&*t.name)));
        let own: &[&str] = if kind.is_ad_family() {
            &["objectClass", "objectGUID"]
        } else {
            &["objectClass", "structuralObjectClass", "entryUUID", "nsUniqueId"]
        };
        let selected = scope.types.iter().flat_map(|t| t.attributes.iter().map(|a| &*a.name));
        // The DN says it; elsewhere it is the supertype of all references, which the directory would send.
        let named = selected.filter(|name| !name.eq_ignore_ascii_case(DISTINGUISHED_NAME)).chain(own.iter().copied());
        let each: BTreeMap<String, &str> = named.map(|name| (name.to_ascii_lowercase(), name)).collect();
        let (secrets, attributes): (Vec<&str>, Vec<&str>) = each.into_values().partition(|name| is_secret(name));
        let boxed = |names: Vec<&str>| names.into_iter().map(Box::from).collect();
        let filter = format!("(|{})", classes.collect::<String>());
        Request { filter, attributes: boxed(attributes), secrets: boxed(secrets) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connectors::ldap::import::tests::object_type;

    #[test]
    fn all_selected_types_are_asked_for_at_once_but_no_secrets() {
        let scope = ImportScope {
            types: vec![
                object_type(1, "user", &["mail", "unicodePwd", "userPassword", "distinguishedName"]),
                object_type(2, "x)(y", &["MAIL", "member"]),
            ],
            ..ImportScope::default()
        };
        let request = Request::new(&scope, Kind::OpenLdap);
        assert_eq!(request.filter, r"(|(objectClass=user)(objectClass=x\29\28y))");
        let names = |names: &[Box<str>]| names.join(" ").to_ascii_lowercase();
        assert_eq!(names(&request.attributes), "entryuuid mail member nsuniqueid objectclass structuralobjectclass");
        assert_eq!(names(&request.secrets), "unicodepwd userpassword");
        assert_eq!(names(&Request::new(&scope, Kind::SambaAd).attributes), "mail member objectclass objectguid");
    }
}
