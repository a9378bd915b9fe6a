//! `jim backup` and `jim restore`: whole or not there, sound beside a busy server, and everything comes back.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jim::sandbox::{Options, Sandbox, Tree};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::killed;
use crate::support::program::{Place, Process};
use crate::support::{Client, SYSTEMS, containers, sample, sandbox_settings};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode() & 0o7777
}

/// Why a folder is no whole backup, judged without the program.
fn fault_of(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").file_name());
    let names: BTreeSet<String> = entries.map(|n| n.to_string_lossy().into_owned()).collect();
    if !names.iter().eq(["jim.db", "manifest"]) {
        return Some(format!("it holds {names:?}"));
    }
    let manifest = fs::read_to_string(folder.join("manifest")).expect("text");
    let value = |name: &str| {
        let found = manifest.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {name} in {manifest}")).to_owned()
    };
    let bytes = fs::read(folder.join("jim.db")).expect("a file");
    let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    if value("size") != bytes.len().to_string() || value("sha256") != digest {
        return Some("the copy is not what the manifest says".to_owned());
    }
    let c = open(folder);
    let found: String = c.query_row("PRAGMA integrity_check", [], |r| r.get(0)).expect("a check");
    let broken: i64 = c.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |r| r.get(0)).expect("a check");
    for line in manifest.lines().filter_map(|l| l.strip_prefix("rows ")) {
        let (table, rows) = line.split_once(' ').expect("two words");
        let count: i64 = c.query_row(&format!("SELECT count(*) FROM {table}"), [], |r| r.get(0)).expect("a table");
        assert_eq!(count.to_string(), rows, "{table}");
    }
    (found != "ok" || broken > 0).then(|| format!("{found}, {broken} broken references"))
}

#[track_caller]
fn is_whole(folder: &Path) {
    assert_eq!(fault_of(folder), None, "{}", folder.display());
    assert_eq!(mode(folder), 0o700);
    assert_eq!((mode(&folder.join("jim.db")), mode(&folder.join("manifest"))), (0o600, 0o600));
}

/// A copy in a backup, without leaving a file beside it.
fn open(folder: &Path) -> Connection {
    let uri = format!("file:{}?immutable=1", folder.join("jim.db").display());
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(uri, flags).expect("the copy opens")
}

/// A server on a new place, with a system that was imported from a sandbox.
async fn imported(place: &Place, sandbox: &Sandbox) -> (Process, Client) {
    let server = place.serve();
    let client = server.client(&server.key());
    let body = json!({ "name": "Imported", "connectorDefinitionId": 3 });
    let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
    let settings = json!({ "settingValues": sandbox_settings(sandbox) });
    client.put(&format!("{SYSTEMS}/{id}"), &settings).await.expect_status(200);
    for kind in ["hierarchy", "schema"] {
        client.send("POST", &format!("{SYSTEMS}/{id}/import-{kind}"), None).await.expect_status(200);
    }
    (server, client)
}

/// Nothing but what is named is left in a place.
#[track_caller]
fn holds_only(place: &Place, names: &[&str]) {
    let left: Vec<String> = place.names().into_iter().filter(|n| !n.starts_with("jim.db")).collect();
    assert_eq!(left, names);
}

const WRITERS: usize = 4;
const ROUNDS: usize = 50;

