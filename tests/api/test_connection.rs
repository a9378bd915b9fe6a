//! Chapter 3.6: trying out settings, stored or not.

use jim::connectors::ldap::Limits;
use jim::connectors::ldap::address::Policy;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::support::case::{Case, activities};
use crate::support::directory::{
    Answer, Certificate, Faults, Hang, Options, Sandbox, Tls, Tree, active_directory_bind,
};
use crate::support::{SYSTEMS, Setup, TestApp, sandbox_settings};

const STAGES: [&str; 8] = ["resolve", "connect", "tls", "bind", "root", "paging", "partitions", "schema"];

fn tree() -> Tree {
    Tree::new().suffix("dc=x").ou("ou=A,dc=x").suffix("o=y")
}

/// Tries out what is stored with these values over it. Nothing may change by it.
async fn tested(app: &TestApp, id: i64, values: Option<Value>) -> Value {
    let (dump, before) = (app.dump(), activities(app, id).len());
    let body = values.map(|v| json!({ "settingValues": v }).to_string());
    let path = format!("{SYSTEMS}/{id}/test-connection");
    let answer = app.admin().send("POST", &path, body).await.expect_status(200);
    assert_eq!(app.dump(), dump, "a test changes nothing");
    assert_eq!(activities(app, id).len(), before, "a test leaves no activity");
    let stages = answer["stages"].as_array().expect("stages");
    let names: Vec<&str> = stages.iter().map(|s| s["name"].as_str().expect("a name")).collect();
    assert_eq!(names, STAGES);
    assert!(stages.iter().all(|s| s["milliseconds"].is_u64()), "{answer}");
    let failed = stages.iter().position(|s| s["outcome"] == "failed");
    assert_eq!(answer["success"], failed.is_none(), "{answer}");
    for (i, stage) in stages.iter().enumerate() {
        let after = failed.is_some_and(|f| i > f);
        assert_eq!(stage["outcome"] == "skipped", after || stage["message"] == "not asked for by the settings");
        for field in ["code", "remedy"] {
            let found = stage["outcome"] == "failed" || stage["outcome"] == "warning";
            assert_eq!(stage[field].is_string(), found, "{stage}");
        }
    }
    answer
}

/// The stage that failed, with its code; all stages before it are good.
fn failure(answer: &Value) -> (String, String) {
    let stages = answer["stages"].as_array().expect("stages");
    let failed = stages.iter().find(|s| s["outcome"] == "failed").unwrap_or_else(|| panic!("{answer}"));
    assert!(failed["message"].as_str().is_some_and(|m| m.len() > 5), "{failed}");
    let text = |field: &str| failed[field].as_str().unwrap_or_default().to_owned();
    (text("name"), text("code"))
}

