//! Failures of the directory or of the way to it: 500.

use serde_json::json;

use super::fails;
use crate::support::TestApp;
use crate::support::case::{Case, same, told, warnings};
use crate::support::directory::{Answer, Certificate, Cut, CutAt, Ending, Faults, Options, Tls, Tree};

fn tree() -> Tree {
    Tree::new().suffix("dc=x").ou("ou=A,dc=x").suffix("o=y").ou("ou=B,o=y")
}

async fn case(app: &TestApp, retries: i64) -> Case<'_> {
    let case = Case::imported(app, tree(), &["ou=A,dc=x", "ou=B,o=y"]).await;
    case.set(json!({ "11": { "intValue": retries }, "12": { "intValue": 1 } })).await;
    case
}

const LEAD: &str = "Connection to the external store failed";

#[tokio::test(flavor = "multi_thread")]
async fn busy_and_dropped_connections_are_tried_again_and_nothing_else() {
    let app = TestApp::start().await;
    let bind = |code| Faults { bind: Some(Answer::new(code, "")), ..Faults::default() };
    let root = |code| Faults { base_reads: vec![(String::new(), Answer::new(code, ""))], ..Faults::default() };
    let cut = |messages, how| Faults { cut: Some(Cut { at: CutAt::Messages(messages), how }), ..Faults::default() };
    // The faults, the stage and reason, the binds of one import that may try twice more.
    for (faults, said, binds) in [
        (bind(51), "bind at {}: busy (51)", 3),
        (bind(52), "bind at {}: unavailable (52)", 3),
        (bind(1), "bind at {}: operationsError (1)", 1),
        (bind(2), "bind at {}: protocolError (2)", 1),
        (bind(53), "bind at {}: unwillingToPerform (53)", 1),
        (bind(80), "bind at {}: other (80)", 1),
        (bind(4096), "bind at {}: result (4096)", 1),
        (root(51), "root at {}: busy (51)", 3),
        (root(52), "root at {}: unavailable (52)", 3),
        (root(0), "root at {}: no entry", 1),
        (root(1), "root at {}: operationsError (1)", 1),
        (root(10), "root at {}: referral (10)", 1),
        (root(32), "root at {}: noSuchObject (32)", 1),
        (root(50), "root at {}: insufficientAccessRights (50)", 1),
        (cut(0, Ending::Close), "bind at {}: connection lost", 3),
        (cut(0, Ending::Reset), "bind at {}: connection lost", 3),
        (cut(1, Ending::Close), "root at {}: connection lost", 3),
    ] {
        let case = case(&app, 2).await;
        let attempts = case.sandbox.bind_attempts();
        case.sandbox.set_faults(faults);
        let message = fails(&case, 500, true).await;
        assert!(message.starts_with(LEAD), "{message}");
        let said = said.replace("{}", &case.sandbox.addr().to_string());
        assert!(message.contains(&said), "{said}: {message}");
        assert_eq!(case.sandbox.bind_attempts() - attempts, 2 * binds, "once each for preview and import: {said}");
    }
    // Two bad connections and a good one.
    for (retries, works) in [(2, true), (1, false)] {
        let case = case(&app, retries).await;
        case.sandbox.set_faults(Faults { connections: Some(0..2), ..bind(51) });
        let answer = app.import(case.id, "").await;
        assert_eq!(answer.status, if works { 200 } else { 500 }, "{retries}: {}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_not_there() {
    let app = TestApp::start().await;
    let case = case(&app, 3).await;
    let address = case.sandbox.addr();
    let password = json!({ "stringValue": case.sandbox.password() });
    case.set(json!({ "1": { "stringValue": "nowhere.invalid" }, "3": password })).await;
    let message = fails(&case, 500, true).await;
    assert!(message.contains("resolve at nowhere.invalid:389: name not found"), "{message}");
    case.set(json!({ "1": { "stringValue": address.to_string() }, "3": password })).await;
    let Case { app, sandbox, id } = case;
    sandbox.stop().await;
    let dump = app.dump();
    let message = app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
    assert!(message.starts_with(LEAD), "{message}");
    assert!(message.contains(&format!("connect at {address}: connection refused")), "{message}");
    same(&app.dump(), &dump, "nothing changes");
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_that_cannot_be_read() {
    let app = TestApp::start().await;
    for code in [0, 1, 10, 32, 50, 53, 80] {
        let unreadable = |dns: &[&str]| {
            let base_reads = dns.iter().map(|dn| ((*dn).to_owned(), Answer::new(code, ""))).collect();
            Faults { base_reads, ..Faults::default() }
        };
        let case = case(&app, 0).await;
        case.sandbox.remove("ou=A,dc=x").expect("removed");
        case.sandbox.add_ou("ou=C,o=y").expect("added");
        case.sandbox.set_faults(unreadable(&["dc=x", "o=y"]));
        let message = fails(&case, 500, true).await;
        assert!(message.contains(&format!("containers at {}: ", case.sandbox.addr())), "{message}");
        case.sandbox.set_faults(unreadable(&["dc=x"]));
        let result = case.import("").await;
        assert_eq!(told(&result), ["+ ou=C,o=y"], "{code}");
        assert!(warnings(&result).contains("dc=x: root entry not found or not readable"), "{code}: {result}");
        assert_eq!(case.tree().await, ["dc=x", " ou=A,dc=x *", "o=y", " ou=B,o=y *", " ou=C,o=y"], "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_before_tls_is_as_the_settings_say() {
    let app = TestApp::start().await;
    let good = || Certificate::for_names(&["localhost"]).expect("a certificate");
    let old = || Certificate::expired(&["localhost"]).expect("a certificate");
    let (secure, start) = (json!({ "21": { "checkboxValue": true } }), json!({ "15": { "checkboxValue": true } }));
    for (tls, switches, reason) in [
        (None, &start, "StartTLS refused: protocolError (2)"),
        (None, &secure, "handshake failed"),
        (Some(Tls::Ldaps(good().config())), &start, ""),
        (Some(Tls::Ldaps(good().config())), &secure, "issuer not trusted"),
        (Some(Tls::StartTls(good().config())), &start, "issuer not trusted"),
        (Some(Tls::StartTls(good().config())), &secure, "handshake failed"),
        (Some(Tls::Ldaps(old().config())), &secure, ""),
    ] {
        let case = Case::with(&app, Options { tls, ..Options::with_tree(tree()) }).await;
        let mut values = switches.clone();
        values["1"] = json!({ "stringValue": format!("localhost:{}", case.sandbox.addr().port()) });
        values["3"] = json!({ "stringValue": case.sandbox.password() });
        values["11"] = json!({ "intValue": 0 });
        values["7"] = json!({ "intValue": 2 });
        case.set(values).await;
        let message = fails(&case, 500, true).await;
        let said = format!("tls at localhost:{}: {reason}", case.sandbox.addr().port());
        assert!(message.contains(&said), "{said}: {message}");
        assert_eq!(case.sandbox.bind_attempts(), 0, "{said}");
    }
}
