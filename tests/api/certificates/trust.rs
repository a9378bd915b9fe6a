//! What connections make of the stored certificates: from the next one on, host name and time always checked, and no
//! password sent to whom they do not trust.

use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use tokio_rustls::rustls::ServerConfig;

use super::made::{AUTHORITY, Party, SERVER, Wish};
use super::{PATH, base64, path, uploaded};
use crate::support::directory::{Options, Sandbox, Tls, Tree};
use crate::support::program::Place;
use crate::support::{SYSTEMS, Setup, TestApp};

const UNKNOWN: &str = "issuer not trusted";
const WRONG_NAME: &str = "host name not covered by the certificate";

/// A directory that shows something both ways, and a system for each.
pub(super) struct Shown {
    sandboxes: Vec<Sandbox>,
    systems: Vec<i64>,
}

impl Shown {
    pub(super) async fn new(app: &TestApp, config: Arc<ServerConfig>) -> Shown {
        let mut shown = Shown { sandboxes: Vec::new(), systems: Vec::new() };
        for tls in [Tls::Ldaps(config.clone()), Tls::StartTls(config.clone())] {
            let start_tls = matches!(tls, Tls::StartTls(_));
            let options = Options { tls: Some(tls), ..Options::with_tree(Tree::new().suffix("dc=x")) };
            let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
            let id = app.create_system("Secured").await;
            app.set(id, &settings(&sandbox, start_tls)).await.expect_status(200);
            shown.sandboxes.push(sandbox);
            shown.systems.push(id);
        }
        shown
    }

    /// Both imports and the connection test come to this: nothing, or a refusal before any password is sent.
    pub(super) async fn is(&self, app: &TestApp, what: &str, reason: Option<&str>) {
        for (sandbox, id) in self.sandboxes.iter().zip(&self.systems) {
            let binds = sandbox.bind_attempts();
            let tested = app.admin().send("POST", &format!("{SYSTEMS}/{id}/test-connection"), None).await;
            let tested = tested.expect_status(200);
            let (hierarchy, schema) = (app.import(*id, "").await, app.import_schema(*id).await);
            match reason {
                None => {
                    assert_eq!(tested["success"], true, "{what}: {tested}");
                    assert_eq!(hierarchy.expect_status(200)["warnings"], json!([]), "{what}");
                    schema.expect_status(200);
                }
                Some(reason) => {
                    assert!(tested["stages"][2]["message"].as_str().is_some_and(|m| m.contains(reason)), "{tested}");
                    for answer in [hierarchy, schema] {
                        let message = answer.expect_error(500, "INTERNAL_ERROR");
                        assert!(message.contains(reason), "{what}: {message}");
                    }
                    assert_eq!(sandbox.bind_attempts(), binds, "{what}: no password was sent");
                }
            }
        }
    }
}

