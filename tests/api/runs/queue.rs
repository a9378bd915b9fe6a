//! The queue of runs: order, runs side by side, cancellation, what has to wait for a run, restarts.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::directory::{Faults, Sandbox};
use crate::support::imports::{Imports, PERSON, people, person};
use crate::support::{SYSTEMS, TestApp, sandbox_settings};

/// Holds all searches of a sandbox until the semaphore is closed.
fn hold(sandbox: &Sandbox) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    sandbox.set_faults(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() });
    gate
}

async fn until_held(sandbox: &Sandbox, searches: u64) {
    for _ in 0..6_000 {
        if sandbox.waiting() >= searches {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{} of {searches} searches wait", sandbox.waiting());
}

async fn cancel(app: &TestApp, activity: &str) -> crate::support::Answer {
    app.admin().send("POST", &format!("/api/v1/activities/{activity}/cancel"), None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_a_system_follow_one_another() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(2), &["ou=People,dc=x"]).await;
    let second = imports.add_profile(json!({ "name": "Second", "runType": 1 })).await;
    let gate = hold(&sandbox);
    let first = imports.queue().await;
    until_held(&sandbox, 1).await;
    let mut waiting = vec![imports.queue().await];
    for profile in [second, imports.profile] {
        let accepted = imports.execute(profile, "").await.expect_status(202);
        waiting.push(accepted["activityId"].as_str().expect("a GUID").to_owned());
    }
    for id in &waiting {
        let activity = imports.activity(id).await;
        assert_eq!(activity["status"], "InProgress");
        assert_eq!((&activity["executed"], &activity["executionTime"]), (&Value::Null, &Value::Null), "{activity}");
        assert_eq!(activity["message"], "Queued");
    }
    let active = imports.activity(&first).await;
    assert!(active["executed"].is_string(), "{active}");
    assert_eq!(sandbox.waiting(), 1, "the others have not begun");
    gate.close();
    let mut last = imports.ended(&first).await.activity["executed"].clone();
    for id in &waiting {
        let ended = imports.ended(id).await;
        assert_eq!((ended.status(), ended.counts()), ("Complete", [0, 0, 0]), "{}", ended.shown());
        let executed = ended.activity["executed"].clone();
        assert!(executed.as_str() > last.as_str(), "first come, first served");
        last = executed;
    }
    assert_eq!(imports.held().await, [person("p1"), person("p2")]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_of_different_systems_go_on_side_by_side() {
    let app = TestApp::start().await;
    let (sandbox, one) = Imports::of_tree(&app, people(2), &["ou=People,dc=x"]).await;
    let other = Imports::at(&app, &sandbox_settings(&sandbox), &[PERSON], &["ou=People,dc=x"]).await;
    let gate = hold(&sandbox);
    let activities = [one.queue().await, other.queue().await];
    until_held(&sandbox, 2).await;
    for id in &activities {
        assert!(one.activity(id).await["executed"].is_string());
    }
    gate.close();
    for id in &activities {
        one.ended(id).await.is([2, 0, 0]);
    }
    one.again_is_nothing().await;
    other.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn four_runs_go_on_at_a_time() {
    let app = TestApp::start().await;
    let (sandbox, first) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    let mut systems = vec![first];
    for _ in 0..4 {
        systems.push(Imports::at(&app, &sandbox_settings(&sandbox), &[PERSON], &["ou=People,dc=x"]).await);
    }
    let gate = hold(&sandbox);
    let mut activities = Vec::new();
    for system in &systems {
        activities.push(system.queue().await);
    }
    until_held(&sandbox, 4).await;
    // Time enough for a fifth, were it let in.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let mut waiting = 0;
    for id in &activities {
        waiting += usize::from(systems[0].activity(id).await["executed"].is_null());
    }
    assert_eq!(waiting, 1);
    gate.close();
    for (system, id) in systems.iter().zip(&activities) {
        system.ended(id).await.is([1, 0, 0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_most_a_hundred_runs_of_a_system_wait() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    let gate = hold(&sandbox);
    let first = imports.queue().await;
    until_held(&sandbox, 1).await;
    let mut waiting = Vec::new();
    for _ in 0..100 {
        waiting.push(imports.queue().await);
    }
    imports.execute(imports.profile, "").await.expect_error(409, "CONFLICT");
    for id in &waiting[1..] {
        cancel(&app, id).await.expect_status(202);
    }
    gate.close();
    imports.ended(&first).await.is([1, 0, 0]);
    imports.ended(&waiting[0]).await.is([0, 0, 0]);
    for id in &waiting[1..] {
        assert_eq!(imports.activity(id).await["status"], "Cancelled");
    }
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_run_is_cancelled_before_it_begins() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(2), &["ou=People,dc=x"]).await;
    let gate = hold(&sandbox);
    let (active, waiting) = (imports.queue().await, imports.queue().await);
    until_held(&sandbox, 1).await;
    cancel(&app, &waiting).await.expect_status(202);
    let cancelled = imports.activity(&waiting).await;
    assert_eq!((&cancelled["status"], &cancelled["executed"]), (&json!("Cancelled"), &Value::Null), "{cancelled}");
    cancel(&app, &waiting).await.expect_error(400, "BAD_REQUEST");
    gate.close();
    imports.ended(&active).await.is([2, 0, 0]);
    cancel(&app, &active).await.expect_error(400, "BAD_REQUEST");
    let all = app.admin().get("/api/v1/activities?pageSize=100").await.expect_status(200);
    let other = all["items"].as_array().expect("items").iter().find(|a| a["targetOperationType"] == "ImportSchema");
    cancel(&app, other.expect("one")["id"].as_str().expect("a GUID")).await.expect_error(400, "BAD_REQUEST");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_active_run_is_cancelled_and_makes_nothing_obsolete() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(6), &["ou=People,dc=x"]).await;
    imports.run().await.is([6, 0, 0]);
    sandbox.remove(&person("p6")).expect("removed");
    let gate = hold(&sandbox);
    let (active, next) = (imports.queue().await, imports.queue().await);
    until_held(&sandbox, 1).await;
    cancel(&app, &active).await.expect_status(202);
    let ended = tokio::time::timeout(Duration::from_secs(10), imports.ended(&active)).await;
    let ended = ended.expect("it is noticed while a search hangs");
    assert_eq!((ended.status(), ended.counts()), ("Cancelled", [0, 0, 0]), "{}", ended.shown());
    assert_eq!(imports.objects().await.iter().filter(|o| o["status"] == "Obsolete").count(), 0);
    gate.close();
    imports.ended(&next).await.is([0, 0, 1]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_uses_cannot_be_taken_away() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    let gate = hold(&sandbox);
    let active = imports.queue().await;
    until_held(&sandbox, 1).await;
    let (admin, system) = (app.admin(), format!("{SYSTEMS}/{}", imports.id));
    let profile = imports.path(&format!("run-profiles/{}", imports.profile));
    for (method, path) in [
        ("DELETE", profile.clone()),
        ("DELETE", system.clone()),
        ("POST", imports.path("clear")),
        ("POST", imports.path("import-hierarchy")),
        ("POST", imports.path("import-schema")),
    ] {
        let message = admin.send(method, &path, None).await;
        assert_eq!((message.status, &message.body["code"]), (409, &json!("CONFLICT")), "{method} {path}");
    }
    let preview = admin.get(&imports.path("deletion-preview")).await.expect_status(200);
    assert_eq!(preview["hasRunningSyncOperation"], true);
    // A profile that only waits is in use too.
    let second = imports.add_profile(json!({ "name": "Second", "runType": 1 })).await;
    let waiting = imports.execute(second, "").await.expect_status(202)["activityId"].clone();
    let of_second = imports.path(&format!("run-profiles/{second}"));
    admin.delete(&of_second).await.expect_error(409, "CONFLICT");
    gate.close();
    imports.ended(&active).await.is([1, 0, 0]);
    imports.ended(waiting.as_str().expect("a GUID")).await.is([0, 0, 0]);
    admin.delete(&of_second).await.expect_status(204);
    admin.delete(&profile).await.expect_status(204);
    let kept = imports.activity(&active).await;
    assert_eq!((&kept["targetName"], &kept["status"]), (&json!("Full"), &json!("Complete")), "it outlives its profile");
    admin.delete(&system).await.expect_status(200);
    let kept = imports.activity(&active).await;
    assert_eq!(kept["targetContext"], "Directory", "and its system");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_is_deleted_only_once_its_waiting_runs_are_cancelled() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    let mut busy = Vec::new();
    for _ in 0..4 {
        busy.push(Imports::at(&app, &sandbox_settings(&sandbox), &[PERSON], &["ou=People,dc=x"]).await);
    }
    let gate = hold(&sandbox);
    for other in &busy {
        other.queue().await;
    }
    until_held(&sandbox, 4).await;
    let waiting = imports.queue().await;
    let system = format!("{SYSTEMS}/{}", imports.id);
    app.admin().delete(&system).await.expect_error(409, "CONFLICT");
    cancel(&app, &waiting).await.expect_status(202);
    app.admin().delete(&system).await.expect_status(200);
    gate.close();
    assert_eq!(busy[0].activity(&waiting).await["status"], "Cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_fails_the_active_run_and_keeps_the_queue() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(3), &["ou=People,dc=x"]).await;
    let (id, profile) = (imports.id, imports.profile);
    let gate = hold(&sandbox);
    let (active, waiting) = (imports.queue().await, [imports.queue().await, imports.queue().await]);
    until_held(&sandbox, 1).await;
    let app = app.restart().await;
    gate.close();
    let imports = Imports { app: &app, id, profile };
    let ended = imports.ended(&active).await;
    assert_eq!((ended.status(), ended.text("errorMessage")), ("FailedWithError", "server stopped"));
    imports.ended(&waiting[0]).await.is([3, 0, 0]);
    imports.ended(&waiting[1]).await.is([0, 0, 0]);
    imports.again_is_nothing().await;
}
