//! Entries whose names cannot be read, come twice, go to another entry, or come before that of their
//! parent.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::Semaphore;

use crate::support::case::{Case, import, told};
use crate::support::directory::{Broken, Faults, Mischief, Options, Order, Place, SearchFault, Tree};
use crate::support::{TestApp, containers};
use crate::tier;

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_entry_among_a_thousand_good_ones() {
    let app = TestApp::start().await;
    let good = (0..1_000).fold(Tree::new().suffix("dc=x"), |t, i| t.ou(&format!("ou=n{i:03},dc=x")));
    let case = Case::imported(&app, good, &["ou=n010,dc=x", "ou=n500,dc=x", "ou=n999,dc=x"]).await;
    case.set(json!({ "11": { "intValue": 0 } })).await;
    case.sandbox.remove("ou=n010,dc=x").expect("removed");
    case.sandbox.remove("ou=n999,dc=x").expect("removed");
    let stored = case.tree().await;
    for broken in [
        Broken::BadUtf8(Place::Dn),
        Broken::BadUtf8(Place::AttributeName),
        Broken::BadUtf8(Place::AttributeValue),
        Broken::LongDn(9_000),
        Broken::LongDn(1 << 20),
        Broken::EntryOfSize(50 << 20),
    ] {
        for after in [0, 500, 998] {
            let searches = vec![SearchFault::new(Mischief::Broken(broken)).after(after)];
            case.sandbox.set_faults(Faults { searches, ..Faults::default() });
            let dump = app.dump();
            let answer = app.import(case.id, "?acceptRemovals=true").await;
            let text = String::from_utf8(answer.raw.clone()).expect("UTF-8");
            // Neither the bytes nor what would stand for them.
            assert!(!text.contains(['\u{fffd}', '\0']) && text.len() < 2_000, "{broken:?}: {text}");
            if answer.status == 200 {
                assert_eq!(told(&answer.body), [""; 0], "{broken:?}");
                assert_ne!(answer.body["warnings"], json!([]), "{broken:?}");
            } else {
                let message = answer.expect_error(500, "INTERNAL_ERROR");
                assert!(message.contains("answer exceeds the limit"), "{broken:?}: {message}");
                crate::support::case::same(&app.dump(), &dump, "nothing is written");
            }
            assert_eq!(case.tree().await, stored, "{broken:?} after {after}");
        }
    }
    case.sandbox.set_faults(Faults::default());
    assert_eq!(case.changes("").await, ["- ou=n010,dc=x *", "- ou=n999,dc=x *"]);
    tier::figure("6 kinds at 3 places among 1,000: 0 removals");
    app.is_sound();
}

/// Names of one entry each, the first as the directory has it.
const SPELLINGS: [&[&str]; 4] = [
    &[
        "ou=Sales,dc=x",
        "ou=Sales,dc=x",
        "OU=SALES,DC=X",
        "ou = Sales , dc = x",
        "ou=\\53ales,dc=x",
        "2.5.4.11=sales,dc=x",
    ],
    &["ou=A\\, B,dc=x", "ou=A\\2C B,dc=x", "ou=a\\2c b,DC=x", "ou=A\\,  B , dc=x", "ou=\"A, B\",dc=x"],
    &["ou=A+l=B,dc=x", "l=B+ou=A,dc=x", "L=b + OU=a,dc=x"],
    &["ou=Zürich,ou=Sales,dc=x", "ou=Z\\C3\\BCrich,ou=Sales,dc=x", "ou=ZÜRICH,OU=sales,dc=X"],
];

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_comes_again_in_another_spelling() {
    let app = TestApp::start().await;
    let directory = SPELLINGS.iter().fold(Tree::new().suffix("dc=x"), |t, names| match names[0] {
        dn if dn.contains('+') => t.entry(dn, &[("objectClass", &["organizationalUnit"])]),
        dn => t.ou(dn),
    });
    let bare = Case::imported(&app, directory.clone(), &[]).await.tree().await;
    let shape = |lines: &[String]| lines.iter().map(|l| l.len() - l.trim_start().len()).collect::<Vec<_>>();
    for names in SPELLINGS {
        // What is compared again and again grows with what is stored.
        let app = TestApp::start().await;
        for again in &names[1..] {
            for (ids, after) in [(true, 0), (true, 5), (false, 2)] {
                let searches = vec![SearchFault::new(Mischief::Entry((*again).to_owned())).after(after)];
                let faults = Faults { searches, ..Faults::default() };
                let case = Case::with(&app, Options { faults, ..Options::with_tree(directory.clone()) }).await;
                case.sandbox.without_ids(!ids);
                let what = format!("{again} after {after}, ids {ids}");
                let added = case.changes("").await;
                assert_eq!(added.len(), 5, "{what}: {added:?}");
                let stored = case.tree().await;
                assert_eq!(shape(&stored), shape(&bare), "{what}: {stored:?}");
                // It is the same tree without the spelling too; the case of a name counts as its name.
                case.sandbox.set_faults(Faults::default());
                let back = told(&case.import("").await);
                assert!(back.len() <= 1 && back.iter().all(|l| l.starts_with("~ ")), "{what}: {back:?}");
                assert_eq!(case.tree().await, bare, "{what}");
            }
        }
        app.is_sound();
    }
    let again: usize = SPELLINGS.iter().map(|names| names.len() - 1).sum();
    tier::figure(format!("{again} spellings at 3 places: one row each, the same tree"));
}

