//! Taking a backup: of one moment, private, and never in the place of anything.

use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::support::database::damage;
use crate::support::directory::{Options, Tree};
use crate::support::{containers, sample};
use crate::tier;

/// Budget of writes beside a backup.
const WRITTEN_WITHIN: Duration = Duration::from_millis(50);

const WRITERS: usize = 4;
const ROUNDS: usize = 50;

/// Each writer moves one tick to and fro between two containers, in one transaction: in whatever moment a copy is
/// taken, every pair has exactly one.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn beside_a_busy_server_every_backup_is_of_one_moment() {
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
        let selected: BTreeSet<i64> =
            open(&folder).containers().iter().filter(|row| row.selected).map(|row| row.id).collect();
        let mut state = Vec::new();
        for (a, b) in &pairs {
            let chosen: Vec<i64> = [*a, *b].into_iter().filter(|row| selected.contains(row)).collect();
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
    let (p99, most) = (took[took.len() * 99 / 100], took[took.len() - 1]);
    tier::budget(
        p99 <= WRITTEN_WITHIN,
        format!("{ROUNDS} of {ROUNDS} beside {during} commits in {copying:.1?}, write p99 {p99:.1?}, most {most:.1?}"),
    );
    assert!(during > ROUNDS && states.len() > 1, "the server was not busy: {during} commits, {states:?}");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_backup_is_its_owners_and_replaces_nothing() {
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

    // Every account could put another backup in the place of this one.
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

/// An empty folder will do, also the one that one stands in.
#[test]
fn an_empty_folder_may_be_named_by_a_dot() {
    let (place, _) = Place::used();
    let place = place.with("JIM_DATABASE_PATH", "../jim.db");
    fs::create_dir(place.path("here")).expect("a folder");
    let mut command = place.command(&["backup", "."]);
    command.current_dir(place.path("here"));
    Process::start(command).wait().told();
    is_whole(&place.path("here"));
}

#[test]
fn a_disk_that_takes_nothing_is_74_and_leaves_no_piece() {
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
    damage::MISSING_PARENT.apply(&place.path("jim.db"));
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
