//! LDAPS and StartTLS against a real server with certificates of a private CA.

use serde_json::json;

use super::{changes, settings};
use crate::support::case::{import, warnings};
use crate::support::slapd::{Certificate, Setup as Directory, Slapd};
use crate::support::{Setup, TestApp};

/// Points a new system at the server, secured this way.
async fn system(app: &TestApp, slapd: &Slapd, start_tls: bool, verify: bool) -> (i64, String) {
    let id = app.create_system("Secured").await;
    let port = if start_tls { slapd.port() } else { slapd.ldaps_port() };
    let host = if start_tls { format!("ldap://localhost:{port}") } else { format!("ldaps://localhost:{port}") };
    let mut values = settings(&host);
    if start_tls {
        values["15"] = json!({ "checkboxValue": true });
    }
    if !verify {
        values["6"] = json!({ "stringValue": "Skip Validation (Not Recommended)" });
    }
    app.set(id, &values).await.expect_status(200);
    (id, format!("tls at localhost:{port}: "))
}

/// A server that trusts the CA of this directory.
async fn trusting(slapd: &Slapd) -> TestApp {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(slapd.ca_pem(), folder.path().join("ca.pem")).expect("copied");
    // Read when the server starts.
    TestApp::start_with(Setup { trust_dir: Some(folder.path().to_owned()), ..Setup::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn certificates_are_verified_and_skipping_is_a_warning() {
    for (certificate, trusted, reason) in [
        (Certificate::Good, true, None),
        (Certificate::Good, false, Some("issuer not trusted")),
        (Certificate::WrongName, true, Some("host name not covered by the certificate")),
        (Certificate::Expired, true, Some("certificate has expired")),
    ] {
        let slapd = Slapd::start_with(Directory { certificate, ..Directory::default() });
        let app = if trusted { trusting(&slapd).await } else { TestApp::start().await };
        for start_tls in [false, true] {
            let what = format!("{certificate:?}, trusted {trusted}, StartTLS {start_tls}");
            let (id, at) = system(&app, &slapd, start_tls, true).await;
            match reason {
                None => {
                    let result = import(&app, id, "").await;
                    assert_eq!(result["warnings"], json!([]), "{what}");
                    assert_eq!(changes(&app, id, "").await, [""; 0]);
                }
                Some(reason) => {
                    let binds = slapd.log().matches(" BIND ").count();
                    let message = app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
                    assert!(message.contains(&format!("{at}{reason}")), "{what}: {message}");
                    assert_eq!(slapd.log().matches(" BIND ").count(), binds, "{what}: no password was sent");
                }
            }
            let (id, _) = system(&app, &slapd, start_tls, false).await;
            for _ in 0..2 {
                let text = warnings(&import(&app, id, "").await);
                assert!(text.contains("certificate validation is off"), "{what}: {text}");
            }
        }
    }
}
