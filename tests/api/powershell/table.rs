//! The table: a row per cmdlet, in the client's own order, with the requests it sends and what it reads.
//! A few requests look at what came of the one before. `{name}` stands for what the scene has or a request kept.

use serde_json::{Value, json};

use super::request::Kind::{self, Array, Bool, Has, Int, Is, Nothing, OneOf, Text, TextOrNull};
use super::request::{Request, request, with};
use super::shell::Headers;

const FINISHED: &[&str] = &["Complete", "CompleteWithWarning", "CompleteWithError", "FailedWithError", "Cancelled"];

/// Every cmdlet of the client for which there are endpoints.
pub fn table() -> Vec<(&'static str, Vec<Request>)> {
    let parts = [systems(), schema_and_hierarchy(), activities(), keys_and_settings(), certificates_and_history()];
    parts.into_iter().flatten().collect()
}

fn systems() -> Vec<(&'static str, Vec<Request>)> {
    vec![
        (
            "Connect-JIM, Test-JIMConnection",
            vec![
                request("GET health", 200).reads([("status", Text)]),
                request("GET health/version", 200).reads([("version", Text)]),
                request("GET auth/config", 503).headers(Headers::WithoutKey),
            ],
        ),
        (
            "Get-JIMConnectedSystem",
            vec![
                request("GET CS", 200)
                    .reads([("items[].name", Has("Aachen")), ("items[].id", Int)])
                    .keeps("first", |b| &b["items"][0]["id"]),
            ],
        ),
        (
            "Get-JIMConnectedSystem -Id, -DeletionPreview",
            vec![request("GET CS/{first}", 200).passes(), request("GET CS/{first}/deletion-preview", 200).passes()],
        ),
        (
            "Get-JIMConnectedSystem -ObjectTypes, Get-JIMConnectedSystemObjectType",
            vec![request("GET CS/{first}/object-types", 200).reads([("", Array)])],
        ),
        (
            "New-JIMConnectedSystem",
            vec![
                request("POST CS", 201)
                    .sends(json!({ "name": "Zürich", "connectorDefinitionId": 3, "description": "Köln & Zürich" }))
                    .reads([("id", Int), ("name", Is(json!("Zürich")))])
                    .keeps("system", |b| &b["id"]),
                request("POST CS", 201)
                    .sends(json!({ "name": "Spare", "connectorDefinitionId": 3 }))
                    .reads([("id", Int), ("name", Is(json!("Spare"))), ("description", Is(Value::Null))])
                    .keeps("spare", |b| &b["id"]),
            ],
        ),
        (
            "Set-JIMConnectedSystem",
            vec![
                request("PUT CS/{system}", 200)
                    .sends(json!({ "name": "Zürich", "description": "", "maxExportParallelism": 4 })),
                request("PUT CS/{system}", 200).sends(json!({ "settingValues": {
                    "1": { "StringValue": "{host}" },
                    "2": { "StringValue": "{account}" },
                    "3": { "StringValue": "{password}" },
                    "4": { "IntValue": 389 },
                    "5": { "CheckboxValue": false },
                    "7": { "IntValue": 20 },
                } })),
                request("GET CS/{system}", 200).reads([
                    ("description", Is(json!(""))),
                    ("maxExportParallelism", Is(json!(4))),
                    ("settingValues.1.stringValue", Text),
                    ("settingValues.3.isSet", Is(json!(true))),
                    ("settingValues.5.checkboxValue", Is(json!(false))),
                    ("settingValues.7.intValue", Is(json!(20))),
                ]),
            ],
        ),
        (
            "Remove-JIMConnectedSystem",
            vec![
                request("GET CS/{spare}", 200).reads([("name", Text)]),
                request("DELETE CS/{spare}", 200).passes(),
                request("GET CS/{spare}", 404),
            ],
        ),
        (
            "Clear-JIMConnectedSystem",
            vec![
                request("GET CS/{system}", 200).reads([("name", Text)]),
                request("POST CS/{system}/clear?deleteChangeHistory=true", 200).reads([("", Nothing)]),
                request("POST CS/{system}/clear?deleteChangeHistory=false", 200).reads([("", Nothing)]),
            ],
        ),
    ]
}

