//! Chapter 6.4: the removal guard, and the administrator's word that lifts it.

use serde_json::json;

use crate::support::TestApp;
use crate::support::case::{Case, same, told};
use crate::support::directory::Tree;

fn flat(tree: Tree, suffix: &str, count: usize) -> Tree {
    (0..count).fold(tree.suffix(suffix), |t, i| t.ou(&format!("ou=n{i:02},{suffix}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_half_of_ten_is_stopped() {
    let app = TestApp::start().await;
    // Stored, removed, recreated, hidden in one naming context; whether the guard stops it.
    for (stored, removed, recreated, hidden, stops) in [
        (9, 9, 0, 0, false),
        (10, 5, 0, 0, false),
        (10, 6, 0, 0, true),
        (10, 10, 0, 0, true),
        (11, 5, 0, 0, false),
        (11, 6, 0, 0, true),
        (10, 4, 1, 0, false),
        (10, 4, 2, 0, true),
        (10, 0, 6, 0, true),
        (10, 5, 0, 5, false),
    ] {
        let what = format!("{removed} removed, {recreated} recreated, {hidden} hidden of {stored}");
        // Another naming context, large and unchanged: what counts is the share of each by itself.
        let case = Case::imported(&app, flat(flat(Tree::new(), "dc=x", stored), "o=big", 30), &["ou=n00,dc=x"]).await;
        case.sandbox.add_ou("ou=more,o=big").expect("added");
        for i in 0..removed + recreated + hidden {
            let dn = format!("ou=n{i:02},dc=x");
            if i >= removed + recreated {
                case.sandbox.hide(&dn).expect("hidden");
                continue;
            }
            case.sandbox.remove(&dn).expect("removed");
            if i >= removed {
                case.sandbox.add_ou(&dn).expect("added");
            }
        }
        let result = case.import("").await;
        assert_eq!(result["success"], !stops, "{what}");
        let detected = told(&result);
        assert_eq!(detected.iter().filter(|l| l.starts_with('-')).count(), removed + recreated, "{what}");
        assert_eq!(result["hasSelectedItemsRemoved"], true, "{what}");
        if !stops {
            continue;
        }
        let message = result["errorMessage"].as_str().expect("a message").to_owned();
        let counts = [(removed + recreated).to_string(), stored.to_string(), "dc=x".to_owned()];
        assert!(counts.iter().all(|c| message.contains(c)), "{what}: {message}");
        // The administrator vouches for it: the same changes, now applied.
        assert_eq!(case.changes("?acceptRemovals=true").await, detected, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_partition_listed_is_stopped() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, flat(flat(Tree::new(), "dc=x", 2), "o=y", 1), &["ou=n00,o=y"]).await;
    for suffix in ["dc=x", "o=y"] {
        case.sandbox.remove_suffix(suffix).expect("removed");
    }
    let result = case.import("").await;
    assert_eq!(result["success"], false);
    assert_eq!((&result["totalPartitions"], &result["totalContainers"]), (&json!(2), &json!(3)));
    assert_eq!(case.import("?acceptRemovals=true").await["success"], true);
    assert_eq!(case.tree().await, [""; 0]);

    // Nothing stored and nothing listed is a success with a warning.
    let empty = Case::new(&app, Tree::new()).await;
    let result = empty.import("").await;
    assert_eq!((&result["success"], &result["warnings"]), (&json!(true), &json!(["the directory lists no partition"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_switches_of_the_query() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, flat(Tree::new(), "dc=x", 10), &[]).await;
    for i in 0..9 {
        case.sandbox.remove(&format!("ou=n{i:02},dc=x")).expect("removed");
    }
    let before = app.dump();
    for (query, field) in [
        ("?acceptRemovals=yes", "acceptRemovals"),
        ("?acceptRemovals=1", "acceptRemovals"),
        ("?preview=0", "preview"),
        ("?preview=", "preview"),
        ("?unknown=true", "unknown"),
    ] {
        app.import(case.id, query).await.expect_fault(field);
    }
    for query in ["", "?acceptRemovals=false", "?acceptRemovals=FALSE"] {
        assert_eq!(app.import(case.id, query).await.expect_status(200)["success"], false, "{query}");
    }
    for query in ["?preview=TRUE&acceptRemovals=true", "?PREVIEW=true&acceptRemovals=True"] {
        let preview = app.import(case.id, query).await.expect_status(200);
        assert_eq!((&preview["success"], &preview["preview"]), (&json!(true), &json!(true)), "{query}");
        assert_eq!(preview["totalContainers"], 1, "{query}: as it would be");
    }
    same(&app.dump(), &before, "nothing changes");
    let applied = app.import(case.id, "?ACCEPTREMOVALS=True&preview=false").await.expect_status(200);
    assert_eq!((&applied["success"], &applied["totalContainers"]), (&json!(true), &json!(1)));
    assert!(applied.get("preview").is_none());
}
