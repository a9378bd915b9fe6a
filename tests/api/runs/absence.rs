//! What is not seen: an incomplete view removes nothing, an entry that is only hidden stays, and what is unreadable is
//! not empty.

use serde_json::json;

use crate::support::TestApp;
use crate::support::directory::{Answer, Ending, Faults, Mischief, Sandbox, SearchFault};
use crate::support::imports::{Imports, people, person, texts};

fn searches(fault: SearchFault) -> Faults {
    Faults { searches: vec![fault], ..Faults::default() }
}

fn cuts() -> Vec<(&'static str, Faults)> {
    let answer = |code| searches(SearchFault::new(Mischief::Answer(Answer::new(code, "limit"))).after(3));
    let dn = "uid=stranger,dc=elsewhere".to_owned();
    vec![
        ("size limit", answer(4)),
        ("time limit", answer(3)),
        ("administrative limit", answer(11)),
        ("busy", answer(51)),
        ("refused", answer(50)),
        ("no such object", answer(32)),
        ("closed", searches(SearchFault::new(Mischief::End(Ending::Close)).after(3))),
        ("reset", searches(SearchFault::new(Mischief::End(Ending::Reset)).after(3))),
        ("references", searches(SearchFault::new(Mischief::References(vec!["ldap://other/dc=x".to_owned()])).after(3))),
        ("an entry of another place", searches(SearchFault::new(Mischief::Entry(dn)).after(3))),
        ("ends after the first page", searches(SearchFault::new(Mischief::Answer(Answer::new(4, ""))).on_page(2))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_view_removes_nothing() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(12), &["ou=People,dc=x"]).await;
    let small = imports.add_profile(json!({ "name": "Small", "runType": 1, "pageSize": 5 })).await;
    imports.run().await.is([12, 0, 0]);
    let before = imports.held().await;
    sandbox.remove(&person("p12")).expect("removed");
    for (what, faults) in cuts() {
        sandbox.set_faults(faults);
        let ended = imports.run_with(small, "").await;
        let status = ended.status();
        assert!(matches!(status, "CompleteWithWarning" | "FailedWithError"), "{what}: {}", ended.shown());
        assert!(!(ended.text("warningMessage").is_empty() && ended.text("errorMessage").is_empty()), "{what}");
        assert_eq!((ended.counts(), imports.held().await), ([0, 0, 0], before.clone()), "{what}");
        // Not even with the administrator's word.
        let ended = imports.run_with(small, "?acceptRemovals=true").await;
        assert_eq!(ended.counts(), [0, 0, 0], "{what}: {}", ended.shown());
    }
    sandbox.set_faults(Faults::default());
    imports.run().await.is([0, 0, 1]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_entry_protects_what_was_not_seen() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(6), &["ou=People,dc=x"]).await;
    imports.run().await.is([6, 0, 0]);
    sandbox.remove(&person("p6")).expect("removed");
    sandbox.set_faults(searches(SearchFault::new(Mischief::Entry("not a name".to_owned())).after(3)));
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 0, 0]), "{}", ended.shown());
    sandbox.set_faults(Faults::default());
    imports.run().await.is([0, 0, 1]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failed_run_read_stays_and_the_next_one_completes_it() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(12), &["ou=People,dc=x"]).await;
    let small = imports.add_profile(json!({ "name": "Small", "runType": 1, "pageSize": 5 })).await;
    sandbox.set_faults(searches(SearchFault::new(Mischief::End(Ending::Reset)).after(7)));
    let ended = imports.run_with(small, "").await;
    assert_ne!(ended.status(), "Complete", "{}", ended.shown());
    let [added, updated, removed] = ended.counts();
    assert!((5..=7).contains(&added) && updated == 0 && removed == 0, "{}", ended.shown());
    sandbox.set_faults(Faults::default());
    imports.run().await.is([12 - added, 0, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_entries_stay_with_a_warning() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(12), &["ou=People,dc=x"]).await;
    imports.run().await.is([12, 0, 0]);
    sandbox.hide_alone(&person("p3")).expect("hidden");
    sandbox.remove(&person("p4")).expect("removed");
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithWarning", [0, 0, 1]), "{}", ended.shown());
    assert!(ended.text("warningMessage").contains(&person("p3")), "{}", ended.shown());
    imports.again_is_nothing().await;
    let ended = imports.run_with(imports.profile, "?acceptRemovals=true").await;
    assert_eq!(ended.counts(), [0, 0, 1], "the administrator's word: {}", ended.shown());
    sandbox.unhide(&person("p3")).expect("shown");
    imports.run().await.is([0, 1, 0]);
    assert_eq!(imports.object(&person("p3")).await["status"], "Normal");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_base_removes_nothing() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(6), &["ou=People,dc=x"]).await;
    imports.run().await.is([6, 0, 0]);
    for dn in ["ou=People,dc=x", "dc=x"] {
        sandbox.hide(dn).expect("hidden");
        for query in ["", "?acceptRemovals=true"] {
            let ended = imports.run_with(imports.profile, query).await;
            assert_ne!(ended.status(), "Complete", "{dn}: {}", ended.shown());
            assert_eq!(ended.counts(), [0, 0, 0], "{dn} {query}: {}", ended.shown());
        }
        sandbox.unhide(dn).expect("shown");
    }
    imports.again_is_nothing().await;
}

