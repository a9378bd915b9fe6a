//! Chapter 6.3: what happens while an import runs, and what it leaves behind.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use crate::support::case::{Case, activities, told};
use crate::support::directory::{Faults, Tree};
use crate::support::{Answer, SYSTEMS, TestApp};

fn tree() -> Tree {
    ["ou=A,dc=x", "ou=B,dc=x", "ou=C,dc=x"].into_iter().fold(Tree::new().suffix("dc=x"), Tree::ou)
}

/// Waits until a search stands at the gate.
async fn until_waiting(case: &Case<'_>) {
    while case.sandbox.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// An import that stands in the middle of its search while `meanwhile` runs.
async fn during<F: Future>(case: &Case<'_>, query: &str, meanwhile: F) -> (Answer, F::Output) {
    let gate = Arc::new(Semaphore::new(0));
    case.sandbox.set_faults(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() });
    let work = async {
        until_waiting(case).await;
        let done = meanwhile.await;
        gate.close();
        done
    };
    let both = tokio::join!(case.app.import(case.id, query), work);
    case.sandbox.set_faults(Faults::default());
    both
}

async fn is_valid(case: &Case<'_>) -> Value {
    let path = format!("{SYSTEMS}/{}", case.id);
    case.app.admin().get(&path).await.expect_status(200)["settingValuesValid"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_import_is_refused_at_once() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[]).await;
    let other = Case::new(&app, tree()).await;
    for query in ["", "?preview=true"] {
        let connections = case.sandbox.connections();
        let before = activities(&app, case.id).len();
        let (first, ()) = during(&case, query, async {
            for second in ["", "?preview=true", "?acceptRemovals=true"] {
                app.import(case.id, second).await.expect_error(409, "CONFLICT");
            }
            assert_eq!(case.sandbox.connections(), connections + 1, "a refused import opens nothing");
            // The old state is readable, and another system is not kept waiting.
            assert_eq!(case.tree().await.len(), 4);
            other.import("").await;
            let open = activities(&app, case.id);
            let in_progress = open.iter().filter(|a| a.0 == "InProgress").count();
            assert_eq!((open.len() - before, in_progress), if query.is_empty() { (1, 1) } else { (0, 0) });
        })
        .await;
        assert_eq!(first.expect_status(200)["success"], true, "{query}");
        assert_eq!(activities(&app, case.id).len() - before, usize::from(query.is_empty()), "{query}");
    }
    assert_eq!(case.changes("").await, [""; 0], "the run is free again");
}

