//! Connector definitions: both setting tables, capabilities, the fields of header and full object, lookup by name.

use serde_json::{Value, json};

use crate::support::TestApp;

const DEFINITIONS: &str = "/api/v1/synchronisation/connector-definitions";

/// id, name, category, type, required, default (text form), drop-down values.
type Row = (i64, &'static str, &'static str, &'static str, bool, Option<&'static str>, &'static [&'static str]);

const VALIDATION: &[&str] = &["Full Validation", "Skip Validation (Not Recommended)"];

#[rustfmt::skip]
const LDAP: [Row; 21] = [
    (1, "Host", "Connectivity", "String", true, None, &[]),
    (2, "Username", "Connectivity", "String", true, None, &[]),
    (3, "Password", "Connectivity", "StringEncrypted", true, None, &[]),
    (4, "Port", "Connectivity", "Integer", true, Some("389"), &[]),
    (5, "Skip Hidden Partitions", "General", "CheckBox", false, Some("true"), &[]),
    (6, "Certificate Validation", "Connectivity", "DropDown", false, None, VALIDATION),
    (7, "Connection Timeout", "Connectivity", "Integer", true, Some("10"), &[]),
    (8, "Authentication Type", "Connectivity", "DropDown", true, Some("Simple"), &["Simple", "NTLM"]),
    (9, "Search Timeout", "General", "Integer", false, Some("300"), &[]),
    (10, "Import Concurrency", "General", "Integer", false, Some("4"), &[]),
    (11, "Maximum Retries", "General", "Integer", false, Some("3"), &[]),
    (12, "Retry Delay (ms)", "General", "Integer", false, Some("1000"), &[]),
    (13, "Include Auxiliary Classes", "General", "CheckBox", false, Some("false"), &[]),
    (14, "Create containers as needed?", "General", "CheckBox", false, Some("false"), &[]),
    (15, "Use StartTLS?", "Connectivity", "CheckBox", false, Some("false"), &[]),
    (16, "Delete Behaviour", "Export", "DropDown", false, None, &["Delete", "Disable"]),
    (17, "Disable Attribute", "Export", "String", false, Some("userAccountControl"), &[]),
    (18, "Export Concurrency", "Export", "Integer", false, Some("4"), &[]),
    (19, "Modify Batch Size", "Export", "Integer", false, Some("100"), &[]),
    (20, "Group Placeholder Member DN", "Export", "String", false, Some("cn=placeholder"), &[]),
    (21, "Use Secure Connection (LDAPS)?", "Connectivity", "CheckBox", false, Some("false"), &[]),
];

#[rustfmt::skip]
const FILE: [Row; 9] = [
    (101, "File Path", "General", "File", true, None, &[]),
    (102, "Mode", "General", "DropDown", true, Some("Import Only"), &["Import Only", "Export Only", "Bidirectional"]),
    (103, "Object Type Column", "General", "String", false, None, &[]),
    (104, "Object Type", "General", "String", false, None, &[]),
    (105, "Culture", "General", "String", false, None, &[]),
    (106, "Stop On First Error", "Import", "CheckBox", false, Some("false"), &[]),
    (107, "Delimiter", "General", "String", false, Some(","), &[]),
    (108, "Multi-Value Delimiter", "General", "String", false, Some("|"), &[]),
    (109, "Encoding", "General", "DropDown", false, Some("UTF-8"), &["UTF-8", "Windows-1252", "ISO-8859-1", "UTF-16"]),
];

