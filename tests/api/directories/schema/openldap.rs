//! OpenLDAP.

use serde_json::json;

use super::definitions::types;
use super::known::{Of, known};
use super::{Imported, last_activity, ldapsearch, schema_rows};
use crate::support::TestApp;
use crate::support::server::{Kind, Server};
use crate::support::slapd::{SchemaAccess, Setup, Slapd};

const ADDED: [&str; 2] = ["entryUUID", "distinguishedName"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn types_and_attributes_are_those_of_the_subschema() {
    let (app, server) = (TestApp::start().await, Server::start(Kind::OpenLdap).await);
    let filter = "(objectClass=subschema)";
    let found = ldapsearch(&server, "base", "cn=Subschema", filter, &["objectClasses", "attributeTypes"]);
    assert_eq!(found.len(), 1);
    let imported = Imported::new(&app, &server).await;
    let expected = types(&found[0], false, &ADDED);
    assert!(expected.len() > 40 && expected.contains_key("inetOrgPerson"), "{}", expected.len());
    imported.are(&expected);
    imported.told_apart_by("entryUUID", "distinguishedName");
    known(&imported, Of::OpenLdap);
    for (of, name, expected) in [
        ("inetOrgPerson", "mail", json!(["inetOrgPerson", "String", "Multi", "ReadWrite"])),
        ("inetOrgPerson", "title", json!(["organizationalPerson", "String", "Multi", "ReadWrite"])),
        ("inetOrgPerson", "sn", json!(["person", "String", "Multi", "ReadWrite"])),
        ("inetOrgPerson", "objectClass", json!(["top", "String", "Multi", "ReadWrite"])),
        ("inetOrgPerson", "entryUUID", json!([null, "Guid", "Single", "ReadOnly"])),
        ("groupOfNames", "distinguishedName", json!([null, "String", "Single", "ReadWrite"])),
        ("subentry", "subtreeSpecification", json!(["subentry", "String", "Single", "ReadOnly"])),
    ] {
        assert_eq!(json!(imported.attribute(of, name)), expected, "{name} of {of}");
    }
    imported.stays().await;

    let all = imported.with_auxiliary().await;
    let expected = types(&found[0], true, &ADDED);
    assert!(expected.contains_key("extensibleObject") && expected.len() > imported.types().len() + 10);
    all.are(&expected);
    all.stays().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_schema_that_cannot_be_read_changes_nothing() {
    let app = TestApp::start().await;
    let mut server = Server::OpenLdap(Slapd::start());
    let imported = Imported::new(&app, &server).await;
    let rows = schema_rows(&app);
    for (access, reason) in [
        (SchemaAccess::Nothing, "no entry"),
        (SchemaAccess::NoAttributes, "no attribute type is shown"),
        (SchemaAccess::NoClasses, "no object class is shown"),
    ] {
        let Server::OpenLdap(slapd) = &mut server else { unreachable!("it is one") };
        slapd.restart(|setup: &mut Setup| setup.schema = access);
        let message = app.import_schema(imported.id).await.expect_error(500, "INTERNAL_ERROR");
        assert!(message.starts_with("Connection to the external store failed: schema at "), "{message}");
        assert!(message.contains(reason), "{message}");
        let (status, _, error) = last_activity(&app);
        assert_eq!((status.as_str(), error.map(|e| e + ".")), ("FailedWithError", Some(message)));
        assert_eq!(schema_rows(&app), rows);
    }
    let Server::OpenLdap(slapd) = &mut server else { unreachable!("it is one") };
    slapd.restart(|setup: &mut Setup| setup.schema = SchemaAccess::All);
    imported.stays().await;
}
