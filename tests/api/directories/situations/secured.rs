//! Certificates, and a server that knows no TLS: the password is never sent to whom the settings do not trust.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Cell;
use crate::support::case::{import, told, warnings};
use crate::support::daemon::Certificate;
use crate::support::directory::{self as sandbox, Options, Sandbox, Tls, Tree};
use crate::support::server::{Kind, Server};
use crate::support::{Setup, TestApp};

/// The ways to a secured connection.
const WAYS: [(&str, bool); 2] = [("ldap", true), ("ldaps", false)];

/// A server that shows this certificate, and its CA in a folder. A sandbox knows one of the two ways.
async fn server(kind: Kind, certificate: Certificate, start_tls: bool) -> (Server, TempDir) {
    let trusted = tempfile::tempdir().expect("a folder");
    if kind != Kind::Sandbox {
        let server = Server::with_certificate(kind, certificate);
        if certificate != Certificate::Missing {
            fs::copy(server.ca_pem(), trusted.path().join("ca.pem")).expect("copied");
        }
        return (server, trusted);
    }
    let shown = match certificate {
        Certificate::Good => Some(sandbox::Certificate::for_names(&["localhost"]).expect("a certificate")),
        Certificate::WrongName => Some(sandbox::Certificate::for_names(&["wrong.example"]).expect("a certificate")),
        Certificate::Expired => Some(sandbox::Certificate::expired(&["localhost"]).expect("a certificate")),
        Certificate::Missing => None,
    };
    let tls = shown.as_ref().map(|c| if start_tls { Tls::StartTls(c.config()) } else { Tls::Ldaps(c.config()) });
    let options = Options { tls, ..Options::with_tree(Tree::new().suffix("dc=x")) };
    if let Some(shown) = shown {
        fs::write(trusted.path().join("ca.pem"), shown.pem()).expect("written");
    }
    (Server::Sandbox(Sandbox::start(options).await.expect("the sandbox starts")), trusted)
}

/// A server that trusts what is in the folder.
async fn trusting(folder: &Path) -> TestApp {
    TestApp::start_with(Setup { trust_dir: Some(folder.to_owned()), ..Setup::default() }).await
}

fn settings(server: &Server, scheme: &str, start_tls: bool) -> Value {
    let mut values = server.settings();
    values["1"] = json!({ "stringValue": format!("{scheme}://{}", server.secured_at()[usize::from(!start_tls)]) });
    values["15"] = json!({ "checkboxValue": start_tls });
    values
}

/// A system at the server, secured this way.
async fn system(app: &TestApp, values: &Value) -> i64 {
    let id = app.create_system("Secured").await;
    app.set(id, values).await.expect_status(200);
    id
}

/// The certificate is refused for this reason, both ways, and taken when it is not verified.
async fn refused(kind: Kind, certificate: Certificate, trust: bool, reason: &str) {
    let mut kept = None;
    for (scheme, start_tls) in WAYS {
        let (server, trusted) = match kept.take() {
            Some(started) if kind != Kind::Sandbox => started,
            _ => server(kind, certificate, start_tls).await,
        };
        let app = if trust { trusting(trusted.path()).await } else { TestApp::start().await };
        let mut values = settings(&server, scheme, start_tls);
        let at = &server.secured_at()[usize::from(!start_tls)];
        let id = system(&app, &values).await;
        let (before, binds) = (app.dump(), binds(&server));
        let message = app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
        assert!(message.contains(&format!("tls at {at}: {reason}")), "{scheme}: {message}");
        assert_eq!(self::binds(&server), binds, "no password was sent");
        assert_eq!(app.dump(), before);
        values["6"] = json!({ "stringValue": "Skip Validation (Not Recommended)" });
        app.set(id, &values).await.expect_status(200);
        for _ in 0..2 {
            let text = warnings(&import(&app, id, "").await);
            assert!(text.contains("certificate validation is off"), "{scheme}: {text}");
        }
        if !trust {
            is_taken(&trusting(trusted.path()).await, &server, scheme, start_tls).await;
        }
        kept = Some((server, trusted));
    }
}

/// Without a word about certificates.
async fn is_taken(app: &TestApp, server: &Server, scheme: &str, start_tls: bool) {
    let id = system(app, &settings(server, scheme, start_tls)).await;
    let result = import(app, id, "").await;
    assert_eq!(result["warnings"], json!([]), "{scheme}");
    assert!(told(&result).contains(&server.text("!+ @")), "{result}");
    assert_eq!(told(&import(app, id, "").await), [""; 0]);
}

/// How many binds the server has been asked for, where it counts them.
fn binds(server: &Server) -> u64 {
    match server {
        Server::OpenLdap(slapd) => slapd.log().matches(" BIND ").count() as u64,
        Server::Sandbox(sandbox) => sandbox.bind_attempts(),
        _ => 0,
    }
}

/// An unknown CA is refused, and taken once it is trusted.
pub(super) async fn private_ca(kind: Kind) {
    refused(kind, Certificate::Good, false, "issuer not trusted").await;
}

pub(super) async fn wrong_host_name(kind: Kind) {
    refused(kind, Certificate::WrongName, true, "host name not covered by the certificate").await;
}

pub(super) async fn expired(kind: Kind) {
    refused(kind, Certificate::Expired, true, "certificate has expired").await;
}

/// No fallback to an open connection, whatever the server says.
pub(super) async fn no_tls(kind: Kind) {
    let (server, _) = server(kind, Certificate::Missing, true).await;
    let values = settings(&server, "ldap", true);
    let at = server.secured_at()[0].clone();
    let cell = Cell::at(TestApp::start().await, server).await;
    cell.app.set(cell.id, &values).await.expect_status(200);
    let binds = binds(&cell.server);
    let message = cell.app.import(cell.id, "").await.expect_error(500, "INTERNAL_ERROR");
    assert!(message.contains(&format!("tls at {at}: StartTLS refused: ")), "{message}");
    assert_eq!(self::binds(&cell.server), binds, "no password was sent");
    // In the open it works, and only if the settings say so.
    let mut open = cell.server.settings();
    open["15"] = json!({ "checkboxValue": false });
    cell.app.set(cell.id, &open).await.expect_status(200);
    assert_eq!(cell.changes("").await, cell.lines(&["!+ @"]));
}
