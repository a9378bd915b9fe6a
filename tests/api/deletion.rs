//! What deleting a system would mean, emptying it, deleting it.

use serde_json::{Value, json};

use crate::support::case::Case;
use crate::support::database::Database;
use crate::support::directory::Tree;
use crate::support::{SYSTEMS, TestApp};

fn tree() -> Tree {
    Tree::new().suffix("dc=x").suffix("dc=y").ou("ou=A,dc=x").ou("ou=B,ou=A,dc=x").ou("ou=C,dc=y")
}

/// Operation, status and connected system of all activities in the order they happened.
fn activities(app: &TestApp) -> Vec<(String, String, Option<i64>)> {
    let all = app.activities().into_iter();
    all.map(|a| (format!("{}/{}", a.target_type, a.operation), a.status, a.system)).collect()
}

fn mark_deleting(app: &TestApp, id: i64) {
    Database::writable(&app.database()).mark_deleting(id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_counts_and_changes_nothing() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[]).await;
    let other = Case::imported(&app, tree(), &[]).await;
    let path = format!("{SYSTEMS}/{}/deletion-preview", case.id);
    let partitions = app.partitions(case.id).await;
    let containers = crate::support::containers(&partitions).len();
    let own = activities(&app).iter().filter(|a| a.2 == Some(case.id)).count();
    assert!(containers >= 3 && own >= 2);
    let (dump, count) = (app.dump(), activities(&app).len());
    let mut expected = json!({
        "connectedSystemId": case.id,
        "connectedSystemName": "Sandbox",
        "connectedSystemObjectCount": 0,
        "pendingExportCount": 0,
        "syncRuleCount": 0,
        "runProfileCount": 0,
        "partitionCount": 2,
        "containerCount": containers,
        "activityCount": own,
        "joinedMvoCount": 0,
        "mvosWithOtherConnectorsCount": 0,
        "mvosWithDeletionRuleCount": 0,
        "mvosWithGracePeriodCount": 0,
        "warnings": [],
        "estimatedDeletionTime": "00:00:01",
        "willRunAsBackgroundJob": false,
        "hasRunningSyncOperation": false,
    });
    assert_eq!(app.admin().get(&path).await.expect_status(200), expected);
    let reader = app.with_roles("reader", &[2]).await;
    assert_eq!(reader.get(&path).await.expect_status(200), expected);
    let lock = app.app.imports.take(case.id).expect("nothing runs");
    expected["hasRunningSyncOperation"] = json!(true);
    expected["warnings"] = json!(["An import is running on this system; it has to end first."]);
    assert_eq!(app.admin().get(&path).await.expect_status(200), expected);
    drop(lock);
    assert_eq!((app.dump(), activities(&app).len()), (dump, count));
    mark_deleting(&app, other.id);
    let shown = app.admin().get(&format!("{SYSTEMS}/{}/deletion-preview", other.id)).await.expect_status(200);
    assert_eq!(shown["warnings"], json!(["This system is already being deleted."]));
    app.admin().get(&format!("{SYSTEMS}/999/deletion-preview")).await.expect_error(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn clearing_keeps_what_was_configured() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[]).await;
    let admin = app.admin();
    let path = format!("{SYSTEMS}/{}/clear", case.id);
    let dump = app.dump();
    for (query, body) in [
        ("", None),
        ("?deleteChangeHistory=true", None),
        ("?deleteChangeHistory=FALSE", Some("".to_owned())),
        ("?DeleteChangeHistory=false", Some("{\"any\":".to_owned())),
    ] {
        let count = activities(&app).len();
        let answer = admin.send("POST", &format!("{path}{query}"), body).await;
        assert_eq!((answer.status, &answer.body), (200, &Value::Null), "{query}");
        let now = activities(&app);
        let done = ("ConnectedSystem/Clear".to_owned(), "Complete".to_owned(), Some(case.id));
        assert_eq!((now.len(), now.last()), (count + 1, Some(&done)));
    }
    assert_eq!(app.dump(), dump);

    let count = activities(&app).len();
    admin.send("POST", &format!("{path}?deleteChangeHistory=1"), None).await.expect_fault("deleteChangeHistory");
    admin.send("POST", &format!("{SYSTEMS}/999/clear"), None).await.expect_error(404, "NOT_FOUND");
    let lock = app.app.imports.take(case.id).expect("nothing runs");
    admin.send("POST", &path, None).await.expect_error(409, "CONFLICT");
    drop(lock);
    mark_deleting(&app, case.id);
    admin.send("POST", &path, None).await.expect_error(400, "BAD_REQUEST");
    assert_eq!(activities(&app).len(), count, "a refused request leaves no activity");
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_takes_everything_below_along_and_nothing_else() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[]).await;
    let other = Case::imported(&app, tree(), &[]).await;
    app.import_schema(case.id).await.expect_status(200);
    app.import_schema(other.id).await.expect_status(200);
    let admin = app.admin();
    let path = format!("{SYSTEMS}/{}", case.id);
    let lock = app.app.imports.take(case.id).expect("nothing runs");
    admin.delete(&path).await.expect_error(409, "CONFLICT");
    drop(lock);
    admin.delete(&format!("{path}?deleteChangeHistory=maybe")).await.expect_fault("deleteChangeHistory");
    let (kept, count) = (app.object_types(other.id).await, activities(&app).len());
    let deleted = admin.delete(&path).await.expect_status(200);
    let activity = deleted["activityId"].as_str().expect("the activity").to_owned();
    assert_eq!(
        deleted,
        json!({
            "success": true,
            "outcome": "CompletedImmediately",
            "errorMessage": null,
            "workerTaskId": null,
            "activityId": activity,
        })
    );
    let now = activities(&app);
    let done = ("ConnectedSystem/Delete".to_owned(), "Complete".to_owned(), None);
    assert_eq!((now.len(), now.last()), (count + 1, Some(&done)));
    assert!(now.iter().any(|a| a.2 == Some(case.id)), "earlier activities stay");
    admin.get(&path).await.expect_error(404, "NOT_FOUND");
    admin.delete(&path).await.expect_error(404, "NOT_FOUND");
    assert_eq!(app.object_types(other.id).await, kept);
    for (table, left) in app.stored().orphans() {
        assert_eq!(left, 0, "{table}");
    }
    app.is_sound();
    mark_deleting(&app, other.id);
    admin.delete(&format!("{SYSTEMS}/{}", other.id)).await.expect_error(400, "BAD_REQUEST");
}
