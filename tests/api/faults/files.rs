//! The files of an installation: damaged, foreign, linked, held by another process, without their keyring. Whatever
//! is refused stays as it is, byte for byte.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::database::damage;
use crate::support::program::{Dice, Place, Process};
use crate::support::{SYSTEMS, sample, sandbox_settings};
use crate::tier;

/// Budgets of refusing a damaged file and one that another process holds.
const DAMAGE_FOUND_WITHIN: Duration = Duration::from_secs(2);
const LOCK_FOUND_WITHIN: Duration = Duration::from_secs(1);

const USERINFO: &str = "/api/v1/userinfo";
/// The account `nobody` of every Linux.
const NOBODY: u32 = 65534;

/// A place whose database holds an imported hierarchy, and its key.
async fn filled() -> (Place, String) {
    let (place, sandbox) = (Place::new(), sample().await);
    let server = place.serve();
    let key = server.key();
    let client = server.client(&key);
    let body = serde_json::json!({ "name": "Sandbox", "connectorDefinitionId": 3 });
    let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
    let settings = serde_json::json!({ "settingValues": sandbox_settings(&sandbox) });
    client.put(&format!("{SYSTEMS}/{id}"), &settings).await.expect_status(200);
    client.send("POST", &format!("{SYSTEMS}/{id}/import-hierarchy"), None).await.expect_status(200);
    assert_eq!(server.stop().code, Some(0));
    (place, key)
}

