//! A connection that ends anywhere.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::case::{Case, same, told};
use crate::support::directory::{Cut, CutAt, Ending, Faults, Mischief, Pace, SearchFault, Tree};
use crate::tier;

fn cut(bytes: u64, how: Ending) -> Faults {
    Faults { cut: Some(Cut { at: CutAt::Bytes(bytes), how }), ..Faults::default() }
}

fn nothing_removed(result: &Value) {
    assert_eq!((&result["removedContainers"], &result["removedPartitions"]), (&json!([]), &json!([])), "{result}");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_at_any_byte() {
    let app = TestApp::start().await;
    let tree = (0..40).fold(Tree::new().suffix("dc=x"), |t, i| t.ou(&format!("ou=n{i:02},dc=x")));
    let case = Case::imported(&app, tree, &["ou=n07,dc=x", "ou=n39,dc=x"]).await;
    case.set(json!({ "11": { "intValue": 0 } })).await;
    let stored = case.tree().await;
    let whole = |answer: &crate::support::Answer| answer.status == 200 && answer.body["warnings"] == json!([]);

    // How long a good session is: the first cut that does no harm.
    let (mut short, mut long) = (0, 1 << 20);
    while long - short > 1 {
        let middle = (short + long) / 2;
        case.sandbox.set_faults(cut(middle, Ending::Close));
        *(if whole(&app.import(case.id, "").await) { &mut long } else { &mut short }) = middle;
    }
    assert!(long > 1000, "{long}");
    for how in [Ending::Close, Ending::HalfClose, Ending::Reset] {
        let mut failed = 0;
        for step in 0..50 {
            let at = step * long / 50;
            case.sandbox.set_faults(cut(at, how));
            let answer = app.import(case.id, "").await;
            match answer.status {
                200 => nothing_removed(&answer.body),
                _ => {
                    failed += 1;
                    answer.expect_error(500, "INTERNAL_ERROR");
                }
            }
            assert_eq!(case.tree().await, stored, "{how:?} after {at} of {long} bytes");
        }
        assert_eq!(failed, 50, "{how:?}: with one page nothing is known before its result");
    }
    case.sandbox.set_faults(Faults { pace: Some(Pace::slices()), ..Faults::default() });
    let result = case.import("").await;
    assert_eq!((told(&result), &result["warnings"]), (Vec::new(), &json!([])), "a good session byte by byte");
    tier::figure(format!("150 cuts in three ways in {long} bytes: 0 removals; byte by byte all is well"));
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnected_in_any_of_twenty_pages() {
    let app = TestApp::start().await;
    let dn = |i: usize| format!("ou=n{i:05},dc=x");
    let tree = (0..9_999).fold(Tree::new().suffix("dc=x"), |t, i| t.ou(&dn(i)));
    let case = Case::new(&app, tree).await;
    app.import(case.id, "").await.expect_status(200);
    let selected = [dn(3), dn(5_000), dn(9_998)];
    for dn in &selected {
        app.select(case.id, dn).await;
    }
    case.set(json!({ "11": { "intValue": 0 } })).await;
    case.sandbox.remove(&dn(5_000)).expect("removed");
    case.sandbox.remove(&dn(42)).expect("removed");
    let dump = app.dump();
    let rows = |dump: &str| dump.lines().filter(|l| !l.starts_with("connected")).collect::<Vec<_>>().join("\n");
    for page in 1..=20 {
        let how = if page % 2 == 0 { Ending::Close } else { Ending::Reset };
        let fault = SearchFault::new(Mischief::End(how)).on_page(page).after(if page == 20 { 100 } else { 250 });
        case.sandbox.set_faults(Faults { searches: vec![fault], ..Faults::default() });
        let answer = app.import(case.id, "").await;
        if page == 1 {
            answer.expect_error(500, "INTERNAL_ERROR");
            same(&app.dump(), &dump, "the first page");
            continue;
        }
        let result = answer.expect_status(200);
        nothing_removed(&result);
        assert_eq!(result["hasChanges"], false, "page {page}");
        assert!(result["warnings"][0].as_str().is_some_and(|w| w.contains("connection lost after")), "{result}");
        assert!(rows(&app.dump()) == rows(&dump), "page {page}");
    }
    case.sandbox.set_faults(Faults::default());
    let result = app.import(case.id, "").await.expect_status(200);
    assert_eq!(told(&result), [format!("- {}", dn(42)), format!("- {} *", dn(5_000))]);
    let stored = case.tree().await;
    let kept = stored.iter().filter(|l| l.ends_with('*')).collect::<Vec<_>>();
    app.is_sound();
    assert_eq!((stored.len(), kept), (9_998, vec![&format!(" {} *", dn(3)), &format!(" {} *", dn(9_998))]));
}

/// The same with small pages, so that the connection can end after every single message: entries, the results of
/// pages, and everything before them.
#[tokio::test(flavor = "multi_thread")]
async fn cut_after_every_message_of_twenty_pages() {
    let app = TestApp::start().await;
    let dn = |i: usize| format!("ou=n{i:02},dc=x");
    let tree = (0..41).fold(Tree::new().suffix("dc=x"), |t, i| t.ou(&dn(i)));
    let selected = [dn(3), dn(20), dn(38)];
    let case = Case::imported(&app, tree, &selected.iter().map(String::as_str).collect::<Vec<_>>()).await;
    case.set(json!({ "11": { "intValue": 0 } })).await;
    case.sandbox.remove(&dn(20)).expect("removed");
    case.sandbox.remove(&dn(7)).expect("removed");
    case.sandbox.rename(&dn(38), "ou=renamed", None).expect("renamed");
    // Bind, root entry, naming context, 40 entries and 20 results.
    let (before, whole) = (5, 65);
    let (mut failed, mut incomplete) = (0, 0);
    for at in 0..whole {
        let how = if at % 2 == 0 { Ending::Close } else { Ending::Reset };
        let cut = Some(Cut { at: CutAt::Messages(at), how });
        case.sandbox.set_faults(Faults { cut, page_size: Some(2), ..Faults::default() });
        let dump = app.dump();
        let answer = app.import(case.id, "?acceptRemovals=true").await;
        if answer.status == 200 {
            nothing_removed(&answer.body);
            incomplete += 1;
        } else {
            failed += 1;
            answer.expect_error(500, "INTERNAL_ERROR");
            same(&app.dump(), &dump, &format!("{how:?} after {at} messages"));
        }
        let stored = case.tree().await;
        let kept: Vec<&str> = stored.iter().filter_map(|l| l.strip_suffix(" *")).map(str::trim).collect();
        let last = if stored.contains(&" ou=renamed,dc=x *".to_owned()) { "ou=renamed,dc=x" } else { &selected[2] };
        let (first, second) = (selected[0].as_str(), selected[1].as_str());
        assert_eq!((stored.len(), kept), (42, vec![first, second, last]), "{how:?} after {at} messages");
    }
    tier::figure(format!("{whole} cuts: {failed} failed, {incomplete} incomplete, 0 removals"));
    assert_eq!(failed, before + 3, "nothing is known before the result of the first page");
    case.sandbox.set_faults(Faults::default());
    let result = app.import(case.id, "").await.expect_status(200);
    assert_eq!(told(&result), [format!("- {}", dn(7)), format!("- {} *", dn(20))]);
    let stored = case.tree().await;
    assert_eq!((stored.len(), stored.contains(&" ou=renamed,dc=x *".to_owned())), (40, true));
    app.is_sound();
}
