//! Why a certificate is refused, or TLS does not come about: the reason names the certificate, the remedy what to do.

use std::process::Command;

use serde_json::{Value, json};

use super::made::{AUTHORITY, Party, SERVER, Wish};
use super::trust::Shown;
use super::{PATH, activities, upload, uploaded};
use crate::support::directory::{Options, Sandbox, Tls, Tree};
use crate::support::program::{Place, Process};
use crate::support::{SYSTEMS, TestApp, sandbox_settings};

#[tokio::test(flavor = "multi_thread")]
async fn an_intermediate_that_expired_is_named_with_its_date() {
    for (days, reason) in [
        ((-20, -10), "intermediate certificate has expired: CN=Middle, on "),
        ((10, 20), "intermediate certificate not yet valid: CN=Middle, before "),
    ] {
        let app = TestApp::start().await;
        let (root, middle, server) = (Party::new("Root"), Party::new("Middle"), Party::new("server"));
        uploaded(&app, "root", root.certificate(&root, AUTHORITY)).await;
        let middle_der = middle.certificate(&root, Wish { days, ..AUTHORITY });
        let leaf = server.certificate(&middle, SERVER);
        Shown::new(&app, server.server(&[&leaf, &middle_der])).await.is(&app, "Middle", Some(reason)).await;
        // That of the directory comes first: it is the one to renew in any case.
        let leaf = server.certificate(&middle, Wish { days: (-3, -2), ..SERVER });
        let own = "certificate has expired: CN=server, on ";
        if days.1 < 0 {
            Shown::new(&app, server.server(&[&leaf, &middle_der])).await.is(&app, "both", Some(own)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_issuer_that_is_missing_is_named() {
    let app = TestApp::start().await;
    let (root, middle, server) = (Party::new("Root"), Party::new("Middle"), Party::new("server"));
    let middle_der = middle.certificate(&root, AUTHORITY);
    let leaf = server.certificate(&middle, SERVER);
    let shown = Shown::new(&app, server.server(&[&leaf, &middle_der])).await;
    shown.is(&app, "a chain", Some("issuer not trusted: CN=Middle was issued by CN=Root")).await;
    let alone = server.certificate(&server, SERVER);
    let shown = Shown::new(&app, server.server(&[&alone])).await;
    shown.is(&app, "alone", Some("issuer not trusted: CN=server was issued by itself")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_count_is_distinguished_from_a_wrong_one() {
    let app = TestApp::start().await;
    let (root, server) = (Party::new("Root"), Party::new("localhost"));
    uploaded(&app, "root", root.certificate(&root, AUTHORITY)).await;
    let of = |names| server.certificate(&root, Wish { names, ..SERVER });
    let lead = "host name not covered by the certificate";
    let many: &[&str] = &["a.example", "b.example", "c.example", "d.example", "e.example", "f.example"];
    for (names, host, reason, remedy) in [
        (&[][..], "localhost", ", which has no subjectAltName: CN=localhost", "the common name (CN) does not count"),
        (&["a.example"], "localhost", ": CN=localhost is for a.example", "Write Host as one of the names"),
        (
            many,
            "localhost",
            ": CN=localhost is for a.example, b.example, c.example, d.example, e.example, ...",
            "Write Host",
        ),
        (
            &["127.0.0.1"],
            "127.0.0.1",
            ", which has the address as a DNS name: CN=localhost",
            "as an IP address in subjectAltName",
        ),
    ] {
        let config = server.server(&[&of(names)]);
        let options = Options { tls: Some(Tls::Ldaps(config)), ..Options::with_tree(Tree::new().suffix("dc=x")) };
        let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
        let mut values = sandbox_settings(&sandbox);
        values["1"] = json!({ "stringValue": format!("ldaps://{host}:{}", sandbox.addr().port()) });
        is_refused(&app, &values, "tls", &format!("{lead}{reason}"), remedy).await;
    }
}

/// An import and a connection test fail at this stage for this reason, with this remedy.
async fn is_refused(app: &TestApp, values: &Value, stage: &str, reason: &str, remedy: &str) {
    let id = app.create_system("Secured").await;
    app.set(id, values).await.expect_status(200);
    let message = app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
    assert!(message.contains(&format!("{stage} at ")) && message.contains(&format!(": {reason}. ")), "{message}");
    assert!(message.contains(remedy), "{remedy}: {message}");
    let path = format!("{SYSTEMS}/{id}/test-connection");
    let answer = app.admin().send("POST", &path, None).await.expect_status(200);
    let stages = answer["stages"].as_array().expect("stages");
    let failed = stages.iter().find(|s| s["outcome"] == "failed").unwrap_or_else(|| panic!("{answer}"));
    assert_eq!(failed["name"], stage, "{failed}");
    assert!(failed["message"].as_str().is_some_and(|text| text.ends_with(&format!(": {reason}"))), "{failed}");
    assert!(failed["remedy"].as_str().is_some_and(|text| text.contains(remedy)), "{failed}");
}

/// Runs `openssl` in the folder.
fn openssl(place: &Place, line: &str) {
    let made =
        Command::new("openssl").current_dir(place.folder()).args(line.split(' ')).output().expect("openssl runs");
    assert!(made.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&made.stderr));
}

/// `cert` with `key`, issued by a new CA in `ca`; with `key_of_ca`, `key_of_server`, extensions and digest.
fn issue(place: &Place, ca: &str, server: &str, extensions: &str, digest: &str) {
    openssl(place, &format!("req -x509 -newkey {ca} -nodes -keyout ca.key -subj /CN=CA -days 9 -out ca"));
    openssl(place, &format!("req -new -newkey {server} -nodes -keyout key -subj /CN=localhost -out csr"));
    place.write("ext", extensions);
    let more = if extensions.is_empty() { "" } else { " -extfile ext" };
    openssl(
        place,
        &format!("x509 -req -in csr -CA ca -CAkey ca.key -CAcreateserial -days 9 -{digest} -out cert{more}"),
    );
}

/// OpenSSL's server with `cert`, and where it listens.
fn serve(place: &Place, options: &str) -> (Process, String) {
    // It ends with its input, so that it needs one that has no end.
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "[ -p in ] || mkfifo in; exec openssl \"$@\" <>in", "sh", "s_server"]);
    command.args(["-accept", "127.0.0.1:0", "-key", "key", "-cert", "cert"]).args(options.split(' '));
    command.current_dir(place.folder());
    let server = Process::of_others(command);
    let address = server.line("ACCEPT ");
    (server, address)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs openssl; tests/run.sh runs it"]
async fn openssl_shows_what_is_refused() {
    const GOOD: &str = "subjectAltName=DNS:localhost\n";
    const ANY: &str = "-cipher ALL:@SECLEVEL=0";
    let weak = "Have it issued anew with RSA of 2048 bits or more";
    for (ca, server, extensions, digest, options, stage, reason, remedy) in [
        ("rsa:2048", "rsa:2048", "", "sha256", ANY, "tls", "certificate of X.509 version 1: CN=localhost", "version 3"),
        (
            "rsa:2048",
            "rsa:1024",
            GOOD,
            "sha256",
            ANY,
            "tls",
            "certificate too weak: CN=localhost has an RSA key of 1024 bits",
            weak,
        ),
        (
            "rsa:1024",
            "rsa:2048",
            GOOD,
            "sha256",
            ANY,
            "tls",
            "certificate too weak: CN=CA has an RSA key of 1024 bits",
            weak,
        ),
        (
            "rsa:2048",
            "rsa:2048",
            GOOD,
            "sha1",
            ANY,
            "tls",
            "certificate too weak: CN=localhost is signed with SHA-1",
            weak,
        ),
        (
            "rsa:2048",
            "rsa:2048",
            "subjectAltName=DNS:localhost\nextendedKeyUsage=clientAuth\n",
            "sha256",
            ANY,
            "tls",
            "certificate not issued for servers: CN=localhost",
            "serverAuth",
        ),
        (
            "rsa:2048",
            "rsa:2048",
            GOOD,
            "sha256",
            "-tls1_3 -Verify 1",
            "bind",
            "client certificate required",
            "TLSVerifyClient",
        ),
        (
            "rsa:2048",
            "rsa:2048",
            GOOD,
            "sha256",
            "-tls1_2 -Verify 1",
            "tls",
            "client certificate required",
            "TLSVerifyClient",
        ),
        (
            "rsa:2048",
            "rsa:2048",
            GOOD,
            "sha256",
            "-tls1_2 -cipher AES128-SHA",
            "tls",
            "no common cipher suite",
            "ECDHE",
        ),
        (
            "rsa:2048",
            "rsa:2048",
            GOOD,
            "sha256",
            "-tls1_1 -cipher ALL:@SECLEVEL=0",
            "tls",
            "no common TLS version",
            "TLS 1.2 or 1.3",
        ),
    ] {
        let (app, place) = (TestApp::start().await, Place::bare());
        issue(&place, ca, server, extensions, digest);
        uploaded(&app, "CA", place.read("ca")).await;
        let (_server, address) = serve(&place, options);
        let port = address.rsplit(':').next().expect("a port");
        let values = json!({
            "1": { "stringValue": format!("ldaps://localhost:{port}") },
            "2": { "stringValue": "cn=importer,dc=x" },
            "3": { "stringValue": "Correct-Horse-42" },
            "7": { "intValue": 5 },
            "11": { "intValue": 0 },
        });
        is_refused(&app, &values, stage, reason, remedy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs openssl; tests/run.sh runs it"]
async fn a_certificate_that_connections_cannot_use_is_stored_with_a_warning() {
    let (app, place) = (TestApp::start().await, Place::bare());
    for (ca, server, extensions, digest, file, warned) in [
        ("rsa:1024", "rsa:2048", "", "sha256", "ca", Some("RSA with 1024 bits")),
        ("rsa:2048", "rsa:2048", "subjectAltName=DNS:x\n", "sha1", "cert", Some("signed with SHA-1")),
        ("rsa:2048", "rsa:2048", "", "sha256", "cert", Some("X.509 version 1")),
        ("rsa:2048", "rsa:2048", "subjectAltName=DNS:x\n", "sha256", "cert", None),
        ("rsa:2048", "rsa:2048", "", "sha256", "ca", None),
    ] {
        issue(&place, ca, server, extensions, digest);
        let made = upload(&app, "weak", place.read(file)).await.expect_status(201);
        let [operation, _, _, status] = activities(&app).pop().expect("an activity");
        let expected = if warned.is_some() { "CompleteWithWarning" } else { "Complete" };
        assert_eq!((operation.as_str(), status.as_str()), ("Create", expected), "{warned:?}");
        let path = format!("{PATH}/{}/validate", made["id"].as_str().expect("an id"));
        let validity = app.admin().get(&path).await.expect_status(200);
        let warnings = validity["warnings"].to_string();
        match warned {
            Some(warned) => assert!(warnings.contains(warned), "{warned}: {warnings}"),
            None => assert!(!warnings.contains("connections"), "{warnings}"),
        }
    }
}