#[tokio::test(flavor = "multi_thread")]
async fn selections_made_meanwhile_are_kept() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &["ou=A,dc=x"]).await;
    case.sandbox.rename("ou=A,dc=x", "ou=New", None).expect("renamed");
    case.sandbox.rename("ou=B,dc=x", "ou=B", Some("ou=New,dc=x")).expect("moved");
    case.sandbox.remove("ou=C,dc=x").expect("removed");
    let partition = app.partitions(case.id).await[0]["id"].clone();
    let (first, ()) = during(&case, "", async {
        app.select(case.id, "ou=B,dc=x").await;
        app.select(case.id, "ou=C,dc=x").await;
        let a = app.container(case.id, "ou=A,dc=x").await.expect("stored")["id"].clone();
        let path = format!("{SYSTEMS}/{}", case.id);
        let (on, off) = (json!({ "selected": true }), json!({ "selected": false }));
        app.admin().put(&format!("{path}/containers/{a}"), &off).await.expect_status(200);
        app.admin().put(&format!("{path}/partitions/{partition}"), &on).await.expect_status(200);
    })
    .await;
    let result = first.expect_status(200);
    let expected = ["- ou=C,dc=x *", "~ ou=New,dc=x: A to New", "> ou=B,ou=New,dc=x: root to ou=New,dc=x *"];
    assert_eq!(told(&result), expected);
    assert_eq!(case.tree().await, ["dc=x *", " ou=New,dc=x", "  ou=B,ou=New,dc=x *"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_put_meanwhile_are_not_vouched_for() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &[]).await;
    let path = format!("{SYSTEMS}/{}", case.id);
    for (body, valid) in [
        (json!({ "settingValues": { "9": { "intValue": 299 } } }), false),
        (json!({ "settingValues": {} }), false),
        (json!({ "name": "Another name" }), true),
        (json!({ "settingValues": null }), true),
    ] {
        case.import("").await;
        let (first, _) = during(&case, "", async { app.admin().put(&path, &body).await.expect_status(200) }).await;
        first.expect_status(200);
        assert_eq!(is_valid(&case).await, valid, "{body}");
    }
    // The other target of a PUT during the import gets nothing of it.
    let elsewhere = Case::new(&app, tree()).await;
    let host = json!({ "1": { "stringValue": format!("ldap://{}", elsewhere.sandbox.addr()) } });
    let (first, _) = during(&case, "", case.set(host)).await;
    first.expect_status(200);
    assert_eq!((elsewhere.sandbox.connections(), is_valid(&case).await), (0, json!(false)));
    let message = app.import(case.id, "").await.expect_error(400, "BAD_REQUEST");
    assert!(message.contains("assword must be re-entered because the connection target changed"), "{message}");
    assert_eq!(elsewhere.sandbox.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_change_with_an_applied_import_only() {
    let app = TestApp::start().await;
    let case = Case::new(&app, tree()).await;
    assert_eq!(is_valid(&case).await, false);
    app.import(case.id, "?preview=true").await.expect_status(200);
    assert_eq!(is_valid(&case).await, false, "a preview vouches for nothing");
    case.sandbox.set_faults(Faults { bind: Some(crate::support::directory::Answer::new(49, "")), ..Faults::default() });
    app.import(case.id, "").await.expect_error(400, "BAD_REQUEST");
    assert_eq!(is_valid(&case).await, false, "false stays false");
    case.sandbox.set_faults(Faults::default());
    case.import("").await;
    assert_eq!(is_valid(&case).await, true);
    case.sandbox.set_faults(Faults { bind: Some(crate::support::directory::Answer::new(49, "")), ..Faults::default() });
    app.import(case.id, "").await.expect_error(400, "BAD_REQUEST");
    assert_eq!(is_valid(&case).await, true, "a failed import leaves it as it is");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_outlives_its_caller() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &["ou=A,dc=x"]).await;
    case.sandbox.rename("ou=A,dc=x", "ou=New", None).expect("renamed");
    let gate = Arc::new(Semaphore::new(0));
    case.sandbox.set_faults(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() });
    let mut caller = TcpStream::connect(app.address).await.expect("connected");
    let head = format!(
        "POST {SYSTEMS}/{}/import-hierarchy HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Length: 0\r\n\r\n",
        case.id, app.key
    );
    caller.write_all(head.as_bytes()).await.expect("sent");
    until_waiting(&case).await;
    drop(caller);
    app.import(case.id, "").await.expect_error(409, "CONFLICT");
    gate.close();
    case.sandbox.set_faults(Faults::default());
    while activities(&app, case.id).last().is_none_or(|a| a.0 == "InProgress") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let last = activities(&app, case.id).pop().expect("an activity");
    assert_eq!(last, ("Complete".to_owned(), Some("0 added, 0 removed, 1 updated".to_owned()), None, None));
    assert!(case.tree().await.contains(&" ou=New,dc=x *".to_owned()));
    assert_eq!(case.changes("").await, [""; 0], "the run is free again");
}

/// Eight directories are read at a time; the ninth import stands in line, and its clock has not begun to run.
#[tokio::test(flavor = "multi_thread")]
async fn imports_of_many_systems_stand_in_line() {
    let app = TestApp::start().await;
    let case = Case::new(&app, tree()).await;
    let gate = Arc::new(Semaphore::new(0));
    let mut systems = vec![case.id];
    for _ in 0..10 {
        systems.push(app.connected_to(&case.sandbox).await);
    }
    case.sandbox.set_faults(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() });
    let imports = systems.iter().map(|id| app.import(*id, ""));
    let work = async {
        while case.sandbox.waiting() < 8 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // Time enough for a ninth to come, were it let in.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(case.sandbox.connections(), 8);
        // An import that waits has its run too.
        for id in &systems {
            app.import(*id, "").await.expect_error(409, "CONFLICT");
        }
        gate.close();
    };
    let (answers, ()) = tokio::join!(futures_util::future::join_all(imports), work);
    for answer in answers {
        assert_eq!(answer.expect_status(200)["totalContainers"], 3);
    }
    assert_eq!(case.sandbox.connections(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_choice_made_meanwhile_reaches_what_the_import_adds() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &["ou=B,dc=x"]).await;
    case.sandbox.add_ou("ou=new,ou=A,dc=x").expect("added");
    case.sandbox.add_ou("ou=new,ou=B,dc=x").expect("added");
    let (done, ()) = during(&case, "", async {
        app.select(case.id, "ou=A,dc=x").await;
        let row = app.container(case.id, "ou=B,dc=x").await.expect("stored")["id"].clone();
        let path = format!("{SYSTEMS}/{}/containers/{row}", case.id);
        app.admin().put(&path, &json!({ "selectionInherited": true })).await.expect_status(200);
    })
    .await;
    let warnings = crate::support::case::warnings(&done.expect_status(200));
    assert!(warnings.contains("1 container came into scope by inheritance: ou=new,ou=A,dc=x"), "{warnings}");
    let expected = ["dc=x", " ou=A,dc=x *", "  ou=new,ou=A,dc=x *", " ou=B,dc=x", "  ou=new,ou=B,dc=x", " ou=C,dc=x"];
    assert_eq!(case.tree().await, expected);
    app.is_sound();
}