/// Two people of six, in pages of two, are left out by a search that ends with success.
async fn left_out(app: &TestApp) -> (Sandbox, Imports<'_>) {
    let (sandbox, mut imports) = Imports::of_tree(app, people(6), &["ou=People,dc=x"]).await;
    imports.profile = imports.add_profile(json!({ "name": "Small", "runType": 1, "pageSize": 2 })).await;
    imports.run().await.is([6, 0, 0]);
    sandbox.set_faults(searches(SearchFault::new(Mischief::Answer(Answer::new(0, ""))).on_page(3)));
    (sandbox, imports)
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_a_search_left_out_are_looked_up_and_stay() {
    let app = TestApp::start().await;
    let (sandbox, imports) = left_out(&app).await;
    sandbox.rename(&person("p6"), "uid=other", None).expect("renamed");
    let ended = imports.run().await;
    assert_eq!((ended.counts()[0], ended.counts()[2]), (0, 0), "{}", ended.shown());
    sandbox.set_faults(Faults::default());
    imports.run().await;
    assert_eq!(imports.objects().await.iter().filter(|o| o["status"] == "Normal").count(), 6);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_was_left_out_is_read_by_the_next_run() {
    let app = TestApp::start().await;
    let (sandbox, imports) = left_out(&app).await;
    sandbox.set_attribute(&person("p6"), "sn", &["New"]).expect("set");
    let ended = imports.run().await;
    assert_eq!(ended.counts(), [0, 0, 0], "{}", ended.shown());
    assert!(ended.shown().contains("2 answer but were not shown"), "{}", ended.shown());
    sandbox.set_faults(Faults::default());
    imports.run().await.is([0, 1, 0]);
    assert_eq!(texts(&imports.object(&person("p6")).await, "sn"), ["New"]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_without_their_ids_are_errors_and_no_removals() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(6), &["ou=People,dc=x"]).await;
    imports.run().await.is([6, 0, 0]);
    sandbox.without_ids(true);
    for query in ["", "?acceptRemovals=true"] {
        let ended = imports.run_with(imports.profile, query).await;
        assert_eq!(ended.counts(), [0, 0, 0], "{}", ended.shown());
        assert_ne!(ended.status(), "Complete", "{}", ended.shown());
    }
    sandbox.without_ids(false);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_that_no_object_shows_is_held_from_twenty_on() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(20), &["ou=People,dc=x"]).await;
    imports.run().await.is([20, 0, 0]);
    let without = |n: usize| sandbox.set_attribute(&person(&format!("p{n}")), "mail", &[]).expect("set");
    (1..=20).for_each(without);
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("CompleteWithError", [0, 0, 0]), "{}", ended.shown());
    assert!(ended.text("message").contains("mail"), "{}", ended.shown());
    assert_eq!(texts(&imports.object(&person("p7")).await, "mail"), ["p7@example.com"]);
    let rows = imports.get("held-removals?pageSize=100").await;
    assert_eq!(rows["totalCount"], 20, "{rows}");
    imports.again_is_nothing().await;
    // One that shows it: the others have truly lost it.
    sandbox.set_attribute(&person("p1"), "mail", &["p1@example.com"]).expect("set");
    let ended = imports.run().await;
    ended.is([0, 19, 0]);
    assert!(texts(&imports.object(&person("p7")).await, "mail").is_empty());
    assert_eq!(imports.get("held-removals").await["totalCount"], 0);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attribute_that_few_had_is_removed() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(19), &["ou=People,dc=x"]).await;
    imports.run().await.is([19, 0, 0]);
    for n in 1..=19 {
        sandbox.set_attribute(&person(&format!("p{n}")), "mail", &[]).expect("set");
    }
    imports.run().await.is([0, 19, 0]);
    assert!(texts(&imports.object(&person("p7")).await, "mail").is_empty());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_attributes_are_removed_once_approved() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(25), &["ou=People,dc=x"]).await;
    imports.run().await.is([25, 0, 0]);
    for n in 1..=25 {
        sandbox.set_attribute(&person(&format!("p{n}")), "mail", &[]).expect("set");
    }
    let held = imports.run().await;
    assert_eq!(held.status(), "CompleteWithError", "{}", held.shown());
    let path = format!("/api/v1/activities/{}/approve-removals", held.text("id"));
    let approved = app.admin().send("POST", &path, None).await.expect_status(200);
    assert_eq!(approved, json!({ "approved": 25 }));
    let ended = imports.run().await;
    assert_eq!((ended.status(), ended.counts()), ("Complete", [0, 25, 0]), "{}", ended.shown());
    assert!(texts(&imports.object(&person("p7")).await, "mail").is_empty());
    assert_eq!(imports.get("held-removals").await["totalCount"], 0);
    imports.again_is_nothing().await;
}
