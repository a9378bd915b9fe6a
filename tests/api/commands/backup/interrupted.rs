//! Killed at any call.

use super::*;
use crate::support::{killed, sample};
use crate::tier;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn a_backup_that_is_killed_at_any_call_is_whole_or_not_there() {
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
    tier::figure(format!(
        "{kills} kills of a backup: {nothing} times nothing was left, {pieces} times a piece, {whole} times all of it"
    ));
    assert!(pieces > 20 && whole > 0, "the kills did not meet the backup");
    prepare();
    place.run(&["backup", "b"]).told();
    is_whole(&target);
    assert!(!place.names().iter().any(|n| n.contains(".part")), "{:?}", place.names());
    assert_eq!(server.stop().code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn a_restore_that_is_killed_at_any_call_is_whole_or_not_there() {
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
    tier::figure(format!("{kills} kills of a restore: {pieces} times a piece was left, {whole} times all of it"));
    assert!(pieces >= 2 && whole > 0, "the kills did not meet the restore");
    prepare();
    fresh.run(&["restore", &backup]).told();
    assert!(fresh.kept().keys().eq(["jim.db", "jim.keys"]), "{:?}", fresh.names());
}
