//! Chapter 6.4: what is hidden, what has no readable id, and naming contexts that come and go.

use serde_json::json;

use crate::support::case::{Case, told, warnings};
use crate::support::directory::{Answer, Faults, Sandbox, Tree};
use crate::support::{SYSTEMS, TestApp};

fn tree() -> Tree {
    ["ou=A,dc=x", "ou=A1,ou=A,dc=x", "ou=deep,ou=A1,ou=A,dc=x", "ou=B,dc=x"]
        .into_iter()
        .fold(Tree::new().suffix("dc=x"), Tree::ou)
}

struct Hidden {
    what: &'static str,
    change: fn(&Sandbox),
    /// The DN that the warning names.
    named: &'static str,
    /// What an import with `acceptRemovals=true` then does.
    accepted: &'static [&'static str],
}

const HIDDEN: &[Hidden] = &[
    Hidden {
        what: "a leaf",
        change: |s| s.hide("ou=deep,ou=A1,ou=A,dc=x").expect("hidden"),
        named: "ou=deep,ou=A1,ou=A,dc=x",
        accepted: &["- ou=deep,ou=A1,ou=A,dc=x *"],
    },
    Hidden {
        what: "a subtree",
        change: |s| s.hide("ou=A,dc=x").expect("hidden"),
        named: "ou=A,dc=x",
        accepted: &["- ou=A,dc=x *", "- ou=A1,ou=A,dc=x *", "- ou=deep,ou=A1,ou=A,dc=x *"],
    },
    Hidden {
        what: "an entry whose children still show",
        change: |s| s.hide_alone("ou=A1,ou=A,dc=x").expect("hidden"),
        named: "ou=A1,ou=A,dc=x",
        accepted: &["- ou=A1,ou=A,dc=x *"],
    },
    Hidden {
        what: "an entry that is no container any more but answers",
        change: |s| {
            s.set_attribute("ou=B,dc=x", "objectClass", &["top", "organizationalRole"]).expect("set");
        },
        named: "ou=B,dc=x",
        accepted: &[],
    },
    Hidden {
        what: "an entry below a parent that was renamed",
        change: |s| {
            s.rename("ou=A,dc=x", "ou=A", None).expect("the same");
            s.hide("ou=A1,ou=A,dc=x").expect("hidden");
        },
        named: "ou=A1,ou=A,dc=x",
        accepted: &["- ou=A1,ou=A,dc=x *", "- ou=deep,ou=A1,ou=A,dc=x *"],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_hidden_is_kept_until_the_administrator_vouches() {
    let app = TestApp::start().await;
    for row in HIDDEN {
        let case = Case::imported(&app, tree(), &["ou=A,dc=x", "ou=deep,ou=A1,ou=A,dc=x", "ou=B,dc=x"]).await;
        let before = case.tree().await;
        (row.change)(&case.sandbox);
        let result = case.import("").await;
        assert_eq!(told(&result), [""; 0], "{}", row.what);
        assert_eq!(case.tree().await, before, "{}", row.what);
        let text = warnings(&result);
        assert!(text.contains(row.named), "{}: {text}", row.what);
        assert_eq!(text.contains("acceptRemovals=true"), !row.accepted.is_empty(), "{}: {text}", row.what);
        assert_eq!(case.changes("?acceptRemovals=true").await, row.accepted, "{}", row.what);
        assert_eq!(case.tree().await.len(), before.len() - row.accepted.len(), "{}", row.what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_row_follows_its_renamed_parent() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &["ou=deep,ou=A1,ou=A,dc=x"]).await;
    case.sandbox.hide("ou=A1,ou=A,dc=x").expect("hidden");
    case.sandbox.rename("ou=A,dc=x", "ou=N", None).expect("renamed");
    assert_eq!(case.changes("").await, ["~ ou=N,dc=x: A to N"]);
    let stored = ["dc=x", " ou=B,dc=x", " ou=N,dc=x", "  ou=A1,ou=N,dc=x", "   ou=deep,ou=A1,ou=N,dc=x *"];
    assert_eq!(case.tree().await, stored);
    // Shown again under another parent: the same row.
    case.sandbox.unhide("ou=A1,ou=N,dc=x").expect("shown");
    case.sandbox.rename("ou=A1,ou=N,dc=x", "ou=A1", Some("ou=B,dc=x")).expect("moved");
    assert_eq!(case.changes("").await, ["> ou=A1,ou=B,dc=x: ou=N,dc=x to ou=B,dc=x"]);
    assert!(case.tree().await.contains(&"   ou=deep,ou=A1,ou=B,dc=x *".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warning_names_five_and_counts_the_rest() {
    let app = TestApp::start().await;
    let tree = (0..8).fold(Tree::new().suffix("dc=x"), |t, i| t.ou(&format!("ou=n{i},dc=x")));
    let case = Case::imported(&app, tree, &[]).await;
    (0..7).for_each(|i| case.sandbox.hide(&format!("ou=n{i},dc=x")).expect("hidden"));
    let text = warnings(&case.import("").await);
    assert_eq!(text.matches(",dc=x").count(), 5, "{text}");
    assert!(text.contains("7 containers") && text.contains("and 2 more"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_are_missing_appear_and_vanish() {
    let app = TestApp::start().await;
    let case = Case::new(&app, tree()).await;
    case.sandbox.without_ids(true);
    let first = warnings(&case.import("").await);
    assert!(first.contains("no immutable id"), "{first}");
    app.select(case.id, "ou=B,dc=x").await;

    // Without ids a rename is another container; case in a name is still the same one.
    case.sandbox.rename("ou=A1,ou=A,dc=x", "ou=Z", None).expect("renamed");
    case.sandbox.rename("ou=B,dc=x", "ou=b", None).expect("renamed");
    let told = case.changes("").await;
    let expected = [
        "+ ou=Z,ou=A,dc=x",
        "+ ou=deep,ou=Z,ou=A,dc=x",
        "- ou=A1,ou=A,dc=x",
        "- ou=deep,ou=A1,ou=A,dc=x",
        "~ ou=b,dc=x: B to b *",
    ];
    assert_eq!(told, expected);

    // The ids become readable: adopted in silence, and from now on a rename is a rename.
    case.sandbox.without_ids(false);
    assert_eq!(case.changes("").await, [""; 0]);
    case.sandbox.rename("ou=b,dc=x", "ou=C", None).expect("renamed");
    assert_eq!(case.changes("").await, ["~ ou=C,dc=x: b to C *"]);

    // Unreadable for a while: nothing is forgotten.
    case.sandbox.without_ids(true);
    assert_eq!(case.changes("").await, [""; 0]);
    case.sandbox.without_ids(false);
    case.sandbox.rename("ou=C,dc=x", "ou=D", None).expect("renamed");
    assert_eq!(case.changes("").await, ["~ ou=D,dc=x: C to D *"]);
}

/// A tree whose ids are ordinary attributes, so that a test can give them out as it likes.
fn own_ids(suffix: &str, second: &str) -> Vec<(String, Vec<(&'static str, String)>)> {
    let id = |n: u32| format!("00000000-0000-4000-8000-{n:012}");
    vec![
        (suffix.to_owned(), vec![("entryUUID", id(1))]),
        (format!("ou=A,{suffix}"), vec![("entryUUID", id(2)), ("objectClass", "organizationalUnit".to_owned())]),
        (format!("{second},{suffix}"), vec![("entryUUID", id(3)), ("objectClass", "organizationalUnit".to_owned())]),
    ]
}

fn fill(sandbox: &Sandbox, suffix: &str, second: &str) {
    sandbox.add_suffix(suffix).expect("a suffix");
    for (dn, attributes) in own_ids(suffix, second) {
        let attributes: Vec<(&str, Vec<&str>)> = attributes.iter().map(|(n, v)| (*n, vec![v.as_str()])).collect();
        let attributes: Vec<(&str, &[&str])> = attributes.iter().map(|(n, v)| (*n, v.as_slice())).collect();
        sandbox.add(&dn, &attributes).expect("added");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_naming_context_with_the_same_id_and_another_name_is_renamed() {
    let app = TestApp::start().await;
    let case = Case::new(&app, Tree::new()).await;
    case.sandbox.without_ids(true);
    fill(&case.sandbox, "dc=old", "ou=B");
    case.import("").await;
    app.select(case.id, "ou=A,dc=old").await;
    let partition = app.partitions(case.id).await[0]["id"].clone();
    let path = format!("{SYSTEMS}/{}/partitions/{partition}", case.id);
    app.admin().put(&path, &json!({ "selected": true })).await.expect_status(200);

    // Another spelling of the same name is nothing at all.
    case.sandbox.remove_suffix("dc=old").expect("removed");
    fill(&case.sandbox, "DC=Old", "ou=B");
    assert_eq!(case.changes("").await, [""; 0]);
    assert_eq!(case.tree().await[1].to_lowercase(), " ou=a,dc=old *");

    let old = case.tree().await[0].trim_end_matches(" *").to_owned();
    case.sandbox.remove_suffix("dc=old").expect("removed");
    fill(&case.sandbox, "dc=new", "ou=B");
    assert_eq!(case.changes("").await, [format!("!~ dc=new: {old} to dc=new *")]);
    assert_eq!(case.tree().await, ["dc=new *", " ou=A,dc=new *", " ou=B,dc=new"]);
    assert_eq!(app.partitions(case.id).await[0]["id"], partition);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_kind_of_id_is_adopted_by_name() {
    let app = TestApp::start().await;
    let case = Case::new(&app, Tree::new()).await;
    case.sandbox.without_ids(true);
    fill(&case.sandbox, "dc=x", "ou=B");
    case.import("").await;
    app.select(case.id, "ou=B,dc=x").await;
    case.sandbox.set_attribute("ou=B,dc=x", "entryUUID", &[]).expect("set");
    let other = ["66446001-1dd211b2-8f3e8cd3-6f2ac55a"];
    case.sandbox.set_attribute("ou=B,dc=x", "nsUniqueId", &other).expect("set");
    assert_eq!(case.changes("").await, [""; 0]);
    case.sandbox.rename("ou=B,dc=x", "ou=C", Some("ou=A,dc=x")).expect("moved");
    assert_eq!(case.changes("").await, ["~ ou=C,ou=A,dc=x: B to C *", "> ou=C,ou=A,dc=x: root to ou=A,dc=x *"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn naming_contexts_come_and_go() {
    let app = TestApp::start().await;
    let two = || tree().suffix("o=two").ou("ou=T,o=two").ou("ou=U,ou=T,o=two");
    let case = Case::imported(&app, tree(), &["ou=A,dc=x"]).await;
    case.sandbox.add_suffix("o=new").expect("a suffix");
    // Without an entry it is listed, and that is enough.
    let result = case.import("").await;
    assert_eq!(told(&result), ["!+ o=new"]);
    assert!(warnings(&result).contains("o=new: root entry not found or not readable"), "{result}");
    case.sandbox.add("o=new", &[]).expect("its entry");
    case.sandbox.add_ou("ou=N,o=new").expect("added");
    assert_eq!(case.changes("").await, ["+ ou=N,o=new"]);
    assert_eq!(case.tree().await.len(), 7);

    // Proved gone beside another one: with everything in it, selected or not, however much it is.
    let case = Case::imported(&app, two(), &["ou=U,ou=T,o=two", "ou=A,dc=x"]).await;
    case.sandbox.remove_suffix("o=two").expect("removed");
    assert_eq!(case.changes("").await, ["!- o=two", "- ou=T,o=two", "- ou=U,ou=T,o=two *"]);
    assert_eq!(case.tree().await.len(), 5);

    // Not proved: any answer but "no such object".
    for code in [0, 1, 10, 50, 51, 53, 80] {
        let case = Case::imported(&app, two(), &["ou=U,ou=T,o=two"]).await;
        case.sandbox.remove_suffix("o=two").expect("removed");
        let base_reads = vec![("o=two".to_owned(), Answer::new(code, ""))];
        case.sandbox.set_faults(Faults { base_reads, ..Faults::default() });
        let result = case.import("").await;
        assert_eq!(result["success"], false, "{code}");
        assert!(result["errorMessage"].as_str().is_some_and(|m| m.contains("o=two")), "{result}");
    }

    // Its entry still answers, as part of another one: not even the administrator removes it.
    let inner = tree().suffix("ou=I,dc=x").ou("ou=J,ou=I,dc=x");
    let case = Case::imported(&app, inner, &["ou=J,ou=I,dc=x"]).await;
    case.sandbox.remove_suffix("ou=I,dc=x").expect("removed");
    case.sandbox.add_ou("ou=I,dc=x").expect("added");
    assert_eq!(case.import("").await["success"], false);
    let result = case.import("?acceptRemovals=true").await;
    assert_eq!(result["removedPartitions"], json!([]), "{result}");
    assert!(warnings(&result).contains("ou=I,dc=x"), "{result}");
}