fn schema_and_hierarchy() -> Vec<(&'static str, Vec<Request>)> {
    let selected = || ("selected", Is(json!(true)));
    let choose = |line| request(line, 200).sends(json!({ "selected": true })).reads([selected()]);
    vec![
        (
            "Import-JIMConnectedSystemSchema",
            vec![request("POST CS/{system}/import-schema", 200).reads([("objectTypes[].name", Has("person"))])],
        ),
        (
            "Import-JIMConnectedSystemHierarchy",
            vec![request("POST CS/{system}/import-hierarchy", 200).passes().reads([("success", Is(json!(true)))])],
        ),
        (
            "Set-JIMConnectedSystemObjectType",
            vec![
                request("GET CS/{system}/object-types", 200)
                    .reads([("", Array), ("[].id", Int), ("[].attributes[].id", Int)])
                    .keeps("type", |b| &with(b, "name", "person")["id"])
                    .keeps("attribute", |b| &with(&with(b, "name", "person")["attributes"], "name", "cn")["id"])
                    .keeps("another", |b| &with(&with(b, "name", "person")["attributes"], "name", "sn")["id"]),
                request("PUT CS/{system}/object-types/{type}", 200)
                    .sends(json!({ "selected": true, "removeContributedAttributesOnObsoletion": true })),
                request("PUT CS/{system}/object-types/{type}", 200)
                    .sends(json!({ "removeContributedAttributesOnObsoletion": false }))
                    .reads([selected(), ("removeContributedAttributesOnObsoletion", Is(json!(false)))]),
            ],
        ),
        (
            "Set-JIMConnectedSystemAttribute",
            vec![
                choose("PUT CS/{system}/object-types/{type}/attributes/{attribute}"),
                request("PUT CS/{system}/object-types/{type}/attributes/{attribute}", 200)
                    .sends(json!({ "selected": true, "isExternalId": true, "isSecondaryExternalId": false }))
                    .reads([("isExternalId", Is(json!(true))), ("isSecondaryExternalId", Is(json!(false)))]),
            ],
        ),
        (
            "Set-JIMConnectedSystemAttribute -AttributeUpdates",
            vec![
                request("PUT CS/{system}/object-types/{type}/attributes", 200)
                    .sends(json!({ "attributes": {
                        "{attribute}": { "Selected": true },
                        "{another}": { "selected": true, "IsSecondaryExternalId": true },
                    } }))
                    .reads([("updatedCount", Is(json!(2))), ("errors", Nothing)]),
                request("PUT CS/{system}/object-types/{type}/attributes", 200)
                    .sends(json!({ "attributes": {
                        "{another}": { "selected": true },
                        "999999999": { "selected": true },
                    } }))
                    .reads([
                        ("updatedCount", Is(json!(1))),
                        ("errors[].attributeId", Is(json!(999_999_999))),
                        ("errors[].errorMessage", Text),
                    ]),
            ],
        ),
        (
            "Get-JIMConnectedSystemPartition",
            vec![
                request("GET CS/{system}/partitions", 200)
                    .reads([
                        ("", Array),
                        ("[].id", Int),
                        ("[].name", Has("dc=demo,dc=example")),
                        ("[].externalId", Has("dc=demo,dc=example")),
                        ("[].selected", Is(json!(false))),
                        ("[].containers[].id", Int),
                        ("[].containers[].name", Has("Corporate")),
                        ("[].containers[].name", Has("Sales, EMEA")),
                        ("[].containers[].externalId", Text),
                        ("[].containers[].selected", Bool),
                        ("[].containers[].childContainers[].name", Has("Finance")),
                        ("[].containers[].childContainers[].childContainers", Array),
                    ])
                    .keeps("partition", |b| &with(b, "name", "dc=demo,dc=example")["id"])
                    .keeps("container", |b| &with(&b[0]["containers"], "name", "Corporate")["id"]),
            ],
        ),
        (
            "Set-JIMConnectedSystemPartition, Set-JIMConnectedSystemContainer",
            vec![choose("PUT CS/{system}/partitions/{partition}"), choose("PUT CS/{system}/containers/{container}")],
        ),
        (
            "Get-JIMConnectorDefinition",
            vec![
                request("GET synchronisation/connector-definitions", 200)
                    .reads([("[].id", Int), ("[].name", Has("JIM LDAP Connector"))]),
                request("GET synchronisation/connector-definitions/3", 200)
                    .reads([("id", Is(json!(3))), ("name", Text)]),
                request("GET synchronisation/connector-definitions/by-name/JIM%20LDAP%20Connector", 200).reads([
                    ("id", Is(json!(3))),
                    ("name", Is(json!("JIM LDAP Connector"))),
                    ("settings[].id", Int),
                    ("settings[].name", Has("Use Secure Connection (LDAPS)?")),
                ]),
            ],
        ),
    ]
}