#[tokio::test(flavor = "multi_thread")]
async fn good_settings_pass_every_stage() {
    let app = TestApp::start().await;
    let case = Case::new(&app, tree()).await;
    let answer = tested(&app, case.id, None).await;
    assert_eq!(answer["success"], true);
    assert_eq!(answer["certificate"], Value::Null);
    let directory = &answer["directory"];
    assert_eq!(directory["type"], "OpenLDAP");
    assert_eq!((&directory["host"], &directory["port"]), (&json!("127.0.0.1"), &json!(case.sandbox.addr().port())));
    let good = |name: &str| json!({ "name": name, "hidden": false, "readable": true, "reason": null });
    assert_eq!(directory["namingContexts"], json!([good("dc=x"), good("o=y")]));
    assert_eq!(case.sandbox.binds(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn unsaved_settings_are_tried_and_forgotten() {
    let app = TestApp::start().await;
    let (old, new) =
        (Case::new(&app, tree()).await, Sandbox::start(Options::with_tree(tree())).await.expect("started"));
    let answer = tested(&app, old.id, Some(sandbox_settings(&new))).await;
    assert_eq!((&answer["success"], old.sandbox.connections(), new.binds()), (&json!(true), 0, 1));
    // What is stored works as before.
    old.import("").await;
    // A system that has nothing but defaults yet.
    let fresh = app.create_system("Fresh").await;
    assert_eq!(tested(&app, fresh, Some(sandbox_settings(&new))).await["success"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stored_password_is_never_tried_on_another_target() {
    let app = TestApp::start().await;
    let case = Case::new(&app, tree()).await;
    let other = Sandbox::start(Options::with_tree(tree())).await.expect("started");
    let path = format!("{SYSTEMS}/{}/test-connection", case.id);
    let on = json!({ "checkboxValue": true });
    for changed in [
        json!({ "1": { "stringValue": format!("ldap://{}", other.addr()) } }),
        json!({ "2": { "stringValue": "cn=somebody" } }),
        json!({ "4": { "intValue": 1389 } }),
        json!({ "6": { "stringValue": "Skip Validation (Not Recommended)" } }),
        json!({ "15": on }),
        json!({ "21": on }),
        json!({ "1": { "stringValue": format!("ldap://{}", other.addr()) }, "3": null }),
    ] {
        let answer = app.admin().post(&path, &json!({ "settingValues": changed })).await;
        let message = answer.expect_error(400, "BAD_REQUEST");
        assert!(message.to_lowercase().contains("password must be re-entered"), "{message}");
    }
    assert_eq!((case.sandbox.connections(), other.connections()), (0, 0));
    // The same values again are no change; other settings are not part of the target.
    let same = json!({ "1": { "stringValue": format!("ldap://{}", case.sandbox.addr()) }, "7": { "intValue": 5 } });
    assert_eq!(tested(&app, case.id, Some(same)).await["success"], true);
    // A password that has to be sent again is not tried either, until it comes along.
    case.set(json!({ "1": { "stringValue": format!("ldap://{}", other.addr()) } })).await;
    app.admin().send("POST", &path, None).await.expect_error(400, "BAD_REQUEST");
    assert_eq!(other.connections(), 0);
    assert_eq!(tested(&app, case.id, Some(sandbox_settings(&other))).await["success"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_tried_is_refused() {
    let app = TestApp::start().await;
    let case = Case::new(&app, tree()).await;
    let path = |id: i64| format!("{SYSTEMS}/{id}/test-connection");
    app.admin().send("POST", &path(999), None).await.expect_error(404, "NOT_FOUND");
    let file = json!({ "name": "Files", "connectorDefinitionId": 1 });
    let file = app.admin().post(SYSTEMS, &file).await.expect_status(201)["id"].as_i64().expect("an id");
    app.admin().send("POST", &path(file), None).await.expect_error(400, "BAD_REQUEST");
    let password = json!({ "stringValue": "x" });
    for (values, code) in [
        (json!({ "1": { "stringValue": "" }, "3": password }), "BAD_REQUEST"),
        (json!({ "3": { "stringValue": "" } }), "BAD_REQUEST"),
        (json!({ "1": { "stringValue": "ldap://x/dc=y" }, "3": password }), "BAD_REQUEST"),
        (json!({ "1": { "stringValue": "169.254.169.254" }, "3": password }), "BAD_REQUEST"),
        (json!({ "15": { "checkboxValue": true }, "21": { "checkboxValue": true }, "3": password }), "BAD_REQUEST"),
        (json!({ "8": { "stringValue": "NTLM" } }), "BAD_REQUEST"),
        (json!({ "4": { "intValue": 0 } }), "VALIDATION_ERROR"),
        (json!({ "99": { "intValue": 1 } }), "VALIDATION_ERROR"),
        (json!([]), "VALIDATION_ERROR"),
    ] {
        let answer = app.admin().post(&path(case.id), &json!({ "settingValues": values })).await;
        answer.expect_error(400, code);
    }
    assert_eq!(case.sandbox.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stage_has_its_own_failure() {
    let app = TestApp::start().await;
    let case = Case::new(&app, tree()).await;
    let password = json!({ "stringValue": case.sandbox.password() });
    let at = |host: &str| json!({ "1": { "stringValue": host }, "3": password, "7": { "intValue": 2 } });
    let of = |answer: &Value| failure(answer);
    let answer = tested(&app, case.id, Some(at("no-such-host.invalid"))).await;
    assert_eq!(of(&answer), ("resolve".into(), "nameNotFound".into()));
    let unused = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let answer = tested(&app, case.id, Some(at(&unused.to_string()))).await;
    assert_eq!(of(&answer), ("connect".into(), "connectionRefused".into()));
    assert_eq!(answer["directory"], Value::Null);
    let wrong = json!({ "3": { "stringValue": "wrong" } });
    let answer = tested(&app, case.id, Some(wrong)).await;
    assert_eq!(of(&answer), ("bind".into(), "invalidCredentials".into()));
    assert_eq!(case.sandbox.bind_attempts(), 1, "a refused password is not tried twice");

    let read =
        |dn: &str, code: u32| Faults { base_reads: vec![(dn.to_owned(), Answer::new(code, ""))], ..Faults::default() };
    for (faults, stage, code) in [
        (Faults { hang: Some(Hang::Bind), ..Faults::default() }, "bind", "timedOut"),
        (Faults { bind: Some(active_directory_bind("775")), ..Faults::default() }, "bind", "invalidCredentials"),
        (Faults { bind: Some(Answer::new(8, "")), ..Faults::default() }, "bind", "strongerAuthRequired"),
        (read("", 51), "root", "busy"),
        (read("cn=Subschema", 50), "schema", "insufficientAccessRights"),
    ] {
        case.sandbox.set_faults(faults);
        let answer = tested(&app, case.id, Some(json!({ "7": { "intValue": 1 } }))).await;
        assert_eq!(of(&answer), (stage.into(), code.into()));
    }
    // One partition that cannot be read is told; none that can is a failure.
    case.sandbox.set_faults(read("o=y", 32));
    let answer = tested(&app, case.id, None).await;
    assert_eq!(answer["success"], true);
    let unreadable = json!({ "name": "o=y", "hidden": false, "readable": false, "reason": "noSuchObject (32)" });
    assert_eq!(answer["directory"]["namingContexts"][1], unreadable);
    let both = ["dc=x", "o=y"].map(|dn| (dn.to_owned(), Answer::new(32, ""))).to_vec();
    case.sandbox.set_faults(Faults { base_reads: both, ..Faults::default() });
    let answer = tested(&app, case.id, None).await;
    assert_eq!(of(&answer), ("partitions".into(), "noPartitionReadable".into()));
    assert_eq!(answer["directory"]["namingContexts"][0]["readable"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_shown_whether_it_is_trusted_or_not() {
    let certificate = Certificate::for_names(&["localhost", "dir.example"]).expect("a certificate");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("written");
    let trusting = Setup { trust_dir: Some(folder.path().to_owned()), ..Setup::default() };
    let apps = [TestApp::start().await, TestApp::start_with(trusting).await];
    let skip = "Skip Validation (Not Recommended)";
    for (app, host, validation, expected) in [
        (&apps[0], "localhost", "Full Validation", Some("issuerNotTrusted")),
        (&apps[1], "localhost", "Full Validation", None),
        (&apps[0], "localhost", skip, None),
    ] {
        for start_tls in [false, true] {
            let tls = if start_tls { Tls::StartTls } else { Tls::Ldaps };
            let options = Options { tls: Some(tls(certificate.config())), ..Options::with_tree(tree()) };
            let case = Case::with(app, options).await;
            let host = format!("{host}:{}", case.sandbox.addr().port());
            let values = json!({
                "1": { "stringValue": host },
                "3": { "stringValue": case.sandbox.password() },
                "6": { "stringValue": validation },
                "15": { "checkboxValue": start_tls },
                "21": { "checkboxValue": !start_tls },
            });
            let answer = tested(app, case.id, Some(values)).await;
            match expected {
                Some(code) => {
                    assert_eq!(failure(&answer), ("tls".into(), code.into()));
                    assert_eq!(case.sandbox.bind_attempts(), 0, "no credential before TLS is verified");
                }
                None => assert_eq!(answer["success"], true, "{answer}"),
            }
            if validation == skip {
                assert_eq!(
                    (&answer["stages"][2]["outcome"], &answer["stages"][2]["code"]),
                    (&json!("warning"), &json!("validationOff"))
                );
            }
            let shown = &answer["certificate"];
            assert_eq!(shown["names"], json!(["localhost", "dir.example", "127.0.0.1"]), "{shown}");
            assert!(shown["validTo"].as_str().is_some_and(|d| d.starts_with("2049-12-31T23:59:59")), "{shown}");
            assert!(shown["validFrom"].as_str().is_some_and(|d| d.starts_with("2020-")), "{shown}");
            assert_eq!(shown["sha256"].as_str().map(str::len), Some(64));
            assert!(shown["subject"].as_str().is_some_and(|s| s == shown["issuer"]), "{shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_listed_directories_may_be_connected_to() {
    let narrowed = |rules: &[&str]| Setup {
        ldap_limits: Some(Limits {
            hosts: Arc::new(Policy::parse(rules.iter().copied()).expect("rules")),
            ..Limits::default()
        }),
        ..Setup::default()
    };
    let app = TestApp::start_with(narrowed(&["10.0.0.0/8", "*.corp.example:636"])).await;
    let case = Case::new(&app, tree()).await;
    let path = format!("{SYSTEMS}/{}/test-connection", case.id);
    // Loopback has to be listed too once there is a list, by its address and by its name.
    app.admin().send("POST", &path, None).await.expect_error(400, "BAD_REQUEST");
    assert!(app.import(case.id, "").await.expect_error(400, "BAD_REQUEST").contains("not allowed"));
    let named = json!({
        "1": { "stringValue": format!("localhost:{}", case.sandbox.addr().port()) },
        "3": { "stringValue": case.sandbox.password() },
    });
    let answer = app.admin().post(&path, &json!({ "settingValues": named })).await;
    assert!(answer.expect_error(400, "BAD_REQUEST").contains("not allowed"));
    case.set(named.clone()).await;
    assert!(app.import(case.id, "").await.expect_error(400, "BAD_REQUEST").contains("not allowed"));
    assert_eq!(case.sandbox.connections(), 0);

    let app = TestApp::start_with(narrowed(&["127.0.0.0/8", "[::1]"])).await;
    let case = Case::new(&app, tree()).await;
    case.import("").await;
}
