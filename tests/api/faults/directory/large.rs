//! Directories that go on and on. An import ends at a cap, or with its time, and writes nothing.

use std::time::{Duration, Instant};

use jim::connectors::ldap::Limits;
use serde_json::json;

use crate::support::case::{Case, activities, same, told};
use crate::support::directory::{Answer, Faults, Mischief, Options, PagingFault, Sandbox, SearchFault, Tree};
use crate::support::outside::Outside;
use crate::support::{Setup, TestApp};
use crate::tier;

/// Budgets of a refused import and, in KiB, of its memory.
const REFUSED_WITHIN: Duration = Duration::from_secs(60);
const MEMORY: u64 = 640 * 1024;

fn tree() -> Tree {
    (0..7).fold(Tree::new().suffix("dc=x"), |t, i| t.ou(&format!("ou=n{i},dc=x")))
}

/// A server whose directories may send 30 pages and this many entries.
async fn app(entries: u64) -> TestApp {
    let limits = Limits { pages: 30, entries, ..Limits::default() };
    TestApp::start_with(Setup { ldap_limits: Some(limits), ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn cookies_without_end() {
    let exceeds = "answer exceeds the limit";
    let mut most = 0;
    for (paging, entries, seconds, page_delay, said) in [
        // Empty pages with the cookie that was there before.
        (PagingFault::SameCookie, 1_000, 20, 0, exceeds),
        // Pages that are not empty, for ever: the entries or the pages come to an end, or the time does.
        (PagingFault::SamePage, 40, 20, 0, exceeds),
        (PagingFault::SamePage, 1_000, 20, 0, exceeds),
        (PagingFault::SamePage, 1_000, 1, 300, "timed out after 1 s"),
        // Empty pages, each with a cookie of its own.
        (PagingFault::NeverEnds, 1_000, 20, 0, exceeds),
        (PagingFault::NeverEnds, 1_000, 1, 300, "timed out after 1 s"),
    ] {
        let app = app(entries).await;
        let case = Case::imported(&app, tree(), &["ou=n3,dc=x"]).await;
        case.set(json!({ "9": { "intValue": seconds }, "11": { "intValue": 0 } })).await;
        case.sandbox.remove("ou=n3,dc=x").expect("removed");
        let page_delay = Some(Duration::from_millis(page_delay));
        case.sandbox.set_faults(Faults { paging: Some(paging), page_size: Some(3), page_delay, ..Faults::default() });
        let (dump, begun, searches) = (app.dump(), Instant::now(), case.sandbox.searches());
        let message = app.import(case.id, "").await.expect_error(500, "INTERNAL_ERROR");
        let asked = case.sandbox.searches() - searches;
        println!("{paging:?}, {entries} entries: {asked} requests, {:?}", begun.elapsed());
        most = most.max(asked);
        assert!(message.contains(&format!("containers at {}: ", case.sandbox.addr())), "{message}");
        assert!(message.contains(said), "{paging:?} {seconds}: {message}");
        assert!(asked < 40, "{paging:?}");
        same(&app.dump(), &dump, "nothing is written");
        assert_eq!(activities(&app, case.id).last().map(|a| a.0.as_str()), Some("FailedWithError"));
        case.sandbox.set_faults(Faults::default());
        assert_eq!(case.changes("").await, ["- ou=n3,dc=x *"]);
        app.is_sound();
    }
    tier::figure(format!("six ways: at most {most} requests"));
}

/// What goes on for ever in one naming context spoils nothing but that one.
#[tokio::test(flavor = "multi_thread")]
async fn cookies_without_end_in_one_of_two_partitions() {
    let app = app(1_000).await;
    let case = Case::imported(&app, tree().suffix("o=y").ou("ou=S,o=y"), &["ou=n3,dc=x", "ou=S,o=y"]).await;
    let dump = app.dump();
    // The paging fault is that of all searches; that of the other naming context ends with its first page.
    let searches = vec![SearchFault::new(Mischief::Answer(Answer::new(4, ""))).under("o=y").after(1)];
    case.sandbox.set_faults(Faults { paging: Some(PagingFault::NeverEnds), searches, ..Faults::default() });
    let result = app.import(case.id, "").await.expect_status(200);
    assert_eq!(told(&result), [""; 0]);
    let warnings = crate::support::case::warnings(&result);
    assert!(warnings.contains("dc=x: answer exceeds the limit") && warnings.contains("o=y: "), "{warnings}");
    let rows = |dump: &str| dump.lines().filter(|l| !l.starts_with("connected")).collect::<Vec<_>>().join("\n");
    assert_eq!(rows(&app.dump()), rows(&dump));
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_entries_than_an_import_may_have() {
    let app = app(20_000).await;
    let case = Case::imported(&app, tree(), &["ou=n3,dc=x"]).await;
    for after in [0, 3, 8] {
        let searches = vec![SearchFault::new(Mischief::Flood(40_000)).after(after)];
        case.sandbox.set_faults(Faults { searches, ..Faults::default() });
        let (dump, begun) = (app.dump(), Instant::now());
        let message = app.import(case.id, "").await.expect_error(500, "INTERNAL_ERROR");
        println!("40,000 entries where 20,000 may be: {:?}", begun.elapsed());
        assert!(message.contains("containers at") && message.contains("answer exceeds the limit"), "{message}");
        same(&app.dump(), &dump, "nothing is written");
    }
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "two million entries"]
async fn two_million_children_in_full() {
    let outside = Outside::start();
    let sandbox = Sandbox::start(Options::with_tree(tree())).await.expect("the sandbox starts");
    let id = outside.imported(&sandbox, 3600, &["ou=n3,dc=x"]).await;
    let searches = vec![SearchFault::new(Mischief::Flood(2_000_000)).after(4)];
    sandbox.set_faults(Faults { searches, ..Faults::default() });
    let (dump, begun, memory) = (outside.dump(), Instant::now(), outside.watch());
    let message = outside.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
    let growth = memory.growth();
    let took = begun.elapsed();
    let met = took <= REFUSED_WITHIN && growth <= MEMORY;
    tier::budget(met, format!("2,000,000 children refused after {took:.1?}, memory +{growth} KiB"));
    assert!(message.contains("answer exceeds the limit"), "{message}");
    same(&outside.dump(), &dump, "nothing is written");
    assert!(growth <= MEMORY, "{growth} KiB");
    outside.is_unharmed();
}
