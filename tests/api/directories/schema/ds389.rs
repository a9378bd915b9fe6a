//! 389 Directory Server.

use serde_json::json;

use super::definitions::types;
use super::known::{Of, known};
use super::{Imported, ldapsearch};
use crate::support::TestApp;
use crate::support::server::{Kind, Server};

const ADDED: [&str; 3] = ["entryUUID", "nsUniqueId", "distinguishedName"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs ns-slapd; tests/run.sh runs it"]
async fn types_and_attributes_are_those_of_the_subschema() {
    let (app, server) = (TestApp::start().await, Server::start(Kind::Ds389).await);
    let filter = "(objectClass=subschema)";
    let found = ldapsearch(&server, "base", "cn=schema", filter, &["objectClasses", "attributeTypes"]);
    assert_eq!(found.len(), 1);
    let imported = Imported::new(&app, &server).await;
    let expected = types(&found[0], false, &ADDED);
    assert!(expected.len() > 100 && expected.contains_key("inetOrgPerson"), "{}", expected.len());
    imported.are(&expected);
    // Whatever the plug-in for entryUUID is set to, entries of a new server show none.
    imported.told_apart_by("nsUniqueId", "distinguishedName");
    known(&imported, Of::Ds389);
    for (of, name, expected) in [
        ("inetOrgPerson", "mail", json!(["inetOrgPerson", "String", "Multi", "ReadWrite"])),
        ("inetOrgPerson", "sn", json!(["person", "String", "Multi", "ReadWrite"])),
        ("inetOrgPerson", "nsUniqueId", json!([null, "String", "Single", "ReadOnly"])),
        ("inetOrgPerson", "entryUUID", json!([null, "Guid", "Single", "ReadOnly"])),
    ] {
        assert_eq!(json!(imported.attribute(of, name)), expected, "{name} of {of}");
    }
    imported.stays().await;

    let all = imported.with_auxiliary().await;
    let expected = types(&found[0], true, &ADDED);
    assert!(expected.contains_key("posixAccount") && expected.len() > imported.types().len() + 50);
    all.are(&expected);
    all.stays().await;
}
