//! A directory that suddenly shows less, or nothing. Only what it confirms to be gone is removed.

use serde_json::json;

use crate::support::TestApp;
use crate::support::case::{Case, same, told, warnings};
use crate::support::directory::{Answer, Faults, Mischief, SearchFault, Tree};
use crate::tier;

fn tree() -> Tree {
    let tree = (0..12).fold(Tree::new().suffix("dc=x"), |t, i| t.ou(&format!("ou=n{i:02},dc=x")));
    tree.suffix("o=y").ou("ou=S,o=y").ou("ou=T,o=y")
}

async fn case(app: &TestApp) -> Case<'_> {
    Case::imported(app, tree(), &["ou=n00,dc=x", "ou=n11,dc=x", "ou=S,o=y"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_to_a_full_tree() {
    let app = TestApp::start().await;
    let case = case(&app).await;
    let empty = |suffix: Option<&str>| {
        let fault = SearchFault::new(Mischief::Answer(Answer::new(0, "")));
        vec![suffix.map_or(fault.clone(), |s| fault.under(s))]
    };
    let stored = case.tree().await;
    for (suffix, kept) in [(Some("dc=x"), 12), (Some("o=y"), 2), (None, 14)] {
        case.sandbox.set_faults(Faults { searches: empty(suffix), ..Faults::default() });
        for query in ["", "?acceptRemovals=true"] {
            let result = case.import(query).await;
            assert_eq!((&result["success"], told(&result)), (&json!(true), Vec::new()), "{suffix:?} {query}");
            assert_eq!(result["totalContainers"], 14);
            let text = warnings(&result);
            assert!(text.contains("still answers"), "{kept}: {text}");
            assert_eq!(case.tree().await, stored, "{suffix:?} {query}");
        }
    }
    // Each look-up says "no such object", but not in the way in which it says so of what never was.
    let denied = |matched: &str| {
        let answer = Answer { code: 32, matched: matched.to_owned(), ..Answer::default() };
        (0..12).map(|i| (format!("ou=n{i:02},dc=x"), answer.clone())).collect::<Vec<_>>()
    };
    let hidden = Faults { searches: empty(Some("dc=x")), base_reads: denied(""), ..Faults::default() };
    case.sandbox.set_faults(hidden);
    let result = case.import("").await;
    assert_eq!((&result["success"], told(&result)), (&json!(true), Vec::new()));
    assert_eq!(case.tree().await, stored);
    // It says that they are gone and lies in nothing: the guard stops it, and the dump is what it was.
    let lies = Faults { searches: empty(Some("dc=x")), base_reads: denied("dc=x"), ..Faults::default() };
    case.sandbox.set_faults(lies);
    let dump = app.dump();
    let result = case.import("").await;
    assert_eq!((&result["success"], told(&result).len()), (&json!(false), 12));
    same(&app.dump(), &dump, "stopped");
    case.sandbox.set_faults(Faults::default());
    assert_eq!(case.changes("").await, [""; 0]);
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_are_no_longer_listed_but_still_answer() {
    let app = TestApp::start().await;
    let case = case(&app).await;
    let stored = case.tree().await;
    for unlisted in [vec!["dc=x"], vec!["o=y"], vec!["dc=x", "o=y"]] {
        let unlisted = unlisted.into_iter().map(str::to_owned).collect();
        case.sandbox.set_faults(Faults { unlisted, ..Faults::default() });
        let dump = app.dump();
        let result = case.import("").await;
        assert_eq!(result["success"], false, "{result}");
        same(&app.dump(), &dump, "stopped");
    }
    case.sandbox.set_faults(Faults { unlisted: vec!["dc=x".to_owned(), "o=y".to_owned()], ..Faults::default() });
    let result = case.import("?acceptRemovals=true").await;
    assert_eq!(told(&result), [""; 0], "what still answers stays, also where the caller vouches: {result}");
    assert_eq!(case.tree().await, stored);
    case.sandbox.set_faults(Faults::default());
    assert_eq!(case.changes("").await, [""; 0]);
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_fails_and_the_other_is_merged_with_its_removals() {
    let app = TestApp::start().await;
    for (failing, other, gone) in [("dc=x", "o=y", "ou=S,o=y"), ("o=y", "dc=x", "ou=n11,dc=x")] {
        let case = case(&app).await;
        let rows = |dump: &str| -> Vec<String> {
            dump.lines().filter(|l| l.starts_with("cont") && l.contains(failing)).map(str::to_owned).collect()
        };
        case.sandbox.remove(gone).expect("removed");
        case.sandbox.remove(if failing == "dc=x" { "ou=n00,dc=x" } else { "ou=S,o=y" }).expect("removed");
        let dump = app.dump();
        case.sandbox.set_faults(Faults {
            searches: vec![SearchFault::new(Mischief::Answer(Answer::new(80, "disk"))).under(failing).after(1)],
            ..Faults::default()
        });
        let result = case.import("").await;
        assert_eq!(told(&result), [format!("- {gone} *")]);
        let text = warnings(&result);
        assert!(text.contains(&format!("{failing}: other (80)")) && !text.contains(&format!("{other}: ")), "{text}");
        assert_eq!(rows(&app.dump()), rows(&dump));
    }
    tier::figure("either of two failing: the other merged with its verified removal, 0 others");
    app.is_sound();
}
