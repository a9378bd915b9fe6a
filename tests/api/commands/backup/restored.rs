//! Restoring one: everything comes back, and only what is whole.

use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::*;
use crate::support::database::damage::{self, Damage};
use crate::support::sample;
use crate::tier;

/// Budget of a restore with the start after it.
const RESTORED_WITHIN: Duration = Duration::from_secs(10);

/// Everything that can be read, without when keys were last used.
async fn everything(client: &Client) -> Vec<Value> {
    let system = format!("{SYSTEMS}/1");
    let mut all = Vec::new();
    for path in [
        SYSTEMS,
        &system,
        &format!("{system}/partitions"),
        &format!("{system}/object-types"),
        &format!("{system}/deletion-preview"),
        "/api/v1/synchronisation/connector-definitions",
        "/api/v1/apikeys",
        "/api/v1/security/roles",
        "/api/v1/userinfo",
        "/api/v1/activities?pageSize=50",
        "/api/v1/service-settings",
        "/api/v1/certificates",
        "/api/v1/health/version",
    ] {
        let mut body = client.get(path).await.expect_status(200);
        for key in body.as_array_mut().into_iter().flatten().filter(|k| k.get("lastUsedAt").is_some()) {
            key["lastUsedAt"] = Value::Null;
            key["lastUsedFromIp"] = Value::Null;
        }
        all.push(body);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_and_the_keyring_are_all_that_a_fresh_place_needs() {
    let (place, sandbox) = (Place::new(), sample().await);
    let (mut server, mut client) = imported(&place, &sandbox).await;
    let setting = json!({ "value": "77" });
    client.put("/api/v1/service-settings/RateLimiting.UnauthenticatedPerMinute", &setting).await.expect_status(200);
    if tier::in_full() {
        assert_eq!(server.stop().code, Some(0));
        Database::writable(&place.path("jim.db")).fill(100 << 20);
        server = place.serve();
        client = server.client(client.key());
    }
    let before = everything(&client).await;
    // Once beside the server, once of what a kill left, once of what a stop left.
    place.run(&["backup", "live"]).told();
    let late = client.post(SYSTEMS, &json!({ "name": "Late", "connectorDefinitionId": 3 })).await.expect_status(201);
    let key = client.key().to_owned();
    server.kill();
    place.run(&["backup", "killed"]).told();
    assert_eq!(place.serve().stop().code, Some(0));
    let kept = place.kept();
    place.run(&["backup", "stopped"]).told();
    assert_eq!(place.kept().get("jim.db"), kept.get("jim.db"), "a backup writes nothing into the database");
    holds_only(&place, &["jim.keys", "killed", "live", "stopped"]);

    for (name, systems) in [("live", 1), ("killed", 2), ("stopped", 2)] {
        let folder = place.path(name);
        is_whole(&folder);
        let fresh = Place::new();
        fresh.write("jim.keys", place.read("jim.keys"));
        fresh.set_mode("jim.keys", 0o600);
        let restored = fresh.run(&["restore", folder.to_str().expect("text")]);
        let took = restored.took;
        let told = restored.told();
        assert!(told.contains("jim.db") && told.contains("opens it"), "{told}");
        assert!(fresh.kept().keys().eq(["jim.db", "jim.keys"]), "{:?}", fresh.names());
        assert_eq!(mode(&fresh.path("jim.db")), 0o600);
        assert!(!fresh.run(&["check"]).told().contains("ERROR"));
        let begun = Instant::now();
        let server = fresh.serve();
        assert_eq!(server.out().len(), 1, "no key was made: {:?}", server.out());
        let client = server.client(&key);
        let found = client.get(SYSTEMS).await.expect_status(200);
        let answered = begun.elapsed();
        let mib = fresh.read("jim.db").len() >> 20;
        let told = format!("{name}, {mib} MiB: restored in {took:.2?}, an answer {answered:.2?} after the start");
        tier::budget(took + answered < RESTORED_WITHIN, told);
        assert_eq!(found["totalCount"], systems, "{name}");
        if systems == 1 {
            assert_eq!(everything(&client).await, before);
        } else {
            client.get(&format!("{SYSTEMS}/{}", late["id"])).await.expect_status(200);
        }
        let binds = sandbox.bind_attempts();
        let path = format!("{SYSTEMS}/1/import-hierarchy");
        let again = client.send("POST", &path, None).await.expect_status(200);
        assert_eq!(again["hasChanges"], false, "{again}");
        assert!(sandbox.bind_attempts() > binds);
        assert_eq!(server.stop().code, Some(0));
    }
}

/// A backup of before a rotation needs the key of that time, which the keyring still has.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_outlives_a_rotation() {
    let (place, sandbox) = (Place::new(), sample().await);
    let (server, client) = imported(&place, &sandbox).await;
    let key = client.key().to_owned();
    assert_eq!(server.stop().code, Some(0));
    let old = place.read("jim.keys");
    place.run(&["backup", "old"]).told();
    place.run(&["rotate-key"]).told();
    place.run(&["backup", "new"]).told();
    let fresh = Place::new();
    let path = |name: &str| place.path(name).to_str().expect("text").to_owned();
    // The older keyring opens the older backup only, and says what the newer one lacks.
    fresh.write("jim.keys", &old);
    fresh.set_mode("jim.keys", 0o600);
    let before = fresh.kept();
    let whole = String::from_utf8(place.read("jim.keys")).expect("text");
    let newest = whole.lines().last().and_then(|l| l.split(':').next()).expect("an id").to_owned();
    let told = fresh.run(&["restore", &path("new")]).refused(78);
    assert!(told.contains(&newest) && told.contains("nothing was written"), "{told}");
    assert_eq!(fresh.kept(), before);
    fresh.run(&["restore", &path("old")]).told();
    fs::remove_file(fresh.path("jim.db")).expect("removed");
    // The newer one opens both.
    for name in ["old", "new"] {
        fresh.write("jim.keys", &whole);
        fresh.run(&["restore", &path(name)]).told();
        let server = fresh.serve();
        let client = server.client(&key);
        client.send("POST", &format!("{SYSTEMS}/1/import-hierarchy"), None).await.expect_status(200);
        assert_eq!(server.stop().code, Some(0));
        fs::remove_file(fresh.path("jim.db")).expect("removed");
    }
}

#[test]
fn a_restore_goes_to_a_free_place_with_its_keyring_only() {
    let (place, _) = Place::used();
    place.run(&["backup", "b"]).told();
    let backup = place.path("b");
    let backup = backup.to_str().expect("text");
    let server = place.serve();
    let told = place.run(&["restore", "b"]).refused(75);
    assert!(told.contains(&server.pid().to_string()) && told.contains("stop it"), "{told}");
    assert_eq!(server.stop().code, Some(0));
    let before = place.kept();
    assert!(place.run(&["restore", "b"]).refused(78).contains("exists"));
    assert_eq!(place.kept(), before);

    let (other, _) = Place::used();
    let (right, wrong) = (place.read("jim.keys"), other.read("jim.keys"));
    // Another key under the name of the right one.
    let mut forged = right[..9].to_vec();
    forged.extend_from_slice(&wrong[9..]);
    let fresh = Place::new();
    for (what, keyring, code) in [
        ("no keyring", None, 0o600),
        ("another keyring", Some(&wrong), 0o600),
        ("a forged key", Some(&forged), 0o600),
        ("a keyring that others can read", Some(&right), 0o644),
    ] {
        if let Some(keyring) = keyring {
            fresh.write("jim.keys", keyring);
            fresh.set_mode("jim.keys", code);
        }
        let before = fresh.kept();
        let told = fresh.run(&["restore", backup]).refused(78);
        assert!(told.contains("jim.keys"), "{what}: {told}");
        assert!(!String::from_utf8_lossy(&right).lines().any(|l| told.contains(l)), "a key is told");
        assert_eq!(fresh.kept(), before, "{what}");
    }
    fresh.write("jim.keys", &right);
    fresh.set_mode("jim.keys", 0o600);
    for (stray, code) in [("jim.db-wal", 65), ("jim.db-journal", 65), ("jim.db", 65)] {
        fresh.write(stray, if stray == "jim.db" { "" } else { "something" });
        let before = fresh.kept();
        assert!(fresh.run(&["restore", backup]).refused(code).contains(stray));
        assert_eq!(fresh.kept(), before, "{stray}");
        fs::remove_file(fresh.path(stray)).expect("removed");
    }
    symlink("nothing", fresh.path("jim.db")).expect("a link");
    assert!(fresh.run(&["restore", backup]).refused(78).contains("link"));
    fs::remove_file(fresh.path("jim.db")).expect("removed");
    fresh.set_mode(".", 0o777);
    fresh.run(&["restore", backup]).refused(78);
    fresh.set_mode(".", 0o700);
    for nothing in ["missing", "jim.keys"] {
        fresh.run(&["restore", nothing]).refused(64);
    }
    fresh.run(&["restore", "."]).refused(65);
    let full = "trap '' XFSZ; ulimit -f 8; exec \"$@\"";
    Process::start(fresh.shell(full, &["restore", backup])).wait().refused(74);
    assert!(fresh.kept().keys().eq(["jim.keys"]), "{:?}", fresh.names());
    let done = Process::start(fresh.shell("umask 000; exec \"$@\"", &["restore", backup])).wait();
    done.told();
    assert_eq!(mode(&fresh.path("jim.db")), 0o600);
    assert_eq!(fresh.serve().stop().code, Some(0));
}

/// Every change to a backup is refused, and nothing of it reaches the place of the database.
#[test]
fn a_damaged_or_edited_backup_is_65() {
    let (place, _) = Place::used();
    place.run(&["backup", "b"]).told();
    let (copy, manifest) = (place.read("b/jim.db"), place.read("b/manifest"));
    let text = String::from_utf8(manifest.clone()).expect("text");
    let fresh = Place::new();
    fresh.write("jim.keys", place.read("jim.keys"));
    fresh.set_mode("jim.keys", 0o600);
    fs::create_dir(fresh.path("b")).expect("a folder");
    let before = fresh.kept();
    let refused = |what: &str| {
        let told = fresh.run(&["restore", "b"]).refused(65);
        assert_eq!(fresh.kept(), before, "{what}");
        println!("{what}: {}", told.trim());
        told
    };
    refused("nothing in it");
    let put = |copy: &[u8], manifest: &[u8]| {
        let _ = fs::remove_file(fresh.path("b/jim.db"));
        fresh.write("b/jim.db", copy);
        fresh.write("b/manifest", manifest);
    };
    for at in [0, 30, copy.len() / 2, copy.len() - 1] {
        let mut bent = copy.clone();
        bent[at] ^= 1;
        put(&bent, &manifest);
        assert!(refused("a flipped byte").contains("SHA-256"));
    }
    put(&copy[..copy.len() - 4096], &manifest);
    assert!(refused("cut").contains("bytes"));
    put(&[&copy[..], b"x"].concat(), &manifest);
    assert!(refused("longer").contains("bytes"));
    let line = |name: &str| text.lines().find(|l| l.starts_with(name)).expect("a line").to_owned();
    for (what, from, to) in [
        ("another format", "jim backup 1".to_owned(), "jim backup 2".to_owned()),
        ("no manifest of ours", "jim backup 1".to_owned(), "backup".to_owned()),
        ("a newer schema", line("schema "), "schema 4711".to_owned()),
        ("another size", line("size "), "size 1".to_owned()),
        ("another digest", line("sha256 "), format!("sha256 {}", "0".repeat(64))),
        ("other rows", line("rows api_keys "), "rows api_keys 7".to_owned()),
        ("a table less", format!("{}\n", line("rows api_keys ")), String::new()),
        ("no key", format!("{}\n", line("key ")), String::new()),
        ("one line more", line("key "), format!("{}\ncolour blue", line("key "))),
    ] {
        let edited = text.replacen(&from, &to, 1);
        assert_ne!(edited, text, "{what}");
        put(&copy, edited.as_bytes());
        refused(what);
    }
    put(&copy, b"");
    refused("an empty manifest");
    put(&copy, &vec![b'x'; 200_000]);
    refused("an endless manifest");
    put(&copy, &[0xff; 100]);
    refused("binary");
    // Another digest to match what was changed: the copy is held against itself too.
    let edited = |damage: Damage| {
        let other = fresh.path("other.db");
        fs::write(&other, &copy).expect("a file");
        damage.apply(&other);
        let bytes = fs::read(&other).expect("a file");
        fs::remove_file(&other).expect("removed");
        let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        let named = text.replacen(&line("sha256 "), &format!("sha256 {digest}"), 1);
        (named.replacen(&line("size "), &format!("size {}", bytes.len()), 1), bytes)
    };
    for (what, damage) in [
        ("of another program", damage::OTHER_APPLICATION),
        ("a newer version", damage::NEWER_VERSION),
        ("a broken reference", damage::MISSING_ROLE_HOLDER),
        ("rows that are not in the manifest", damage::NO_ROLES),
        ("a key that is not in the manifest", damage::ANOTHER_KEY_CHECK),
    ] {
        let (manifest, bytes) = edited(damage);
        put(&bytes, manifest.as_bytes());
        refused(what);
    }
    put(&copy, &manifest);
    fs::remove_file(fresh.path("b/jim.db")).expect("removed");
    symlink(place.path("b/jim.db"), fresh.path("b/jim.db")).expect("a link");
    fresh.run(&["restore", "b"]).refused(74);
    put(&copy, &manifest);
    fresh.run(&["restore", "b"]).told();
}