/// Whether this page, counted from 0, holds rows: what a free page holds does not matter.
fn is_in_use(database: &[u8], page: usize) -> bool {
    matches!(database[page * 4096], 2 | 5 | 10 | 13)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_is_65_and_stays_as_it_is() {
    let (place, _) = filled().await;
    let sound = place.read("jim.db");
    let mut cases: Vec<(String, Vec<u8>)> = vec![
        ("text".to_owned(), b"once upon a time\n".repeat(600)),
        ("short text".to_owned(), b"hello".to_vec()),
        ("empty".to_owned(), Vec::new()),
        ("zeros".to_owned(), vec![0; 8192]),
    ];
    for at in [1, 50, 100, 4095] {
        cases.push((format!("cut at {at}"), sound[..at].to_vec()));
    }
    let pages = sound.len() / 4096;
    for page in (1..pages).step_by(tier::size(17, 1)).chain([2, pages - 1]) {
        cases.push((format!("cut after page {page}"), sound[..page * 4096].to_vec()));
    }
    for page in (1..pages).step_by(tier::size(17, 1)).filter(|page| is_in_use(&sound, *page)) {
        let mut bent = sound.clone();
        bent[page * 4096..page * 4096 + 64].fill(0xff);
        cases.push((format!("head of page {page} overwritten"), bent));
    }
    for (pragma, value) in [
        ("application_id", 7),
        ("application_id", 0),
        ("user_version", 4711),
        ("user_version", 0),
        ("user_version", -1),
    ] {
        let other = place.path("other.db");
        fs::write(&other, &sound).expect("a copy");
        damage::set_pragma(&other, pragma, value);
        cases.push((format!("{pragma} {value}"), fs::read(&other).expect("a file")));
        fs::remove_file(&other).expect("removed");
    }
    let (damaged, mut slowest) = (cases.len(), Duration::ZERO);
    for (what, bytes) in cases {
        place.write("jim.db", &bytes);
        for command in [&["serve"][..], &["check"], &["api-key", "list"]] {
            let before = place.kept();
            let done = place.run(command);
            assert_eq!(done.code, Some(65), "{what}, {command:?}: {done:?}");
            slowest = slowest.max(done.took);
            assert!(done.err.contains("jim.db") && !done.err.contains("panicked"), "{what}: {}", done.err);
            assert_eq!(place.kept(), before, "{what}, {command:?}");
        }
    }
    tier::figure(format!("{damaged} damaged or foreign files: each 65 from three commands, each unchanged"));
    tier::budget(slowest <= DAMAGE_FOUND_WITHIN, format!("slowest refusal {slowest:?}"));
    let newer = "newer version";
    damage::later_version(&place.path("new.db"));
    place.write("jim.db", place.read("new.db"));
    assert!(place.run(&[]).refused(65).contains(newer));
}

/// A flipped byte in the value of a row is beyond what SQLite can see; all else is refused or harmless.
#[tokio::test(flavor = "multi_thread")]
async fn flipped_bytes_never_bring_it_down() {
    let (place, key) = filled().await;
    let sound = place.read("jim.db");
    let mut dice = Dice::new("FLIPS_SEED");
    let (mut refused, mut served) = (0, 0);
    let rounds = tier::size(60, 400);
    for round in 0..rounds {
        let mut bent = sound.clone();
        // Structure sits at the beginning of pages, values everywhere.
        let page = dice.below(bent.len() as u64 / 4096) as usize * 4096;
        let at = if round % 2 == 0 { page + dice.below(16) as usize } else { page + dice.below(4096) as usize };
        bent[at] ^= 1 << dice.below(8);
        place.write("jim.db", &bent);
        let process = Process::start(place.command(&["serve"]));
        if process.listens() {
            served += 1;
            // Its values may be anything now, and its keys unknown; it says so and goes on.
            let client = process.client(&key);
            for path in [SYSTEMS, "/api/v1/synchronisation/connected-systems/1/partitions", "/api/v1/activities"] {
                let status = client.get(path).await.status;
                assert!(matches!(status, 200 | 401 | 403 | 404 | 500 | 503), "byte {at}: {path}: {status}");
            }
            client.get("/api/v1/health/live").await.expect_status(200);
            let done = process.stop();
            assert_eq!(done.code, Some(0), "byte {at}");
            assert!(!done.err.contains("panicked"), "byte {at}: {}", done.err);
        } else {
            let done = process.wait();
            assert!(matches!(done.code, Some(65 | 78)), "byte {at}: {done:?}");
            assert!(!done.err.contains("panicked"), "byte {at}: {}", done.err);
            assert!(place.read("jim.db") == bent, "byte {at}: the file was changed");
            refused += 1;
        }
    }
    tier::figure(format!("{rounds} files with a flipped bit: {refused} refused and unchanged, {served} served"));
    assert!(refused > 0);
}

#[test]
fn a_write_ahead_file_without_its_database_is_65() {
    let (place, _) = Place::used();
    fs::rename(place.path("jim.db"), place.path("jim.db-wal")).expect("renamed");
    let before = place.kept();
    for command in [&["serve"][..], &["check"], &["api-key", "list"]] {
        assert!(place.run(command).refused(65).contains("jim.db-wal"));
        assert_eq!(place.kept(), before);
    }
    let place = Place::new();
    place.write("jim.db-wal", "something");
    place.run(&[]).refused(65);
    assert_eq!(place.kept().len(), 1, "no keyring is made beside it: {:?}", place.names());
    // An empty one, which a command can leave behind, has nothing to apply.
    place.write("jim.db-wal", "");
    place.set_mode("jim.db-wal", 0o600);
    let server = place.serve();
    assert_eq!(server.stop().code, Some(0));
}

/// A write-ahead file of another database, left by a kill.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_ahead_file_of_another_database_changes_nothing() {
    let (place, _) = filled().await;
    let (other, key) = Place::used();
    let server = other.serve();
    let client = server.client(&key);
    for n in 0..20 {
        let body = serde_json::json!({ "name": format!("Other {n}"), "connectorDefinitionId": 3 });
        client.post(SYSTEMS, &body).await.expect_status(201);
    }
    let wal = other.read("jim.db-wal");
    assert!(wal.len() > 4096);
    server.kill();
    place.write("jim.db-wal", &wal);
    place.set_mode("jim.db-wal", 0o600);
    let before = place.kept();
    for command in [&["serve"][..], &["check"], &["api-key", "list"]] {
        let done = place.run(command);
        assert!(matches!(done.code, Some(65 | 78)), "{command:?}: {done:?}");
        assert!(!done.err.contains("panicked"), "{}", done.err);
        assert_eq!(place.kept(), before, "{command:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_75_and_a_kill_frees_the_lock() {
    let (place, key) = Place::used();
    let (rounds, mut slowest) = (tier::size(10, 50), Duration::ZERO);
    for _ in 0..rounds {
        // At once after the kill of the one before.
        let server = place.serve();
        for _ in 0..2 {
            let second = place.run(&["serve"]);
            slowest = slowest.max(second.took);
            let told = second.refused(75);
            assert!(told.contains(&server.pid().to_string()) && told.contains("jim.db"), "{told}");
        }
        // The same configuration once more: the address is taken too, but who has the database says more.
        let twin = place.command_at(&["serve"], &server.address().to_string());
        let told = Process::start(twin).wait().refused(75);
        assert!(told.contains(&server.pid().to_string()) && told.contains("stop it"), "{told}");
        server.client(&key).get(USERINFO).await.expect_status(200);
        server.kill();
    }
    tier::figure(format!("{} second processes on {rounds} servers that were killed", rounds * 3));
    tier::budget(slowest <= LOCK_FOUND_WITHIN, format!("slowest refusal {slowest:?}"));
    assert_eq!(place.serve().stop().code, Some(0));
}

#[test]
fn links_and_world_writable_folders_are_refused() {
    let (place, _) = Place::used();
    fs::rename(place.path("jim.db"), place.path("real.db")).expect("renamed");
    symlink(place.path("real.db"), place.path("jim.db")).expect("a link");
    for (what, word) in [("symbolic link", "link"), ("hard link", "second name"), ("dangling link", "link")] {
        let before = place.kept();
        for command in [&["serve"][..], &["check"], &["api-key", "list"]] {
            let told = place.run(command).refused(78);
            assert!(told.contains("jim.db") && told.contains(word), "{what}: {told}");
            assert_eq!(place.kept(), before, "{what}, {command:?}");
        }
        fs::remove_file(place.path("jim.db")).expect("removed");
        if what == "symbolic link" {
            fs::hard_link(place.path("real.db"), place.path("jim.db")).expect("a link");
        } else {
            let _ = fs::remove_file(place.path("jim.keys"));
            symlink(place.path("nothing"), place.path("jim.db")).expect("a link");
        }
    }

    for place in [Place::new(), Place::used().0] {
        place.set_mode(".", 0o777);
        let before = place.kept();
        let told = place.run(&["serve"]).refused(78);
        assert!(told.contains(&place.folder().to_string_lossy().into_owned()) || told.contains("."), "{told}");
        assert_eq!(place.kept(), before);
        place.set_mode(".", 0o1777);
        assert_eq!(place.serve().stop().code, Some(0), "the sticky bit keeps others from swapping files");
    }
}

#[test]
fn without_its_keyring_a_database_is_not_touched() {
    let (place, _) = Place::used();
    let (other, _) = Place::used();
    let right = place.read("jim.keys");
    let cut = right[..right.len() / 2].to_vec();
    let mut no_key_of_it = right.clone();
    no_key_of_it[0] = if right[0] == b'0' { b'1' } else { b'0' };
    let cases: [(&str, Option<Vec<u8>>, u32); 8] = [
        ("missing", None, 0o600),
        ("empty", Some(Vec::new()), 0o600),
        ("of another database", Some(other.read("jim.keys")), 0o600),
        ("cut", Some(cut), 0o600),
        ("lacking the key", Some(no_key_of_it), 0o600),
        ("binary", Some(vec![0xff; 300]), 0o600),
        ("readable by others", Some(right.clone()), 0o644),
        ("readable by the group", Some(right.clone()), 0o640),
    ];
    for (what, keyring, mode) in cases {
        let _ = fs::remove_file(place.path("jim.keys"));
        if let Some(keyring) = &keyring {
            place.write("jim.keys", keyring);
            place.set_mode("jim.keys", mode);
        }
        let before = place.kept();
        for command in [&["serve"][..], &["api-key", "list"], &["api-key", "create", "--name", "x"]] {
            let done = place.run(command);
            println!("{what}: {:?}", done.took);
            let told = done.refused(78);
            assert!(told.contains("jim.keys"), "{what}: {told}");
            assert!(!String::from_utf8_lossy(&right).lines().any(|l| told.contains(l)), "a key is told");
            assert_eq!(place.kept(), before, "{what}, {command:?}");
        }
    }
    place.write("jim.keys", &right);
    place.set_mode("jim.keys", 0o600);
    assert_eq!(place.serve().stop().code, Some(0), "nothing was spoilt");
}

/// What a crash between the two files leaves.
#[test]
fn a_keyring_without_a_database_is_taken_over() {
    let (place, _) = Place::used();
    let keyring = place.read("jim.keys");
    fs::remove_file(place.path("jim.db")).expect("removed");
    let server = place.serve();
    assert!(server.key().starts_with("jim_"));
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(place.read("jim.keys"), keyring);
}

#[test]
fn a_folder_that_is_missing_is_78_and_one_that_cannot_be_written_74() {
    let place = Place::new().with("JIM_DATABASE_PATH", "missing/jim.db");
    let told = place.run(&[]).refused(78);
    assert!(told.contains("JIM_DATABASE_PATH") && told.contains("missing") && told.contains("create it"), "{told}");
    assert!(place.names().is_empty());

    let place = Place::new();
    // The program, where every account may run it: permissions mean nothing to root.
    let open = tempfile::tempdir().expect("a folder");
    let program: PathBuf = open.path().join("jim");
    fs::copy(crate::support::program::program(), &program).expect("a copy");
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o755)).expect("a mode");
    place.set_mode(".", 0o555);
    let mut command = std::process::Command::new(&program);
    command.env_clear().env("JIM_SERVER_LISTEN", "127.0.0.1:0").current_dir(place.folder());
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let told = Process::start(command).wait().refused(74);
    assert!(told.contains("jim.keys") || told.contains("jim.db"), "{told}");
    assert!(place.names().is_empty());
    place.set_mode(".", 0o755);
}

