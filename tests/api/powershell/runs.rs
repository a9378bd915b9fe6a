//! Cmdlets of run profiles, their runs and the connector space: requests as the client sends them, and what it reads.

use std::time::Duration;

use serde_json::{Value, json};

use super::shell::{Headers, Shell, indented};
use crate::support::directory::Tree;
use crate::support::imports::Imports;
use crate::support::{SYSTEMS, TestApp};

const FINISHED: [&str; 5] = ["Complete", "CompleteWithWarning", "CompleteWithError", "FailedWithError", "Cancelled"];

/// 101 people, one more than a page of items.
fn people() -> Tree {
    (0..101).fold(Tree::new().suffix("dc=x").ou("ou=People,dc=x"), |tree, n| {
        let (uid, cn) = (format!("p{n}"), format!("Person {n}"));
        let attributes: [(&str, &[&str]); 4] =
            [("uid", &[&uid]), ("cn", &[&cn]), ("sn", &["Person"]), ("objectClass", &["inetOrgPerson"])];
        tree.entry(&format!("uid={uid},ou=People,dc=x"), &attributes)
    })
}

async fn send(shell: &Shell, line: &str, body: Option<Value>, status: u16) -> Value {
    let body = body.map(|body| indented(&body));
    let reply = shell.send(line, Headers::All, body.as_deref()).await;
    assert_eq!(reply.status, status, "{line}: {}", String::from_utf8_lossy(&reply.bytes));
    reply.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_made_started_watched_and_removed() {
    let app = TestApp::start().await;
    let (_sandbox, imports) = Imports::of_tree(&app, people(), &["ou=People,dc=x"]).await;
    let shell = Shell { address: app.address, key: app.key.clone() };
    let profiles = format!("{SYSTEMS}/{}/run-profiles", imports.id);

    // New-JIMRunProfile sends the run type as a number.
    let sent = json!({ "name": "Nightly", "runType": 1, "pageSize": 50 });
    let made = send(&shell, &format!("POST {profiles}"), Some(sent), 201).await;
    assert_eq!(
        (&made["name"], &made["runType"], &made["pageSize"]),
        (&json!("Nightly"), &json!("FullImport"), &json!(50))
    );
    // Get-JIMRunProfile, and the look-up of a name.
    let listed = send(&shell, &format!("GET {profiles}"), None, 200).await;
    let found = listed.as_array().expect("a bare array").iter().find(|p| p["name"] == "Nightly").expect("it is listed");
    let one = format!("{profiles}/{}", found["id"]);
    // Set-JIMRunProfile
    send(&shell, &format!("PUT {one}"), Some(json!({ "name": "Nightly 2", "pageSize": 60 })), 200).await;

    // Start-JIMRunProfile -Wait
    let started = send(&shell, &format!("POST {one}/execute"), None, 202).await;
    assert!(started["message"].is_string() && started["taskId"].is_string() && started["warnings"].is_array());
    let activity = format!("/api/v1/activities/{}", started["activityId"].as_str().expect("a GUID"));
    let ended = loop {
        let seen = send(&shell, &format!("GET {activity}"), None, 200).await;
        assert!(seen["objectsProcessed"].is_i64() && seen["objectsToProcess"].is_i64() && seen["message"].is_string());
        if seen["status"] != "InProgress" {
            break seen;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(FINISHED.contains(&ended["status"].as_str().expect("a status")), "{ended}");
    assert_eq!((&ended["status"], &ended["totalAdded"]), (&json!("Complete"), &json!(101)));
    assert_eq!(ended["connectedSystemRunType"], "FullImport");

    // Get-JIMActivity -ExecutionItems loops until a page is not full; Get-JIMActivityStats hands on what comes.
    let mut items = Vec::new();
    for page in 1.. {
        let answer = send(&shell, &format!("GET {activity}/items?page={page}&pageSize=100"), None, 200).await;
        assert_eq!(answer["totalCount"], 101);
        items.extend(answer["items"].as_array().expect("items").clone());
        if answer["hasNextPage"] != true {
            break;
        }
    }
    assert_eq!(items.len(), 101);
    assert!(items.iter().all(|i| i["objectChangeType"] == "Added" && i["outcomeSummary"] == "CsoAdded:1"));
    let stats = send(&shell, &format!("GET {activity}/stats"), None, 200).await;
    assert_eq!((&stats["totalCsoAdds"], &stats["totalObjectsProcessed"]), (&json!(101), &json!(101)));

    // Get-JIMConnectedSystemObject; scripts read the number of objects in the detail.
    let object = items[0]["connectedSystemObjectId"].as_str().expect("a GUID");
    let space = format!("{SYSTEMS}/{}/connector-space", imports.id);
    let shown = send(&shell, &format!("GET {space}/{object}"), None, 200).await;
    let values = shown["attributeValues"].as_array().expect("values");
    assert!(values.iter().any(|v| v["attributeName"] == "sn" && v["stringValue"] == "Person"), "{shown}");
    assert!(shown["attributeValueSummaries"].is_array());
    assert_eq!((&shown["status"], &shown["joinType"]), (&json!("Normal"), &json!("NotJoined")));
    let page = send(&shell, &format!("GET {space}/{object}/attributes/sn/values?page=1&pageSize=50"), None, 200).await;
    assert_eq!((&page["totalCount"], &page["items"][0]["stringValue"]), (&json!(1), &json!("Person")));
    assert_eq!(send(&shell, &format!("GET {space}/unresolved-references/count"), None, 200).await, json!(0));
    let detail = send(&shell, &format!("GET {SYSTEMS}/{}", imports.id), None, 200).await;
    assert_eq!(detail["objectCount"], 101);

    // Remove-JIMRunProfile
    send(&shell, &format!("DELETE {one}"), None, 204).await;
    send(&shell, &format!("GET {one}"), None, 404).await;
}