/// id, name, capabilities that are true, settings.
type Connector = (i64, &'static str, &'static [&'static str], &'static [Row]);

const CONNECTORS: [Connector; 2] = [
    (
        1,
        "JIM File Connector",
        &[
            "supportsFullImport",
            "supportsExport",
            "supportsUserSelectedExternalId",
            "supportsUserSelectedAttributeTypes",
            "supportsAutoConfirmExport",
            "supportsFilePaths",
        ],
        &FILE,
    ),
    (
        3,
        "JIM LDAP Connector",
        &[
            "supportsFullImport",
            "supportsDeltaImport",
            "supportsExport",
            "supportsPartitions",
            "supportsPartitionContainers",
            "supportsSecondaryExternalId",
            "supportsParallelExport",
            "supportsPaging",
        ],
        &LDAP,
    ),
];

/// Takes the description out, which is free text, and the creation date, which is any.
fn without_prose(object: &mut Value, also_created: bool) {
    let description = object["description"].take();
    assert!(description.is_null() || description.is_string(), "{description}");
    if also_created {
        assert!(object["created"].take().as_str().is_some_and(|d| d.len() >= 20 && d.ends_with('Z')));
    }
}

fn expected_setting(row: &Row) -> Value {
    let (id, name, category, kind, required, default, choices) = *row;
    let of = |wanted: &[&str]| default.filter(|_| wanted.contains(&kind));
    json!({
        "id": id,
        "name": name,
        "description": null,
        "category": category,
        "type": kind,
        "defaultCheckboxValue": of(&["CheckBox"]).map(|d| d == "true"),
        "defaultStringValue": of(&["String", "StringEncrypted", "DropDown", "File"]),
        "defaultIntValue": of(&["Integer"]).map(|d| d.parse::<i64>().expect("an integer")),
        "dropDownValues": (kind == "DropDown").then_some(choices),
        "required": required,
        "values": null,
    })
}

fn expected(connector: &Connector) -> Value {
    let (id, name, capabilities, settings) = connector;
    let mut full = json!({
        "id": id,
        "name": name,
        "description": null,
        "url": null,
        "builtIn": true,
        "created": null,
        "createdByType": "System",
        "createdById": null,
        "createdByName": null,
        "lastUpdated": null,
        "lastUpdatedByType": "NotSet",
        "lastUpdatedById": null,
        "lastUpdatedByName": null,
        "files": [],
        "settings": settings.iter().map(expected_setting).collect::<Vec<_>>(),
        "connectedSystems": null,
    });
    for capability in CONNECTORS.iter().flat_map(|c| c.2) {
        full[*capability] = json!(capabilities.contains(capability));
    }
    full
}

#[tokio::test(flavor = "multi_thread")]
async fn definitions_are_as_agreed_field_for_field() {
    let app = TestApp::start().await;
    let reader = app.with_roles("reader", &[2]).await;
    for connector in &CONNECTORS {
        let mut full = reader.get(&format!("{DEFINITIONS}/{}", connector.0)).await.expect_status(200);
        let by_name = format!("{DEFINITIONS}/by-name/{}", connector.1.replace(' ', "%20"));
        assert_eq!(reader.get(&by_name).await.expect_status(200), full);
        without_prose(&mut full, true);
        for setting in full["settings"].as_array_mut().expect("settings") {
            without_prose(setting, false);
        }
        let expected = expected(connector);
        let booleans = expected.as_object().expect("an object").keys().filter(|k| k.starts_with("supports")).count();
        assert_eq!(booleans, 12);
        for (at, setting) in full["settings"].as_array().expect("settings").iter().enumerate() {
            assert_eq!(setting, &expected["settings"][at]);
        }
        assert_eq!(full, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_come_by_name_and_tell_what_is_in_use() {
    let app = TestApp::start().await;
    let header = |id: i64, name: &str, in_use: bool| {
        json!({
            "id": id, "name": name, "description": null, "builtIn": true, "created": null, "lastUpdated": null,
            "files": 0, "versions": "", "inUse": in_use,
        })
    };
    for in_use in [false, true, false] {
        let id = if in_use { Some(app.create_system("HR").await) } else { None };
        let mut list = app.admin().get(DEFINITIONS).await.expect_status(200);
        list.as_array_mut().expect("a bare array").iter_mut().for_each(|h| without_prose(h, true));
        assert_eq!(list, json!([header(1, "JIM File Connector", false), header(3, "JIM LDAP Connector", in_use)]));
        if let Some(id) = id {
            app.admin().delete(&format!("{}/{id}", crate::support::SYSTEMS)).await.expect_status(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_names_ids_and_callers_get_none() {
    let app = TestApp::start().await;
    let missing = [
        "0",
        "2",
        "4",
        "-1",
        "x",
        "1.0",
        "9223372036854775808",
        "by-name",
        "by-name/",
        "by-name/jim%20ldap%20connector",
        "by-name/JIM%20LDAP",
        "by-name/JIM%20LDAP%20Connector%20",
        "by-name/%20JIM%20LDAP%20Connector",
        "by-name/JIM+LDAP+Connector",
        "by-name/JIM%2520LDAP%2520Connector",
        "by-name/JIM%20LDAP%20Connector/settings",
        "by-name/%00",
    ];
    for path in missing {
        app.admin().get(&format!("{DEFINITIONS}/{path}")).await.expect_error(404, "NOT_FOUND");
    }
    let nobody = app.with_roles("nobody", &[]).await;
    for path in ["", "/3", "/99", "/by-name/x"] {
        let path = format!("{DEFINITIONS}{path}");
        app.stranger().get(&path).await.expect_error(401, "UNAUTHORISED");
        nobody.get(&path).await.expect_error(403, "FORBIDDEN");
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            let refused = app.admin().send(method, &path, None).await;
            assert_eq!(refused.header("allow"), "GET, HEAD");
            refused.expect_error(405, "METHOD_NOT_ALLOWED");
        }
    }
}
