//! Naming contexts that are not named: the root of the tree, and schemas that only entries name.

use serde_json::{Value, json};

use super::{changes, settings, stored, system};
use crate::support::case::{import, told, warnings};
use crate::support::slapd::{SchemaAccess, Setup, Slapd};
use crate::support::{SYSTEMS, TestApp};

const TOP: &str = "dn: o=open\nobjectClass: organization\no: open\n\n\
    dn: ou=A,o=open\nobjectClass: organizationalUnit\n\n\
    dn: dc=net\nobjectClass: domain\ndc: net\n\n\
    dn: ou=B,dc=net\nobjectClass: organizationalUnit\n\n";

/// A directory whose root is a naming context, with [`TOP`] in it.
fn open_root() -> (tempfile::TempDir, Slapd) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("top.ldif");
    std::fs::write(&file, TOP).expect("a file");
    let slapd = Slapd::start_with(Setup { open_root: true, ldif: vec![file], ..Setup::default() });
    (folder, slapd)
}

async fn tested(app: &TestApp, id: i64) -> Value {
    app.admin().post(&format!("{SYSTEMS}/{id}/test-connection"), &json!({})).await.expect_status(200)
}

fn stage<'a>(tested: &'a Value, name: &str) -> &'a Value {
    tested["stages"].as_array().expect("stages").iter().find(|s| s["name"] == name).expect("a stage")
}

/// RFC 4512, section 5.1: an empty naming context is the root of the tree.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn entries_below_an_open_root_are_partitions() {
    let (_folder, slapd) = open_root();
    let app = TestApp::start().await;
    let id = system(&app, &slapd).await;
    let probe = tested(&app, id).await;
    assert_eq!(stage(&probe, "partitions")["message"], "4 of 4 can be read", "{probe}");
    let all = ["!+ dc=example,dc=com", "!+ dc=net", "!+ o=open", "!+ o=partners", "+ ou=A,o=open", "+ ou=B,dc=net"];
    assert_eq!(changes(&app, id, "").await, all);
    app.select(id, "ou=B,dc=net").await;
    assert!(stored(&app, id).await.contains(&" ou=B,dc=net *".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn an_open_root_that_may_not_be_searched_is_remarked_on() {
    let (_folder, mut slapd) = open_root();
    let app = TestApp::start().await;
    let id = system(&app, &slapd).await;
    changes(&app, id, "").await;
    app.select(id, "ou=B,dc=net").await;
    let before = stored(&app, id).await;
    slapd.restart(|setup| setup.root_refused = true);
    let probe = tested(&app, id).await;
    let why = "the entries directly below the root of the tree cannot be listed: ";
    let message = stage(&probe, "partitions")["message"].as_str().unwrap_or_default().to_owned();
    assert!(message.starts_with("2 of 2 can be read; ") && message.contains(why), "{probe}");
    // What is stored stays, since it still answers.
    for query in ["?preview=true", ""] {
        let result = app.import(id, query).await.expect_status(200);
        assert_eq!(result["success"], false, "{result}");
        assert!(warnings(&result).contains(why), "{result}");
    }
    assert_eq!(stored(&app, id).await, before);
}

/// RFC 4512, section 4.2: an entry names the schema that governs it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_schema_that_only_entries_name_is_found() {
    let app = TestApp::start().await;
    for (schema, found) in [(SchemaAccess::All, true), (SchemaAccess::Unnamed, true)] {
        let slapd = Slapd::start_with(Setup { schema, ..Setup::default() });
        let id = app.create_system(&format!("{schema:?}")).await;
        app.set(id, &settings(&slapd.url())).await.expect_status(200);
        let probe = tested(&app, id).await;
        assert_eq!(stage(&probe, "schema")["outcome"] == "ok", found, "{probe}");
        let imported = app.admin().post(&format!("{SYSTEMS}/{id}/import-schema"), &json!({})).await;
        let types = imported.expect_status(200)["objectTypes"].as_array().map_or(0, Vec::len);
        assert!(types > 10, "{types}");
        assert_eq!(told(&import(&app, id, "").await).len(), 2, "the two partitions");
    }
}
