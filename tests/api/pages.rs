//! The user's pages: their sample requests and answers, field for field.

use serde_json::{Value, json};

use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::{SYSTEMS, Setup, TestApp, dns, sample};

/// Every member of `sample` is in `answer` with the same value, except those named.
fn holds(answer: &Value, sample: &Value, except: &[&str]) {
    for (name, value) in sample.as_object().expect("an object") {
        assert!(answer.get(name).is_some(), "{name} is missing in {answer}");
        if !except.contains(&name.as_str()) {
            assert_eq!(&answer[name], value, "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_000_create() {
    let app = TestApp::start().await;
    let body = json!({
        "name": "Corporate LDAP",
        "description": "Primary directory for employee accounts",
        "connectorDefinitionId": 3
    });
    let answer = app.admin().post(SYSTEMS, &body).await;
    assert_eq!(answer.header("location"), format!("{SYSTEMS}/{}", answer.body["id"]));
    let created = answer.expect_status(201);
    let sample = json!({
        "id": 7,
        "name": "Corporate LDAP",
        "description": "Primary directory for employee accounts",
        "created": "2026-04-05T10:30:00Z",
        "lastUpdated": null,
        "status": "Active",
        "settingValuesValid": false,
        "connector": { "id": 3, "name": "JIM LDAP Connector" },
        "objectTypes": [],
        "objectCount": 0,
        "pendingExportCount": 0,
        "maxExportParallelism": null
    });
    holds(&created, &sample, &["id", "created"]);
    assert!(created["id"].is_i64() && created["created"].as_str().is_some_and(|c| c.ends_with('Z')));

    let admin = app.admin();
    let long = "x".repeat(201);
    admin.post(SYSTEMS, &json!({ "name": long, "connectorDefinitionId": 3 })).await.expect_fault("name");
    admin.post(SYSTEMS, &json!({ "name": "x" })).await.expect_fault("connectorDefinitionId");
    app.stranger().post(SYSTEMS, &body).await.expect_error(401, "UNAUTHORISED");
    app.with_roles("nobody", &[]).await.post(SYSTEMS, &body).await.expect_error(403, "FORBIDDEN");
    admin.post(SYSTEMS, &json!({ "name": "x", "connectorDefinitionId": 99 })).await.expect_error(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn page_001_update() {
    let app = TestApp::start().await;
    let sandbox = Sandbox::start(Options {
        bind_dn: "CN=ServiceAccount,OU=Service,DC=example,DC=com".to_owned(),
        password: "s3cur3p@ssw0rd".to_owned(),
        tree: Tree::new()
            .suffix("dc=example,dc=com")
            .ou("ou=Service,dc=example,dc=com")
            .entry("cn=ServiceAccount,ou=Service,dc=example,dc=com", &[("objectClass", &["applicationProcess"])]),
        ..Options::sample()
    })
    .await
    .expect("the sandbox starts");
    let id = app.create_system("Corporate LDAP").await;
    let path = format!("{SYSTEMS}/{id}");
    let admin = app.admin();

    let rename = json!({
        "name": "Corporate LDAP (Production)",
        "description": "Primary directory for all employee accounts"
    });
    let updated = admin.put(&path, &rename).await.expect_status(200);
    holds(&updated, &rename, &[]);
    assert_eq!(updated["settingValuesValid"], false);
    assert!(updated["lastUpdated"].is_string());

    let three = json!({ "settingValues": {
        "1": { "stringValue": "ldap://directory.example.com:389" },
        "2": { "stringValue": "CN=JIM,OU=Service,DC=example,DC=com" },
        "3": { "stringValue": "s3cur3p@ssw0rd" }
    } });
    assert_eq!(admin.put(&path, &three).await.expect_status(200)["settingValuesValid"], false);

    let five = |host: &str| {
        json!({ "settingValues": {
            "1": { "stringValue": host },
            "2": { "stringValue": "CN=ServiceAccount,OU=Service,DC=example,DC=com" },
            "3": { "stringValue": "s3cur3p@ssw0rd" },
            "4": { "intValue": 389 },
            "5": { "checkboxValue": true }
        } })
    };
    let updated = admin.put(&path, &five("ldap://directory.example.com:389")).await.expect_status(200);
    assert_eq!(updated["settingValuesValid"], false);
    assert_eq!(updated["settingValues"]["1"]["stringValue"], "ldap://directory.example.com:389");
    assert_eq!(updated["settingValues"]["3"]["stringValue"], Value::Null);

    // The same body with host and port of a server that is really there.
    admin.put(&path, &five(&format!("ldap://{}", sandbox.addr()))).await.expect_status(200);
    let imported = app.import(id, "").await.expect_status(200);
    assert_eq!(imported["success"], true);
    assert_eq!(admin.get(&path).await.expect_status(200)["settingValuesValid"], true);

    admin.put(&path, &json!({ "maxExportParallelism": 17 })).await.expect_fault("maxExportParallelism");
    admin.put(&path, &json!({ "name": "x".repeat(201) })).await.expect_fault("name");
    app.stranger().put(&path, &rename).await.expect_error(401, "UNAUTHORISED");
    app.with_roles("nobody", &[]).await.put(&path, &rename).await.expect_error(403, "FORBIDDEN");
    admin.put(&format!("{SYSTEMS}/999"), &rename).await.expect_error(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn page_002_partitions_and_containers() {
    let app = TestApp::start().await;
    let tree = Tree::new()
        .suffix("DC=example,DC=com")
        .ou("OU=Users,DC=example,DC=com")
        .ou("OU=Engineering,OU=Users,DC=example,DC=com");
    let sandbox = Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts");
    let id = app.connected_to(&sandbox).await;
    let list = format!("{SYSTEMS}/{id}/partitions");
    assert_eq!(app.partitions(id).await, json!([]));
    app.import(id, "").await.expect_status(200);

    let partitions = app.partitions(id).await;
    let partition = partitions[0]["id"].clone();
    let users = partitions[0]["containers"].as_array().expect("containers");
    let users = users.iter().find(|c| c["name"] == "Users").expect("Users").clone();
    let engineering = users["childContainers"][0].clone();
    let suffix = partitions[0]["externalId"].as_str().expect("a DN").to_owned();
    assert!(suffix.eq_ignore_ascii_case("DC=example,DC=com"));
    let admin = app.admin();
    let select = json!({ "selected": true });
    admin.put(&format!("{list}/{partition}"), &select).await.expect_status(200);
    let changed = admin.put(&format!("{SYSTEMS}/{id}/containers/{}", users["id"]), &select).await.expect_status(200);
    assert_eq!(changed["selected"], true);
    assert_eq!(changed["childContainers"][0]["selected"], true, "included by inheritance");
    admin.put(&format!("{SYSTEMS}/{id}/containers/{}", engineering["id"]), &select).await.expect_status(200);

    let sample = json!({
        "id": partition,
        "name": suffix,
        "externalId": suffix,
        "selected": true,
        "connectedSystemId": id,
        "containers": [{
            "id": users["id"],
            "name": "Users",
            "externalId": users["externalId"],
            "description": null,
            "hidden": false,
            "selected": true,
            "selectionInherited": false,
            "partitionId": partition,
            "connectedSystemId": id,
            "childContainers": [{
                "id": engineering["id"],
                "name": "Engineering",
                "externalId": engineering["externalId"],
                "description": null,
                "hidden": false,
                "selected": true,
                "selectionInherited": false,
                "partitionId": partition,
                "connectedSystemId": id,
                "childContainers": []
            }]
        }]
    });
    let mut shown = app.partitions(id).await;
    shown[0]["containers"].as_array_mut().expect("containers").retain(|c| c["name"] == "Users");
    assert_eq!(shown, json!([sample]));
    let updated = admin.put(&format!("{list}/{partition}"), &json!({})).await.expect_status(200);
    assert_eq!(updated["containers"].as_array().map(Vec::len), partitions[0]["containers"].as_array().map(Vec::len));

    let container = format!("{SYSTEMS}/{id}/containers");
    let nobody = app.with_roles("nobody", &[]).await;
    for (method, path) in
        [("GET", list.clone()), ("PUT", format!("{list}/{partition}")), ("PUT", format!("{container}/{}", users["id"]))]
    {
        let body = (method == "PUT").then(|| select.to_string());
        app.stranger().send(method, &path, body.clone()).await.expect_error(401, "UNAUTHORISED");
        nobody.send(method, &path, body.clone()).await.expect_error(403, "FORBIDDEN");
        let missing = path.replace(&format!("connected-systems/{id}/"), "connected-systems/999/");
        admin.send(method, &missing, body).await.expect_error(404, "NOT_FOUND");
    }
    admin.put(&format!("{list}/999"), &select).await.expect_error(404, "NOT_FOUND");
    admin.put(&format!("{container}/999"), &select).await.expect_error(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn page_003_object_types_before_the_schema_import() {
    let app = TestApp::start().await;
    let id = app.create_system("Corporate LDAP").await;
    let list = format!("{SYSTEMS}/{id}/object-types");
    let body = json!({ "selected": true, "removeContributedAttributesOnObsoletion": true });
    let admin = app.admin();
    assert_eq!(admin.get(&list).await.expect_status(200), json!([]));
    admin.put(&format!("{list}/10"), &body).await.expect_error(404, "NOT_FOUND");
    admin.put(&format!("{list}/10"), &json!({ "selected": "yes" })).await.expect_fault("selected");
    admin.get(&format!("{SYSTEMS}/999/object-types")).await.expect_error(404, "NOT_FOUND");
    app.stranger().get(&list).await.expect_error(401, "UNAUTHORISED");
    app.stranger().put(&format!("{list}/10"), &body).await.expect_error(401, "UNAUTHORISED");
    let nobody = app.with_roles("nobody", &[]).await;
    nobody.get(&list).await.expect_error(403, "FORBIDDEN");
    nobody.put(&format!("{list}/10"), &body).await.expect_error(403, "FORBIDDEN");
}

/// The page shows a type `user` with 47 attributes that no class declares: a file has such.
#[tokio::test(flavor = "multi_thread")]
async fn page_003_object_types() {
    let files = tempfile::tempdir().expect("a folder");
    let columns: Vec<String> = (1..47).map(|n| format!("column{n}")).collect();
    let header = format!("{},displayName\n", columns.join(","));
    std::fs::write(files.path().join("people.csv"), header).expect("a file");
    let root = Some(files.path().to_owned());
    let app = TestApp::start_with(Setup { files_root: root, ..Setup::default() }).await;
    let admin = app.admin();
    let body = json!({ "name": "People", "connectorDefinitionId": 1 });
    let id = admin.post(SYSTEMS, &body).await.expect_status(201)["id"].as_i64().expect("an id");
    let text = |value: &str| json!({ "stringValue": value });
    app.set(id, &json!({ "101": text("people.csv"), "104": text("user") })).await.expect_status(200);
    app.import_schema(id).await.expect_status(200);

    let list = format!("{SYSTEMS}/{id}/object-types");
    let types = admin.get(&list).await.expect_status(200);
    let user = &types[0];
    let shown = |user: &Value| {
        let mut user = user.clone();
        user["attributes"].as_array_mut().expect("attributes").retain(|a| a["name"] == "displayName");
        user
    };
    let attribute = shown(user)["attributes"][0]["id"].clone();
    let (object_type, created) = (user["id"].clone(), user["created"].clone());
    assert!(object_type.is_i64() && attribute.is_i64());
    assert!(created.as_str().is_some_and(|c| c.ends_with('Z') && c.contains('T')), "{created}");
    let select = json!({ "selected": true });
    admin.put(&format!("{list}/{object_type}/attributes/{attribute}"), &select).await.expect_status(200);
    let updated = admin.put(&format!("{list}/{object_type}"), &select).await.expect_status(200);
    let sample = json!({
        "id": object_type,
        "name": "user",
        "created": created,
        "selected": true,
        "removeContributedAttributesOnObsoletion": false,
        "attributeCount": 47,
        "attributes": [{
            "id": attribute,
            "name": "displayName",
            "description": null,
            "className": null,
            "created": created,
            "type": "String",
            "attributePlurality": "Single",
            "selected": true,
            "isExternalId": false,
            "isSecondaryExternalId": false,
            "selectionLocked": false,
            "writability": "ReadWrite"
        }]
    });
    let types = admin.get(&list).await.expect_status(200);
    assert_eq!(json!([shown(&types[0])]), json!([sample]));
    assert_eq!(shown(&updated), sample);
    assert_eq!(types[0]["attributes"].as_array().map(Vec::len), Some(47));

    let both = json!({ "selected": true, "removeContributedAttributesOnObsoletion": true });
    let path = format!("{list}/{object_type}");
    let updated = admin.put(&path, &both).await.expect_status(200);
    assert_eq!(updated["removeContributedAttributesOnObsoletion"], true);
    admin.put(&path, &json!({ "selected": "yes" })).await.expect_fault("selected");
    app.stranger().put(&path, &both).await.expect_error(401, "UNAUTHORISED");
    app.with_roles("nobody", &[]).await.put(&path, &both).await.expect_error(403, "FORBIDDEN");
    admin.put(&format!("{list}/999999"), &both).await.expect_error(404, "NOT_FOUND");
    admin.put(&format!("{SYSTEMS}/999/object-types/{object_type}"), &both).await.expect_error(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn page_004_import_hierarchy() {
    let app = TestApp::start().await;
    let sandbox = sample().await;
    let id = app.connected_to(&sandbox).await;
    app.import(id, "").await.expect_status(200);
    sandbox.add_ou("ou=NewDept,dc=demo,dc=example").expect("added");
    let result = app.import(id, "").await.expect_status(200);
    let total = result["totalContainers"].clone();
    let sample = json!({
        "success": true,
        "errorMessage": null,
        "totalPartitions": 2,
        "totalContainers": total,
        "addedPartitions": [],
        "removedPartitions": [],
        "renamedPartitions": [],
        "addedContainers": [{
            "externalId": "ou=NewDept,dc=demo,dc=example",
            "name": "NewDept",
            "wasSelected": false,
            "itemType": "Container"
        }],
        "removedContainers": [],
        "renamedContainers": [],
        "movedContainers": [],
        "hasChanges": true,
        "hasSelectedItemsRemoved": false
    });
    holds(&result, &sample, &[]);
    assert_eq!(dns(&result, "addedContainers"), ["ou=NewDept,dc=demo,dc=example"]);

    let path = format!("{SYSTEMS}/{id}/import-hierarchy");
    app.stranger().send("POST", &path, None).await.expect_error(401, "UNAUTHORISED");
    app.with_roles("nobody", &[]).await.send("POST", &path, None).await.expect_error(403, "FORBIDDEN");
    app.import(999, "").await.expect_error(404, "NOT_FOUND");
    let unfinished = app.create_system("No settings").await;
    app.import(unfinished, "").await.expect_error(400, "BAD_REQUEST");
    let file = json!({ "name": "Files", "connectorDefinitionId": 1 });
    let file = app.admin().post(SYSTEMS, &file).await.expect_status(201)["id"].as_i64().expect("an id");
    app.import(file, "").await.expect_error(400, "BAD_REQUEST");
    sandbox.stop().await;
    let message = app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
    assert!(message.contains("connect at 127.0.0.1:") && message.contains("connection refused"), "{message}");
}
