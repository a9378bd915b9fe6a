//! Every definition that a real server declares can be read.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jim::connectors::ldap::schema::definition::Definition;

use super::ldapsearch;
use crate::support::server::{Kind, Server};

/// Reads all definitions of a subschema, of which there are at least so many classes and attribute types.
async fn all_are_read(kind: Kind, base: &str, least: [usize; 2]) {
    let server = Server::start(kind).await;
    let wanted = ["objectClasses", "attributeTypes", "dITContentRules", "ldapSyntaxes"];
    let found = ldapsearch(&server, "base", base, "(objectClass=*)", &wanted).remove(0);
    let mut counts = Vec::new();
    for name in wanted {
        let values = found.get(&name.to_lowercase()).map_or(&[][..], |values| values);
        for value in values {
            // LDIF has in base64 what is not plain.
            let text = match value.starts_with('(') {
                true => value.clone().into_bytes(),
                false => STANDARD.decode(value).expect("base64"),
            };
            let read = Definition::parse(&text, 64 * 1024, 256);
            let definition = read.unwrap_or_else(|broken| panic!("{kind:?} {name}: {broken:?} {value}"));
            assert!(!definition.name().is_empty(), "{value}");
            assert!(
                name != "attributeTypes" || definition.syntax.is_some() || !definition.superiors.is_empty(),
                "{value}"
            );
        }
        counts.push(values.len());
    }
    println!("{kind:?}: {counts:?} classes, attribute types, content rules, syntaxes");
    assert!(counts[0] >= least[0] && counts[1] >= least[1], "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn of_openldap() {
    all_are_read(Kind::OpenLdap, "cn=Subschema", [50, 200]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs ns-slapd; tests/run.sh runs it"]
async fn of_ds389() {
    all_are_read(Kind::Ds389, "cn=schema", [150, 900]).await;
}

/// Nothing else reads this entry: Samba writes it for clients that know no other way.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs samba and root; tests/run.sh runs it"]
async fn of_samba() {
    all_are_read(Kind::Samba, "CN=Aggregate,CN=Schema,CN=Configuration,DC=lab,DC=test", [250, 1_400]).await;
}