/// Each writer moves one tick to and fro between two containers, in one transaction: in whatever moment a copy is
/// taken, every pair has exactly one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn b4_beside_a_busy_server_every_backup_is_of_one_moment() {
    let base = "dc=busy,dc=example";
    let unit = |n: usize| format!("ou=u{n:02},{base}");
    let tree = (0..2 * WRITERS).fold(Tree::new().suffix(base), |tree, n| tree.ou(&unit(n)));
    let sandbox = Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts");
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    let (server, client) = imported(&place, &sandbox).await;
    let partitions = client.get(&format!("{SYSTEMS}/1/partitions")).await.expect_status(200);
    let id = |n: usize| {
        let found = containers(&partitions).into_iter().find(|c| c["externalId"] == unit(n)).expect("stored");
        found["id"].as_i64().expect("an id")
    };
    let path = format!("{SYSTEMS}/1/containers/bulk-update");
    let swap = |(a, b): (i64, i64), odd: bool| {
        let (a, b) = (a.to_string(), b.to_string());
        json!({ "containers": { a: { "selected": odd }, b: { "selected": !odd } } })
    };
    let pairs: Vec<(i64, i64)> = (0..WRITERS).map(|n| (id(2 * n), id(2 * n + 1))).collect();
    for pair in &pairs {
        client.post(&path, &swap(*pair, false)).await.expect_status(200);
    }
    let (stop, commits) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let writers: Vec<_> = pairs
        .iter()
        .map(|pair| {
            let (pair, client, path) = (*pair, client.clone(), path.clone());
            let (stop, commits) = (stop.clone(), commits.clone());
            tokio::spawn(async move {
                let mut took = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    let begun = Instant::now();
                    client.post(&path, &swap(pair, took.len() % 2 == 0)).await.expect_status(200);
                    took.push(begun.elapsed());
                    commits.fetch_add(1, Ordering::SeqCst);
                }
                took
            })
        })
        .collect();
    let mut states = BTreeSet::new();
    let (mut during, mut copying) = (0, Duration::ZERO);
    for round in 0..ROUNDS {
        let name = format!("backup-{round}");
        let (before, begun) = (commits.load(Ordering::SeqCst), Instant::now());
        let done = tokio::task::block_in_place(|| place.run(&["backup", &name]));
        copying += begun.elapsed();
        during += commits.load(Ordering::SeqCst) - before;
        let told = done.told();
        assert!(told.lines().count() == 1 && told.contains(&name) && told.contains("keyring"), "{told}");
        let folder = place.path(&name);
        is_whole(&folder);
        let c = open(&folder);
        let mut state = Vec::new();
        for (a, b) in &pairs {
            let sql = "SELECT id FROM containers WHERE id IN (?1, ?2) AND selected = 1";
            let mut chosen = c.prepare(sql).expect("a query");
            let chosen: Vec<i64> = chosen.query_map([a, b], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
            assert_eq!(chosen.len(), 1, "round {round}: half of a transaction");
            state.extend(chosen);
        }
        states.insert(state);
    }
    stop.store(true, Ordering::SeqCst);
    let mut took = Vec::new();
    for writer in writers {
        took.extend(writer.await.expect("a writer"));
    }
    took.sort();
    println!(
        "b4 {ROUNDS} backups in {copying:?}, {during} commits meanwhile, worst write {:?}, 99 of 100 within {:?}",
        took.last().expect("writes"),
        took[took.len() * 99 / 100]
    );
    assert!(during > ROUNDS && states.len() > 1, "the server was not busy: {during} commits, {states:?}");
    assert_eq!(server.stop().code, Some(0));
}

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
async fn b6_a_backup_and_the_keyring_are_all_that_a_fresh_place_needs() {
    let (place, sandbox) = (Place::new(), sample().await);
    let (server, client) = imported(&place, &sandbox).await;
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
        println!("b6 {name}: restored in {:?}", restored.took);
        let told = restored.told();
        assert!(told.contains("jim.db") && told.contains("opens it"), "{told}");
        assert!(fresh.kept().keys().eq(["jim.db", "jim.keys"]), "{:?}", fresh.names());
        assert_eq!(mode(&fresh.path("jim.db")), 0o600);
        assert!(!fresh.run(&["check"]).told().contains("FAULT"));
        let server = fresh.serve();
        assert_eq!(server.out().len(), 1, "no key was made: {:?}", server.out());
        let client = server.client(&key);
        let found = client.get(SYSTEMS).await.expect_status(200);
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
async fn b6_a_backup_outlives_a_rotation() {
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
fn b7_a_backup_is_its_owners_and_replaces_nothing() {
    let (place, _) = Place::used();
    let done = Process::start(place.shell("umask 000; exec \"$@\"", &["backup", "loose"])).wait();
    done.told();
    is_whole(&place.path("loose"));
    // An empty folder gives way, with its mode.
    fs::create_dir(place.path("empty")).expect("a folder");
    fs::set_permissions(place.path("empty"), fs::Permissions::from_mode(0o755)).expect("a mode");
    place.run(&["backup", "empty/"]).told();
    is_whole(&place.path("empty"));

    place.write("file", "something");
    fs::create_dir(place.path("target")).expect("a folder");
    symlink("target", place.path("link")).expect("a link");
    symlink("nothing", place.path("dangling")).expect("a link");
    let before = place.kept();
    for name in ["loose", "empty", "file", "link", "dangling", ".", "..", "/", "", "missing/backup", "file/backup"] {
        let told = place.run(&["backup", name]).refused(64);
        assert!(told.contains(name), "{told}");
        assert_eq!(place.kept(), before, "{name:?}");
    }
    is_whole(&place.path("loose"));
    assert_eq!(fs::read_dir(place.path("target")).expect("a folder").count(), 0);

    // Everybody could put another backup in the place of this one.
    fs::create_dir(place.path("open")).expect("a folder");
    place.set_mode("open", 0o777);
    assert!(place.run(&["backup", "open/b"]).refused(78).contains("open"));
    assert_eq!(fs::read_dir(place.path("open")).expect("a folder").count(), 0);
    place.set_mode("open", 0o1777);
    place.run(&["backup", "open/b"]).told();
    is_whole(&place.path("open/b"));

    // Callers of the API can read from below the folder of connector files.
    fs::create_dir(place.path("files")).expect("a folder");
    let place = place.with("JIM_FILES_ROOT", "files");
    assert!(place.run(&["backup", "files/b"]).refused(64).contains("[files] root"));

    let none = Place::new();
    assert!(none.run(&["backup", "b"]).refused(74).contains("does not exist"));
    assert!(none.names().is_empty(), "{:?}", none.names());
    none.run(&["backup"]).refused(64);
    none.run(&["restore"]).refused(64);
}

#[test]
fn b7_a_disk_that_takes_nothing_is_74_and_leaves_no_piece() {
    let (place, _) = Place::used();
    let before = place.kept();
    for blocks in [1, 40, 200] {
        let full = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
        let done = Process::start(place.shell(&full, &["backup", "b"])).wait();
        if blocks == 200 {
            println!("{blocks} blocks: {:?}", done.code);
            continue;
        }
        let told = done.refused(74);
        assert!(!told.contains("damaged"), "{told}");
        assert_eq!(place.kept(), before, "{blocks} blocks");
    }
}

/// A damaged database is not backed up as if it were none.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_breaks_a_rule_is_65_and_leaves_no_backup() {
    let (place, sandbox) = (Place::new(), sample().await);
    let (server, _) = imported(&place, &sandbox).await;
    assert_eq!(server.stop().code, Some(0));
    let c = Connection::open(place.path("jim.db")).expect("opens");
    c.execute_batch("PRAGMA foreign_keys = OFF").expect("set");
    assert_eq!(c.execute("UPDATE containers SET parent_id = 999999 WHERE id = 5", []).expect("changed"), 1);
    c.close().expect("closes");
    let before = place.kept();
    let told = place.run(&["backup", "b"]).refused(65);
    assert!(told.contains("references between tables"), "{told}");
    assert_eq!(place.kept(), before);
    let mut bent = place.read("jim.db");
    bent[3 * 4096..3 * 4096 + 64].fill(0xff);
    place.write("jim.db", bent);
    let before = place.kept();
    place.run(&["backup", "b"]).refused(65);
    assert_eq!(place.kept(), before);
}

#[test]
fn b7_a_restore_goes_to_a_free_place_with_its_keyring_only() {
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

/// Whatever is done to a backup is told, and nothing of it reaches the place of the database.
#[test]
fn b7_a_damaged_or_edited_backup_is_65() {
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
    let edited = |sql: &str| {
        let other = fresh.path("other.db");
        fs::write(&other, &copy).expect("a file");
        let c = Connection::open(&other).expect("opens");
        c.execute_batch("PRAGMA foreign_keys = OFF; PRAGMA journal_mode = DELETE").expect("set");
        c.execute_batch(sql).expect("changed");
        c.close().expect("closes");
        let bytes = fs::read(&other).expect("a file");
        fs::remove_file(&other).expect("removed");
        let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        let named = text.replacen(&line("sha256 "), &format!("sha256 {digest}"), 1);
        (named.replacen(&line("size "), &format!("size {}", bytes.len()), 1), bytes)
    };
    for (what, sql) in [
        ("of another program", "PRAGMA application_id = 7"),
        ("a newer version", "PRAGMA user_version = 4711"),
        ("a broken reference", "INSERT INTO api_key_roles VALUES ('nobody', 1)"),
        ("rows that are not told of", "DELETE FROM api_key_roles"),
        ("a key that is not told of", "INSERT INTO keyring_checks VALUES (77, x'00')"),
    ] {
        let (manifest, bytes) = edited(sql);
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

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn b5_a_backup_that_is_killed_at_any_call_is_whole_or_not_there() {
    let (place, sandbox) = (Place::new(), sample().await);
    let (server, _) = imported(&place, &sandbox).await;
    // Beside a server there are fewer calls of its own; what it would do to the database is the same.
    let target = place.path("b");
    let (mut nothing, mut pieces, mut whole) = (0, 0, 0);
    let prepare = || {
        if target.exists() {
            fs::remove_dir_all(&target).expect("removed");
        }
    };
    let inspect = |_: usize, at: &str| {
        let parts = place.names().iter().filter(|n| n.starts_with("b.part-")).count();
        assert!(parts <= 1, "{at}: what earlier kills left is not removed: {:?}", place.names());
        match target.exists() {
            true => {
                assert_eq!((fault_of(&target), parts), (None, 0), "{at}");
                whole += 1;
            }
            false if parts > 0 => pieces += 1,
            false => nothing += 1,
        }
    };
    let kills = tokio::task::block_in_place(|| killed::at_every_call(&place, &["backup", "b"], &[], prepare, inspect));
    println!("b5 {kills} kills: {nothing} times nothing was left, {pieces} times a piece, {whole} times all of it");
    assert!(pieces > 20 && whole > 0, "the kills did not meet the backup");
    prepare();
    place.run(&["backup", "b"]).told();
    is_whole(&target);
    assert!(!place.names().iter().any(|n| n.contains(".part")), "{:?}", place.names());
    assert_eq!(server.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn b5_a_restore_that_is_killed_at_any_call_is_whole_or_not_there() {
    let (place, _) = Place::used();
    place.run(&["backup", "b"]).told();
    let (fresh, wanted) = (Place::new(), place.read("b/jim.db"));
    let backup = place.path("b").to_str().expect("text").to_owned();
    let (mut pieces, mut whole) = (0, 0);
    let prepare = || {
        let _ = fs::remove_file(fresh.path("jim.db"));
        fresh.write("jim.keys", place.read("jim.keys"));
        fresh.set_mode("jim.keys", 0o600);
    };
    let inspect = |_: usize, at: &str| match fresh.path("jim.db").exists() {
        true => {
            assert!(fresh.read("jim.db") == wanted, "{at}: half of a database");
            whole += 1;
        }
        false => {
            pieces += usize::from(fresh.path("jim.db.part").exists());
            let left: Vec<String> = fresh.names().into_iter().filter(|n| n != "jim.db.lock").collect();
            assert!(left.iter().all(|n| n == "jim.keys" || n == "jim.db.part"), "{at}: {left:?}");
        }
    };
    let kills = killed::at_every_call(&fresh, &["restore", &backup], &[], prepare, inspect);
    println!("b5 {kills} kills of a restore: {pieces} times a piece was left, {whole} times all of it");
    assert!(pieces >= 2 && whole > 0, "the kills did not meet the restore");
    prepare();
    fresh.run(&["restore", &backup]).told();
    assert!(fresh.kept().keys().eq(["jim.db", "jim.keys"]), "{:?}", fresh.names());
}

/// Two at once into one name: one of them wins, and what lies there is whole.
#[test]
fn two_backups_of_one_name_do_not_mix() {
    let (place, _) = Place::used();
    let both: Vec<Process> = (0..2).map(|_| Process::start(place.command(&["backup", "b"]))).collect();
    let ended: Vec<Option<i32>> = both.into_iter().map(|p| p.wait().code).collect();
    assert!(ended.contains(&Some(0)), "{ended:?}");
    assert!(ended.iter().all(|code| matches!(code, Some(0 | 64 | 74))), "{ended:?}");
    is_whole(&place.path("b"));
    holds_only(&place, &["b", "jim.keys"]);
}
