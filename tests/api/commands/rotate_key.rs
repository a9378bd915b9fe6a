//! `jim rotate-key`: every secret under a new master key, on the files of a stopped server; a crash anywhere costs
//! nothing, and everything that older keys are needed for goes on working.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use crate::support::database::{Database, damage, invariants};
use crate::support::directory::Sandbox;
use crate::support::killed;
use crate::support::program::{Place, Process};
use crate::support::{SYSTEMS, sample, sandbox_settings};
use crate::tier;

const USERINFO: &str = "/api/v1/userinfo";
const KEYS: &str = "/api/v1/apikeys";
const OPERATORS: &str = "jim_operator-chose-this-key-0123456789";

/// A place with systems whose passwords open the sandbox, a key of each kind, and no server.
struct Filled {
    place: Place,
    sandbox: Sandbox,
    bootstrap: String,
    made: String,
}

impl Filled {
    async fn with(systems: usize) -> Filled {
        let place = Place::new().with("JIM_INFRASTRUCTURE_API_KEY", OPERATORS);
        // The first start makes the operator's key instead of a bootstrap key.
        let bootstrap = place.run(&["api-key", "create", "--name", "First", "--role", "Administrator"]).told();
        let (bootstrap, sandbox) = (bootstrap.trim().to_owned(), sample().await);
        let server = place.serve();
        let client = server.client(&bootstrap);
        for n in 0..systems {
            let body = json!({ "name": format!("System {n}"), "connectorDefinitionId": 3 });
            let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
            let settings = json!({ "settingValues": sandbox_settings(&sandbox) });
            client.put(&format!("{SYSTEMS}/{id}"), &settings).await.expect_status(200);
        }
        let made = client.post(KEYS, &json!({ "name": "Made", "roleIds": [1] })).await.expect_status(201);
        assert_eq!(server.stop().code, Some(0));
        Filled { place, sandbox, bootstrap, made: made["key"].as_str().expect("a key").to_owned() }
    }

    /// A server on it accepts every key, knows the operator's as stored, and every password still binds.
    async fn works(&self) {
        let server = self.place.serve();
        assert_eq!(server.out().len(), 1, "no key was made: {:?}", server.out());
        for key in [&self.bootstrap, &self.made, OPERATORS] {
            server.client(key).get(USERINFO).await.expect_status(200);
        }
        let client = server.client(&self.bootstrap);
        let keys = client.get(KEYS).await.expect_status(200);
        assert_eq!(keys.as_array().map(Vec::len), Some(3), "the operator's key was stored twice: {keys}");
        let systems = client.get(SYSTEMS).await.expect_status(200);
        let systems = systems["items"].as_array().expect("systems");
        let before = self.sandbox.bind_attempts();
        for system in systems {
            let path = format!("{SYSTEMS}/{}/import-hierarchy?preview=true", system["id"]);
            client.send("POST", &path, None).await.expect_status(200);
        }
        assert!(!systems.is_empty() && self.sandbox.bind_attempts() >= before + systems.len() as u64);
        assert_eq!(server.stop().code, Some(0));
    }

    fn stored(&self) -> Database {
        Database::open(&self.place.path("jim.db"))
    }

    /// The ids in the keyring, oldest first.
    fn kids(&self) -> Vec<String> {
        let text = String::from_utf8(self.place.read("jim.keys")).expect("text");
        text.lines().map(|l| l.split(':').next().expect("an id").to_owned()).collect()
    }

    /// How many values are sealed under this key.
    fn sealed_under(&self, kid: &str) -> usize {
        let kid = u32::from_str_radix(kid, 16).expect("a kid").to_be_bytes();
        self.stored().sealed().iter().filter(|value| value[1..5] == kid).count()
    }
}

