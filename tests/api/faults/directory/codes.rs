//! Result codes at the naming context's entry and at the search, in one partition and in all of them.

use serde_json::json;

use crate::support::TestApp;
use crate::support::case::{Case, same, told, warnings};
use crate::support::directory::{Answer, Faults, Mischief, Options, Order, SearchFault, Tree};
use crate::tier;

const CODES: [u32; 11] = [1, 3, 4, 10, 11, 32, 50, 51, 52, 53, 80];

fn tree() -> Tree {
    ["ou=A,dc=x", "ou=B,dc=x", "ou=C,ou=B,dc=x"]
        .into_iter()
        .fold(Tree::new().suffix("dc=x"), Tree::ou)
        .suffix("o=y")
        .ou("ou=S,o=y")
}

/// The rows of a dump that belong to a naming context.
fn rows(dump: &str, suffix: &str) -> Vec<String> {
    dump.lines().filter(|l| !l.starts_with("connected") && l.contains(suffix)).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_ends_in_a_code() {
    let app = TestApp::start().await;
    let case = Case::imported(&app, tree(), &["ou=A,dc=x", "ou=C,ou=B,dc=x", "ou=S,o=y"]).await;
    // What a reader that believed the other end would remove, rename and add.
    case.sandbox.remove("ou=A,dc=x").expect("removed");
    case.sandbox.rename("ou=C,ou=B,dc=x", "ou=C2", None).expect("renamed");
    for (number, code) in CODES.into_iter().enumerate() {
        let answer = || Answer::new(code, "");
        let base = |dns: &[&str]| dns.iter().map(|dn| ((*dn).to_owned(), answer())).collect::<Vec<_>>();
        let search = |dns: &[&str]| {
            let fault = |dn: &&str| SearchFault::new(Mischief::Answer(answer())).under(dn);
            dns.iter().map(fault).collect::<Vec<_>>()
        };
        for at_entry in [true, false] {
            let faults = |dns: &[&str]| match at_entry {
                true => Faults { base_reads: base(dns), ..Faults::default() },
                false => Faults { searches: search(dns), ..Faults::default() },
            };
            let what = format!("{code} at the {}", if at_entry { "entry" } else { "search" });
            case.sandbox.set_faults(faults(&["dc=x", "o=y"]));
            let dump = app.dump();
            app.import(case.id, "").await.expect_error(500, "INTERNAL_ERROR");
            same(&app.dump(), &dump, &what);

            let fresh = format!("ou=new{number}{at_entry},o=y");
            case.sandbox.add_ou(&fresh).expect("added");
            case.sandbox.set_faults(faults(&["dc=x"]));
            let result = case.import("").await;
            assert_eq!(told(&result), [format!("+ {fresh}")], "{what}");
            assert_eq!(rows(&app.dump(), "dc=x"), rows(&dump, "dc=x"), "{what}");
            assert!(warnings(&result).contains("dc=x: "), "{what}: {result}");
            // The other one merges with its verified removals.
            case.sandbox.remove(&fresh).expect("removed");
            assert_eq!(told(&case.import("?acceptRemovals=true").await), [format!("- {fresh}")], "{what}");
            assert_eq!(rows(&app.dump(), "dc=x"), rows(&dump, "dc=x"), "{what}");
        }
    }
    case.sandbox.set_faults(Faults::default());
    assert_eq!(case.changes("").await, ["- ou=A,dc=x *", "~ ou=C2,ou=B,dc=x: C to C2 *"]);
    tier::figure(format!("{} codes at the entry and at the search, for one and for both: 0 removals", CODES.len()));
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_after_entries() {
    let app = TestApp::start().await;
    for code in CODES {
        let case = Case::imported(&app, tree(), &["ou=A,dc=x", "ou=C,ou=B,dc=x"]).await;
        let stored = case.tree().await;
        case.sandbox.remove("ou=A,dc=x").expect("removed");
        case.sandbox.rename("ou=B,dc=x", "ou=B2", None).expect("renamed");
        let answer = Mischief::Answer(Answer::new(code, ""));
        let searches = vec![SearchFault::new(answer).under("dc=x").after(2)];
        case.sandbox.set_faults(Faults { searches, ..Faults::default() });
        let incomplete = matches!(code, 3 | 4 | 11 | 51 | 52);
        for query in ["", "?acceptRemovals=true"] {
            let result = case.import(query).await;
            let first = query.is_empty() && incomplete;
            assert_eq!(told(&result), if first { vec!["~ ou=B2,dc=x: B to B2"] } else { vec![] }, "{code} {query}");
            assert!(warnings(&result).contains(&format!("({code}) after")), "{code}: {result}");
        }
        let renamed: Vec<String> = stored.iter().map(|l| l.replace("ou=B,", "ou=B2,")).collect();
        assert_eq!(case.tree().await, if incomplete { renamed } else { stored }, "{code}");
    }
}

/// Small pages; the code ends the second or the third one, in one naming context and in both.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_on_a_later_page() {
    let app = TestApp::start().await;
    let tree = ["dc=x", "o=y"]
        .into_iter()
        .fold(Tree::new(), |tree, suffix| (0..7).fold(tree.suffix(suffix), |t, i| t.ou(&format!("ou=n{i},{suffix}"))));
    let case = Case::imported(&app, tree, &["ou=n0,dc=x", "ou=n1,dc=x", "ou=n6,dc=x", "ou=n6,o=y"]).await;
    // One that would be missed before the code, one after it, and a new name that comes before it.
    case.sandbox.remove("ou=n1,dc=x").expect("removed");
    case.sandbox.remove("ou=n6,dc=x").expect("removed");
    let mut name = 0;
    for code in CODES {
        for page in [2, 3] {
            let fault = |suffix: &str| {
                SearchFault::new(Mischief::Answer(Answer::new(code, ""))).under(suffix).on_page(page).after(1)
            };
            let faults = |suffixes: &[&str]| Faults {
                searches: suffixes.iter().map(|s| fault(s)).collect(),
                page_size: Some(2),
                ..Faults::default()
            };
            let what = format!("{code} on page {page}");
            let incomplete = matches!(code, 3 | 4 | 11 | 51 | 52);
            name += 1;
            let renamed = format!("ou=r{name},dc=x");
            case.sandbox.rename(&format!("ou={},dc=x", before(name)), &format!("ou=r{name}"), None).expect("renamed");
            for query in ["", "?acceptRemovals=true"] {
                let dump = app.dump();
                case.sandbox.set_faults(faults(&["dc=x", "o=y"]));
                let answer = app.import(case.id, query).await;
                let mut expected = Vec::new();
                if incomplete {
                    if query.is_empty() {
                        expected.push(format!("~ {renamed}: {} to r{name} *", before(name)));
                    }
                    assert_eq!(told(&answer.expect_status(200)), expected, "{what}");
                } else {
                    answer.expect_error(500, "INTERNAL_ERROR");
                    same(&app.dump(), &dump, &what);
                }
                // The other one is whole: it merges, with what it removes.
                let (fresh, dump) = (format!("ou=new{name},o=y"), app.dump());
                case.sandbox.add_ou(&fresh).expect("added");
                case.sandbox.set_faults(faults(&["dc=x"]));
                let result = case.import(query).await;
                assert_eq!(told(&result), [format!("+ {fresh}")], "{what}");
                assert!(warnings(&result).contains(&format!("({code}) after")), "{what}: {result}");
                case.sandbox.remove(&fresh).expect("removed");
                assert_eq!(told(&case.import(query).await), [format!("- {fresh}")], "{what}");
                assert_eq!(rows(&app.dump(), "dc=x"), rows(&dump, "dc=x"), "{what}");
            }
            if !incomplete {
                case.sandbox.rename(&renamed, &format!("ou={}", before(name)), None).expect("renamed back");
                name -= 1;
            }
        }
    }
    case.sandbox.set_faults(Faults::default());
    assert_eq!(case.changes("").await, ["- ou=n1,dc=x *", "- ou=n6,dc=x *"]);
    app.is_sound();
}

/// The name of the unit before its `n`-th renaming.
fn before(n: u32) -> String {
    if n == 1 { "n0".to_owned() } else { format!("r{}", n - 1) }
}

/// Of an incomplete view only that is placed whose parent was read or is stored.
#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_view_adds_and_moves_what_has_a_place() {
    let app = TestApp::start().await;
    for (read, expected) in [
        (1, vec![]),
        (2, vec![]),
        (
            3,
            vec![
                "+ ou=P,dc=x",
                "+ ou=new,ou=P,dc=x",
                "~ ou=C2,ou=P,dc=x: C to C2 *",
                "> ou=C2,ou=P,dc=x: ou=B,dc=x to ou=P,dc=x *",
            ],
        ),
    ] {
        let case = Case::imported(&app, tree(), &["ou=C,ou=B,dc=x", "ou=A,dc=x"]).await;
        case.sandbox.remove("ou=A,dc=x").expect("removed");
        case.sandbox.add_ou("ou=P,dc=x").expect("added");
        case.sandbox.rename("ou=C,ou=B,dc=x", "ou=C2", Some("ou=P,dc=x")).expect("moved");
        case.sandbox.add_ou("ou=new,ou=P,dc=x").expect("added");
        // The youngest first: a child comes before its new parent.
        let (order, fault) = (Order::Reversed, SearchFault::new(Mischief::Answer(Answer::new(4, ""))));
        let searches = vec![fault.under("dc=x").after(read)];
        case.sandbox.set_faults(Faults { order, searches, ..Faults::default() });
        let result = case.import("").await;
        assert_eq!(told(&result), expected, "after {read}");
        let text = warnings(&result);
        assert_eq!(text.contains("ou=new,ou=P,dc=x"), read < 3, "{text}");
        assert!(case.tree().await.contains(&" ou=A,dc=x *".to_owned()));
        case.sandbox.set_faults(Faults::default());
        case.import("").await;
        let whole =
            ["dc=x", " ou=B,dc=x", " ou=P,dc=x", "  ou=C2,ou=P,dc=x *", "  ou=new,ou=P,dc=x", "o=y", " ou=S,o=y"];
        assert_eq!(case.tree().await, whole, "after {read}");
    }
}

/// A size limit that holds over all pages, as OpenLDAP's does, is never read as a removal.
#[tokio::test(flavor = "multi_thread")]
async fn a_size_limit_never_removes() {
    let app = TestApp::start().await;
    let tree = (0..30).fold(Tree::new().suffix("dc=x"), |t, i| t.ou(&format!("ou=n{i:02},dc=x")));
    let full = Case::imported(&app, tree.clone(), &["ou=n29,dc=x"]).await;
    let limited = Case::with(&app, Options { size_limit: Some(10), ..Options::with_tree(tree) }).await;
    let target = format!("ldap://{}", limited.sandbox.addr());
    let password = json!({ "stringValue": limited.sandbox.password() });
    full.set(json!({ "1": { "stringValue": target }, "3": password })).await;
    for query in ["", "?acceptRemovals=true"] {
        let result = full.import(query).await;
        assert_eq!(told(&result), [""; 0], "{query}");
        let text = warnings(&result);
        assert!(text.contains("sizeLimitExceeded (4)") && text.contains("raise the size limit"), "{text}");
    }
    assert!(full.tree().await.contains(&" ou=n29,dc=x *".to_owned()));
}
