//! What is secret lies in no file in clear, and what is sealed opens only in its place, untouched, with its keyring.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jim::security::secret::Keyring;
use serde_json::json;

use crate::activities::{ACTIVITIES, page};
use crate::support::canaries::Wanted;
use crate::support::database::Database;
use crate::support::directory::{Options, Sandbox};
use crate::support::program::{Place, Process};
use crate::support::{SYSTEMS, TestApp, sandbox_settings};
use crate::tier;

const KEYS: &str = "/api/v1/apikeys";
/// As weak as an operator's key may be.
const WEAK: &str = "jim_00000000000000000000000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_value_that_was_moved_or_bent_is_500_and_nothing_is_sent() {
    let app = TestApp::start().await;
    let sandbox = Sandbox::start(Options::sample()).await.expect("the sandbox starts");
    let (a, b) = (app.connected_to(&sandbox).await, app.connected_to(&sandbox).await);
    for id in [a, b] {
        app.import(id, "").await.expect_status(200);
    }
    let stored = Database::writable(&app.database());
    let sealed = |system: i64| {
        let found = stored.settings().into_iter().find(|row| row.system == system && row.id == 3);
        found.and_then(|row| row.sealed).expect("a value")
    };
    let put = |value: &[u8]| stored.seal(a, 3, value);
    let (right, others) = (sealed(a), sealed(b));
    let mut cases = vec![("of another system".to_owned(), others), ("empty".to_owned(), Vec::new())];
    for at in 0..right.len() {
        let mut bent = right.clone();
        bent[at] ^= 1 << (at % 8);
        cases.push((format!("byte {at} flipped"), bent));
    }
    for end in [1, 4, 5, 28, 29, 30, right.len() - 1] {
        cases.push((format!("cut at {end}"), right[..end].to_vec()));
    }
    let mut of_no_key = right.clone();
    of_no_key[1..5].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
    cases.push(("of a key that is in no keyring".to_owned(), of_no_key));
    cases.push(("in clear".to_owned(), sandbox.password().as_bytes().to_vec()));
    let connections = sandbox.connections();
    let admin = app.admin();
    for (what, value) in &cases {
        put(value);
        let dump = app.dump();
        let before = page(&admin, "pageSize=1").await["totalCount"].as_i64().expect("a number");
        let import = |rest: &str| format!("{SYSTEMS}/{a}/import-{rest}");
        for path in [import("hierarchy?preview=true"), format!("{SYSTEMS}/{a}/test-connection")] {
            admin.send("POST", &path, None).await.expect_error(500, "INTERNAL_ERROR");
        }
        let now = page(&admin, "pageSize=1").await["totalCount"].clone();
        assert_eq!(now, before, "{what}: what changes nothing left an activity");
        for (rest, operation) in [("hierarchy", "ImportHierarchy"), ("schema", "ImportSchema")] {
            admin.send("POST", &import(rest), None).await.expect_error(500, "INTERNAL_ERROR");
            let last = page(&admin, "pageSize=1&sortDirection=desc").await["items"][0]["id"].clone();
            let path = format!("{ACTIVITIES}/{}", last.as_str().expect("an id"));
            let last = admin.get(&path).await.expect_status(200);
            let told = ["targetOperationType", "status", "errorMessage"].map(|n| last[n].as_str().unwrap_or_default());
            let unexpected = "an unexpected error occurred; the server log names the cause";
            assert_eq!(told, [operation, "FailedWithError", unexpected], "{what}");
            assert_eq!(last["connectedSystemId"], a, "{what}");
        }
        let now = page(&admin, "pageSize=1").await["totalCount"].clone();
        assert_eq!(now, before + 2, "{what}: each failed import is one activity");
        assert_eq!(sandbox.connections(), connections, "{what}: something was sent");
        assert!(app.dump() == dump, "{what}: a refusal changed something");
    }
    tier::figure(format!("{} ways to spoil a value", cases.len()));
    // Of another setting of the same system, then put right again.
    stored.move_setting(a, 3, 303);
    let before = page(&admin, "pageSize=1").await["totalCount"].clone();
    app.import(a, "").await.expect_error(400, "BAD_REQUEST");
    assert_eq!(page(&admin, "pageSize=1").await["totalCount"], before, "nothing was begun");
    stored.move_setting(a, 303, 3);
    put(&right);
    app.import(a, "").await.expect_status(200);
    app.import(b, "").await.expect_status(200);
}

#[test]
fn no_nonce_comes_twice_and_equal_secrets_look_different() {
    let count = tier::size(40_000, 1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let ring = Keyring::create(&folder.path().join("jim.keys")).expect("made");
    let (mut nonces, mut texts) = (HashSet::new(), HashSet::new());
    for _ in 0..count {
        let sealed = ring.seal_setting(1, 3, "the same text").expect("sealed");
        nonces.insert(sealed[5..29].to_vec());
        texts.insert(sealed[29..].to_vec());
    }
    assert_eq!((nonces.len(), texts.len()), (count, count));
    // Every bit of a nonce is about as often set as not: it is no counter.
    for bit in 0..192 {
        let set = nonces.iter().filter(|n| n[bit / 8] >> (bit % 8) & 1 == 1).count();
        assert!((count * 45 / 100..count * 55 / 100).contains(&set), "bit {bit} is set in {set} of {count}");
    }
}

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if let Ok(bytes) = fs::read(&path) {
            found.push((path.display().to_string(), bytes));
        }
    }
}

/// Looks for all secrets in all files but the keyring. Returns how many files were looked at.
#[track_caller]
fn sweep(place: &Place, secrets: &[Vec<u8>], when: &str) -> usize {
    let wanted = Wanted::new(secrets);
    let mut all = Vec::new();
    files(place.folder(), &mut all);
    all.retain(|(name, _)| !name.ends_with("jim.keys"));
    for (name, bytes) in &all {
        assert_eq!(wanted.in_there(bytes), None, "{when}: {name}");
    }
    all.len()
}