fn mode(place: &Place, name: &str) -> u32 {
    fs::metadata(place.path(name)).expect("a file").permissions().mode() & 0o7777
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_seals_everything_anew_and_every_key_goes_on_working() {
    let filled = Filled::with(3).await;
    let place = &filled.place;
    let (first, before) = (filled.kids(), place.read("jim.keys"));
    assert_eq!((first.len(), filled.sealed_under(&first[0])), (1, 3));
    let old_values = filled.stored().sealed();
    let told = place.run(&["rotate-key"]).told();
    assert!(told.contains("sealed 3 of 3") && told.contains("renew your copy"), "{told}");
    let kids = filled.kids();
    assert_eq!((kids.len(), &kids[0]), (2, &first[0]));
    assert!(told.contains(&kids[1]), "{told}");
    assert!(place.read("jim.keys").starts_with(&before), "no key is lost or changed");
    assert_eq!((mode(place, "jim.keys"), mode(place, "jim.db")), (0o600, 0o600));
    assert_eq!((filled.sealed_under(&kids[0]), filled.sealed_under(&kids[1])), (0, 3));
    assert!(place.kept().keys().eq(["jim.db", "jim.keys"]), "{:?}", place.names());
    // What the old key opens lies nowhere in the files any more, not on a page that is free either.
    for old in &old_values {
        assert!(!place.holds(&old[29..]), "an old value is still in a file");
    }
    let keyring = String::from_utf8(place.read("jim.keys")).expect("text");
    for line in keyring.lines() {
        assert!(!told.contains(line.rsplit(':').next().expect("a key")), "a key is told");
    }
    let peppers = |kid: &str| {
        let kid = u32::from_str_radix(kid, 16).expect("a kid");
        filled.stored().api_keys().iter().filter(|key| key.kid == kid).count()
    };
    assert_eq!(peppers(&kids[0]), 3);

    // Each accepted key is hashed anew, off the request; so the old pepper is out of use in the end.
    let server = place.serve();
    for key in [&filled.bootstrap, &filled.made, OPERATORS] {
        server.client(key).get(USERINFO).await.expect_status(200);
    }
    for _ in 0..400 {
        if peppers(&kids[1]) == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert_eq!((peppers(&kids[0]), peppers(&kids[1])), (0, 3));
    assert_eq!(server.stop().code, Some(0));
    filled.works().await;

    // Twice more, without a start in between: the keys' hashes are two keys behind then.
    for keys in [3, 4] {
        place.run(&["rotate-key"]).told();
        assert_eq!(filled.kids().len(), keys);
    }
    filled.works().await;
    let checked = place.run(&["check"]).told();
    assert!(checked.contains("3 sealed values open") && !checked.contains("ERROR"), "{checked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_needs_a_stopped_server_and_a_database() {
    let (place, key) = Place::used();
    let server = place.serve();
    let before = place.kept();
    let told = place.run(&["rotate-key"]).refused(75);
    assert!(told.contains(&server.pid().to_string()) && told.contains("stop it"), "{told}");
    assert_eq!(place.kept(), before);
    server.client(&key).get(USERINFO).await.expect_status(200);
    server.kill();
    place.run(&["rotate-key"]).told();

    let empty = Place::new();
    assert!(empty.run(&["rotate-key"]).refused(74).contains("does not exist"));
    assert!(empty.names().is_empty(), "{:?}", empty.names());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_opened_or_replaced_is_78_and_changes_nothing() {
    let filled = Filled::with(2).await;
    let place = &filled.place;
    let (sound, keyring) = (place.read("jim.db"), place.read("jim.keys"));
    damage::SEALED_VALUE_OF_ANOTHER_ROW.apply(&place.path("jim.db"));
    let before = place.kept();
    let told = place.run(&["rotate-key"]).refused(78);
    assert!(told.contains("connected system 2") && told.contains("nothing was changed"), "{told}");
    assert_eq!(place.kept(), before);

    place.write("jim.db", &sound);
    fs::rename(place.path("jim.keys"), place.path("real.keys")).expect("renamed");
    symlink("real.keys", place.path("jim.keys")).expect("a link");
    let before = place.kept();
    assert!(place.run(&["rotate-key"]).refused(78).contains("link"));
    assert_eq!(place.kept(), before);
    fs::remove_file(place.path("jim.keys")).expect("removed");

    // Handed over by a service manager: a copy, even where it could be written.
    fs::create_dir(place.path("credentials")).expect("a folder");
    fs::rename(place.path("real.keys"), place.path("credentials/jim.keys")).expect("moved");
    let before = (place.kept(), place.read("credentials/jim.keys"));
    let mut command = place.command(&["rotate-key"]);
    command.env("CREDENTIALS_DIRECTORY", place.path("credentials"));
    let told = Process::start(command).wait().refused(78);
    assert!(told.contains("handed over") && told.contains("JIM_KEYS_PATH"), "{told}");
    assert_eq!((place.kept(), place.read("credentials/jim.keys")), before);
    fs::rename(place.path("credentials/jim.keys"), place.path("jim.keys")).expect("moved");

    // A full disk, as far as a limit on the size of files can be one: 74, and the keyring is whole.
    let full = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let before = place.kept();
    Process::start(place.shell(full, &["rotate-key"])).wait().refused(74);
    assert_eq!((place.kept(), place.read("jim.keys")), (before, keyring));
    place.run(&["rotate-key"]).told();
    filled.works().await;
}

/// After a rotation the keyring of before is one that lacks a key, and so is one without the older key.
#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_that_lacks_one_of_two_keys_is_78_and_nothing_is_touched() {
    let filled = Filled::with(1).await;
    let place = &filled.place;
    place.run(&["rotate-key"]).told();
    let whole = String::from_utf8(place.read("jim.keys")).expect("text");
    let lines: Vec<&str> = whole.lines().collect();
    for (lacking, line) in [(1, lines[0]), (0, lines[1])] {
        place.write("jim.keys", format!("{line}\n"));
        let before = place.kept();
        for command in [&["serve"][..], &["rotate-key"], &["api-key", "list"]] {
            let told = place.run(command).refused(78);
            let kid = lines[lacking].split(':').next().expect("an id");
            assert!(told.contains("jim.keys") && told.contains(kid), "{told}");
            assert_eq!(place.kept(), before, "{command:?}");
        }
    }
    place.write("jim.keys", whole);
    filled.works().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn a_rotation_killed_at_any_call_leaves_every_secret_readable() {
    let filled = Filled::with(4).await;
    let place = &filled.place;
    let (database, keyring) = (place.read("jim.db"), place.read("jim.keys"));
    let old = filled.kids().remove(0);
    let prepare = || {
        for name in place.names() {
            fs::remove_file(place.path(&name)).expect("removed");
        }
        place.write("jim.db", &database);
        place.write("jim.keys", &keyring);
        for name in ["jim.db", "jim.keys"] {
            place.set_mode(name, 0o600);
        }
    };
    let (mut begun, mut done) = (0, 0);
    let runtime = tokio::runtime::Handle::current();
    let inspect = |n: usize, at: &str| {
        let told = place.run(&["check"]).told();
        assert!(told.contains("4 sealed values open") && !told.contains("ERROR"), "{at}:\n{told}");
        invariants::hold(&place.path("jim.db"), at);
        assert!(place.read("jim.keys").starts_with(&keyring), "{at}: a key was lost");
        let (keys, left) = (filled.kids().len(), filled.sealed_under(&old));
        assert!(left == 4 || left == 0, "{at}: half of a rotation");
        if keys == 2 {
            *(if left == 0 { &mut done } else { &mut begun }) += 1;
        }
        // A start on what the crash left seals nothing with a key that the database does not know.
        if n.is_multiple_of(6) {
            runtime.block_on(filled.works());
        }
        let again = place.run(&["rotate-key"]).told();
        assert_eq!(again.starts_with("finished"), keys == 2 && left == 4, "{at}: {again}");
        let expected = if keys == 2 && left == 0 { 3 } else { 2 };
        assert_eq!(filled.kids().len(), expected, "{at}: {again}");
        assert_eq!(filled.sealed_under(&old), 0, "{at}");
        assert_eq!(filled.sealed_under(filled.kids().last().expect("a key")), 4, "{at}");
        assert!(place.kept().keys().eq(["jim.db", "jim.keys"]), "{at}: {:?}", place.names());
        if n % 6 == 1 {
            runtime.block_on(filled.works());
        }
    };
    let files = ["jim.db-wal", "jim.db"];
    let kills = tokio::task::block_in_place(|| killed::at_every_call(place, &["rotate-key"], &files, prepare, inspect));
    tier::figure(format!("{kills} kills of a rotation"));
    println!("{kills} kills, {begun} with the key made and nothing sealed with it, {done} after the commit");
    assert!(begun > 5 && done > 0 && kills > begun + done, "the kills did not meet the rotation");
}
