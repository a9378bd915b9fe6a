//! Messages that are too deep or too large are refused, whatever they claim, and cost no memory.

use serde_json::json;

use crate::support::TestApp;
use crate::support::case::{Case, same, told, warnings};
use crate::support::directory::{Broken, Ending, Faults, Mischief, Place, SearchFault, Tree};

/// Resident memory in KiB.
fn resident() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("VmRSS");
    line.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}

fn tree() -> Tree {
    ["ou=A,dc=x", "ou=B,dc=x", "ou=C,dc=x"].into_iter().fold(Tree::new().suffix("dc=x"), Tree::ou)
}

async fn case(app: &TestApp) -> Case<'_> {
    let case = Case::imported(app, tree(), &["ou=A,dc=x", "ou=C,dc=x"]).await;
    case.set(json!({ "11": { "intValue": 0 }, "9": { "intValue": 20 } })).await;
    case.sandbox.remove("ou=A,dc=x").expect("removed");
    case
}

const CLAIM: Broken = Broken::LengthClaim { claim: 0x7fff_ffff, then: 1 << 30 };
const MIB: u64 = 1 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn too_deep_or_too_large_is_refused() {
    let app = TestApp::start().await;
    for (broken, reason) in [
        (Broken::Nested(17), "answer not understood"),
        (Broken::Nested(8_000), "answer not understood"),
        (Broken::Nested(200_000), "answer not understood"),
        (Broken::EntryOfSize(4 * MIB + 1), "answer exceeds the limit"),
        (CLAIM, "answer exceeds the limit"),
        (Broken::LengthClaim { claim: u32::MAX, then: 64 }, "answer"),
        (Broken::EmptySequence, "answer not understood"),
        (Broken::IndefiniteLength, "answer not understood"),
        (Broken::InnerOverrun, "answer not understood"),
        (Broken::WrongOperation, "answer not understood"),
        (Broken::WrongId, "answer not understood"),
        (Broken::BadUtf8(Place::Diagnostic), "answer not understood"),
    ] {
        for after in [0, 2] {
            let case = case(&app).await;
            let searches = vec![SearchFault::new(Mischief::Broken(broken)).after(after)];
            case.sandbox.set_faults(Faults { searches, ..Faults::default() });
            let (dump, before) = (app.dump(), resident());
            let message = app.import(case.id, "").await.expect_error(500, "INTERNAL_ERROR");
            let grown = resident() - before;
            assert!(message.contains(&format!("containers at {}: {reason}", case.sandbox.addr())), "{message}");
            same(&app.dump(), &dump, &format!("{broken:?}"));
            println!("{broken:?} after {after}: resident memory {grown:+} KiB");
            // The directory is in this process too; a reader that believed the claim would have grown by a gibibyte.
            assert!(grown < 128 * 1024, "{broken:?}: {grown} KiB");
            case.sandbox.set_faults(Faults::default());
            assert_eq!(case.changes("").await, ["- ou=A,dc=x *"], "{broken:?}");
        }
    }
    app.is_sound();
}

/// What one entry is made of spoils that entry: the view is incomplete, and the rest is used.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_cannot_be_read_is_left_out_and_nothing_is_removed() {
    let app = TestApp::start().await;
    for broken in [
        Broken::BadUtf8(Place::Dn),
        Broken::BadUtf8(Place::AttributeName),
        Broken::ShortEntry,
        Broken::EntryOfSize(4 * MIB - 4096),
    ] {
        let case = case(&app).await;
        case.sandbox.add_ou("ou=D,dc=x").expect("added");
        let searches = vec![SearchFault::new(Mischief::Broken(broken)).after(1)];
        case.sandbox.set_faults(Faults { searches, ..Faults::default() });
        let answer = app.import(case.id, "").await;
        if answer.status == 200 {
            let result = answer.body;
            assert_eq!(told(&result), ["+ ou=D,dc=x"], "{broken:?}");
            assert!(warnings(&result).contains("dc=x: "), "{broken:?}: {result}");
        } else {
            assert_eq!(broken, Broken::ShortEntry, "only this may fail the partition: {}", answer.body);
            answer.expect_error(500, "INTERNAL_ERROR");
        }
        let stored = case.tree().await;
        assert!(
            stored.contains(&" ou=A,dc=x *".to_owned()) && stored.contains(&" ou=C,dc=x *".to_owned()),
            "{broken:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notice_of_disconnection_is_a_lost_connection() {
    let app = TestApp::start().await;
    let case = case(&app).await;
    let end = [Mischief::Broken(Broken::NoticeOfDisconnection), Mischief::End(Ending::Close)];
    let searches = end.into_iter().map(|what| SearchFault::new(what).after(1)).collect();
    case.sandbox.set_faults(Faults { searches, ..Faults::default() });
    let dump = app.dump();
    let message = app.import(case.id, "").await.expect_error(500, "INTERNAL_ERROR");
    assert!(message.contains("connection lost"), "{message}");
    same(&app.dump(), &dump, "nothing changes");
}
