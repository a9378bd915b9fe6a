//! A real OpenLDAP with a private CA, and certificates as OpenSSL makes them.

use std::process::Command;

use serde_json::json;

use crate::certificates::{PATH, upload, uploaded};
use crate::support::TestApp;
use crate::support::slapd::{Certificate, SERVICE_DN, SERVICE_PASSWORD, Setup as Directory, Slapd};

async fn system(app: &TestApp, slapd: &Slapd, start_tls: bool) -> i64 {
    let id = app.create_system("Secured").await;
    let port = if start_tls { slapd.port() } else { slapd.ldaps_port() };
    let values = json!({
        "1": { "stringValue": format!("localhost:{port}") },
        "2": { "stringValue": SERVICE_DN },
        "3": { "stringValue": SERVICE_PASSWORD },
        "15": { "checkboxValue": start_tls },
        "21": { "checkboxValue": !start_tls },
    });
    app.set(id, &values).await.expect_status(200);
    id
}

/// An import comes to this; refused, no bind was asked for.
async fn comes_to(app: &TestApp, slapd: &Slapd, id: i64, reason: Option<&str>) {
    let binds = slapd.log().matches(" BIND ").count();
    let answer = app.import(id, "").await;
    match reason {
        None => assert_eq!(answer.expect_status(200)["warnings"], json!([])),
        Some(reason) => {
            let message = answer.expect_error(500, "INTERNAL_ERROR");
            assert!(message.contains(reason), "{message}");
            assert_eq!(slapd.log().matches(" BIND ").count(), binds, "no password was sent");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_private_ca_is_uploaded_and_switched_off() {
    for (certificate, trusted) in [
        (Certificate::Good, None),
        (Certificate::WrongName, Some("host name not covered by the certificate")),
        (Certificate::Expired, Some("certificate has expired")),
    ] {
        let slapd = Slapd::start_with(Directory { certificate, ..Directory::default() });
        for start_tls in [false, true] {
            let app = TestApp::start().await;
            let id = system(&app, &slapd, start_tls).await;
            // Before the issuer is known, the library may name it or the time first.
            let unknown = if certificate == Certificate::Good { "issuer not trusted" } else { "tls at " };
            comes_to(&app, &slapd, id, Some(unknown)).await;
            let path = uploaded(&app, "CA", std::fs::read(slapd.ca_pem()).expect("a CA")).await;
            comes_to(&app, &slapd, id, trusted).await;
            let valid = app.admin().get(&format!("{path}/validate")).await.expect_status(200);
            assert_eq!(valid, json!({ "isValid": true, "errors": [], "warnings": [] }));
            app.admin().patch(&path, &json!({ "isEnabled": false })).await.expect_status(204);
            comes_to(&app, &slapd, id, Some(unknown)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs openssl; tests/run.sh runs it"]
async fn openssl_says_the_same() {
    let folder = tempfile::tempdir().expect("a folder");
    let app = TestApp::start().await;
    let ec = ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
    for (key, digest) in [
        (&["rsa:2048"][..], "-sha256"),
        (&["rsa:3072"], "-sha512"),
        (&ec, "-sha384"),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "-sha256"),
        (&["ed25519"], "-sha256"),
        (&["rsa:2048"], "-sha1"),
        // What cannot be checked here is said to be so.
        (&["rsa:1024"], "-sha256"),
        (&["ec", "-pkeyopt", "ec_paramgen_curve:P-521"], "-sha512"),
    ] {
        let mut make = Command::new("openssl");
        make.current_dir(folder.path()).args(["req", "-x509", "-nodes", "-days", "90", digest, "-newkey"]).args(key);
        make.args(["-subj", "/O=Beispiel & Co/CN=host", "-keyout", "key.pem", "-out", "it.pem"]);
        let made = make.output().expect("openssl runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let tell = ["x509", "-in", "it.pem", "-noout", "-serial", "-fingerprint", "-sha1"];
        let told = Command::new("openssl").current_dir(folder.path()).args(tell).output().expect("openssl runs");
        let told = String::from_utf8(told.stdout).expect("text");
        let value = |name: &str| {
            let line = told.lines().find(|l| l.to_lowercase().contains(name)).expect("a line");
            line.split('=').nth(1).expect("a value").replace(':', "")
        };
        let pem = std::fs::read(folder.path().join("it.pem")).expect("a certificate");
        let made = upload(&app, "x", pem).await.expect_status(201);
        assert_eq!(made["thumbprint"], value("fingerprint"), "{key:?}");
        assert_eq!(made["serialNumber"], value("serial"), "{key:?}");
        assert_eq!(made["subject"], "O=Beispiel & Co, CN=host");
        let path = format!("{PATH}/{}/validate", made["id"].as_str().expect("an id"));
        let valid = app.admin().get(&path).await.expect_status(200);
        let unclear = matches!(key, ["rsa:1024"]) || key.iter().any(|k| k.ends_with("P-521"));
        let short = "Its key is RSA with 1024 bits; connections accept no signature of fewer than 2048.";
        let short = Some(short).filter(|_| matches!(key, ["rsa:1024"]));
        let unclear = Some("The signature is of a kind that cannot be checked here.").filter(|_| unclear);
        let warnings: Vec<_> = short.into_iter().chain(unclear).collect();
        assert_eq!(valid, json!({ "isValid": true, "errors": [], "warnings": warnings }), "{key:?} {digest}");
    }
}