#[tokio::test(flavor = "multi_thread")]
async fn children_before_their_parents_and_orphans() {
    let orphan = "ou=leaf,ou=missing,ou=A,dc=x";
    let deep = ["ou=A,dc=x", "ou=B,ou=A,dc=x", "ou=C,ou=B,ou=A,dc=x", "ou=D,ou=C,ou=B,ou=A,dc=x", "ou=E,dc=x"];
    let directory = deep.into_iter().fold(Tree::new().suffix("dc=x"), Tree::ou);
    let expected = [
        "dc=x",
        " ou=A,dc=x",
        "  ou=B,ou=A,dc=x",
        "   ou=C,ou=B,ou=A,dc=x",
        "    ou=D,ou=C,ou=B,ou=A,dc=x",
        "  ou=leaf,ou=missing,ou=A,dc=x",
        " ou=E,dc=x",
    ];
    for ids in [true, false] {
        for order in [Order::ParentsFirst, Order::Reversed, Order::Shuffled(1), Order::Shuffled(5)] {
            let app = TestApp::start().await;
            for page_size in [None, Some(1), Some(2)] {
                for after in [0, 3] {
                    let searches = vec![SearchFault::new(Mischief::Entry(orphan.to_owned())).after(after)];
                    let faults = Faults { order, page_size, searches, duplicates: after == 3, ..Faults::default() };
                    let case = Case::with(&app, Options { faults, ..Options::with_tree(directory.clone()) }).await;
                    case.sandbox.without_ids(!ids);
                    let what = format!("{order:?}, pages of {page_size:?}, the orphan after {after}, ids {ids}");
                    case.changes("").await;
                    assert_eq!(case.tree().await, expected, "{what}");
                }
            }
            app.is_sound();
        }
    }
    tier::figure("48 orders, pages and orphans: the same tree");
}

/// The parent of an orphan turns up, and goes again.
#[tokio::test(flavor = "multi_thread")]
async fn an_orphan_whose_parent_turns_up() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, Tree::new().suffix("dc=x").ou("ou=A,dc=x"), &[]).await;
    let orphan = |faults: Faults| {
        let searches = vec![SearchFault::new(Mischief::Entry("ou=leaf,ou=missing,dc=x".to_owned()))];
        Faults { searches, ..faults }
    };
    case.sandbox.set_faults(orphan(Faults::default()));
    assert_eq!(case.changes("").await, ["+ ou=leaf,ou=missing,dc=x"]);
    app.select(case.id, "ou=leaf,ou=missing,dc=x").await;
    case.sandbox.add_ou("ou=missing,dc=x").expect("added");
    assert_eq!(case.changes("").await, ["+ ou=missing,dc=x"]);
    let expected = ["dc=x", " ou=A,dc=x", " ou=missing,dc=x", "  ou=leaf,ou=missing,dc=x *"];
    assert_eq!(case.tree().await, expected);
    let partitions = app.partitions(case.id).await;
    assert_eq!(containers(&partitions).len(), 3);
    let again = import(&app, case.id, "?acceptRemovals=true").await;
    assert_eq!(told(&again), [""; 0]);
    app.is_sound();
}

/// One page is read, a name goes to another entry, the next page is read: both entries were seen, and both stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_goes_to_another_entry_between_two_pages() {
    let app = TestApp::start().await;
    let stored = ["dc=x", " ou=A,dc=x *", " ou=B,dc=x *", " ou=D,dc=x"];
    let directory = ["ou=A,dc=x", "ou=D,dc=x", "ou=B,dc=x"].into_iter().fold(Tree::new().suffix("dc=x"), Tree::ou);
    // Who is read first under the name: the entry that has always had it, or the other one.
    for order in [Order::Created, Order::Reversed] {
        let case = Case::imported(&app, directory.clone(), &["ou=A,dc=x", "ou=B,dc=x"]).await;
        assert_eq!(case.tree().await, stored);
        let rename = |dn: &str, new: &str| case.sandbox.rename(dn, new, None).expect("renamed");
        let b_takes_the_name_of_a = || {
            rename("ou=A,dc=x", "ou=C");
            rename("ou=B,dc=x", "ou=A");
        };
        let first = order == Order::Created;
        if !first {
            b_takes_the_name_of_a();
        }
        let gate = Arc::new(Semaphore::new(0));
        let between = SearchFault::new(Mischief::Wait(Arc::clone(&gate))).on_page(1).after(2);
        case.sandbox.set_faults(Faults { order, page_size: Some(2), searches: vec![between], ..Faults::default() });
        let meanwhile = async {
            while case.sandbox.waiting() == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            if first {
                b_takes_the_name_of_a();
            } else {
                rename("ou=A,dc=x", "ou=B");
                rename("ou=C,dc=x", "ou=A");
            }
            gate.close();
        };
        let (answer, ()) = tokio::join!(app.import(case.id, "?acceptRemovals=true"), meanwhile);
        let result = answer.expect_status(200);
        assert_eq!((result["success"].clone(), told(&result)), (json!(true), Vec::new()), "{order:?}: {result}");
        let warnings = result["warnings"].to_string();
        assert!(warnings.contains("left as stored"), "{order:?}: {warnings}");
        assert_eq!(case.tree().await, stored, "{order:?}");
        // Read again, every entry has a name of its own.
        case.sandbox.set_faults(Faults::default());
        let renamed: &[&str] = if first { &["~ ou=A,dc=x: B to A *", "~ ou=C,dc=x: A to C *"] } else { &[] };
        assert_eq!(case.changes("").await, renamed, "{order:?}");
    }
    app.is_sound();
}
