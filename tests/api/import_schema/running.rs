//! Chapter 6.3 for the schema: what happens while an import runs, and what it leaves behind.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::declared::{
    SUBSCHEMA, TEXT, closed, declare, declared, detail, imported, named, names, own, path, put, put_type, send, shown,
    stored,
};
use crate::support::case::{Case, activities};
use crate::support::directory::{Faults, Mischief, SearchFault};
use crate::support::{Answer, TestApp};

const THINGS: [(&str, &str); 2] = [("thing", "STRUCTURAL MUST colour MAY size"), ("tool", "STRUCTURAL MAY colour")];
const ATTRIBUTES: [(&str, &str); 2] = [("colour", TEXT), ("size", TEXT)];

/// The directory that has no answer yet when it is asked for its schema.
fn held(case: &Case<'_>) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    let wait = SearchFault::new(Mischief::Wait(Arc::clone(&gate))).reading(SUBSCHEMA);
    case.sandbox.set_faults(Faults { searches: vec![wait], ..Faults::default() });
    gate
}

async fn until_waiting(case: &Case<'_>) {
    while case.sandbox.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// An import that stands before the schema while `meanwhile` runs.
async fn during<F: Future>(case: &Case<'_>, meanwhile: F) -> (Answer, F::Output) {
    let gate = held(case);
    let work = async {
        until_waiting(case).await;
        let done = meanwhile.await;
        gate.close();
        done
    };
    let both = tokio::join!(send(case), work);
    case.sandbox.set_faults(Faults::default());
    both
}

#[tokio::test(flavor = "multi_thread")]
async fn one_import_at_a_time_whatever_it_reads() {
    let app = TestApp::start().await;
    let case = declared(&app, &THINGS, &ATTRIBUTES).await;
    let other = declared(&app, &THINGS, &ATTRIBUTES).await;
    let connections = case.sandbox.connections();
    let (answer, ()) = during(&case, async {
        send(&case).await.expect_error(409, "CONFLICT");
        for query in ["", "?preview=true"] {
            app.import(case.id, query).await.expect_error(409, "CONFLICT");
        }
        app.admin().delete(&path(&case)).await.expect_error(409, "CONFLICT");
        assert_eq!(case.sandbox.connections(), connections + 1, "what is refused opens nothing");
        assert_eq!(stored(&case).await, json!([]), "the old state is readable");
        assert_eq!(closed(&case).iter().map(|a| a.0.as_str()).collect::<Vec<_>>(), ["InProgress"]);
        imported(&other).await;
    })
    .await;
    answer.expect_status(200);
    assert_eq!((closed(&case).len(), activities(&app, case.id).len()), (1, 0));

    // An import of the hierarchy keeps one of the schema out as well.
    let gate = Arc::new(Semaphore::new(0));
    case.sandbox.set_faults(Faults { gate: Some(Arc::clone(&gate)), ..Faults::default() });
    let work = async {
        until_waiting(&case).await;
        send(&case).await.expect_error(409, "CONFLICT");
        gate.close();
    };
    let (answer, ()) = tokio::join!(app.import(case.id, ""), work);
    answer.expect_status(200);
    case.sandbox.set_faults(Faults::default());
    imported(&case).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_chosen_meanwhile_is_kept() {
    let app = TestApp::start().await;
    let case = declared(&app, &THINGS, &ATTRIBUTES).await;
    imported(&case).await;
    // Everything that is chosen changes at the same time, or goes.
    declare(&case.sandbox, &[("thing", "STRUCTURAL MAY colour")], &[("colour", "SYNTAX 1.2 SINGLE-VALUE DESC 'hue'")]);
    let (answer, ()) = during(&case, async {
        put_type(&case, "thing", json!({ "removeContributedAttributesOnObsoletion": true })).await;
        put_type(&case, "tool", json!({ "selected": true })).await;
        put(&case, "thing", "colour", json!({ "isExternalId": true })).await;
        put(&case, "thing", "size", json!({ "selected": true })).await;
        put(&case, "thing", "entryUUID", json!({ "selected": false })).await;
    })
    .await;
    let types = answer.expect_status(200)["objectTypes"].clone();
    assert_eq!(types, stored(&case).await);
    let lines = shown(&types);
    assert_eq!(names(&types), ["thing", "tool"]);
    assert!(lines.contains(&"thing r".to_owned()) && lines.contains(&"tool *".to_owned()), "{lines:?}");
    let expected = [
        " colour String Single ReadWrite thing *1",
        " entryUUID Guid Single ReadOnly -",
        " size String Multi ReadWrite thing *",
    ];
    assert_eq!(own(&lines, "thing"), expected);
    let (status, _, warning, _) = closed(&case).pop().expect("an activity");
    let warning = warning.expect("a warning");
    assert!(status == "CompleteWithWarning" && warning.contains("tool") && warning.contains("size"), "{warning}");
    // And what is given up meanwhile goes at once.
    let (answer, _) = during(&case, put_type(&case, "tool", json!({ "selected": false }))).await;
    assert_eq!(names(&answer.expect_status(200)["objectTypes"]), ["thing"]);
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_selections_beside_many_imports() {
    let app = TestApp::start().await;
    let case = declared(&app, &THINGS, &ATTRIBUTES).await;
    imported(&case).await;
    let thing = named(&stored(&case).await, "thing").clone();
    let size = named(&thing["attributes"], "size")["id"].clone();
    let path = format!("{}/object-types/{}", path(&case), thing["id"]);
    for round in 0..30 {
        // The attribute changes each time, so that the import writes its row.
        let rest = format!("{TEXT} DESC 'round {round}'");
        declare(&case.sandbox, &THINGS, &[("colour", TEXT), ("size", &rest)]);
        let selected = json!({ "selected": round % 2 == 0 });
        let client = app.admin();
        let (one, other) = (path.clone(), format!("{path}/attributes/{size}"));
        let puts = async {
            tokio::time::sleep(Duration::from_micros(round * 300)).await;
            client.put(&one, &selected).await.expect_status(200);
            client.put(&other, &selected).await.expect_status(200);
        };
        let (answer, ()) = tokio::join!(send(&case), puts);
        answer.expect_status(200);
        let now = named(&stored(&case).await, "thing").clone();
        let attribute = named(&now["attributes"], "size").clone();
        let flags = (&now["selected"], &attribute["selected"]);
        assert_eq!(flags, (&selected["selected"], &selected["selected"]), "round {round}");
        assert_eq!(attribute["description"], format!("round {round}"));
    }
    app.is_sound();
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_put_meanwhile_are_not_vouched_for() {
    let app = TestApp::start().await;
    let case = declared(&app, &THINGS, &ATTRIBUTES).await;
    for (body, valid) in [
        (json!({ "settingValues": { "9": { "intValue": 299 } } }), false),
        (json!({ "settingValues": {} }), false),
        (json!({ "name": "Another name" }), true),
    ] {
        imported(&case).await;
        let change = async { app.admin().put(&path(&case), &body).await.expect_status(200) };
        let (answer, _) = during(&case, change).await;
        let answer = answer.expect_status(200);
        assert_eq!((&answer["settingValuesValid"], &answer), (&Value::Bool(valid), &detail(&case).await), "{body}");
        assert_eq!(names(&answer["objectTypes"]), ["thing", "tool"]);
    }
    // Settings are never changed by an import.
    let before = detail(&case).await["settingValues"].clone();
    imported(&case).await;
    assert_eq!(detail(&case).await["settingValues"], before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_outlives_its_caller() {
    let app = TestApp::start().await;
    let case = declared(&app, &THINGS, &ATTRIBUTES).await;
    let gate = held(&case);
    let mut caller = TcpStream::connect(app.address).await.expect("connected");
    let head = format!(
        "POST {}/import-schema HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\nContent-Length: 0\r\n\r\n",
        path(&case),
        app.key
    );
    caller.write_all(head.as_bytes()).await.expect("sent");
    until_waiting(&case).await;
    drop(caller);
    send(&case).await.expect_error(409, "CONFLICT");
    gate.close();
    while closed(&case).last().is_none_or(|a| a.0 == "InProgress") {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(closed(&case).pop().expect("an activity").0, "Complete");
    assert_eq!(names(&stored(&case).await), ["thing", "tool"]);
}