fn activities() -> Vec<(&'static str, Vec<Request>)> {
    vec![
        (
            "Get-JIMActivity",
            vec![
                request("GET activities?page=1&pageSize=20", 200).reads([("items[].id", Text)]),
                request("GET activities?page=1&pageSize=20&search=Z%C3%BCrich", 200)
                    .reads([("items[].targetName", Is(json!("Zürich")))])
                    .keeps("import", |b| &with(&b["items"], "targetOperationType", "ImportHierarchy")["id"]),
            ],
        ),
        (
            "Get-JIMActivity -Id",
            vec![request("GET activities/{import}", 200).reads([
                ("status", OneOf(FINISHED)),
                ("objectsToProcess", Int),
                ("objectsProcessed", Int),
                ("message", TextOrNull),
            ])],
        ),
        // Only runs have items and statistics.
        ("Get-JIMActivity -ExecutionItems", vec![request("GET activities/{import}/items?page=1&pageSize=100", 400)]),
        (
            "Get-JIMActivityStats, Get-JIMActivityChildren",
            vec![
                request("GET activities/{import}/stats", 400),
                request("GET activities/{import}/children", 200).reads([("", Array)]),
            ],
        ),
    ]
}

fn keys_and_settings() -> Vec<(&'static str, Vec<Request>)> {
    let set = |enabled: bool, roles: Value, expires: &str| {
        let body = json!({ "name": "Zürich 2", "description": "Nightly", "roleIds": roles, "isEnabled": enabled,
            "expiresAt": expires });
        request("PUT apikeys/{key}", 200).sends(body)
    };
    let read = |enabled: bool, roles: (&'static str, Kind), expires: &str| {
        request("GET apikeys/{key}", 200).reads([
            ("name", Is(json!("Zürich 2"))),
            ("description", Is(json!("Nightly"))),
            roles,
            ("isEnabled", Is(json!(enabled))),
            ("expiresAt", Is(json!(expires))),
        ])
    };
    vec![
        (
            "Get-JIMApiKey, Get-JIMRole",
            vec![
                request("GET apikeys", 200)
                    .reads([("[].name", Has("Bootstrap Key"))])
                    .keeps("own", |b| &with(b, "name", "Bootstrap Key")["id"]),
                request("GET apikeys/{own}", 200).reads([("name", Is(json!("Bootstrap Key")))]),
                request("GET security/roles", 200).reads([("[].id", Int), ("[].name", Has("Administrator"))]),
            ],
        ),
        (
            "New-JIMApiKey",
            vec![
                request("POST apikeys", 201)
                    .sends(json!({ "name": "Zürich", "roleIds": [1, 2], "description": "Nightly",
                        "expiresAt": "2045-05-06T07:08:09.1234567Z" }))
                    .reads([("key", Text), ("expiresAt", Is(json!("2045-05-06T07:08:09.1234567Z")))])
                    .keeps("key", |b| &b["id"]),
            ],
        ),
        (
            "Set-JIMApiKey",
            vec![
                request("GET apikeys/{key}", 200).reads([
                    ("name", Is(json!("Zürich"))),
                    ("description", Text),
                    ("roles[].id", Int),
                    ("isEnabled", Is(json!(true))),
                    ("expiresAt", Text),
                ]),
                set(true, json!(2), "2045-05-06T07:08:09.1234567Z"),
                read(true, ("roles[].id", Is(json!(2))), "2045-05-06T07:08:09.1234567Z"),
                set(false, json!([1, 2]), "2046-01-02T03:04:05.0000000Z"),
                read(false, ("roles[].id", Int), "2046-01-02T03:04:05Z"),
                set(true, Value::Null, "2046-01-02T03:04:05.5000000Z"),
                read(true, ("roles", Is(json!([]))), "2046-01-02T03:04:05.5Z"),
            ],
        ),
        (
            "Remove-JIMApiKey, Remove-JIMCertificate",
            vec![
                request("GET apikeys/{key}", 200).reads([("name", Text)]),
                request("DELETE apikeys/{key}", 204),
                request("GET certificates/{spare certificate}", 200).reads([("name", Is(json!("Spare")))]),
                request("DELETE certificates/{spare certificate}", 204),
            ],
        ),
        (
            "Get-JIMServiceSetting, Set-JIMServiceSetting, Reset-JIMServiceSetting",
            vec![
                request("GET service-settings", 200).reads([("", Array), ("[].key", Has("Instance.Name"))]),
                request("GET service-settings/Instance.Name", 200).passes(),
                request("PUT service-settings/Instance.Name", 200)
                    .sends(json!({ "value": "Zürich" }))
                    .passes()
                    .reads([("value", Is(json!("Zürich")))]),
                request("PUT service-settings/Instance.Name", 200)
                    .sends(json!({ "value": "" }))
                    .passes()
                    .reads([("value", Nothing), ("isOverridden", Is(json!(false)))]),
                request("PUT service-settings/History.RetentionPeriod", 200).sends(json!({ "value": "30.00:00:00" })),
                request("DELETE service-settings/History.RetentionPeriod", 200)
                    .passes()
                    .reads([("effectiveValue", Is(json!("90.00:00:00")))]),
            ],
        ),
    ]
}

