//! What happens while a run goes on: changes outside and inside, cancellation half way, a crash at each page.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::directory::{Faults, Mischief, Sandbox, SearchFault, Tree};
use crate::support::imports::{Imports, PERSON_CLASSES, people, person, texts};
use crate::support::program::{Place, Process};
use crate::support::{Client, TestApp};

async fn until(condition: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it does not come to that");
}

/// Searches wait before this page.
fn wait_on_page(sandbox: &Sandbox, page: u64) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let wait = SearchFault::new(Mischief::Wait(Arc::clone(&gate))).on_page(page);
    sandbox.set_faults(Faults { searches: vec![wait], ..Faults::default() });
    gate
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_cancelled_half_way_keeps_what_it_wrote() {
    let app = TestApp::start().await;
    let (sandbox, mut imports) = Imports::of_tree(&app, people(40), &["ou=People,dc=x"]).await;
    imports.profile = imports.add_profile(json!({ "name": "Small", "runType": 1, "pageSize": 10 })).await;
    let gate = wait_on_page(&sandbox, 3);
    let id = imports.queue().await;
    until(|| sandbox.waiting() == 1).await;
    let path = format!("/api/v1/activities/{id}/cancel");
    app.admin().send("POST", &path, None).await.expect_status(202);
    let ended = imports.ended(&id).await;
    assert_eq!(ended.status(), "Cancelled");
    let [added, updated, removed] = ended.counts();
    assert!((10..=20).contains(&added) && updated == 0 && removed == 0, "{}", ended.shown());
    assert_eq!(imports.objects().await.len() as i64, added);
    gate.close();
    imports.run().await.is([40 - added, 0, 0]);
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_met_at_both_its_names_is_one_object() {
    let app = TestApp::start().await;
    let tree = people(3).ou("ou=Z,dc=x");
    let (sandbox, imports) = Imports::of_tree(&app, tree, &["ou=People,dc=x", "ou=Z,dc=x"]).await;
    imports.run().await.is([3, 0, 0]);
    let before = imports.object(&person("p1")).await["id"].clone();
    // One permit after the other, until the first branch is read and the second waits.
    let gate = Arc::new(Semaphore::new(0));
    sandbox.set_faults(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() });
    let id = imports.queue().await;
    for _ in 0..2 {
        until(|| sandbox.waiting() == 1).await;
        let searches = sandbox.searches();
        gate.add_permits(1);
        until(|| sandbox.searches() > searches && sandbox.waiting() == 1).await;
    }
    sandbox.rename(&person("p1"), "uid=p1", Some("ou=Z,dc=x")).expect("moved");
    gate.close();
    let ended = imports.ended(&id).await;
    assert_eq!((ended.counts()[0], ended.counts()[2]), (0, 0), "{}", ended.shown());
    assert!(ended.items_with("DuplicateObject").is_empty(), "{:?}", ended.lines());
    let after = imports.object("uid=p1,ou=Z,dc=x").await;
    assert_eq!(after["id"], before, "the name that answers counts");
    sandbox.set_faults(Faults::default());
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_takes_the_selection_as_it_is_when_it_starts() {
    let app = TestApp::start().await;
    let tree = people(3).ou("ou=Z,dc=x").entry("uid=z,ou=Z,dc=x", &[("objectClass", PERSON_CLASSES), ("sn", &["Z"])]);
    let (sandbox, imports) = Imports::of_tree(&app, tree, &["ou=People,dc=x", "ou=Z,dc=x"]).await;
    let gate = Arc::new(Semaphore::new(0));
    sandbox.set_faults(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() });
    let (first, second) = (imports.queue().await, imports.queue().await);
    until(|| sandbox.waiting() == 1).await;
    imports.select("ou=Z,dc=x", false).await;
    gate.close();
    imports.ended(&first).await.is([4, 0, 0]);
    imports.ended(&second).await.is([0, 0, 1]);
    assert_eq!(imports.held().await[0], "!uid=z,ou=Z,dc=x");
    imports.again_is_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_whole_objects_while_a_run_writes() {
    let app = TestApp::start().await;
    let tree = (1..=600).fold(Tree::new().suffix("dc=x").ou("ou=People,dc=x"), |tree, n| {
        let attributes: [(&str, &[&str]); 3] = [("objectClass", PERSON_CLASSES), ("sn", &["0"]), ("title", &["0"])];
        tree.entry(&person(&format!("p{n}")), &attributes)
    });
    let (sandbox, imports) = Imports::of_tree(&app, tree, &["ou=People,dc=x"]).await;
    imports.run().await.is([600, 0, 0]);
    let ids: Vec<String> =
        imports.objects().await.iter().map(|o| o["id"].as_str().expect("a GUID").to_owned()).collect();
    for round in 1..=3 {
        let value = round.to_string();
        for n in 1..=600 {
            for name in ["sn", "title"] {
                sandbox.set_attribute(&person(&format!("p{n}")), name, &[&value]).expect("set");
            }
        }
        let id = imports.queue().await;
        let mut at = 0;
        while imports.activity(&id).await["status"] == "InProgress" {
            at = (at + 7) % ids.len();
            let object = imports.get(&format!("connector-space/{}", ids[at])).await;
            assert_eq!(texts(&object, "sn"), texts(&object, "title"), "{object}");
        }
        imports.ended(&id).await.is([0, 600, 0]);
    }
    imports.again_is_nothing().await;
}

/// The program on the files of a server that was set up here.
struct Killed {
    place: Place,
    key: String,
    system: i64,
    profile: i64,
}

impl Killed {
    fn execute(&self) -> String {
        format!("/api/v1/synchronisation/connected-systems/{}/run-profiles/{}/execute", self.system, self.profile)
    }

    fn serve(&self) -> (Process, Client) {
        let server = self.place.serve();
        let client = server.client(&self.key);
        (server, client)
    }
}

async fn ended(client: &Client, id: &str) -> Value {
    loop {
        let now = client.get(&format!("/api/v1/activities/{id}")).await.expect_status(200);
        if now["status"] != "InProgress" {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn queue(killed: &Killed, client: &Client) -> String {
    let accepted = client.send("POST", &killed.execute(), None).await.expect_status(202);
    accepted["activityId"].as_str().expect("a GUID").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_at_any_page_is_mended_by_the_next_run() {
    let app = TestApp::start().await;
    let (sandbox, imports) = Imports::of_tree(&app, people(50), &["ou=People,dc=x"]).await;
    let profile = imports.add_profile(json!({ "name": "Small", "runType": 1, "pageSize": 10 })).await;
    let system = imports.id;
    let (folder, key) = app.stop().await;
    let killed = Killed { place: Place::new(), key, system, profile };
    for name in ["jim.db", "jim.keys"] {
        killed.place.write(name, std::fs::read(folder.path().join(name)).expect("a file"));
        killed.place.set_mode(name, 0o600);
    }
    for page in 1..=5 {
        sandbox.set_attribute(&person(&format!("p{page}")), "sn", &[&format!("Crash {page}")]).expect("set");
        let gate = wait_on_page(&sandbox, page);
        let (server, client) = killed.serve();
        let (active, waiting) = (queue(&killed, &client).await, queue(&killed, &client).await);
        until(|| sandbox.waiting() >= 1).await;
        server.kill();
        gate.close();
        sandbox.set_faults(Faults::default());
        let (server, client) = killed.serve();
        let closed = ended(&client, &active).await;
        let expected = (&json!("FailedWithError"), &json!("server stopped"));
        assert_eq!((&closed["status"], &closed["errorMessage"]), expected, "page {page}");
        let next = ended(&client, &waiting).await;
        assert_eq!((&next["status"], &next["totalDeleted"]), (&json!("Complete"), &json!(0)), "page {page}: {next}");
        let again = queue(&killed, &client).await;
        let again = ended(&client, &again).await;
        let counts = ["totalAdded", "totalUpdated", "totalDeleted"].map(|f| again[f].as_i64());
        assert_eq!(counts, [Some(0); 3], "page {page}: {again}");
        let path = format!("/api/v1/synchronisation/connected-systems/{system}/connector-space?pageSize=1");
        assert_eq!(client.get(&path).await.expect_status(200)["totalCount"], 50, "page {page}");
        assert_eq!(server.stop().code, Some(0));
        let report =
            jim::ops::check::run(&killed.place.path("jim.db"), &killed.place.path("jim.keys")).expect("it opens");
        assert!(report.damaged.is_empty(), "page {page}: {report:?}");
    }
}
