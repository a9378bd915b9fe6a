//! Certificates that a real server shows and that are refused: why, which one of the chain, and what to do.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::settings;
use crate::support::slapd::{Setup as Directory, Slapd};
use crate::support::{SYSTEMS, Setup, TestApp};

/// Runs `openssl` in the server's folder.
fn openssl(folder: &Path, line: &str) {
    let made = Command::new("openssl").current_dir(folder).args(line.split(' ')).output().expect("openssl runs");
    assert!(made.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&made.stderr));
}

/// A certificate of the server's from its CA with these extensions, in place of the one it has.
fn issue(folder: &Path, extensions: &str) {
    std::fs::write(folder.join("ext"), extensions).expect("written");
    openssl(folder, "req -new -key srv.key -subj /CN=localhost -out new.csr");
    openssl(
        folder,
        "x509 -req -in new.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out srv.pem",
    );
}

/// One below an authority that expired in 2021 and is itself of the CA; both are sent.
fn issue_below_an_expired_one(folder: &Path) {
    let config = "[ca]\ndefault_ca=d\n[d]\ndatabase=ca.index\nnew_certs_dir=issued\nrand_serial=yes\n\
                  unique_subject=no\ndefault_md=sha256\npolicy=any\nx509_extensions=authority\n[any]\n\
                  commonName=supplied\n[authority]\nbasicConstraints=critical,CA:TRUE\n";
    std::fs::write(folder.join("middle.conf"), config).expect("written");
    std::fs::write(folder.join("ext"), "subjectAltName=DNS:localhost\n").expect("written");
    openssl(
        folder,
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout middle.key -subj /CN=Middle -out middle.csr",
    );
    openssl(
        folder,
        "ca -batch -notext -config middle.conf -cert ca.pem -keyfile ca.key -in middle.csr -out middle.pem -startdate 20200101000000Z -enddate 20210203000000Z",
    );
    openssl(folder, "req -new -key srv.key -subj /CN=localhost -out new.csr");
    openssl(
        folder,
        "x509 -req -in new.csr -CA middle.pem -CAkey middle.key -CAcreateserial -days 30 -extfile ext -out own.pem",
    );
    let chain = ["own.pem", "middle.pem"].map(|name| std::fs::read(folder.join(name)).expect("a certificate"));
    std::fs::write(folder.join("srv.pem"), chain.concat()).expect("written");
}

/// Both ways to TLS are refused for this reason, with this remedy.
async fn is_refused(slapd: &Slapd, stage: &str, reason: &str, remedy: &str) {
    let trusted = tempfile::tempdir().expect("a folder");
    std::fs::copy(slapd.ca_pem(), trusted.path().join("ca.pem")).expect("copied");
    let app = TestApp::start_with(Setup { trust_dir: Some(trusted.path().to_owned()), ..Setup::default() }).await;
    for start_tls in [false, true] {
        let id = app.create_system("Secured").await;
        let port = if start_tls { slapd.port() } else { slapd.ldaps_port() };
        let mut values = settings(&format!("localhost:{port}"));
        values["15"] = json!({ "checkboxValue": start_tls });
        values["21"] = json!({ "checkboxValue": !start_tls });
        values["11"] = json!({ "intValue": 0 });
        app.set(id, &values).await.expect_status(200);
        let message = app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
        assert!(message.contains(&format!("{stage} at localhost:{port}: {reason}")), "{reason}: {message}");
        assert!(message.contains(remedy), "{remedy}: {message}");
        let path = format!("{SYSTEMS}/{id}/test-connection");
        let answer = app.admin().send("POST", &path, None).await.expect_status(200);
        let failed = answer["stages"].as_array().and_then(|stages| stages.iter().find(|s| s["outcome"] == "failed"));
        let failed = failed.unwrap_or_else(|| panic!("{answer}"));
        assert!(failed["message"].as_str().is_some_and(|text| text.contains(reason)), "{failed}");
        assert!(failed["remedy"].as_str().is_some_and(|text| text.contains(remedy)), "{failed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn the_certificate_at_fault_is_named() {
    let mut slapd = Slapd::start();
    let folder = slapd.ca_pem().parent().expect("a folder").to_owned();
    slapd.stop();
    issue_below_an_expired_one(&folder);
    slapd.resume();
    let reason = "intermediate certificate has expired: CN=Middle, on 2021-02-03";
    is_refused(&slapd, "tls", reason, "its own need not be renewed").await;
    for (extensions, reason, remedy) in [
        (
            "basicConstraints=CA:FALSE\n",
            "host name not covered by the certificate, which has no subjectAltName: CN=localhost",
            "the common name (CN) does not count",
        ),
        (
            "subjectAltName=DNS:localhost\nextendedKeyUsage=clientAuth\n",
            "certificate not issued for servers: CN=localhost",
            "serverAuth",
        ),
        (
            "subjectAltName=DNS:a.example,DNS:b.example\n",
            "host name not covered by the certificate: CN=localhost is for a.example, b.example",
            "Write Host as one of the names",
        ),
    ] {
        slapd.stop();
        issue(&folder, extensions);
        slapd.resume();
        is_refused(&slapd, "tls", reason, remedy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs slapd; tests/run.sh runs it"]
async fn a_demand_for_a_client_certificate_is_named() {
    // GnuTLS hangs up without a word; with TLS 1.3 the handshake is over for the client by then.
    let reason = "client certificate asked for, then connection lost";
    for (version, stage) in [("NORMAL", "bind"), ("NORMAL:-VERS-TLS1.3", "tls")] {
        // The CA it asks for is that of its own certificate, which lies beside its configuration.
        let mut slapd = Slapd::start();
        let file = slapd.ca_pem().display().to_string();
        slapd.restart(|setup: &mut Directory| {
            setup.global = format!("TLSCACertificateFile {file}\nTLSVerifyClient demand\nTLSCipherSuite {version}");
        });
        is_refused(&slapd, stage, reason, "TLSVerifyClient").await;
    }
}