fn settings(sandbox: &Sandbox, start_tls: bool) -> Value {
    json!({
        "1": { "stringValue": format!("localhost:{}", sandbox.addr().port()) },
        "2": { "stringValue": sandbox.bind_dn() },
        "3": { "stringValue": sandbox.password() },
        "11": { "intValue": 0 },
        "15": { "checkboxValue": start_tls },
        "21": { "checkboxValue": !start_tls },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_is_trusted_while_it_is_stored_and_switched_on() {
    let (root, middle, server) = (Party::new("Root"), Party::new("Middle"), Party::new("server"));
    let root_der = root.certificate(&root, AUTHORITY);
    let middle_der = middle.certificate(&root, AUTHORITY);
    let leaf = server.certificate(&middle, SERVER);
    let app = TestApp::start().await;
    let shown = Shown::new(&app, server.server(&[&leaf, &middle_der])).await;
    shown.is(&app, "nothing is stored", Some(UNKNOWN)).await;
    // Each of the chain will do.
    for (what, der) in [("the root", &root_der), ("the one between", &middle_der), ("the server's own", &leaf)] {
        let path = uploaded(&app, what, der).await;
        shown.is(&app, what, None).await;
        app.admin().patch(&path, &json!({ "isEnabled": false })).await.expect_status(204);
        shown.is(&app, what, Some(UNKNOWN)).await;
        app.admin().patch(&path, &json!({ "isEnabled": true })).await.expect_status(204);
        shown.is(&app, what, None).await;
        app.admin().patch(&path, &json!({ "name": "renamed" })).await.expect_status(204);
        shown.is(&app, what, None).await;
        app.admin().delete(&path).await.expect_status(204);
        shown.is(&app, what, Some(UNKNOWN)).await;
    }
    let impostor = Party::new("Middle");
    uploaded(&app, "of the same name", impostor.certificate(&impostor, AUTHORITY)).await;
    shown.is(&app, "another of the same name", Some(UNKNOWN)).await;
    // What is stored counts after a restart too.
    uploaded(&app, "root", &root_der).await;
    let app = app.restart().await;
    shown.is(&app, "after a restart", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_signed_itself_is_trusted_as_it_is() {
    for authority in [None, Some(false), Some(true)] {
        let app = TestApp::start().await;
        let server = Party::new("server");
        let own = server.certificate(&server, Wish { authority, ..SERVER });
        let shown = Shown::new(&app, server.server(&[&own])).await;
        shown.is(&app, &format!("{authority:?}"), Some(UNKNOWN)).await;
        uploaded(&app, "own", &own).await;
        shown.is(&app, &format!("{authority:?}, stored"), None).await;
        // Made anew with the same key and name it is another one, unless it may vouch for others.
        let renewed = server.certificate(&server, Wish { days: (-1, 366), ..SERVER });
        let renewed = Shown::new(&app, server.server(&[&renewed])).await;
        renewed.is(&app, "renewed", (authority != Some(true)).then_some(UNKNOWN)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_cannot_vouch_for_others() {
    let app = TestApp::start().await;
    let (server, other) = (Party::new("server"), Party::new("other"));
    for authority in [None, Some(false)] {
        uploaded(&app, "own", server.certificate(&server, Wish { authority, ..SERVER })).await;
    }
    let shown = Shown::new(&app, other.server(&[&other.certificate(&server, SERVER)])).await;
    shown.is(&app, "signed by a server", Some(UNKNOWN)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn name_and_time_are_checked_whatever_is_stored() {
    let elsewhere = Wish { names: &["elsewhere.example"], ..SERVER };
    let nameless = Wish { names: &[], ..SERVER };
    for (what, wish, reason) in [
        ("for another host", elsewhere, WRONG_NAME),
        ("without a name", nameless, WRONG_NAME),
        ("expired", Wish { days: (-2, -1), ..SERVER }, "certificate has expired"),
        ("not valid yet", Wish { days: (1, 2), ..SERVER }, "certificate not yet valid"),
    ] {
        let app = TestApp::start().await;
        let (root, server) = (Party::new("Root"), Party::new("localhost"));
        uploaded(&app, "root", root.certificate(&root, AUTHORITY)).await;
        for der in [server.certificate(&root, wish), server.certificate(&server, wish)] {
            uploaded(&app, what, &der).await;
            Shown::new(&app, server.server(&[&der])).await.is(&app, what, Some(reason)).await;
        }
        let der = server.certificate(&root, Wish { authority: Some(false), ..wish });
        Shown::new(&app, server.server(&[&der])).await.is(&app, "its issuer alone is stored", Some(reason)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_counts_in_its_time() {
    for days in [(-2, -1), (1, 2)] {
        let app = TestApp::start().await;
        let (root, server) = (Party::new("Root"), Party::new("server"));
        uploaded(&app, "root", root.certificate(&root, Wish { days, ..AUTHORITY })).await;
        let shown = Shown::new(&app, server.server(&[&server.certificate(&root, SERVER)])).await;
        shown.is(&app, &format!("{days:?}"), Some(UNKNOWN)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_believe_what_the_database_says_last() {
    let app = TestApp::start().await;
    let (root, server) = (Party::new("Root"), Party::new("server"));
    let path = uploaded(&app, "root", root.certificate(&root, AUTHORITY)).await;
    let shown = Shown::new(&app, server.server(&[&server.certificate(&root, SERVER)])).await;
    for _ in 0..5 {
        let calls = (0..8).map(|n| {
            let (client, path) = (app.admin(), path.clone());
            tokio::spawn(async move { client.patch(&path, &json!({ "isEnabled": n % 2 == 0 })).await })
        });
        for call in calls.collect::<Vec<_>>() {
            call.await.expect("an answer").expect_status(204);
        }
        let enabled = app.admin().get(&path).await.expect_status(200)["isEnabled"] == true;
        shown.is(&app, "after many changes", (!enabled).then_some(UNKNOWN)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_looked_at_for_each_connection() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("root.pem");
    let (root, server) = (Party::new("Root"), Party::new("server"));
    let root_der = root.certificate(&root, AUTHORITY);
    fs::write(&file, &root_der).expect("written");
    let app = TestApp::start_with(Setup { files_root: Some(folder.path().into()), ..Setup::default() }).await;
    let shown = Shown::new(&app, server.server(&[&server.certificate(&root, SERVER)])).await;
    let path = path(&super::file(&app, "root", "/root.pem").await.expect_status(201));
    shown.is(&app, "as it was", None).await;
    // The same authority in a certificate of another day is a different certificate.
    for content in [root.certificate(&root, Wish { days: (-1, 366), ..AUTHORITY }), b"nonsense".to_vec()] {
        fs::write(&file, content).expect("written");
        shown.is(&app, "changed", Some(UNKNOWN)).await;
    }
    fs::remove_file(&file).expect("removed");
    shown.is(&app, "gone", Some(UNKNOWN)).await;
    fs::write(&file, super::made::pem("CERTIFICATE", &root_der)).expect("written");
    shown.is(&app, "back, in another form", None).await;
    app.admin().patch(&path, &json!({ "isEnabled": false })).await.expect_status(204);
    shown.is(&app, "switched off", Some(UNKNOWN)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_names_a_file_and_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let (root, server) = (Party::new("Root"), Party::new("server"));
    fs::write(folder.path().join("root.cer"), root.certificate(&root, AUTHORITY)).expect("written");
    let config = server.server(&[&server.certificate(&root, SERVER)]);
    let options = Options { tls: Some(Tls::Ldaps(config)), ..Options::with_tree(Tree::new().suffix("dc=x")) };
    let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
    let root_path = folder.path().display().to_string();
    let place = Place::new().with("JIM_LOG_FILTER", "trace").with("JIM_FILES_ROOT", &root_path);
    let process = place.serve();
    let client = process.client(&process.key());
    let body = json!({ "name": "x", "connectorDefinitionId": 3 });
    let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
    let body = json!({ "settingValues": settings(&sandbox, false) });
    client.put(&format!("{SYSTEMS}/{id}"), &body).await.expect_status(200);
    let body = json!({ "name": "root", "filePath": "root.cer" });
    let made = client.post(&format!("{PATH}/file"), &body).await.expect_status(201);
    let import = format!("{SYSTEMS}/{id}/import-hierarchy");
    client.send("POST", &import, None).await.expect_status(200);
    // A file with all keys of an operator.
    let key = super::made::pem("PRIVATE KEY", &root.private());
    fs::write(folder.path().join("root.cer"), &key).expect("written");
    let mut answers = vec![client.send("POST", &import, None).await];
    assert_eq!(answers[0].status, 500);
    let line = process.log_line("is not trusted because of its file");
    assert!(line.contains(made["id"].as_str().expect("an id")) && line.contains("private key"), "{line}");
    let body = json!({ "name": "key", "certificateDataBase64": base64(&key) });
    answers.push(client.post(&format!("{PATH}/upload"), &body).await);
    answers.push(client.get(&format!("{PATH}/{}/validate", made["id"].as_str().expect("an id"))).await);
    answers.push(client.get(PATH).await);
    let said = process.stop();
    let secrets = [base64(root.private()), base64(&key)].map(|s| s[20..60].to_owned());
    for secret in secrets.iter().map(String::as_str).chain([sandbox.password(), root_path.as_str()]) {
        let hidden = secret == root_path;
        assert!(hidden || !said.err.contains(secret) && !said.out.contains(secret), "in the log");
        for answer in &answers {
            assert!(!String::from_utf8_lossy(&answer.raw).contains(secret), "in an answer");
        }
    }
}