const CHANGES: usize = 150;

#[tokio::test(flavor = "multi_thread")]
async fn no_password_and_no_key_lies_in_any_file() {
    let sandbox = Sandbox::start(Options::sample()).await.expect("the sandbox starts");
    let place = Place::new().with("JIM_INFRASTRUCTURE_API_KEY", WEAK).with("JIM_LOG_FILTER", "trace");
    fs::create_dir(place.path("temporary")).expect("a folder");
    let place = place.with("TMPDIR", "temporary").with("SQLITE_TMPDIR", "temporary");
    let server = place.serve();
    let client = server.client(WEAK);
    let mut secrets: Vec<Vec<u8>> = vec![WEAK.into()];
    let id = client.post(SYSTEMS, &json!({ "name": "S", "connectorDefinitionId": 3 })).await.expect_status(201)["id"]
        .as_i64()
        .expect("an id");
    for n in 0..CHANGES {
        let canary = format!("canary-{n:03}-5f3a9e71-\"päss\"word");
        let mut values = sandbox_settings(&sandbox);
        values["3"]["stringValue"] = json!(canary);
        match n % 3 {
            0 => {
                let body = json!({ "name": format!("Gone {n}"), "connectorDefinitionId": 3 });
                let gone = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
                let path = format!("{SYSTEMS}/{gone}");
                client.put(&path, &json!({ "settingValues": values })).await.expect_status(200);
                client.delete(&path).await;
            }
            1 => {
                let body = json!({ "name": format!("Key {n}"), "roleIds": [1] });
                let made = client.post(KEYS, &body).await.expect_status(201);
                secrets.push(made["key"].as_str().expect("a key").into());
                server.client(made["key"].as_str().expect("a key")).get(SYSTEMS).await.expect_status(200);
                let path = format!("{KEYS}/{}", made["id"].as_str().expect("an id"));
                assert!(client.delete(&path).await.status < 300);
            }
            _ => {
                let path = format!("{SYSTEMS}/{id}");
                client.put(&path, &json!({ "settingValues": values })).await.expect_status(200);
            }
        }
        if n % 3 != 1 {
            secrets.push(canary.into());
        }
    }
    // One that stays, with an import that binds by it.
    let body = json!({ "settingValues": sandbox_settings(&sandbox) });
    client.put(&format!("{SYSTEMS}/{id}"), &body).await.expect_status(200);
    client.send("POST", &format!("{SYSTEMS}/{id}/import-hierarchy"), None).await.expect_status(200);
    secrets.push(sandbox.password().into());
    let master = |place: &Place| -> Vec<Vec<u8>> {
        let text = String::from_utf8(place.read("jim.keys")).expect("text");
        let keys = text.lines().map(|l| STANDARD.decode(l.rsplit(':').next().expect("a key")).expect("base64"));
        keys.collect()
    };
    // The sweep can fail: what is known to be there is found.
    assert!(Wanted::new(&master(&place)).in_there(&place.read("jim.keys")).is_some());
    secrets.extend(master(&place));

    let mut looked = sweep(&place, &secrets, "while it serves");
    place.run(&["backup", "live"]).told();
    looked += sweep(&place, &secrets, "a backup beside the server");
    let log = server.err().join("\n");
    assert_eq!(Wanted::new(&secrets).in_there(log.as_bytes()), None, "in the log");
    server.kill();
    looked += sweep(&place, &secrets, "what a kill left");
    place.run(&["backup", "killed"]).told();
    let told = place.run(&["rotate-key"]).told();
    secrets.extend(master(&place).pop());
    assert_eq!(Wanted::new(&secrets).in_there(told.as_bytes()), None, "told");
    place.run(&["backup", "rotated"]).told();
    looked += sweep(&place, &secrets, "after a rotation");
    assert_eq!(place.serve().stop().code, Some(0));
    looked += sweep(&place, &secrets, "after a stop");
    tier::figure(format!("{} secrets in {looked} files", secrets.len()));
    assert!(looked > 20 && secrets.len() > CHANGES);
}

/// The file without the keyring is not enough to try guessed keys: the hash is not one of the key alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_hash_is_not_one_of_the_key_alone() {
    let place = Place::new().with("JIM_INFRASTRUCTURE_API_KEY", WEAK);
    let server = Process::start(place.command(&["serve"]));
    server.client(WEAK).get(SYSTEMS).await.expect_status(200);
    assert_eq!(server.stop().code, Some(0));
    let keys = Database::writable(&place.path("jim.db")).api_keys();
    let key = keys.iter().find(|key| key.infrastructure).expect("a row");
    let (phc, kid) = (&key.hash, key.kid);
    let parts: Vec<&str> = phc.split('$').collect();
    let salt = STANDARD_NO_PAD.decode(parts[4]).expect("a salt");
    let stored = STANDARD_NO_PAD.decode(parts[5]).expect("a hash");
    let ring = Keyring::load(&place.path("jim.keys")).expect("the keyring");
    let pepper = ring.derive(kid, "jim|v1|api-key pepper").expect("a pepper");
    for (pepper, same) in [(&[][..], false), (&pepper[..], true)] {
        let params = Params::new(19 * 1024, 2, 1, Some(32)).expect("parameters");
        let argon = Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params).expect("a pepper");
        let mut hash = [0u8; 32];
        argon.hash_password_into(WEAK.as_bytes(), &salt, &mut hash).expect("a hash");
        assert_eq!(hash.as_slice() == stored, same, "with a pepper of {} bytes", pepper.len());
    }
}
