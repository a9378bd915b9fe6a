//! A kill, or a failure, at each call of a server that changes its files, and of the commands beside it.

use std::fs;

use super::workload::{Told, Workload};
use crate::support::database::invariants;
use crate::support::killed::{Call, Calls, Sweep};
use crate::support::program::Process;
use crate::tier;

/// What a call fails with, and whether all later ones do too.
const FAILURES: [(&str, &str); 4] =
    [("error=ENOSPC", ""), ("error=EIO", ""), ("error=ENOSPC", "+"), ("error=EIO", "+")];

/// The calls of a server at its files. In the quick tier a sample of them, which is another one with another seed.
fn calls_of_a_server(seed: u64, pages: usize, others: usize) -> Sweep {
    let all = [
        ("pwrite64", Some("jim.db-wal"), pages),
        ("pwrite64", Some("jim.db"), pages),
        ("fsync", Some("jim.db-wal"), others),
        ("fsync", Some("jim.db"), 1),
        ("fdatasync", None, 1),
        ("ftruncate", None, 1),
        ("ftruncate", Some("jim.db-wal"), 1),
        ("?rename,?renameat,?renameat2", None, 1),
        ("?unlink,unlinkat", None, 1),
    ];
    Sweep::new(all.into_iter().map(|(kind, file, step)| Calls::sample(kind, file, step, seed)).collect())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn a_server_killed_at_any_call_keeps_what_it_acknowledged() {
    let workload = Workload::new().await;
    let seed = tier::seed("CALLS_SEED");
    let mut sweep = calls_of_a_server(seed, tier::size(13, 1), tier::size(2, 1));
    let (mut kills, mut acknowledged, mut unanswered) = (0, 0, 0);
    while let Some(call) = sweep.call() {
        let at = format!("{call:?}, seed {seed}");
        workload.reset();
        let server = Process::start(call.inject(&workload.place, "signal=KILL", "", &["serve"]));
        let pid = server.pid();
        let told = if server.listens() { workload.drive(&server, &at).await } else { vec![Told::NotAsked; 9] };
        let alive = !told.iter().any(|t| matches!(t, Told::NotAsked | Told::NoAnswer));
        let done = if alive { server.stop() } else { server.wait() };
        let fired = done.code.is_none();
        assert!(fired || done.code == Some(0), "{at}: {done:?}");
        assert_eq!(Call::fired(&workload.place, pid) > 0, fired, "{at}");
        workload.inspect(&told, &at);
        sweep.met(fired);
        if fired {
            kills += 1;
            acknowledged += told.iter().filter(|t| **t == Told::Acknowledged).count();
            unanswered += told.iter().filter(|t| **t == Told::NoAnswer).count();
            if kills % 8 == 0 {
                workload.starts_again(&at).await;
            }
        } else {
            assert!(told.iter().all(|t| *t == Told::Acknowledged), "{at}: {told:?}");
        }
    }
    tier::figure(format!(
        "{kills} kills of a server: {acknowledged} changes acknowledged before, {unanswered} under way"
    ));
    assert!(
        kills >= tier::size(20, 150) && unanswered > 5 && acknowledged > unanswered,
        "the kills did not meet the changes"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn a_call_that_fails_is_no_2xx_and_damages_nothing() {
    let workload = Workload::new().await;
    let seed = tier::seed("CALLS_SEED");
    let (mut met, mut injected, mut refused, mut ended) = (0, 0, 0, 0);
    for (n, (error, on)) in FAILURES.into_iter().enumerate() {
        let mut sweep = calls_of_a_server(seed + n as u64, tier::size(61, 1), tier::size(5, 1));
        while let Some(call) = sweep.call() {
            let at = format!("{error}{on} at {call:?}, seed {seed}");
            workload.reset();
            let server = Process::start(call.inject(&workload.place, error, on, &["serve"]));
            let pid = server.pid();
            let listens = server.listens();
            let told = if listens { workload.drive(&server, &at).await } else { vec![Told::NotAsked; 9] };
            let done = if listens { server.stop() } else { server.wait() };
            match listens {
                true => assert_eq!(done.code, Some(0), "{at}: {done:?}"),
                false => {
                    let why = done.refused(74);
                    assert!(!why.contains("damaged"), "{at}: {why}");
                    ended += 1;
                }
            }
            let fired = Call::fired(&workload.place, pid);
            let failures = told.iter().filter(|t| **t == Told::Refused).count();
            assert!(!told.contains(&Told::NoAnswer), "{at}: {told:?}");
            assert!(fired > 0 || failures == 0, "{at}: {told:?}");
            workload.inspect(&told, &at);
            sweep.met(fired > 0);
            met += usize::from(fired > 0);
            injected += fired;
            refused += failures;
            if fired > 0 && met % 8 == 0 {
                workload.starts_again(&at).await;
            }
        }
    }
    tier::figure(format!(
        "{met} runs of a server with {injected} failed calls: {refused} changes refused, {ended} starts ended with 74"
    ));
    assert!(met >= tier::size(20, 500) && refused > 10, "the failures did not meet the changes");
}

/// Whenever a first start is killed, the last key that was printed works once the server is started again.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn a_first_start_killed_at_any_call_can_be_repeated() {
    let place = crate::support::program::Place::new().with("JIM_LOG_FILTER", "warn");
    let seed = tier::seed("CALLS_SEED");
    let (pages, others) = (tier::size(5, 1), 1);
    let all = [
        ("pwrite64", None, pages),
        ("pwrite64", Some("jim.db-wal"), pages),
        ("pwrite64", Some("jim.db"), pages),
        ("fsync", None, others),
        ("fsync", Some("jim.db-wal"), others),
        ("fsync", Some("jim.db"), others),
        ("fdatasync", None, others),
        ("ftruncate", None, others),
        ("?link,?linkat", None, others),
        ("?rename,?renameat,?renameat2", None, others),
        ("?unlink,unlinkat", None, others),
    ];
    let mut sweep =
        Sweep::new(all.into_iter().map(|(kind, file, step)| Calls::sample(kind, file, step, seed)).collect());
    let (mut kills, mut without, mut shown, mut anew) = (0, 0, 0, 0);
    while let Some(call) = sweep.call() {
        let at = format!("{call:?}, seed {seed}");
        for name in place.names() {
            fs::remove_file(place.path(&name)).expect("removed");
        }
        let server = Process::start(call.inject(&place, "signal=KILL", "", &["serve"]));
        let pid = server.pid();
        let done = if server.listens() { server.stop() } else { server.wait() };
        let fired = done.code.is_none();
        assert!(fired || done.code == Some(0), "{at}: {done:?}");
        assert_eq!(Call::fired(&place, pid) > 0, fired, "{at}");
        let key = done.out.lines().find_map(|l| l.strip_prefix("bootstrap API key: ").map(str::to_owned));
        if place.path("jim.db").exists() {
            assert!(!place.run(&["check"]).told().contains("ERROR"), "{at}");
        } else {
            assert!(key.is_none(), "{at}: a key of nothing");
            without += 1;
        }
        shown += usize::from(fired && key.is_some());
        let again = place.serve();
        let another = again.out().iter().find_map(|l| l.strip_prefix("bootstrap API key: ").map(str::to_owned));
        // Told and not stored: it is made anew.
        anew += usize::from(key.is_some() && another.is_some());
        let works = another.or(key).unwrap_or_else(|| panic!("{at}: a key that was not shown"));
        again.client(&works).get("/api/v1/userinfo").await.expect_status(200);
        assert_eq!(again.stop().code, Some(0), "{at}");
        invariants::hold(&place.path("jim.db"), &at);
        sweep.met(fired);
        kills += usize::from(fired);
    }
    tier::figure(format!(
        "{kills} kills of a first start: {without} left no database, {shown} came after the key was told, {anew} before it was stored"
    ));
    assert!(kills > 20 && without > 5, "the kills did not meet the start");
}

/// Commands on a stopped server's files: each does all of it or ends with 74, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn a_call_of_a_command_that_fails_ends_it_with_74() {
    let workload = Workload::new().await;
    let place = &workload.place;
    let seed = tier::seed("CALLS_SEED");
    let step = tier::size(13, 1);
    let (mut met, mut refused) = (0, 0);
    for arguments in [&["rotate-key"][..], &["backup", "b"]] {
        for (error, on) in tier::size(&FAILURES[1..3], &FAILURES[..]) {
            let pages = [("pwrite64", None), ("pwrite64", Some("jim.db-wal")), ("pwrite64", Some("jim.db"))];
            let pages = pages.map(|(kind, file)| Calls::sample(kind, file, step, seed));
            let others = [
                "fsync",
                "fdatasync",
                "ftruncate",
                "?rename,?renameat,?renameat2",
                "?link,?linkat",
                "?unlink,unlinkat",
            ];
            let others = others.map(|kind| Calls::sample(kind, None, tier::size(2, 1), seed));
            let mut sweep = Sweep::new(pages.into_iter().chain(others).collect());
            while let Some(call) = sweep.call() {
                let at = format!("{arguments:?}: {error}{on} at {call:?}, seed {seed}");
                workload.reset();
                let keyring = place.read("jim.keys");
                let process = Process::start(call.inject(place, error, on, arguments));
                let pid = process.pid();
                let done = process.wait();
                let fired = Call::fired(place, pid) > 0;
                let failed = done.code != Some(0);
                if failed {
                    let why = done.refused(74);
                    assert!(fired && !why.contains("damaged"), "{at}: {why}");
                }
                let found = place.run(&["check"]).told();
                assert!(!found.contains("ERROR") && found.contains("1 sealed values open"), "{at}:\n{found}");
                assert!(place.read("jim.keys").starts_with(&keyring), "{at}: a key was lost");
                if arguments[0] == "backup" {
                    // The last that can fail is the synchronisation of the folder in which it has got its name.
                    let whole = place.path("b").exists();
                    assert!(whole || failed, "{at}");
                    // A piece is removed, unless nothing can be removed any more.
                    let left = place.names().into_iter().find(|n| n.starts_with("b.part-"));
                    let stays = call.kind.contains("unlink") && *on == "+";
                    assert!(left.is_none() || stays, "{at}: {left:?}");
                    if whole {
                        assert!(place.path("b/manifest").exists(), "{at}");
                        invariants::hold(&place.path("b/jim.db"), &at);
                    }
                }
                invariants::hold(&place.path("jim.db"), &at);
                sweep.met(fired);
                met += usize::from(fired);
                refused += usize::from(failed);
            }
        }
    }
    tier::figure(format!("{met} runs of commands with failed calls, {refused} ended with 74"));
    assert!(met >= tier::size(20, 100) && refused > 10, "the failures did not meet the commands");
}
