//! Chapters 5 and 6 for names, places and orders that are not the usual ones.

use serde_json::{Value, json};

use crate::support::case::{Case, told, warnings};
use crate::support::directory::{Faults, Mischief, Options, Order, SearchFault, Tree};
use crate::support::{TestApp, containers};

#[tokio::test(flavor = "multi_thread")]
async fn names_are_shown_unescaped() {
    let app = TestApp::start().await;
    let rows = [
        (r"ou=Sales\, EMEA,dc=x", "Sales, EMEA"),
        (r"ou=Sales\2C APAC,dc=x", "Sales, APAC"),
        (r"ou=R\2BD,dc=x", "R+D"),
        (r#"ou=\"quoted\",dc=x"#, "\"quoted\""),
        (r"ou=\#1,dc=x", "#1"),
        (r"ou=a\\b,dc=x", r"a\b"),
        (r"ou=\<x\>\;\=,dc=x", "<x>;="),
        (r"ou=\20lead,dc=x", " lead"),
        (r"ou=trail\20,dc=x", "trail "),
        ("ou=Zürich,dc=x", "Zürich"),
        (r"ou=Z\C3\BCrich West,dc=x", "Zürich West"),
        ("ou=人事部,dc=x", "人事部"),
        ("ou=الموارد,dc=x", "الموارد"),
        ("ou=🙂,dc=x", "🙂"),
        ("ou=*()\\00,dc=x", "*()\0"),
        ("l=Town,dc=x", "Town"),
        ("cn=Users,dc=x", "Users"),
        ("ou=A+l=B,dc=x", "B+A"),
    ];
    let tree = rows.iter().fold(Tree::new().suffix("dc=x"), |tree, (dn, _)| match dn {
        dn if dn.starts_with("cn") => tree.entry(dn, &[("objectClass", &["container"])]),
        dn if dn.starts_with("l=") => tree.entry(dn, &[("objectClass", &["locality"])]),
        dn => tree.ou(dn),
    });
    let case = Case::imported(&app, tree, &[]).await;
    let partitions = app.partitions(case.id).await;
    let mut shown: Vec<&str> = containers(&partitions).iter().map(|c| c["name"].as_str().expect("a name")).collect();
    let mut expected: Vec<&str> = rows.iter().map(|(_, name)| *name).collect();
    shown.sort_unstable();
    expected.sort_unstable();
    assert_eq!(shown, expected);
    assert_eq!(case.changes("").await, [""; 0]);
    // A name of any kind can be renamed, moved, removed, and is reported as it is.
    case.sandbox.rename(r"ou=Sales\, EMEA,dc=x", r"ou=\20new\, \#", Some("ou=人事部,dc=x")).expect("renamed");
    case.sandbox.remove(r"ou=\<x\>\;\=,dc=x").expect("removed");
    let result = case.import("").await;
    assert_eq!(result["renamedContainers"][0]["oldName"], "Sales, EMEA");
    assert_eq!(result["renamedContainers"][0]["newName"], " new, #");
    assert_eq!(result["movedContainers"][0]["name"], " new, #");
    assert_eq!(result["removedContainers"][0]["name"], "<x>;=");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_levels() {
    let app = TestApp::start().await;
    let mut tree = Tree::new().suffix("dc=x");
    let mut dn = "dc=x".to_owned();
    for level in 0..60 {
        dn = format!("ou=l{level},{dn}");
        tree = tree.ou(&dn);
    }
    let case = Case::imported(&app, tree, &[&dn]).await;
    let stored = case.tree().await;
    assert_eq!(stored.last().map(String::as_str), Some(format!("{}{dn} *", " ".repeat(60)).as_str()));
    case.sandbox.rename("ou=l0,dc=x", "ou=top", None).expect("renamed");
    assert_eq!(case.changes("").await, ["~ ou=top,dc=x: l0 to top"]);
    let renamed = dn.replace("ou=l0,", "ou=top,");
    assert!(app.container(case.id, &renamed).await.is_some_and(|c| c["selected"] == true));
    case.sandbox.remove("ou=top,dc=x").expect("removed");
    let result = case.import("?acceptRemovals=true").await;
    assert_eq!(told(&result).len(), 60);
    assert_eq!(told(&result).last(), Some(&format!("- {renamed} *")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_below_what_is_none_hangs_under_the_next_one_above() {
    let app = TestApp::start().await;
    let tree = Tree::new()
        .suffix("dc=x")
        .ou("ou=A,dc=x")
        .entry("cn=Ann,ou=A,dc=x", &[("objectClass", &["person"])])
        .ou("ou=hers,cn=Ann,ou=A,dc=x")
        .entry("cn=role,dc=x", &[("objectClass", &["organizationalRole"])])
        .ou("ou=its,cn=role,dc=x");
    let case = Case::imported(&app, tree, &["ou=hers,cn=Ann,ou=A,dc=x"]).await;
    let stored = ["dc=x", " ou=A,dc=x", "  ou=hers,cn=Ann,ou=A,dc=x *", " ou=its,cn=role,dc=x"];
    assert_eq!(case.tree().await, stored);
    // The person becomes a container, and one no more: the row below is hung up silently.
    case.sandbox.set_attribute("cn=Ann,ou=A,dc=x", "objectClass", &["person", "container"]).expect("set");
    assert_eq!(case.changes("").await, ["+ cn=Ann,ou=A,dc=x"]);
    assert_eq!(case.tree().await[2..4], ["  cn=Ann,ou=A,dc=x", "   ou=hers,cn=Ann,ou=A,dc=x *"]);
    // Removed although its LDAP parent is no container.
    case.sandbox.remove("ou=its,cn=role,dc=x").expect("removed");
    assert_eq!(case.changes("").await, ["- ou=its,cn=role,dc=x"]);
}

/// Every order in which the directory may list the two, and an outer search that returns the inner entries too.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_belongs_to_the_inner_naming_context() {
    let app = TestApp::start().await;
    let outer = |t: Tree| t.suffix("dc=x").ou("ou=A,dc=x");
    let inner = |t: Tree| t.suffix("ou=I,dc=x").ou("ou=J,ou=I,dc=x");
    for (tree, first) in [(inner(outer(Tree::new())), "the outer one"), (outer(inner(Tree::new())), "the inner one")] {
        for overlap in [false, true] {
            let fault = |dn: &str| SearchFault::new(Mischief::Entry(dn.to_owned())).under("dc=x");
            let searches = if overlap { vec![fault("ou=I,dc=x"), fault("ou=J,ou=I,dc=x")] } else { Vec::new() };
            let faults = Faults { searches, ..Faults::default() };
            let case = Case::with(&app, Options { faults, ..Options::with_tree(tree.clone()) }).await;
            case.changes("").await;
            let stored = case.tree().await;
            let expected = ["dc=x", " ou=A,dc=x", "ou=I,dc=x", " ou=J,ou=I,dc=x"];
            assert_eq!(stored, expected, "{first} listed first, overlap {overlap}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_outside_the_base_makes_the_view_incomplete() {
    let app = TestApp::start().await;
    let tree = ["ou=A,dc=x", "ou=B,dc=x"].into_iter().fold(Tree::new().suffix("dc=x"), Tree::ou);
    let case = Case::imported(&app, tree, &["ou=A,dc=x"]).await;
    case.sandbox.remove("ou=A,dc=x").expect("removed");
    // After an entry: the search that proves the removal finds none, and must not meet the stray one.
    let stray = Mischief::Entry("ou=stray,dc=elsewhere".to_owned());
    let searches = vec![SearchFault::new(stray).after(1)];
    case.sandbox.set_faults(Faults { searches, ..Faults::default() });
    let result = case.import("").await;
    assert_eq!(told(&result), [""; 0]);
    assert!(warnings(&result).contains("dc=x"), "{result}");
    assert_eq!(case.tree().await, ["dc=x", " ou=A,dc=x *", " ou=B,dc=x"]);
    case.sandbox.set_faults(Faults::default());
    assert_eq!(case.changes("").await, ["- ou=A,dc=x *"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_and_repetition_of_entries_do_not_matter() {
    let app = TestApp::start().await;
    let case = Case::with(&app, Options::sample()).await;
    case.import("").await;
    let expected = case.tree().await;
    for (order, duplicates) in [
        (Order::Created, false),
        (Order::Reversed, false),
        (Order::Shuffled(1), true),
        (Order::Shuffled(2), false),
        (Order::ParentsFirst, true),
    ] {
        case.sandbox.set_faults(Faults { order, duplicates, ..Faults::default() });
        assert_eq!(case.changes("").await, [""; 0], "{order:?}");
        let fresh = app.connected_to(&case.sandbox).await;
        let result = crate::support::case::import(&app, fresh, "").await;
        let totals = [&result["addedContainers"], &result["addedPartitions"]].map(|a| a.as_array().map(Vec::len));
        assert_eq!(totals.map(|t| t.expect("an array")).iter().sum::<usize>(), expected.len(), "{order:?}");
        assert_eq!(crate::support::case::tree(&app.partitions(fresh).await), expected, "{order:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn technical_partitions_are_added_only_on_request() {
    let app = TestApp::start().await;
    let tree = Tree::new().suffix("dc=x").ou("ou=A,dc=x").suffix("cn=config").ou("ou=C,cn=config");
    let case = Case::imported(&app, tree, &[]).await;
    assert_eq!(case.tree().await, ["dc=x", " ou=A,dc=x"]);
    case.set(json!({ "5": { "checkboxValue": false } })).await;
    assert_eq!(case.changes("").await, ["!+ cn=config", "+ ou=C,cn=config"]);
    assert_eq!(case.tree().await[..2], ["cn=config", " ou=C,cn=config h"]);
    // Stored ones are read like any other, whatever the switch says.
    case.set(json!({ "5": { "checkboxValue": true } })).await;
    case.sandbox.add_ou("ou=D,cn=config").expect("added");
    assert_eq!(case.changes("").await, ["+ ou=D,cn=config"]);
    let result: Value = case.import("").await;
    assert_eq!((&result["totalPartitions"], &result["totalContainers"]), (&json!(2), &json!(3)));
}
