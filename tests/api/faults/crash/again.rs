//! Killed once more while the last kill is recovered from.

use std::collections::BTreeMap;
use std::time::Duration;

use super::moments::READY_WITHIN;
use super::workload::{Told, Workload};
use crate::support::killed::{Call, Calls, Sweep};
use crate::support::program::Process;
use crate::tier;

/// What a kill left: the files and what the clients know.
async fn left_by(workload: &Workload, call: Option<Call>) -> (BTreeMap<String, Vec<u8>>, Vec<Told>) {
    let place = &workload.place;
    workload.reset();
    let command = match &call {
        Some(call) => call.inject(place, "signal=KILL", "", &["serve"]),
        None => place.command(&["serve"]),
    };
    let server = Process::start(command);
    assert!(server.listens(), "{call:?}");
    let told = workload.drive(&server, "the first kill").await;
    server.kill();
    let files = place.names().into_iter().filter(|n| ["jim.db", "jim.db-wal", "jim.keys"].contains(&n.as_str()));
    (files.map(|name| (name.clone(), place.read(&name))).collect(), told)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace, takes minutes"]
async fn killed_again_while_it_recovers_in_full() {
    let workload = Workload::new().await;
    let place = &workload.place;
    let seed = tier::seed("CALLS_SEED");
    let wal = |n| Some(Call { kind: "pwrite64", file: Some("jim.db-wal"), n });
    let mut states = Vec::new();
    for call in [wal(40), wal(90), None] {
        let state = left_by(&workload, call).await;
        assert!(state.0["jim.db-wal"].len() > 4096, "there is something to recover");
        states.push(state);
    }
    assert!(states.iter().any(|(_, told)| told.contains(&Told::NoAnswer)), "a change was under way");
    // Of those that change nothing only the ones at the files: what the loader does is not what is recovered.
    let kinds = [
        ("openat", Some("jim.db-wal"), 1),
        ("pread64", Some("jim.db-wal"), 5),
        ("pread64", Some("jim.db"), 5),
        ("fcntl", Some("jim.db"), 3),
        ("pwrite64", None, 1),
        ("pwrite64", Some("jim.db-wal"), 1),
        ("pwrite64", Some("jim.db"), 1),
        ("fsync", None, 1),
        ("fsync", Some("jim.db"), 1),
        ("ftruncate", None, 1),
        ("?unlink,unlinkat", None, 1),
    ];
    let (mut points, mut kills, mut twice, mut slowest) = (0, 0, 0, Duration::ZERO);
    for round in 0.. {
        let (files, told) = &states[round % states.len()];
        let calls = kinds.map(|(kind, file, step)| Calls::sample(kind, file, step, seed.wrapping_add(round as u64)));
        let mut sweep = Sweep::new(calls.into());
        while let Some(call) = sweep.call() {
            let at = format!("{call:?}, round {round}, seed {seed}");
            workload.reset();
            workload.put(files);
            // At the same call of the next start too, which begins on what this one left.
            let mut fired = 0;
            for _ in 0..2 {
                let server = Process::start(call.inject(place, "signal=KILL", "", &["serve"]));
                let pid = server.pid();
                let done = if server.listens() { server.stop() } else { server.wait() };
                assert!(matches!(done.code, None | Some(0)), "{at}: {done:?}");
                assert_eq!(Call::fired(place, pid) > 0, done.code.is_none(), "{at}");
                fired += usize::from(done.code.is_none());
            }
            workload.inspect(told, &at);
            slowest = slowest.max(workload.starts_again(&at).await);
            points += usize::from(fired > 0);
            kills += fired;
            twice += usize::from(fired == 2);
            sweep.met(fired > 0);
        }
        if points >= 100 && round + 1 >= states.len() {
            break;
        }
    }
    tier::figure(format!("{kills} kills of a start on what a kill left"));
    tier::figure(format!("{points} points of a start on what a kill left, at {twice} of them killed twice in a row"));
    tier::budget(slowest <= READY_WITHIN, format!("slowest to be ready: {slowest:?}"));
}
