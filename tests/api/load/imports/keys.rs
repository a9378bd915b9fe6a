//! Keys that go while an import runs. It ends as what it was begun with, and nothing else is begun with them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::SYSTEMS;
use crate::support::directory::{Faults, Options, Sandbox, Tree};
use crate::support::outside::Outside;

fn tree() -> Tree {
    Tree::new().suffix("dc=x").ou("ou=A,dc=x")
}

/// Holds back what the directory answers until it is closed.
fn gated(sandbox: &Sandbox) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    sandbox.set_faults(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() });
    gate
}

async fn until_waiting(sandbox: &Sandbox) {
    while sandbox.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_outlives_the_key_it_was_asked_for_with() {
    let outside = Outside::start();
    let sandbox = Sandbox::start(Options::with_tree(tree())).await.expect("the sandbox starts");
    let id = outside.imported(&sandbox, 30, &["ou=A,dc=x"]).await;
    let path = format!("{SYSTEMS}/{id}/import-hierarchy");
    for (round, way) in ["disable", "delete", "demote"].into_iter().enumerate() {
        let body = json!({ "name": way, "roleIds": [1] });
        let made = outside.client.post("/api/v1/apikeys", &body).await.expect_status(201);
        let key = format!("/api/v1/apikeys/{}", made["id"].as_str().expect("an id"));
        let caller = outside.server.client(made["key"].as_str().expect("a key"));
        sandbox.add_ou(&format!("ou=new{round},dc=x")).expect("added");
        let gate = gated(&sandbox);
        let revoked = async {
            until_waiting(&sandbox).await;
            let admin = &outside.client;
            let body = |roles, on| json!({ "name": way, "roleIds": roles, "isEnabled": on });
            let answer = match way {
                "disable" => admin.put(&key, &body(json!([1]), false)).await,
                "delete" => admin.delete(&key).await,
                _ => admin.put(&key, &body(json!([2]), true)).await,
            };
            assert!(matches!(answer.status, 200 | 204), "{way}: {}", answer.body);
            let (status, code) = if way == "demote" { (403, "FORBIDDEN") } else { (401, "UNAUTHORISED") };
            caller.send("POST", &path, None).await.expect_error(status, code);
            gate.close();
        };
        let (answer, ()) = tokio::join!(caller.send("POST", &path, None), revoked);
        let result = answer.expect_status(200);
        assert_eq!(result["addedContainers"].as_array().map(Vec::len), Some(1), "{way}: {result}");
        sandbox.set_faults(Faults::default());
    }
    assert!(
        outside.tree(id).await.iter().any(|line| line.contains("A") && line.ends_with('*')),
        "it is still selected"
    );
    outside.is_unharmed();
}

/// The master key: it is only changed where no server runs, so that no import can have read half of the old.
#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_stays_while_an_import_runs() {
    let outside = Outside::start();
    let sandbox = Sandbox::start(Options::with_tree(tree())).await.expect("the sandbox starts");
    let id = outside.imported(&sandbox, 30, &[]).await;
    let keyring = outside.place.read("jim.keys");
    let gate = gated(&sandbox);
    let rotation = async {
        until_waiting(&sandbox).await;
        let told = outside.place.run(&["rotate-key"]).refused(75);
        assert!(told.contains(&outside.server.pid().to_string()), "{told}");
        assert_eq!(outside.place.read("jim.keys"), keyring);
        gate.close();
    };
    let (answer, ()) = tokio::join!(outside.import(id, ""), rotation);
    answer.expect_status(200);
    assert_eq!(sandbox.bind_attempts(), sandbox.binds());
    outside.is_unharmed();
}