/// A file size limit stands in for a full disk.
#[test]
fn a_disk_that_takes_nothing_is_74_and_heals() {
    let full = "trap '' XFSZ; ulimit -f 0; exec \"$@\"";
    let place = Place::new();
    let told = Process::start(place.shell(full, &[])).wait().refused(74);
    assert!(!told.contains("damaged"), "{told}");
    assert!(place.kept().is_empty(), "no piece is left: {:?}", place.names());
    let server = place.serve();
    let key = server.key();
    assert_eq!(server.stop().code, Some(0));
    let before = place.kept();
    let told = Process::start(place.shell(full, &[])).wait().refused(74);
    assert!(!told.contains("damaged") && !told.contains(&key), "{told}");
    assert_eq!(place.kept(), before);
    assert_eq!(place.serve().stop().code, Some(0));
}

/// The process that holds the lock is named, and not the one that held it before.
#[test]
fn a_lock_that_a_check_holds_is_not_called_an_earlier_servers() {
    let (place, _) = Place::used();
    assert!(place.read("jim.db.lock").is_empty(), "a stop leaves no process id");
    // As each jim does that takes the lock: its id is in the file as long as it holds the lock.
    let mut holder = std::process::Command::new("flock");
    let script = "echo $$ > \"$0\"; echo held; exec sleep 60";
    holder.arg("-F").arg(place.path("jim.db.lock")).args(["sh", "-c", script]).arg(place.path("jim.db.lock"));
    let holder = Process::start(holder);
    holder.line("held");
    let told = place.run(&["serve"]).refused(75);
    assert!(told.contains(&format!("process {}", holder.pid())), "{told}");
}

/// The lock outlives nothing: a server that is stopped in order can be followed at once.
#[test]
fn a_stop_frees_the_lock_too() {
    let (place, _) = Place::used();
    for _ in 0..5 {
        assert_eq!(place.serve().stop().code, Some(0));
    }
    let server = place.serve();
    std::thread::sleep(Duration::from_millis(20));
    assert!(place.run(&["check"]).told().contains(&server.pid().to_string()));
}
