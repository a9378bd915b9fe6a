//! Containers found and chosen by name: search, order, pages, and bulk updates keyed by DN.

use serde_json::{Value, json};

use crate::support::case::Case;
use crate::support::directory::Tree;
use crate::support::{SYSTEMS, TestApp};

fn tree() -> Tree {
    Tree::new()
        .suffix("dc=zeta,dc=example")
        .suffix("dc=alpha,dc=example")
        .ou("ou=Users,dc=zeta,dc=example")
        .ou("ou=Größe,ou=Users,dc=zeta,dc=example")
        .ou("ou=Deep\\, down,ou=Größe,ou=Users,dc=zeta,dc=example")
        .ou("ou=users,dc=alpha,dc=example")
        .entry("l=Rome,dc=alpha,dc=example", &[("objectClass", &["locality"]), ("description", &["Users of ROMA"])])
}

fn texts(page: &Value, field: &str) -> Vec<String> {
    let items = page["items"].as_array().expect("items");
    items.iter().map(|item| item[field].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_are_found_by_name_dn_and_description_with_their_path() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &["ou=Größe,ou=Users,dc=zeta,dc=example"]).await;
    let (admin, path) = (app.with_roles("reader", &[2]).await, format!("{SYSTEMS}/{}/containers", case.id));
    let found = async |query: &str| admin.get(&format!("{path}?{query}")).await.expect_status(200);

    let deep = found("search=DEEP").await;
    assert_eq!((&deep["totalCount"], deep["items"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    let item = &deep["items"][0];
    assert_eq!(item["selectionInherited"], true);
    assert_eq!(item["path"], json!(["Users", "Größe", "Deep, down"]), "from below the partition to itself");
    assert_eq!((&item["name"], &item["selected"]), (&json!("Deep, down"), &json!(true)));
    assert!(item["id"].is_i64() && item["partitionId"].is_i64() && item.get("childContainers").is_none(), "{item}");
    assert_eq!(item["connectedSystemId"], case.id);
    let all = found("search=users").await;
    assert_eq!(texts(&all, "name"), ["Rome", "users", "Users"], "not everything below Users");

    let all = ["users", "Rome", "Users", "Größe", "Deep, down"];
    for (query, expected) in [
        ("search=gr%C3%96SSE", &["Größe"][..]),
        ("search=OU%3DGR%C3%96%C3%9FE&sortBy=externalId", &["Deep, down", "Größe"]),
        ("search=roma", &["Rome"]),
        ("search=dc%3Dalpha", &["Rome", "users"]),
        ("search=ou%3Dusers%2Cdc", &["Deep, down", "Größe", "users", "Users"]),
        ("selected=true", &["Deep, down", "Größe"]),
        ("selected=true&search=rome", &[]),
        ("selected=false&search=rome", &["Rome"]),
        ("search=&pageSize=2", &["Deep, down", "Größe"]),
        ("pageSize=2&page=3", &["Users"]),
        ("pageSize=2&page=9", &[]),
        ("sortDirection=desc&pageSize=2", &["Users", "users"]),
        ("search=%25", &[]),
    ] {
        assert_eq!(texts(&found(query).await, "name"), expected, "{query}");
    }
    let ids = found("sortBy=id").await;
    let mut sorted: Vec<i64> =
        ids["items"].as_array().expect("items").iter().filter_map(|i| i["id"].as_i64()).collect();
    assert!(sorted.is_sorted() && sorted.len() == all.len(), "{ids}");
    sorted.dedup();
    assert_eq!(ids["totalCount"], sorted.len());

    admin.get(&format!("{path}?selected=maybe&search={}", "x".repeat(501))).await.expect_fault("selected");
    admin.get(&format!("{SYSTEMS}/999/containers")).await.expect_error(404, "NOT_FOUND");
    app.stranger().get(&path).await.expect_error(401, "UNAUTHORISED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_update_takes_dns_in_any_spelling() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[]).await;
    let (admin, path) = (app.admin(), format!("{SYSTEMS}/{}/containers", case.id));
    let selected = async || texts(&admin.get(&format!("{path}?selected=true")).await.expect_status(200), "externalId");
    let bulk = async |containers: Value| {
        admin.post(&format!("{path}/bulk-update"), &json!({ "containers": containers })).await
    };
    let deep = "ou=Deep\\2C down,ou=Größe,ou=Users,dc=zeta,dc=example";

    let done = bulk(json!({
        "OU=deep\\2C down, OU=GRÖẞE, ou=users, DC=Zeta, dc=example": { "selected": true },
        "ou=users,dc=alpha,dc=example": { "selected": true },
        "ou=nowhere,dc=alpha,dc=example": { "selected": true },
        "dc=alpha,dc=example": { "selected": true },
    }));
    let done = done.await.expect_status(200);
    let listed = done["errors"].as_array().cloned().unwrap_or_default();
    assert_eq!((&done["updatedCount"], listed.len()), (&json!(2), 2), "a partition is no container: {done}");
    assert!(listed[0]["errorMessage"].as_str().is_some_and(|t| t.contains("is a partition")), "{done}");
    for (error, dn) in listed.iter().skip(1).zip(["ou=nowhere,dc=alpha,dc=example"]) {
        assert_eq!(
            (&error["containerId"], &error["errorMessage"]),
            (&Value::Null, &json!(format!("No container is named {dn}.")))
        );
    }
    assert_eq!(selected().await, [deep, "ou=users,dc=alpha,dc=example"]);

    // Ids and DNs side by side; one container under two names is a mistake, and nothing is stored.
    let rome = admin.get(&format!("{path}?search=Rome")).await.expect_status(200)["items"][0]["id"].to_string();
    let before = app.dump();
    bulk(json!({ &rome: { "selected": true }, "l=rome,dc=alpha,dc=example": {} })).await.expect_fault("containers");
    bulk(json!({ "l=rome,dc=alpha,dc=example": {}, "L=Rome, dc=alpha, dc=example": {} }))
        .await
        .expect_fault("containers");
    for bad in ["rome", "", "=x", "ou=x,,dc=y"] {
        bulk(json!({ bad: { "selected": true } })).await.expect_fault(&format!("containers.{bad}"));
    }
    assert_eq!(app.dump(), before, "a refused request writes nothing");
    let done = bulk(json!({ &rome: { "selected": true }, deep: { "selected": false } })).await.expect_status(200);
    assert_eq!((&done["updatedCount"], &done["errors"]), (&json!(2), &Value::Null));
    assert_eq!(selected().await, ["l=Rome,dc=alpha,dc=example", "ou=users,dc=alpha,dc=example"]);
}
