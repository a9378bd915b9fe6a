//! The removal brake: what it lets pass, what it holds, and the ways out.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::directory::{Answer, Faults, Mischief, Sandbox, SearchFault, Tree};
use crate::support::imports::{Ended, Imports, PERSON_CLASSES, people, person};

/// People `first` to `last` go.
fn remove(sandbox: &Sandbox, first: usize, last: usize) {
    for n in first..=last {
        sandbox.remove(&person(&format!("p{n}"))).expect("removed");
    }
}

fn move_to(sandbox: &Sandbox, first: usize, last: usize, from: &str, to: &str) {
    for n in first..=last {
        sandbox.rename(&format!("uid=p{n},{from}"), &format!("uid=p{n}"), Some(to)).expect("moved");
    }
}

async fn rows(imports: &Imports<'_>) -> Vec<Value> {
    imports.pages(&imports.path("held-removals?pageSize=100")).await
}

async fn approve(imports: &Imports<'_>, ended: &Ended) -> crate::support::Answer {
    let path = format!("/api/v1/activities/{}/approve-removals", ended.text("id"));
    imports.app.admin().send("POST", &path, None).await
}

/// A run that held back this many removals and did nothing else.
async fn is_held(imports: &Imports<'_>, count: usize) -> Ended {
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithError", [0, 0, 0]), "{}", ended.shown());
    let text = ended.text("message");
    for word in [&format!("{count} removals of inetOrgPerson"), "acceptRemovals=true", "approve-removals"] {
        assert!(text.contains(word), "{word}: {}", ended.shown());
    }
    let held = ended.items.iter().filter(|i| i["outcomeSummary"] == "HeldBack:1");
    assert_eq!(held.clone().count(), count, "{:?}", ended.lines());
    assert!(held.clone().all(|i| i["objectChangeType"] == "NoChange" && i["connectedSystemObjectId"].is_string()));
    assert_eq!(rows(imports).await.len(), count);
    ended
}

