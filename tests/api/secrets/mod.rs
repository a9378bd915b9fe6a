//! Passwords: in no answer, kept and cleared as agreed, and never sent to a target they were not entered for.

mod canaries;
mod panics;
mod sweep;

use serde_json::{Value, json};

use crate::support::directory::{Faults, Options, Sandbox};
use crate::support::{SYSTEMS, TestApp, sandbox_settings};

const CANARY: &str = "canary-5f3a9e71-password";

async fn guarded_sandbox() -> Sandbox {
    Sandbox::start(Options { password: CANARY.to_owned(), ..Options::sample() }).await.expect("the sandbox starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_in_no_answer_and_kept_or_cleared_as_agreed() {
    let app = TestApp::start().await;
    let sandbox = guarded_sandbox().await;
    let id = app.create_system("Secret").await;
    let path = format!("{SYSTEMS}/{id}");
    let admin = app.admin();
    let settings = sandbox_settings(&sandbox);
    let mut said = Vec::new();
    said.push(admin.put(&path, &json!({ "settingValues": settings })).await);
    said.push(admin.get(&path).await);
    said.push(admin.get(SYSTEMS).await);
    said.push(
        admin.post(SYSTEMS, &json!({ "name": "x", "connectorDefinitionId": 3, "settingValues": settings })).await,
    );
    said.push(admin.put(&path, &json!({ "settingValues": { "3": { "intValue": 5, "stringValue": CANARY } } })).await);
    said.push(admin.put(&path, &json!({ "settingValues": { "99": { "stringValue": CANARY } } })).await);
    said.push(admin.send("PUT", &path, Some(format!("{{\"settingValues\":{{\"3\":\"{CANARY}\"}}}}"))).await);
    said.push(admin.send("PUT", &path, Some(format!("{{\"settingValues\":\"{CANARY}"))).await);
    said.push(admin.get("/api/v1/synchronisation/connector-definitions/3").await);
    for answer in &said {
        let text = String::from_utf8_lossy(&answer.raw);
        assert!(!text.contains(CANARY), "{text}");
    }
    let shown = &said[1].body["settingValues"]["3"];
    let hidden = json!({
        "name": "Password", "type": "StringEncrypted", "stringValue": null, "intValue": null,
        "checkboxValue": null, "isSet": true, "needsReentry": false
    });
    assert_eq!(shown, &hidden);

    // Kept by a PUT without it, and by one with null: the bind works.
    for values in [json!({ "9": { "intValue": 60 } }), json!({ "3": { "stringValue": null } }), json!({ "3": null })] {
        app.set(id, &values).await.expect_status(200);
        app.import(id, "").await.expect_status(200);
    }
    // Cleared by an empty one: nothing is sent.
    let cleared = app.set(id, &json!({ "3": { "stringValue": "" } })).await.expect_status(200);
    assert_eq!(cleared["settingValues"]["3"]["isSet"], false);
    let binds = sandbox.bind_attempts();
    let message = app.import(id, "").await.expect_error(400, "BAD_REQUEST");
    assert!(message.contains("Password"), "{message}");
    assert_eq!(sandbox.bind_attempts(), binds);

    // Neither on the disk, in whatever form a careless hand might leave it.
    app.set(id, &settings).await.expect_status(200);
    for file in std::fs::read_dir(app.folder()).expect("the folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("readable");
        let found = bytes.windows(CANARY.len()).any(|w| w == CANARY.as_bytes());
        assert!(!found, "the password lies in a file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_password_is_not_repeated() {
    let app = TestApp::start().await;
    let sandbox = guarded_sandbox().await;
    let id = app.connected_to(&sandbox).await;
    // A directory that echoes what it was sent.
    let echo = crate::support::directory::Answer::new(49, &format!("invalid password {CANARY} for you"));
    sandbox.set_faults(Faults { bind: Some(echo), ..Faults::default() });
    let answer = app.import(id, "").await;
    assert!(!String::from_utf8_lossy(&answer.raw).contains(CANARY), "{}", answer.body);
    answer.expect_error(400, "BAD_REQUEST");
    let told = app.activities().pop().and_then(|a| a.error).expect("an error");
    assert!(told.contains("invalidCredentials (49)") && !told.contains(CANARY), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_sent_to_a_target_it_was_not_entered_for() {
    let app = TestApp::start().await;
    let (old, new) = (guarded_sandbox().await, guarded_sandbox().await);
    let host = |sandbox: &Sandbox| json!({ "stringValue": sandbox.addr().ip().to_string() });
    let port = |sandbox: &Sandbox| json!({ "intValue": sandbox.addr().port() });
    let changes: [(&str, &str, Value); 6] = [
        ("Host", "1", json!({ "stringValue": "localhost" })),
        ("Port", "4", port(&new)),
        ("LDAPS", "21", json!({ "checkboxValue": true })),
        ("StartTLS", "15", json!({ "checkboxValue": true })),
        ("Certificate Validation", "6", json!({ "stringValue": "Skip Validation (Not Recommended)" })),
        ("Username", "2", json!({ "stringValue": "cn=somebody,dc=demo,dc=example" })),
    ];
    for (what, setting, value) in changes {
        let id = app.create_system(what).await;
        let complete = json!({
            "1": host(&old), "4": port(&old),
            "2": { "stringValue": old.bind_dn() }, "3": { "stringValue": CANARY }
        });
        app.set(id, &complete).await.expect_status(200);
        app.import(id, "").await.expect_status(200);
        let connections = (old.connections(), new.connections());

        let changed = app.set(id, &json!({ setting: value })).await.expect_status(200);
        let password = &changed["settingValues"]["3"];
        assert_eq!((&password["isSet"], &password["needsReentry"]), (&json!(true), &json!(true)), "{what}");
        let refused = async |when: &str| {
            let message = app.import(id, "").await.expect_error(400, "BAD_REQUEST").to_lowercase();
            let wanted = "password must be re-entered because the connection target changed";
            assert!(message.contains(wanted), "{what}, {when}: {message}");
            assert_eq!((old.connections(), new.connections()), connections, "{what}, {when}");
        };
        refused("changed").await;
        // The old value again does not help, and neither do equal values.
        let restored = match setting {
            "1" | "2" | "4" => json!({ setting: complete[setting] }),
            "6" => json!({ "6": { "stringValue": "" } }),
            other => json!({ other: { "checkboxValue": false } }),
        };
        app.set(id, &restored).await.expect_status(200);
        refused("restored").await;
        let sent = app.set(id, &json!({ "3": { "stringValue": CANARY } })).await.expect_status(200);
        assert_eq!(sent["settingValues"]["3"]["needsReentry"], false, "{what}");
        app.import(id, "").await.expect_status(200);
        // Sending what is stored already is no change of target.
        let equal = app.set(id, &json!({ "1": complete["1"], "2": complete["2"] })).await.expect_status(200);
        assert_eq!(equal["settingValues"]["3"]["needsReentry"], false, "{what}");
    }
}
