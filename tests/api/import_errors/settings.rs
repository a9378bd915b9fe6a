//! Refusals before connecting, and of credentials: 400.

use serde_json::{Value, json};

use super::fails;
use crate::support::case::Case;
use crate::support::directory::{Answer, Faults, Options, Tree, active_directory_bind};
use crate::support::{SYSTEMS, TestApp};
use crate::tier;

fn text(value: &str) -> Value {
    json!({ "stringValue": value })
}

fn on() -> Value {
    json!({ "checkboxValue": true })
}

/// Settings that differ from those of a sandbox, together with its password, and what the message must name.
async fn refused(app: &TestApp, changed: Value, named: &[&str]) {
    let case = Case::imported(app, Tree::new().suffix("dc=x").ou("ou=A,dc=x"), &["ou=A,dc=x"]).await;
    let (connections, attempts) = (case.sandbox.connections(), case.sandbox.bind_attempts());
    let mut values = changed;
    if values.get("3").is_none() {
        values["3"] = text(case.sandbox.password());
    }
    case.set(values.clone()).await;
    let message = fails(&case, 400, false).await;
    for name in named {
        assert!(message.contains(name), "{name}: {message}");
    }
    assert_eq!((case.sandbox.connections(), case.sandbox.bind_attempts()), (connections, attempts), "{values}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_setting_is_empty() {
    let app = TestApp::start().await;
    for (id, name) in [("1", "Host"), ("2", "Username"), ("3", "Password"), ("8", "Authentication Type")] {
        refused(&app, json!({ id: text("") }), &[name]).await;
    }
    refused(&app, json!({ "8": text("NTLM") }), &["NTLM"]).await;
    let fresh = app.create_system("Nothing set").await;
    app.import(fresh, "").await.expect_error(400, "BAD_REQUEST");
    let file = json!({ "name": "Files", "connectorDefinitionId": 1 });
    let file = app.admin().post(SYSTEMS, &file).await.expect_status(201)["id"].as_i64().expect("an id");
    app.import(file, "").await.expect_error(400, "BAD_REQUEST");
    assert_eq!(crate::support::case::activities(&app, file).len(), 0);
}

/// An empty password with a name would be an anonymous bind, which some servers answer with success.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_password_is_never_sent() {
    let app = TestApp::start().await;
    let case = Case::new(&app, Tree::new().suffix("dc=x")).await;
    case.set(json!({ "3": text("") })).await;
    assert!(fails(&case, 400, false).await.contains("Password"));
    assert_eq!((case.sandbox.bind_attempts(), case.sandbox.connections()), (0, 0));
    tier::figure("400, 0 connections, 0 binds");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_of_another_form_is_refused() {
    let app = TestApp::start().await;
    for host in [
        "http://localhost",
        "ldapi:///x",
        "ldap://",
        "ldap://user@localhost",
        "ldap://u:p@localhost",
        "localhost/dc=x",
        "ldap://localhost/dc=x",
        "ldap://localhost?x",
        "ldap://localhost#x",
        "local host",
        "localhost:",
        "localhost:0",
        "localhost:65536",
        "localhost:abc",
        "localhost:-1",
        "[::1",
        "[127.0.0.1]:389",
        "[::1]x",
        ":389",
        "a,b",
    ] {
        refused(&app, json!({ "1": text(host) }), &["Host"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contradictions_name_both_settings_and_both_values() {
    let app = TestApp::start().await;
    let (secure, start) = ("Use Secure Connection (LDAPS)?", "Use StartTLS?");
    for (changed, named) in [
        (json!({ "1": text("localhost:1389"), "4": { "intValue": 1390 } }), vec!["Host", "1389", "Port", "1390"]),
        (json!({ "1": text("ldaps://[::1]:636"), "4": { "intValue": 637 } }), vec!["Host", "636", "Port", "637"]),
        (json!({ "1": text("ldap://localhost"), "21": on() }), vec!["Host", "ldap://localhost", secure, "on"]),
        (json!({ "1": text("ldaps://localhost"), "15": on() }), vec!["Host", "ldaps://localhost", start, "on"]),
        (json!({ "1": text("localhost"), "15": on(), "21": on() }), vec![start, secure, "on"]),
    ] {
        refused(&app, changed, &named).await;
    }
    // 389 and switches that are off mean "not chosen".
    let case = Case::new(&app, Tree::new().suffix("dc=x")).await;
    let off = json!({ "checkboxValue": false });
    case.set(json!({ "4": { "intValue": 389 }, "15": off, "21": off, "3": text(case.sandbox.password()) })).await;
    case.import("").await;
    let (host, port) = (case.sandbox.addr().ip().to_string(), case.sandbox.addr().port());
    let password = text(case.sandbox.password());
    case.set(json!({ "1": text(&host), "4": { "intValue": port }, "3": password })).await;
    case.import("").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_never_a_directory_is_refused() {
    let app = TestApp::start().await;
    for host in ["169.254.169.254", "ldap://224.0.0.1:389", "255.255.255.255", "0.0.0.0", "[fe80::1]:389", "::"] {
        let case = Case::new(&app, Tree::new().suffix("dc=x")).await;
        case.set(json!({ "1": text(host), "3": text(case.sandbox.password()) })).await;
        let message = app.import(case.id, "").await.expect_error(400, "BAD_REQUEST");
        assert!(message.contains("not allowed"), "{host}: {message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_password_goes_only_to_the_target_it_was_stored_for() {
    let app = TestApp::start().await;
    for (id, value) in [
        ("1", text("localhost")),
        ("4", json!({ "intValue": 1389 })),
        ("21", on()),
        ("15", on()),
        ("6", text("Skip Validation (Not Recommended)")),
        ("2", text("cn=somebody else,dc=x")),
    ] {
        let case = Case::imported(&app, Tree::new().suffix("dc=x").ou("ou=A,dc=x"), &["ou=A,dc=x"]).await;
        let (address, password) = (case.sandbox.addr(), text(case.sandbox.password()));
        let target =
            json!({ "1": text(&address.ip().to_string()), "4": { "intValue": address.port() }, "3": password });
        case.set(target).await;
        let path = format!("{SYSTEMS}/{}", case.id);
        let before = app.admin().get(&path).await.expect_status(200)["settingValues"][id].clone();
        let connections = case.sandbox.connections();
        case.set(json!({ id: value })).await;
        let mut back = before.clone();
        if id == "6" {
            back["stringValue"] = json!("");
        }
        for values in [Value::Null, json!({ id: back })] {
            if !values.is_null() {
                case.set(values).await;
            }
            let shown = app.admin().get(&path).await.expect_status(200)["settingValues"]["3"].clone();
            assert_eq!((&shown["isSet"], &shown["needsReentry"]), (&json!(true), &json!(true)), "{id}");
            let message = fails(&case, 400, false).await;
            let said = "assword must be re-entered because the connection target changed";
            assert!(message.contains(said), "{id}: {message}");
        }
        assert_eq!(case.sandbox.connections(), connections, "{id}");
        case.set(json!({ "3": text(case.sandbox.password()) })).await;
        case.import("").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_name_stage_target_and_number() {
    let app = TestApp::start().await;
    let tree = Tree::new().suffix("dc=x").ou("ou=A,dc=x");
    let case = Case::imported(&app, tree.clone(), &["ou=A,dc=x"]).await;
    case.set(json!({ "11": { "intValue": 3 }, "12": { "intValue": 1 } })).await;
    let at = format!("bind at {}: ", case.sandbox.addr());
    let mut rows = vec![
        (Answer::new(49, ""), "invalidCredentials (49)".to_owned()),
        (Answer::new(48, ""), "inappropriateAuthentication (48)".to_owned()),
        (Answer::new(34, ""), "invalidDNSyntax (34)".to_owned()),
        (Answer::new(7, ""), "authMethodNotSupported (7)".to_owned()),
        (Answer::new(8, "sign\u{7} first"), "strongerAuthRequired (8)".to_owned()),
        (Answer::new(13, "TLS first"), "confidentialityRequired (13)".to_owned()),
    ];
    for (data, meaning) in [
        ("525", "unknown user"),
        ("52e", "unknown name or wrong password"),
        ("530", "logon not allowed"),
        ("531", "logon not allowed"),
        ("532", "password expired"),
        ("533", "disabled"),
        ("701", "account expired"),
        ("773", "must change password"),
        ("775", "locked"),
    ] {
        rows.push((active_directory_bind(data), format!("invalidCredentials (49): {meaning}")));
    }
    for (answer, reason) in rows {
        case.sandbox.set_faults(Faults { bind: Some(answer), ..Faults::default() });
        let attempts = case.sandbox.bind_attempts();
        let message = fails(&case, 400, true).await;
        assert!(message.contains(&format!("{at}{reason}")), "{reason}: {message}");
        assert!(!message.chars().any(char::is_control), "{message}");
        assert_eq!(case.sandbox.bind_attempts() - attempts, 2, "once each for preview and import: {reason}");
    }
    // A real wrong password, and a directory that shows it.
    let options = Options { password: "Tr0ub4dor&3".to_owned(), ..Options::with_tree(tree) };
    let case = Case::with(&app, options).await;
    let echo = "Tr0ub4dor&3 VHIwdWI0ZG9yJjM= 547230756234646f722633";
    case.sandbox.set_faults(Faults { bind: Some(Answer::new(8, echo)), ..Faults::default() });
    let message = fails(&case, 400, true).await;
    assert!(!message.contains("VHIwdWI0ZG9yJjM") && !message.contains("5472307562346"), "{message}");
    case.sandbox.set_faults(Faults::default());
    case.set(json!({ "3": text("wrong") })).await;
    assert!(fails(&case, 400, true).await.contains("invalidCredentials (49)"));
}
