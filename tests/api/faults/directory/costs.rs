//! What an answer may cost: answers that are well-formed, and meant to use up memory and time. Other requests
//! are answered all the while.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::support::directory::{Faults, Mischief, Options, Sandbox, SearchFault, Tree};
use crate::support::outside::Outside;
use crate::tier;

async fn directory(outside: &Outside) -> (Sandbox, i64) {
    let tree = (0..40).fold(Tree::new().suffix("dc=x"), |t, i| t.ou(&format!("ou=n{i:02},dc=x")));
    let sandbox = Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts");
    let id = outside.imported(&sandbox, 30, &["ou=n03,dc=x"]).await;
    (sandbox, id)
}

/// An import that ends within its time and keeps what was selected; meanwhile no other request waits for long. How much
/// more memory it took, in KiB.
async fn cost(outside: &Outside, id: i64, what: &str) -> u64 {
    let (memory, begun, longest) = (outside.watch(), Instant::now(), Cell::new(Duration::ZERO));
    let others = async {
        loop {
            let begun = Instant::now();
            outside.client.get("/api/v1/health/live").await.expect_status(200);
            longest.set(longest.get().max(begun.elapsed()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let answer = tokio::select! {
        answer = outside.import(id, "") => answer,
        () = others => unreachable!("it goes on for ever"),
    };
    let (took, growth) = (begun.elapsed(), memory.growth());
    tier::figure(format!(
        "{what}: {} in {took:?}, memory +{growth} KiB, others waited {:?}",
        answer.status,
        longest.get()
    ));
    assert!(matches!(answer.status, 200 | 500), "{}", answer.body);
    let kept = outside.tree(id).await;
    assert!(kept.contains(&" ou=n03,dc=x *".to_owned()), "{what}");
    growth
}

#[tokio::test(flavor = "multi_thread")]
async fn many_naming_contexts() {
    let outside = Outside::start();
    let (sandbox, id) = directory(&outside).await;
    let listed = Arc::new((0..300).map(|i| format!("dc={i}")).collect());
    sandbox.set_faults(Faults { listed, ..Faults::default() });
    assert!(cost(&outside, id, "300 naming contexts that are not there").await < 32 * 1024);
    outside.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_as_long_and_deep_as_they_may_be() {
    let outside = Outside::start();
    let (sandbox, id) = directory(&outside).await;
    let deep = (0..250).map(|i| format!("ou={i:025},")).collect::<String>();
    let flood = Mischief::FloodBelow(format!("{deep}dc=x"), 100);
    sandbox.set_faults(Faults { searches: vec![SearchFault::new(flood)], ..Faults::default() });
    assert!(cost(&outside, id, "100 names of 8 KiB").await < 32 * 1024);
    outside.is_unharmed();
}

#[tokio::test(flavor = "multi_thread")]
async fn long_descriptions() {
    let outside = Outside::start();
    let (sandbox, id) = directory(&outside).await;
    let text = "d".repeat(3 << 20);
    for i in 0..4 {
        sandbox.set_attribute(&format!("ou=n{i:02},dc=x"), "description", &[&text]).expect("set");
    }
    assert!(cost(&outside, id, "4 descriptions of 3 MiB").await < 64 * 1024);
    outside.is_unharmed();
}

/// One answer of a megabyte that lists a hundred thousand naming contexts.
#[tokio::test(flavor = "multi_thread")]
async fn naming_contexts_without_end() {
    let outside = Outside::start();
    let (sandbox, id) = directory(&outside).await;
    outside.set(id, serde_json::json!({ "9": { "intValue": 3 } })).await;
    let listed = Arc::new((0..100_000).map(|i| format!("dc={i}")).collect());
    sandbox.set_faults(Faults { listed, ..Faults::default() });
    let begun = Instant::now();
    assert!(cost(&outside, id, "100,000 naming contexts that are not there").await < 64 * 1024);
    assert!(begun.elapsed() < Duration::from_secs(30), "the import has three seconds: {:?}", begun.elapsed());
    outside.is_unharmed();
}

/// Planning is part of the import: its time counts too.
#[tokio::test(flavor = "multi_thread")]
async fn deep_names_by_the_thousand() {
    let outside = Outside::start();
    let (sandbox, id) = directory(&outside).await;
    outside.set(id, serde_json::json!({ "9": { "intValue": 2 } })).await;
    let deep = (0..250).map(|i| format!("ou={i:025},")).collect::<String>();
    let flood = Mischief::FloodBelow(format!("{deep}dc=x"), 2_000);
    sandbox.set_faults(Faults { searches: vec![SearchFault::new(flood)], ..Faults::default() });
    let begun = Instant::now();
    assert!(cost(&outside, id, "2,000 names of 8 KiB").await < 128 * 1024);
    assert!(begun.elapsed() < Duration::from_secs(20), "the import has two seconds: {:?}", begun.elapsed());
    outside.is_unharmed();
}