async fn set(app: &TestApp, key: &str, value: &str) {
    let path = format!("/api/v1/service-settings/{key}");
    app.admin().put(&path, &json!({ "value": value })).await.expect_status(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn five_of_sixty_pass() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(60), &["ou=People,dc=x"]).await;
    imports.run().await.is([60, 0, 0]);
    remove(&sandbox, 1, 5);
    imports.run().await.is([0, 0, 5]);
    assert!(rows(&imports).await.is_empty());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn seven_of_sixty_are_held_and_the_rest_is_done() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(60), &["ou=People,dc=x"]).await;
    imports.run().await.is([60, 0, 0]);
    remove(&sandbox, 1, 7);
    let first = is_held(&imports, 7).await;
    let all = rows(&imports).await;
    for (row, n) in all.iter().zip(1..) {
        let expected = [
            ("stage", json!("Import")),
            ("displayName", json!(format!("p{n}"))),
            ("activityId", first.activity["id"].clone()),
            ("metaverseObjectId", Value::Null),
            ("approvedBy", Value::Null),
            ("approvedUntil", Value::Null),
        ];
        for (field, value) in expected {
            assert_eq!(row[field], value, "{field}");
        }
        assert!(row["heldSince"].is_string() && row["externalId"].is_string(), "{row}");
        let path = format!("connector-space/{}", row["connectedSystemObjectId"].as_str().expect("a GUID"));
        assert_eq!(imports.get(&path).await["status"], "Normal");
    }
    // Held again, they belong to the latest run; what else changed is done.
    sandbox.set_attribute(&person("p60"), "sn", &["New"]).expect("set");
    let second = imports.run().await;
    assert_eq!((second.status(), second.counts()), ("CompleteWithError", [0, 1, 0]), "{}", second.shown());
    let again = rows(&imports).await;
    assert_eq!(again.len(), 7);
    assert!(again.iter().all(|row| row["activityId"] == second.activity["id"]), "{again:?}");
    assert!(again.iter().zip(&all).all(|(now, then)| now["id"] == then["id"] && now["heldSince"] == then["heldSince"]));
    approve(&imports, &first).await.expect_error(400, "BAD_REQUEST");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_accepts_removals_does_them_all() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(20), &["ou=People,dc=x"]).await;
    imports.run().await.is([20, 0, 0]);
    remove(&sandbox, 1, 20);
    is_held(&imports, 20).await;
    let ended = imports.run_with(imports.profile, "?acceptRemovals=true").await;
    ended.is([0, 0, 20]);
    assert!(rows(&imports).await.is_empty());
    assert!(imports.held().await.iter().all(|o| o.starts_with('!')));
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_lets_exactly_its_list_pass() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(60), &["ou=People,dc=x"]).await;
    imports.run().await.is([60, 0, 0]);
    remove(&sandbox, 1, 7);
    let first = is_held(&imports, 7).await;
    let reader = app.with_roles("reader", &[2]).await;
    let path = format!("/api/v1/activities/{}/approve-removals", first.text("id"));
    reader.send("POST", &path, None).await.expect_error(403, "FORBIDDEN");
    assert_eq!(approve(&imports, &first).await.expect_status(200), json!({ "approved": 7 }));
    let approved = rows(&imports).await;
    assert!(approved.iter().all(|r| r["approvedBy"].is_string() && r["approvedUntil"].is_string()), "{approved:?}");
    approve(&imports, &first).await.expect_error(400, "BAD_REQUEST");
    remove(&sandbox, 11, 18);
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithError", [0, 0, 7]), "{}", ended.shown());
    let by = approved[0]["approvedBy"].as_str().expect("a name");
    assert!(ended.text("message").contains(by), "{by}: {}", ended.shown());
    let left = rows(&imports).await;
    assert_eq!(left.len(), 8, "the others are held");
    assert!(left.iter().all(|row| row["approvedBy"].is_null()));
    let gone: Vec<String> = imports.held().await.into_iter().filter(|o| o.starts_with('!')).collect();
    assert_eq!(gone, (1..=7).map(|n| format!("!{}", person(&format!("p{n}")))).collect::<Vec<_>>());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn approved_removals_do_not_count_for_the_day() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(60), &["ou=People,dc=x"]).await;
    imports.run().await.is([60, 0, 0]);
    remove(&sandbox, 1, 7);
    let held = is_held(&imports, 7).await;
    approve(&imports, &held).await.expect_status(200);
    imports.run().await.is([0, 0, 7]);
    remove(&sandbox, 8, 12);
    imports.run().await.is([0, 0, 5]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approved_entry_that_is_back_stays() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(60), &["ou=People,dc=x"]).await;
    imports.run().await.is([60, 0, 0]);
    move_to(&sandbox, 1, 7, "ou=People,dc=x", "dc=x");
    let held = is_held(&imports, 7).await;
    approve(&imports, &held).await.expect_status(200);
    move_to(&sandbox, 1, 2, "dc=x", "ou=People,dc=x");
    imports.run().await.is([0, 0, 5]);
    assert!(rows(&imports).await.is_empty());
    assert_eq!(imports.object(&person("p1")).await["status"], "Normal");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_row_goes_once_its_object_is_seen() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(60), &["ou=People,dc=x"]).await;
    imports.run().await.is([60, 0, 0]);
    move_to(&sandbox, 1, 7, "ou=People,dc=x", "dc=x");
    is_held(&imports, 7).await;
    move_to(&sandbox, 1, 7, "dc=x", "ou=People,dc=x");
    imports.run().await.is([0, 0, 0]);
    assert!(rows(&imports).await.is_empty());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_of_four_per_cent_are_held_from_the_third_on() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(100), &["ou=People,dc=x"]).await;
    imports.run().await.is([100, 0, 0]);
    remove(&sandbox, 1, 4);
    imports.run().await.is([0, 0, 4]);
    remove(&sandbox, 5, 8);
    imports.run().await.is([0, 0, 4]);
    remove(&sandbox, 9, 12);
    is_held(&imports, 4).await;
    remove(&sandbox, 13, 16);
    is_held(&imports, 8).await;
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_region_is_held_whatever_the_limits() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(2), &["ou=People,dc=x"]).await;
    set(&app, "Guard.RemovalPercent", "100").await;
    set(&app, "Guard.RemovalMaximum", "0").await;
    imports.run().await.is([2, 0, 0]);
    remove(&sandbox, 1, 2);
    is_held(&imports, 2).await;
    let ended = imports.run_with(imports.profile, "?acceptRemovals=true").await;
    ended.is([0, 0, 2]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_object_alone_may_go() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(1), &["ou=People,dc=x"]).await;
    imports.run().await.is([1, 0, 0]);
    remove(&sandbox, 1, 1);
    imports.run().await.is([0, 0, 1]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_are_settings() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(30), &["ou=People,dc=x"]).await;
    imports.run().await.is([30, 0, 0]);
    set(&app, "Guard.RemovalMaximum", "2").await;
    remove(&sandbox, 1, 3);
    is_held(&imports, 3).await;
    set(&app, "Guard.RemovalMaximum", "0").await;
    set(&app, "Guard.RemovalPercent", "100").await;
    imports.run().await.is([0, 0, 3]);
    remove(&sandbox, 4, 20);
    imports.run().await.is([0, 0, 17]);
    set(&app, "Guard.RemovalPercent", "10").await;
    set(&app, "Guard.RemovalMinimum", "50").await;
    remove(&sandbox, 21, 25);
    imports.run().await.is([0, 0, 5]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_removals_go_with_a_clear_and_with_their_system() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(20), &["ou=People,dc=x"]).await;
    imports.run().await.is([20, 0, 0]);
    remove(&sandbox, 1, 19);
    let held = is_held(&imports, 19).await;
    app.admin().send("POST", &imports.path("clear"), None).await.expect_status(200);
    assert!(rows(&imports).await.is_empty());
    approve(&imports, &held).await.expect_error(400, "BAD_REQUEST");
    imports.run().await.is([1, 0, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deselected_branch_is_under_the_brake() {
    let app = TestApp::start().await;
    let tree = (1..=7).fold(people(53).ou("ou=Z,dc=x"), |tree, n| {
        tree.entry(&format!("uid=z{n},ou=Z,dc=x"), &[("objectClass", PERSON_CLASSES), ("sn", &["Z"])])
    });
    let (_sandbox, imports) = Imports::of_tree(&app, tree, &["ou=People,dc=x", "ou=Z,dc=x"]).await;
    imports.run().await.is([60, 0, 0]);
    imports.select("ou=Z,dc=x", false).await;
    let held = is_held(&imports, 7).await;
    approve(&imports, &held).await.expect_status(200);
    imports.run().await.is([0, 0, 7]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_waits_for_a_complete_view() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(60), &["ou=People,dc=x"]).await;
    imports.run().await.is([60, 0, 0]);
    remove(&sandbox, 1, 6);
    sandbox.hide_alone(&person("p7")).expect("hidden");
    let held = is_held(&imports, 7).await;
    approve(&imports, &held).await.expect_status(200);
    let limit = SearchFault::new(Mischief::Answer(Answer::new(4, ""))).after(20);
    sandbox.set_faults(Faults { searches: vec![limit], ..Faults::default() });
    assert_eq!(imports.run().await.counts(), [0, 0, 0], "the view is incomplete");
    assert_eq!(rows(&imports).await.len(), 7);
    sandbox.set_faults(Faults::default());
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 0, 6]), "{}", ended.shown());
    assert_eq!(imports.object(&person("p7")).await["status"], "Normal", "what is only hidden is not proved gone");
    sandbox.unhide(&person("p7")).expect("shown");
    imports.run().await.is([0, 0, 0]);
    assert!(rows(&imports).await.is_empty());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_removals_do_not_count_for_the_day() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(60), &["ou=People,dc=x"]).await;
    imports.run().await.is([60, 0, 0]);
    remove(&sandbox, 1, 7);
    imports.run_with(imports.profile, "?acceptRemovals=true").await.is([0, 0, 7]);
    remove(&sandbox, 8, 12);
    imports.run().await.is([0, 0, 5]);
    remove(&sandbox, 13, 13);
    is_held(&imports, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_day_is_counted_over_a_restart() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(60), &["ou=People,dc=x"]).await;
    let (id, profile) = (imports.id, imports.profile);
    imports.run().await.is([60, 0, 0]);
    remove(&sandbox, 1, 5);
    imports.run().await.is([0, 0, 5]);
    let app = app.restart().await;
    let imports = Imports { app: &app, id, profile };
    remove(&sandbox, 6, 10);
    is_held(&imports, 5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_and_partitions_are_regions_of_their_own() {
    let app = TestApp::start().await;
    let groups = |tree: Tree| {
        (1..=60).fold(tree.ou("ou=Groups,dc=x"), |tree, n| {
            let attributes: [(&str, &[&str]); 2] =
                [("objectClass", &["top", "groupOfNames"]), ("member", &["uid=p1,ou=People,dc=x"])];
            tree.entry(&format!("cn=g{n},ou=Groups,dc=x"), &attributes)
        })
    };
    let (sandbox, imports) = Imports::of_tree(&app, groups(people(60)), &["ou=People,dc=x", "ou=Groups,dc=x"]).await;
    imports.run().await.is([120, 0, 0]);
    remove(&sandbox, 11, 15);
    for n in 1..=7 {
        sandbox.remove(&format!("cn=g{n},ou=Groups,dc=x")).expect("removed");
    }
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithError", [0, 0, 5]), "{}", ended.shown());
    assert!(ended.text("message").contains("7 removals of groupOfNames in dc=x"), "{}", ended.shown());
    let regions = rows(&imports).await;
    assert!(regions.iter().all(|r| r["region"] == "groupOfNames in dc=x") && regions.len() == 7, "{regions:?}");
}
