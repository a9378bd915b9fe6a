//! A directory of people, and a system with a run profile that imports them.

use serde_json::{Value, json};

use super::case::Case;
use super::directory::Tree;
use super::{SYSTEMS, TestApp};

/// The container of the people.
pub const PEOPLE: &str = "ou=people,dc=x";

pub fn dn(number: usize) -> String {
    format!("uid=p{number},{PEOPLE}")
}

/// A tree with this many people.
pub fn tree(count: usize) -> Tree {
    (0..count).fold(Tree::new().suffix("dc=x").ou(PEOPLE), |tree, n| {
        let (uid, name) = (format!("p{n}"), format!("Person {n}"));
        let class: &[&str] = &["top", "person", "organizationalPerson", "inetOrgPerson"];
        tree.entry(&dn(n), &[("objectClass", class), ("uid", &[&uid]), ("cn", &[&name]), ("sn", &["Person"])])
    })
}

/// The system `Sandbox` at a directory with this many people, who are selected, and its profile `Full`.
pub async fn system(app: &TestApp, count: usize) -> (Case<'_>, i64) {
    let case = Case::imported(app, tree(count), &[PEOPLE]).await;
    let path = format!("{SYSTEMS}/{}", case.id);
    let partition = app.partitions(case.id).await[0]["id"].clone();
    let chosen = json!({ "selected": true });
    app.admin().put(&format!("{path}/partitions/{partition}"), &chosen).await.expect_status(200);
    app.import_schema(case.id).await.expect_status(200);
    let types = app.object_types(case.id).await;
    let person = types.as_array().expect("types").iter().find(|t| t["name"] == "inetOrgPerson").expect("people");
    let of = format!("{path}/object-types/{}", person["id"]);
    app.admin().put(&of, &chosen).await.expect_status(200);
    for attribute in person["attributes"].as_array().expect("attributes") {
        if ["uid", "cn", "sn", "manager"].iter().any(|name| attribute["name"] == *name) {
            app.admin().put(&format!("{of}/attributes/{}", attribute["id"]), &chosen).await.expect_status(200);
        }
    }
    let profile = profile(app, case.id, "Full").await;
    (case, profile)
}

/// A profile of a full import.
pub async fn profile(app: &TestApp, system: i64, name: &str) -> i64 {
    let body: Value = json!({ "name": name, "runType": "FullImport" });
    let made = app.admin().post(&format!("{SYSTEMS}/{system}/run-profiles"), &body).await.expect_status(201);
    made["id"].as_i64().expect("an id")
}
