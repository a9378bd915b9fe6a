//! Upgrades killed at any call: a file of the old version or of a later one, never between, and nothing of what it
//! held changed. There is no upgrade yet, so that these have steps of their own, and run the program's part of the
//! work in a process of the tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::workload::Workload;
use crate::support::database::steps::{self, STEPS};
use crate::support::killed::{Call, Calls, Sweep};
use crate::support::program::{Place, Process};
use crate::tier;

/// Says how many of the steps the process is to know.
const STEPS_KNOWN: &str = "JIM_TEST_UPGRADE";

/// Not a test of its own: what the test below runs and kills.
#[test]
#[ignore = "is run by an_upgrade_killed_at_any_call_is_of_one_version"]
fn the_process_that_upgrades() {
    let Some(known) = std::env::var(STEPS_KNOWN).ok().and_then(|n| n.parse::<usize>().ok()) else { return };
    steps::upgrade("jim.db".as_ref(), known);
}

fn command(line: &str, place: &Place, known: usize) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line, "sh"]).arg(std::env::current_exe().expect("this program"));
    command.args(["--ignored", "--nocapture", "the_process_that_upgrades"]);
    command.env(STEPS_KNOWN, known.to_string()).current_dir(place.folder());
    command
}

fn content(place: &Place, name: &str) -> (i64, String) {
    steps::content(&place.path(name))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn an_upgrade_killed_at_any_call_is_of_one_version() {
    let workload = Workload::new().await;
    let place = &workload.place;
    let plain = "exec \"$@\"";
    // What there is of each version, if nothing goes wrong.
    let whole: Vec<(i64, String)> = (0..=STEPS.len())
        .map(|known| {
            workload.reset();
            assert_eq!(Process::of_others(command(plain, place, known)).wait().code, Some(0));
            content(place, "jim.db")
        })
        .collect();
    assert!(whole.iter().map(|(version, _)| *version).eq([1, 2, 3]), "the steps are taken");
    assert_eq!(place.kept().keys().collect::<Vec<_>>(), ["jim.db", "jim.db.version-1", "jim.keys"]);
    let seed = tier::seed("UPGRADE_SEED");
    let kinds = [
        ("pwrite64", tier::size(23, 1)),
        ("fsync", 1),
        ("fdatasync", 1),
        ("ftruncate", 1),
        ("?rename,?renameat,?renameat2", 1),
        ("?unlink,unlinkat", 1),
    ];
    let mut sweep = Sweep::new(kinds.map(|(kind, step)| Calls::sample(kind, None, step, seed)).into());
    let mut found = [0; 3];
    while let Some(call) = sweep.call() {
        let at = format!("{call:?}, seed {seed}");
        workload.reset();
        let process = Process::of_others(command(&call.line(place, "signal=KILL", ""), place, 2));
        let pid = process.pid();
        let fired = process.wait().code.is_none();
        assert_eq!(Call::fired(place, pid) > 0, fired, "{at}");
        sweep.met(fired);
        if !fired {
            continue;
        }
        let left = content(place, "jim.db");
        let version = left.0;
        assert!(whole.contains(&left), "{at}: something between, of version {version}");
        found[version as usize - 1] += 1;
        if place.path("jim.db.version-1").exists() {
            let mode = fs::metadata(place.path("jim.db.version-1")).expect("a file").permissions().mode();
            assert_eq!((mode & 0o777, content(place, "jim.db.version-1").0), (0o600, 1), "{at}");
        } else {
            assert_eq!(version, 1, "{at}: upgraded without a copy");
        }
        assert_eq!(Process::of_others(command(plain, place, 2)).wait().code, Some(0), "{at}");
        assert!(content(place, "jim.db") == whole[2], "{at}: it is not completed");
        assert!(!place.path("jim.db.part").exists(), "{at}");
    }
    let kills: usize = found.iter().sum();
    tier::figure(format!("{kills} kills of an upgrade in two steps: {found:?} left version 1, 2 and 3"));
    assert!(found[0] > 5 && found[1] > 0, "the kills did not meet the upgrade: {found:?}");
    // To this program what has come out of it is of a newer one.
    let before = place.kept();
    assert!(place.run(&["serve"]).refused(65).contains("newer version"));
    assert_eq!(place.kept(), before);
}
