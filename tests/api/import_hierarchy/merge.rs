//! Chapter 6.4: what an import makes of a directory that changed, row by row.

use crate::support::TestApp;
use crate::support::case::{Case, warnings};
use crate::support::directory::{Sandbox, Tree};

/// The tree that most rows begin with.
fn tree() -> Tree {
    ["ou=A,dc=x", "ou=A1,ou=A,dc=x", "ou=A2,ou=A,dc=x", "ou=deep,ou=A1,ou=A,dc=x", "ou=B,dc=x", "ou=B1,ou=B,dc=x"]
        .into_iter()
        .fold(Tree::new().suffix("dc=x"), Tree::ou)
}

struct Row {
    what: &'static str,
    selected: &'static [&'static str],
    change: fn(&Sandbox),
    told: &'static [&'static str],
    stored: &'static [&'static str],
}

const ROWS: &[Row] = &[
    Row {
        what: "nothing",
        selected: &["ou=A,dc=x"],
        change: |_| {},
        told: &[],
        stored: &[
            "dc=x",
            " ou=A,dc=x *",
            "  ou=A1,ou=A,dc=x *",
            "   ou=deep,ou=A1,ou=A,dc=x *",
            "  ou=A2,ou=A,dc=x *",
            " ou=B,dc=x",
            "  ou=B1,ou=B,dc=x",
        ],
    },
    Row {
        what: "added, parents before children and then by name",
        selected: &["ou=A,dc=x"],
        change: |s| {
            for dn in ["ou=c,dc=x", "ou=Z,ou=c,dc=x", "ou=D,dc=x", "ou=a,ou=D,dc=x", "ou=b,dc=x,", "ou=E,dc=x"] {
                // `ou=b` exists already, whatever its case.
                assert_eq!(s.add_ou(dn.trim_end_matches(',')).is_err(), dn.ends_with(','), "{dn}");
            }
        },
        told: &["+ ou=c,dc=x", "+ ou=D,dc=x", "+ ou=E,dc=x", "+ ou=a,ou=D,dc=x", "+ ou=Z,ou=c,dc=x"],
        stored: &[
            "dc=x",
            " ou=A,dc=x *",
            "  ou=A1,ou=A,dc=x *",
            "   ou=deep,ou=A1,ou=A,dc=x *",
            "  ou=A2,ou=A,dc=x *",
            " ou=B,dc=x",
            "  ou=B1,ou=B,dc=x",
            " ou=c,dc=x",
            "  ou=Z,ou=c,dc=x",
            " ou=D,dc=x",
            "  ou=a,ou=D,dc=x",
            " ou=E,dc=x",
        ],
    },
    Row {
        what: "a leaf removed",
        selected: &["ou=A,dc=x"],
        change: |s| s.remove("ou=B1,ou=B,dc=x").expect("removed"),
        told: &["- ou=B1,ou=B,dc=x"],
        stored: &[
            "dc=x",
            " ou=A,dc=x *",
            "  ou=A1,ou=A,dc=x *",
            "   ou=deep,ou=A1,ou=A,dc=x *",
            "  ou=A2,ou=A,dc=x *",
            " ou=B,dc=x",
        ],
    },
    Row {
        what: "a subtree removed, one of it selected",
        selected: &["ou=deep,ou=A1,ou=A,dc=x", "ou=B,dc=x"],
        change: |s| s.remove("ou=A,dc=x").expect("removed"),
        told: &["- ou=A,dc=x", "- ou=A1,ou=A,dc=x", "- ou=A2,ou=A,dc=x", "- ou=deep,ou=A1,ou=A,dc=x *"],
        stored: &["dc=x", " ou=B,dc=x *", "  ou=B1,ou=B,dc=x *"],
    },
    Row {
        what: "renamed, descendants follow silently",
        selected: &["ou=A,dc=x", "ou=deep,ou=A1,ou=A,dc=x"],
        change: |s| s.rename("ou=A,dc=x", "ou=New", None).expect("renamed"),
        told: &["~ ou=New,dc=x: A to New *"],
        stored: &[
            "dc=x",
            " ou=B,dc=x",
            "  ou=B1,ou=B,dc=x",
            " ou=New,dc=x *",
            "  ou=A1,ou=New,dc=x *",
            "   ou=deep,ou=A1,ou=New,dc=x *",
            "  ou=A2,ou=New,dc=x *",
        ],
    },
    Row {
        what: "renamed in case only",
        selected: &["ou=B,dc=x"],
        change: |s| s.rename("ou=B,dc=x", "ou=b", None).expect("renamed"),
        told: &["~ ou=b,dc=x: B to b *"],
        stored: &[
            "dc=x",
            " ou=A,dc=x",
            "  ou=A1,ou=A,dc=x",
            "   ou=deep,ou=A1,ou=A,dc=x",
            "  ou=A2,ou=A,dc=x",
            " ou=b,dc=x *",
            "  ou=B1,ou=b,dc=x *",
        ],
    },
    Row {
        what: "moved down, up to the root, and across",
        selected: &["ou=A1,ou=A,dc=x", "ou=B1,ou=B,dc=x"],
        change: |s| {
            s.rename("ou=A1,ou=A,dc=x", "ou=A1", Some("dc=x")).expect("moved");
            s.rename("ou=A2,ou=A,dc=x", "ou=A2", Some("ou=B,dc=x")).expect("moved");
            s.rename("ou=B1,ou=B,dc=x", "ou=B1", Some("ou=deep,ou=A1,dc=x")).expect("moved");
        },
        told: &[
            "> ou=A1,dc=x: ou=A,dc=x to root *",
            "> ou=A2,ou=B,dc=x: ou=A,dc=x to ou=B,dc=x",
            "> ou=B1,ou=deep,ou=A1,dc=x: ou=B,dc=x to ou=deep,ou=A1,dc=x *",
        ],
        stored: &[
            "dc=x",
            " ou=A,dc=x",
            " ou=A1,dc=x *",
            "  ou=deep,ou=A1,dc=x *",
            "   ou=B1,ou=deep,ou=A1,dc=x *",
            " ou=B,dc=x",
            "  ou=A2,ou=B,dc=x",
        ],
    },
    Row {
        what: "renamed and moved at once, under a parent that is renamed too",
        selected: &["ou=A1,ou=A,dc=x"],
        change: |s| {
            s.rename("ou=A1,ou=A,dc=x", "ou=Z1", Some("ou=B,dc=x")).expect("moved");
            s.rename("ou=B,dc=x", "ou=C", None).expect("renamed");
        },
        told: &["~ ou=C,dc=x: B to C", "~ ou=Z1,ou=C,dc=x: A1 to Z1 *", "> ou=Z1,ou=C,dc=x: ou=A,dc=x to ou=C,dc=x *"],
        stored: &[
            "dc=x",
            " ou=A,dc=x",
            "  ou=A2,ou=A,dc=x",
            " ou=C,dc=x",
            "  ou=B1,ou=C,dc=x",
            "  ou=Z1,ou=C,dc=x *",
            "   ou=deep,ou=Z1,ou=C,dc=x *",
        ],
    },
    Row {
        what: "an ancestor moved: nothing for what is below it",
        selected: &["ou=deep,ou=A1,ou=A,dc=x"],
        change: |s| s.rename("ou=A,dc=x", "ou=A", Some("ou=B,dc=x")).expect("moved"),
        told: &["> ou=A,ou=B,dc=x: root to ou=B,dc=x"],
        stored: &[
            "dc=x",
            " ou=B,dc=x",
            "  ou=A,ou=B,dc=x",
            "   ou=A1,ou=A,ou=B,dc=x",
            "    ou=deep,ou=A1,ou=A,ou=B,dc=x *",
            "   ou=A2,ou=A,ou=B,dc=x",
            "  ou=B1,ou=B,dc=x",
        ],
    },
    Row {
        what: "two names swapped",
        selected: &["ou=A1,ou=A,dc=x", "ou=B,dc=x"],
        change: |s| {
            s.rename("ou=A,dc=x", "ou=tmp", None).expect("renamed");
            s.rename("ou=B,dc=x", "ou=A", None).expect("renamed");
            s.rename("ou=tmp,dc=x", "ou=B", None).expect("renamed");
        },
        told: &["~ ou=A,dc=x: B to A *", "~ ou=B,dc=x: A to B"],
        stored: &[
            "dc=x",
            " ou=A,dc=x *",
            "  ou=B1,ou=A,dc=x *",
            " ou=B,dc=x",
            "  ou=A1,ou=B,dc=x *",
            "   ou=deep,ou=A1,ou=B,dc=x *",
            "  ou=A2,ou=B,dc=x",
        ],
    },
    Row {
        what: "two places swapped",
        selected: &["ou=A1,ou=A,dc=x"],
        change: |s| {
            s.rename("ou=A1,ou=A,dc=x", "ou=A1", Some("ou=B,dc=x")).expect("moved");
            s.rename("ou=B1,ou=B,dc=x", "ou=B1", Some("ou=A,dc=x")).expect("moved");
        },
        told: &["> ou=A1,ou=B,dc=x: ou=A,dc=x to ou=B,dc=x *", "> ou=B1,ou=A,dc=x: ou=B,dc=x to ou=A,dc=x"],
        stored: &[
            "dc=x",
            " ou=A,dc=x",
            "  ou=A2,ou=A,dc=x",
            "  ou=B1,ou=A,dc=x",
            " ou=B,dc=x",
            "  ou=A1,ou=B,dc=x *",
            "   ou=deep,ou=A1,ou=B,dc=x *",
        ],
    },
    Row {
        what: "parent and child changed places",
        selected: &["ou=B1,ou=B,dc=x"],
        change: |s| {
            s.rename("ou=B1,ou=B,dc=x", "ou=B1", Some("dc=x")).expect("moved");
            s.rename("ou=B,dc=x", "ou=B", Some("ou=B1,dc=x")).expect("moved");
        },
        told: &["> ou=B1,dc=x: ou=B,dc=x to root *", "> ou=B,ou=B1,dc=x: root to ou=B1,dc=x"],
        stored: &[
            "dc=x",
            " ou=A,dc=x",
            "  ou=A1,ou=A,dc=x",
            "   ou=deep,ou=A1,ou=A,dc=x",
            "  ou=A2,ou=A,dc=x",
            " ou=B1,dc=x *",
            "  ou=B,ou=B1,dc=x *",
        ],
    },
    Row {
        what: "moved out of a subtree that was then removed",
        selected: &["ou=A1,ou=A,dc=x", "ou=A2,ou=A,dc=x"],
        change: |s| {
            s.rename("ou=A1,ou=A,dc=x", "ou=A1", Some("ou=B,dc=x")).expect("moved");
            s.remove("ou=A,dc=x").expect("removed");
        },
        told: &["- ou=A,dc=x", "- ou=A2,ou=A,dc=x *", "> ou=A1,ou=B,dc=x: ou=A,dc=x to ou=B,dc=x *"],
        stored: &["dc=x", " ou=B,dc=x", "  ou=A1,ou=B,dc=x *", "   ou=deep,ou=A1,ou=B,dc=x *", "  ou=B1,ou=B,dc=x"],
    },
    Row {
        what: "a removed child of a renamed parent",
        selected: &["ou=A2,ou=A,dc=x"],
        change: |s| {
            s.rename("ou=A,dc=x", "ou=New", None).expect("renamed");
            s.remove("ou=A2,ou=New,dc=x").expect("removed");
        },
        told: &["- ou=A2,ou=A,dc=x *", "~ ou=New,dc=x: A to New"],
        stored: &[
            "dc=x",
            " ou=B,dc=x",
            "  ou=B1,ou=B,dc=x",
            " ou=New,dc=x",
            "  ou=A1,ou=New,dc=x",
            "   ou=deep,ou=A1,ou=New,dc=x",
        ],
    },
    Row {
        what: "the name of a removed one taken by another that was there",
        selected: &["ou=A2,ou=A,dc=x", "ou=B1,ou=B,dc=x"],
        change: |s| {
            s.remove("ou=A2,ou=A,dc=x").expect("removed");
            s.rename("ou=B1,ou=B,dc=x", "ou=A2", Some("ou=A,dc=x")).expect("moved");
        },
        told: &["- ou=A2,ou=A,dc=x *", "~ ou=A2,ou=A,dc=x: B1 to A2 *", "> ou=A2,ou=A,dc=x: ou=B,dc=x to ou=A,dc=x *"],
        stored: &[
            "dc=x",
            " ou=A,dc=x",
            "  ou=A1,ou=A,dc=x",
            "   ou=deep,ou=A1,ou=A,dc=x",
            "  ou=A2,ou=A,dc=x *",
            " ou=B,dc=x",
        ],
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn every_row_of_the_merge_table() {
    let app = TestApp::start().await;
    for row in ROWS {
        let case = Case::imported(&app, tree(), row.selected).await;
        (row.change)(&case.sandbox);
        assert_eq!(case.changes("").await, row.told, "{}", row.what);
        assert_eq!(case.tree().await, row.stored, "{}", row.what);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_import_adds_everything_unselected() {
    let app = TestApp::start().await;
    let case = Case::new(&app, tree().suffix("o=second").ou("ou=S,o=second").empty_suffix("o=third")).await;
    let told = case.changes("").await;
    let expected = [
        "!+ dc=x",
        "!+ o=second",
        "!+ o=third",
        "+ ou=A,dc=x",
        "+ ou=B,dc=x",
        "+ ou=S,o=second",
        "+ ou=A1,ou=A,dc=x",
        "+ ou=A2,ou=A,dc=x",
        "+ ou=B1,ou=B,dc=x",
        "+ ou=deep,ou=A1,ou=A,dc=x",
    ];
    assert_eq!(told, expected);
    let stored = case.tree().await;
    assert!(stored.iter().all(|line| !line.contains('*')), "{stored:?}");
    assert_eq!(stored.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn recreated_is_another_entry() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &["ou=A2,ou=A,dc=x", "ou=B,dc=x", "ou=B1,ou=B,dc=x"]).await;
    case.sandbox.remove("ou=A2,ou=A,dc=x").expect("removed");
    case.sandbox.add_ou("ou=A2,ou=A,dc=x").expect("added");
    // A recreated parent: the child below it, moved there with its own id, stays what it was.
    case.sandbox.rename("ou=B1,ou=B,dc=x", "ou=B1", Some("dc=x")).expect("moved");
    case.sandbox.remove("ou=B,dc=x").expect("removed");
    case.sandbox.add_ou("ou=B,dc=x").expect("added");
    case.sandbox.rename("ou=B1,dc=x", "ou=B1", Some("ou=B,dc=x")).expect("moved");
    let result = case.import("").await;
    let told = crate::support::case::told(&result);
    assert_eq!(told, ["+ ou=B,dc=x", "+ ou=A2,ou=A,dc=x", "- ou=B,dc=x *", "- ou=A2,ou=A,dc=x *"]);
    let warnings = warnings(&result);
    assert!(warnings.contains("recreated") && warnings.contains("ou=A2,ou=A,dc=x"), "{warnings}");
    let stored = case.tree().await;
    assert!(stored.contains(&"  ou=A2,ou=A,dc=x".to_owned()) && stored.contains(&" ou=B,dc=x".to_owned()));
    assert!(stored.contains(&"  ou=B1,ou=B,dc=x *".to_owned()), "{stored:?}");
    assert_eq!(case.changes("").await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_are_refreshed_silently() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &["ou=A,dc=x"]).await;
    for (values, shown) in [
        (&["second", "first"][..], serde_json::json!("first")),
        (&["Größe 漢字 🙂"][..], serde_json::json!("Größe 漢字 🙂")),
        (&[][..], serde_json::Value::Null),
    ] {
        case.sandbox.set_attribute("ou=A,dc=x", "description", values).expect("set");
        assert_eq!(case.changes("").await, [""; 0]);
        let stored = app.container(case.id, "ou=A,dc=x").await.expect("stored");
        assert_eq!((&stored["description"], &stored["selected"]), (&shown, &serde_json::json!(true)));
    }
}