fn certificates_and_history() -> Vec<(&'static str, Vec<Request>)> {
    // Dates of a query are not encoded, colons and all.
    let deleted = |line: &str, status| {
        request(&format!("GET history/deleted-objects/{line}&fromDate=2026-01-02T03:04:05.0000000Z"), status)
    };
    let envelope = |of: Request, size: i64| {
        of.reads([("items", Array), ("totalCount", Int), ("page", Is(json!(1))), ("pageSize", Is(json!(size)))])
    };
    vec![
        (
            "Get-JIMCertificate",
            vec![
                request("GET certificates?page=1&pageSize=100", 200).reads([("items[].name", Has("Seed"))]),
                request("GET certificates?page=1&pageSize=1000", 200)
                    .reads([("items[].name", Has("Seed")), ("pageSize", Is(json!(100)))]),
                request("GET certificates/enabled", 200).reads([("", Array), ("[].name", Has("Seed"))]),
                request("GET certificates/{seed}", 200).passes().reads([("name", Is(json!("Seed")))]),
            ],
        ),
        (
            "Add-JIMCertificate",
            vec![
                request("POST certificates/file", 201)
                    .sends(json!({ "name": "From a file", "filePath": "ca.cer", "notes": "Zürich" }))
                    .passes(),
                request("POST certificates/upload", 201)
                    .sends(json!({ "name": "Uploaded", "certificateDataBase64": "{der}", "notes": "Zürich" }))
                    .passes()
                    .keeps("certificate", |b| &b["id"]),
            ],
        ),
        (
            "Set-JIMCertificate",
            vec![
                request("PATCH certificates/{certificate}", 204)
                    .sends(json!({ "name": "Renamed", "notes": "", "isEnabled": false })),
                request("PATCH certificates/{certificate}", 204).sends(json!({})),
                request("GET certificates/{certificate}", 200)
                    .passes()
                    .reads([("name", Is(json!("Renamed"))), ("isEnabled", Is(json!(false)))]),
            ],
        ),
        (
            "Test-JIMCertificate, Export-JIMCertificate",
            vec![
                request("GET certificates/{certificate}/validate", 200).passes().reads([("isValid", Bool)]),
                request("GET certificates/{certificate}/download", 200).headers(Headers::OnlyKey),
            ],
        ),
        (
            "Get-JIMDeletedObject",
            vec![
                envelope(deleted("cso?page=1&pageSize=50&connectedSystemId={system}", 200), 50),
                envelope(
                    deleted("cso?page=1&pageSize=1000&externalIdSearch=x&toDate=2027-01-02T23:59:59Z", 200),
                    1_000,
                ),
                envelope(deleted("mvo?page=1&pageSize=1000&objectTypeId=1&displayNameSearch=x%20y", 200), 1_000),
                deleted("mvo?page=1&pageSize=50&toDate=yesterday", 400),
            ],
        ),
        (
            "Get-JIMHistoryCount, Invoke-JIMHistoryCleanup",
            vec![
                request("GET history/connected-systems/{system}/count", 200).reads([("changeRecordCount", Int)]),
                request("POST history/cleanup", 200).reads([
                    ("csoChangesDeleted", Int),
                    ("mvoChangesDeleted", Int),
                    ("activitiesDeleted", Int),
                ]),
            ],
        ),
    ]
}
