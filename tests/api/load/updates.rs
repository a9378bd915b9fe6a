//! Many updates of one connected system at the same moment. Each is whole, and none undoes another.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use serde_json::{Map, Value, json};

use crate::support::case::activities_of;
use crate::support::{Client, SYSTEMS, TestApp};
use crate::tier;

/// Updates at one moment.
const AT_ONCE: usize = 50;
/// Rounds of it.
fn rounds() -> usize {
    tier::size(40, 200)
}
/// Keys whose callers take turns.
const CALLERS: usize = 8;

/// A server, its one system and callers with a key each.
async fn start() -> (TestApp, i64, Vec<Client>) {
    let app = TestApp::start().await;
    let id = app.create_system("at once").await;
    let mut callers = Vec::new();
    for n in 0..CALLERS {
        callers.push(app.with_roles(&format!("Caller {n}"), &[1]).await);
    }
    (app, id, callers)
}

/// All at once, each from its caller; the answers in the same order.
async fn put_all(callers: &[Client], id: i64, bodies: &[Value]) -> Vec<Value> {
    let puts = bodies.iter().zip(callers.iter().cycle()).map(|(body, caller)| {
        let (caller, body) = (caller.clone(), body.clone());
        tokio::spawn(async move { caller.put(&format!("{SYSTEMS}/{id}"), &body).await })
    });
    // Every request is on its way before the first answer is looked at.
    let answers = join_all(puts.collect::<Vec<_>>()).await;
    answers.into_iter().map(|a| a.expect("an answer").expect_status(200)).collect()
}

/// Every field from one tag; the integer setting alone tells all tags of a round apart.
fn tagged(round: usize, tag: usize) -> Value {
    let text = format!("round {round} tag {tag}");
    json!({
        "name": text, "description": format!("of {text}"), "maxExportParallelism": 1 + tag % 16,
        "settingValues": { "2": { "stringValue": format!("cn={text}") }, "10": { "intValue": 1 + tag } },
    })
}

/// The same fields of a detail.
fn fields(detail: &Value) -> Value {
    let settings = &detail["settingValues"];
    json!({
        "name": detail["name"], "description": detail["description"],
        "maxExportParallelism": detail["maxExportParallelism"],
        "settingValues": {
            "2": { "stringValue": settings["2"]["stringValue"] },
            "10": { "intValue": settings["10"]["intValue"] },
        },
    })
}

/// The same fields of the row in the file.
fn stored(app: &TestApp, id: i64) -> Value {
    let stored = app.stored();
    let (systems, settings) = (stored.systems(), stored.settings());
    let system = systems.iter().find(|row| row.id == id).expect("the row");
    let setting = |of| settings.iter().find(|row| row.system == id && row.id == of).expect("a value");
    json!({
        "name": system.name,
        "description": system.description,
        "maxExportParallelism": system.max_export_parallelism,
        "settingValues": { "2": { "stringValue": setting(2).text }, "10": { "intValue": setting(10).int } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stored_and_what_is_answered_is_of_one_update() {
    let (app, id, callers) = start().await;
    let mut last = BTreeSet::new();
    for round in 0..rounds() {
        let bodies: Vec<_> = (0..AT_ONCE).map(|tag| tagged(round, tag)).collect();
        let answers = put_all(&callers, id, &bodies).await;
        for (answer, body) in answers.iter().zip(&bodies) {
            assert_eq!(fields(answer), *body, "an answer shows what its request made");
        }
        let row = stored(&app, id);
        let winner = bodies.iter().position(|body| *body == row);
        last.insert(winner.unwrap_or_else(|| panic!("of no one update: {row}")));
        assert_eq!(fields(&app.admin().get(&format!("{SYSTEMS}/{id}")).await.expect_status(200)), row);
    }
    tier::figure(format!("{} rounds of {AT_ONCE}: each stored row is of one update", rounds()));
    // Else they came one after another.
    assert!(last.len() > 1, "the last one of each round was always {last:?}");
    assert_eq!(activities_of(&app, id, "Update").len(), rounds() * AT_ONCE, "each was accepted once");
    app.is_sound();
}

/// What one caller changes in a round: its own field or setting, and nothing else. Values of two rounds that follow
/// each other differ.
fn disjoint(round: usize) -> Vec<Value> {
    let text = |what: &str| format!("{what} {round}");
    let mut changes = vec![
        json!({ "name": text("name") }),
        json!({ "description": text("description") }),
        json!({ "maxExportParallelism": 1 + round % 16 }),
    ];
    let texts = [1, 2, 17, 20].map(|setting| (setting, json!({ "stringValue": text("cn=x") })));
    let numbers = [4, 7, 9, 10, 11, 12, 18, 19].map(|setting| (setting, json!({ "intValue": 1 + round % 10 })));
    let switches = [5, 13, 14, 15, 21].map(|setting| (setting, json!({ "checkboxValue": round % 2 == 1 })));
    let offers = [
        (6, ["Full Validation", "Skip Validation (Not Recommended)"]),
        (8, ["NTLM", "Simple"]),
        (16, ["Delete", "Disable"]),
    ];
    let offers = offers.map(|(setting, offered)| (setting, json!({ "stringValue": offered[round % 2] })));
    for (setting, value) in texts.into_iter().chain(numbers).chain(switches).chain(offers) {
        let one = Map::from_iter([(setting.to_string(), value)]);
        changes.push(json!({ "settingValues": one }));
    }
    changes
}

/// Whether a detail shows a change.
fn shows(detail: &Value, change: &Value) -> bool {
    change.as_object().expect("fields").iter().all(|(field, value)| match field.as_str() {
        "settingValues" => value.as_object().expect("settings").iter().all(|(setting, value)| {
            let members = value.as_object().expect("a value");
            members.iter().all(|(member, value)| detail[field][setting][member] == *value)
        }),
        _ => detail[field] == *value,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn no_change_of_another_field_is_lost() {
    let (app, id, callers) = start().await;
    let mut before: Vec<Value> = Vec::new();
    for round in 0..rounds() {
        let changes = disjoint(round);
        assert!(before.iter().zip(&changes).all(|(a, b)| a != b), "every change can be lost");
        // The rest say nothing about any field.
        let nothing = [json!({}), json!({ "settingValues": {} }), json!({ "name": null, "settingValues": null })];
        let silent = nothing.iter().cycle().take(AT_ONCE - changes.len()).cloned();
        // Mixed, so that they do not come after all others.
        let mut bodies: Vec<_> = changes.iter().cloned().chain(silent).collect();
        bodies.rotate_left(round % AT_ONCE);
        let answers = put_all(&callers, id, &bodies).await;
        for (answer, body) in answers.iter().zip(&bodies).filter(|(_, body)| changes.contains(body)) {
            assert!(shows(answer, body), "{body} is not in {answer}");
        }
        for answer in &answers {
            for (new, old) in changes.iter().zip(&before) {
                assert!(shows(answer, new) || shows(answer, old), "neither {new} nor {old} in {answer}");
            }
        }
        let detail = app.admin().get(&format!("{SYSTEMS}/{id}")).await.expect_status(200);
        let lost: Vec<_> = changes.iter().filter(|change| !shows(&detail, change)).collect();
        assert!(lost.is_empty(), "lost in round {round}: {lost:?}");
        before = changes;
    }
    tier::figure(format!("{} rounds of {} different fields: 0 lost", rounds(), before.len()));
    assert_eq!(activities_of(&app, id, "Update").len(), rounds() * AT_ONCE, "each was accepted once");
    app.is_sound();
}
