//! Many imports of one system at once. One runs, the others are refused at once, and nothing is added twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use crate::support::case::{Case, told};
use crate::support::directory::{Faults, Tree};
use crate::support::{SYSTEMS, TestApp, containers};
use crate::tier;

/// Budget of a refusal.
const REFUSED_WITHIN: Duration = Duration::from_millis(100);

const AT_ONCE: usize = 16;
const UNITS: usize = 500;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_imports_at_once() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, Tree::new().suffix("dc=x").ou("ou=first,dc=x"), &["ou=first,dc=x"]).await;
    for i in 0..UNITS {
        case.sandbox.add_ou(&format!("ou=n{i:03},dc=x")).expect("added");
    }
    let gate = Arc::new(Semaphore::new(0));
    case.sandbox.set_faults(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() });
    let connections = case.sandbox.connections();
    let path = format!("{SYSTEMS}/{}/import-hierarchy", case.id);
    let refusals = AtomicUsize::new(0);
    let import = || async {
        let client = app.admin();
        let begun = Instant::now();
        let answer = client.send("POST", &path, None).await;
        let took = begun.elapsed();
        if answer.status == 409 {
            refusals.fetch_add(1, Ordering::SeqCst);
            answer.expect_error(409, "CONFLICT");
            return Err((client, took));
        }
        Ok(answer.expect_status(200))
    };
    // The one that runs stands at the gate until all others have been answered.
    let opened = async {
        let begun = Instant::now();
        while refusals.load(Ordering::SeqCst) < AT_ONCE - 1 && begun.elapsed() < Duration::from_secs(30) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        gate.close();
    };
    let (round, ()) = tokio::join!(join_all((0..AT_ONCE).map(|_| import())), opened);
    let (mut results, mut refused) = (Vec::new(), Vec::new());
    for answer in round {
        match answer {
            Ok(result) => results.push(result),
            Err(waiting) => refused.push(waiting),
        }
    }
    let slowest = refused.iter().map(|(_, took)| *took).max().expect("some were refused");
    let said = format!("first round: {} ran, {} refused, the slowest after {slowest:?}", results.len(), refused.len());
    tier::budget(slowest <= REFUSED_WITHIN, said);
    assert_eq!((results.len(), refused.len()), (1, AT_ONCE - 1));
    assert!(slowest < Duration::from_secs(1));
    assert_eq!(case.sandbox.connections() - connections, 1, "a refused import opens nothing");

    // The refused ones try until each has run.
    let retried = refused.into_iter().map(|(client, _)| {
        let path = &path;
        async move {
            loop {
                let answer = client.send("POST", path, None).await;
                if answer.status != 409 {
                    return answer.expect_status(200);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    results.extend(join_all(retried).await);
    let mut added: BTreeMap<String, usize> = BTreeMap::new();
    for line in results.iter().flat_map(told) {
        *added.entry(line).or_default() += 1;
    }
    assert_eq!((added.len(), added.values().max()), (UNITS, Some(&1)), "each was added once");
    assert_eq!(results.iter().filter(|r| r["hasChanges"] == false).count(), AT_ONCE - 1);
    let partitions = app.partitions(case.id).await;
    assert_eq!(containers(&partitions).len(), UNITS + 1);
    assert_eq!(case.tree().await.iter().filter(|l| l.ends_with(" *")).count(), 1);
    app.is_sound();
}
