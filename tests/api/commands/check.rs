//! `jim check`: what it says of sound and of tampered files, and that it changes neither.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::database::damage;
use crate::support::directory::Sandbox;
use crate::support::program::{Done, Place, Process};
use crate::support::{SYSTEMS, sample, sandbox_settings};

/// A server on a new place with two systems, one of them imported.
async fn filled() -> (Place, Process, Sandbox) {
    let (place, sandbox) = (Place::new(), sample().await);
    let server = place.serve();
    let client = server.client(&server.key());
    for name in ["First", "Second"] {
        let body = json!({ "name": name, "connectorDefinitionId": 3 });
        let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
        let settings = json!({ "settingValues": sandbox_settings(&sandbox) });
        client.put(&format!("{SYSTEMS}/{id}"), &settings).await.expect_status(200);
    }
    let path = format!("{SYSTEMS}/1/import-hierarchy");
    let imported: Value = client.send("POST", &path, None).await.expect_status(200);
    assert_eq!(imported["success"], true);
    (place, server, sandbox)
}

/// The lines of a sound check.
fn activities(told: &str) -> Vec<&str> {
    let shown = told.lines().skip_while(|l| !l.starts_with("last ")).skip(1);
    shown.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_says_what_it_checked_and_what_happened_and_writes_nothing() {
    let (place, server, _sandbox) = filled().await;
    let client = server.client(&server.key());
    for n in 0..25 {
        let body = json!({ "description": format!("round {n}") });
        client.put(&format!("{SYSTEMS}/2"), &body).await.expect_status(200);
    }
    let before = place.read("jim.db");
    let told = place.run(&["check"]).told();
    assert!(told.contains(&format!("process {}", server.pid())), "{told}");
    assert!(place.read("jim.db") == before, "a check beside a server writes nothing into the database");
    let name = "Renamed \u{1b}[2J\u{202e} to\ntwo lines";
    client.put(&format!("{SYSTEMS}/2"), &json!({ "name": name })).await.expect_status(200);
    assert_eq!(server.stop().code, Some(0));

    // The files of SQLite's that a quick end leaves would be reason enough to look otherwise.
    for name in ["jim.db-shm", "jim.db-wal"] {
        let _ = std::fs::remove_file(place.path(name));
    }
    let before = place.contents();
    let told = place.run(&["check"]).told();
    assert_eq!(place.contents(), before);
    assert_eq!(place.run(&["check"]).told(), told);
    assert!(told.contains("no server is running"), "{told}");
    for what in ["structure of the file", "references between tables", "an entry has one row", "2 sealed values open"] {
        assert!(told.lines().any(|l| l.starts_with("ok ") && l.contains(what)), "{what} is not in\n{told}");
    }
    assert!(told.contains("jim.keys belongs to it") && !told.contains("ERROR"), "{told}");
    let shown = activities(&told);
    assert_eq!(shown.len(), 20, "{told}");
    assert!(shown[0].contains("Renamed \\u{1b}[2J\\u{202e} to\\ntwo lines"), "nothing acts on a terminal: {told}");
    assert!(shown[0].contains("Renamed") && shown.iter().all(|l| l.contains("Complete") && l.contains("Update")));
    assert!(!told.contains("ImportHierarchy"), "older ones are not shown:\n{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_server_left_is_checked_and_left_as_it_is() {
    let (place, server, _sandbox) = filled().await;
    let client = server.client(&server.key());
    // The import's own merge of the write-ahead file may still be to come.
    loop {
        client.put(&format!("{SYSTEMS}/2"), &json!({ "description": "kept" })).await.expect_status(200);
        tokio::time::sleep(Duration::from_millis(50)).await;
        if std::fs::metadata(place.path("jim.db-wal")).is_ok_and(|m| m.len() > 0) {
            break;
        }
    }
    server.kill();
    let wal = place.read("jim.db-wal");
    let before = place.kept();
    let told = place.run(&["check"]).told();
    assert!(told.contains("no server is running") && told.contains("ImportHierarchy"), "{told}");
    assert_eq!(place.kept(), before);
    assert!(place.read("jim.db-wal") == wal && !wal.is_empty());
    let server = place.serve();
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn without_a_database_or_keyring_it_says_so() {
    let place = Place::new();
    assert!(place.run(&["check"]).refused(74).contains("does not exist"));
    assert!(place.names().is_empty(), "{:?}", place.names());
    let (place, _) = Place::used();
    let keyring = place.read("jim.keys");
    for tampering in ["mode", "other", "gone"] {
        match tampering {
            "mode" => place.set_mode("jim.keys", 0o644),
            "other" => {
                place.write("jim.keys", Place::used().0.read("jim.keys"));
                place.set_mode("jim.keys", 0o600);
            }
            _ => std::fs::remove_file(place.path("jim.keys")).expect("removed"),
        }
        let before = place.kept();
        let done = place.run(&["check"]);
        assert_eq!(done.code, Some(78), "{tampering}: {done:?}");
        assert!(done.out.lines().any(|l| l.starts_with("ERROR") && l.contains("key")), "{done:?}");
        assert!(done.out.contains("ok      structure of the file"), "the database is checked all the same: {done:?}");
        assert_eq!(place.kept(), before);
        if tampering != "gone" {
            place.write("jim.keys", &keyring);
            place.set_mode("jim.keys", 0o600);
        }
    }
}

/// Each tampering with what an integrity check of the file alone would not see.
#[tokio::test(flavor = "multi_thread")]
async fn a_tampered_database_is_65_or_78_with_the_fault() {
    let (place, server, _sandbox) = filled().await;
    assert_eq!(server.stop().code, Some(0));
    let sound = place.read("jim.db");
    let cases = [
        ("a container in another partition", damage::PARTITION_OF_NO_PARENT, 65, "is in the partition of its parent"),
        ("a circle", damage::CIRCLE, 65, "is reached from its partition"),
        ("an entry with two rows", damage::ONE_ENTRY_TWICE, 65, "an entry has one row"),
        ("a selection that was not chosen", damage::SELECTED_WITHOUT_A_CHOICE, 65, "every container is selected as"),
        ("a wrong number", damage::WRONG_NUMBER_OF_SELECTED, 65, "the number of selected containers"),
        ("a parent that is not there", damage::MISSING_PARENT, 65, "references"),
        ("a partition without a system", damage::MISSING_SYSTEM, 65, "references"),
        ("a sealed value of another row", damage::SEALED_VALUE_OF_ANOTHER_ROW, 78, "1 of 2 sealed values do not open"),
        ("a wrong check value", damage::WRONG_KEY_CHECK, 78, "the keyring lacks or has another key"),
        ("a part of nothing", damage::PART_OF_NOTHING, 65, "every parent of an activity exists"),
    ];
    for (what, damage, code, wanted) in cases {
        place.write("jim.db", &sound);
        damage.apply(&place.path("jim.db"));
        let before = place.kept();
        let Done { code: got, out, err, .. } = place.run(&["check"]);
        assert_eq!(got, Some(code), "{what}:\n{out}{err}");
        let faults: Vec<&str> = out.lines().filter(|l| l.starts_with("ERROR")).collect();
        assert!(faults.iter().any(|l| l.contains(wanted)), "{what}: {wanted} is not in\n{out}");
        assert_eq!(activities(&out).len(), 5, "{what}: the activities are shown all the same\n{out}");
        assert!(!err.is_empty() && !err.contains("panicked"), "{what}: {err}");
        assert_eq!(place.kept(), before, "{what}");
    }
}
