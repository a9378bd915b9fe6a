//! Samba as a domain controller: the schema is a partition of entries.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::known::{Of, known};
use super::{Found, Imported, Types, ldapsearch};
use crate::support::TestApp;
use crate::support::server::{Kind, Server};

const SCHEMA: &str = "CN=Schema,CN=Configuration,DC=lab,DC=test";

/// All entries of a class, by lDAPDisplayName.
fn entries(server: &Server, class: &str) -> BTreeMap<String, Found> {
    let found = ldapsearch(server, "one", SCHEMA, &format!("(objectClass={class})"), &["*"]);
    found.into_iter().map(|entry| (entry["ldapdisplayname"][0].clone(), entry)).collect()
}

fn first<'e>(entry: &'e Found, name: &str) -> &'e str {
    entry.get(name).map_or("", |values| values[0].as_str())
}

/// The classes that are offered, with the attributes of all classes that they are made of.
fn types(classes: &BTreeMap<String, Found>, defunct: &BTreeSet<String>, categories: &[&str]) -> Types {
    let offered = |entry: &Found| {
        categories.contains(&first(entry, "objectclasscategory"))
            && first(entry, "isdefunct") != "TRUE"
            && first(entry, "defaulthidingvalue") != "TRUE"
    };
    let mut types = Types::new();
    for (name, _) in classes.iter().filter(|(_, entry)| offered(entry)) {
        let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
        collect(classes, name, &mut seen, &mut found);
        found.extend(["objectGUID", "distinguishedName"].map(str::to_owned));
        types.insert(name.clone(), &found - defunct);
    }
    types
}

fn collect(classes: &BTreeMap<String, Found>, class: &str, seen: &mut BTreeSet<String>, into: &mut BTreeSet<String>) {
    if !seen.insert(class.to_owned()) {
        return;
    }
    let values = |name: &str| classes[class].get(name).cloned().unwrap_or_default();
    for list in ["maycontain", "mustcontain", "systemmaycontain", "systemmustcontain"] {
        into.extend(values(list));
    }
    for list in ["subclassof", "auxiliaryclass", "systemauxiliaryclass"] {
        for other in values(list) {
            collect(classes, &other, seen, into);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs samba and root; tests/run.sh runs it"]
async fn types_and_attributes_are_those_of_the_schema_partition() {
    let (app, server) = (TestApp::start().await, Server::start(Kind::Samba).await);
    let (classes, attributes) = (entries(&server, "classSchema"), entries(&server, "attributeSchema"));
    assert!(classes.len() > 200 && attributes.len() > 1_000, "{} {}", classes.len(), attributes.len());
    let gone = attributes.iter().filter(|(_, entry)| first(entry, "isdefunct") == "TRUE");
    let defunct: BTreeSet<String> = gone.map(|(name, _)| name.clone()).collect();
    let imported = Imported::new(&app, &server).await;
    let expected = types(&classes, &defunct, &["1"]);
    assert!(expected.len() > 25, "{}", expected.len());
    for name in ["user", "computer", "group", "inetOrgPerson", "contact", "organizationalUnit", "domainDNS"] {
        assert!(expected.contains_key(name), "{name}");
    }
    imported.are(&expected);
    imported.told_apart_by("objectGUID", "distinguishedName");
    known(&imported, Of::Samba);
    for (of, name, expected) in [
        ("user", "userAccountControl", json!(["user", "Integer", "Single", "ReadWrite"])),
        ("user", "givenName", json!(["user", "String", "Single", "ReadWrite"])),
        ("user", "streetAddress", json!(["organizationalPerson", "String", "Single", "ReadWrite"])),
        ("user", "sn", json!(["person", "String", "Single", "ReadWrite"])),
        ("user", "objectGUID", json!(["top", "Guid", "Single", "ReadOnly"])),
        ("user", "sAMAccountName", json!(["securityPrincipal", "String", "Single", "ReadWrite"])),
        ("user", "uidNumber", json!(["posixAccount", "Integer", "Single", "ReadWrite"])),
        ("computer", "sAMAccountName", json!(["securityPrincipal", "String", "Single", "ReadWrite"])),
        ("user", "description", json!(["top", "String", "Single", "ReadWrite"])),
        ("computer", "description", json!(["top", "String", "Single", "ReadWrite"])),
        ("group", "description", json!(["top", "String", "Single", "ReadWrite"])),
        ("inetOrgPerson", "description", json!(["top", "String", "Single", "ReadWrite"])),
        ("organizationalUnit", "description", json!(["top", "String", "Multi", "ReadWrite"])),
        ("contact", "description", json!(["top", "String", "Multi", "ReadWrite"])),
    ] {
        assert_eq!(json!(imported.attribute(of, name)), expected, "{name} of {of}");
    }
    imported.stays().await;

    // Every auxiliary class of a new domain is hidden by default.
    let all = imported.with_auxiliary().await;
    let expected = types(&classes, &defunct, &["1", "3"]);
    assert_eq!(expected.len(), imported.types().len());
    all.are(&expected);
    all.stays().await;
}
