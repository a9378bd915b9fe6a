//! TLS that is refused, spoiled or too old. No byte of the credentials is sent, and there is no way round.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::case::{Case, same};
use crate::support::directory::{Certificate, Faults, Options, Tls, Tree};
use crate::support::program::{Place, Process};
use crate::support::rogue::{Rogue, Step};
use crate::tier;

const PASSWORD: &str = "Correct-Horse-42";
const USER: &str = "cn=importer,dc=x";
const LDAPS: &str = "21";
const START_TLS: &str = "15";

/// An answer to StartTLS with this result code, under message id 1.
fn start_tls_answer(code: u8) -> Vec<u8> {
    vec![0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, code, 0x04, 0x00, 0x04, 0x00]
}

/// A server hello of this version, with a cipher suite of its time.
fn server_hello(version: [u8; 2]) -> Vec<u8> {
    let mut hello = version.to_vec();
    hello.extend([0x5a; 32]);
    // No session id, TLS_RSA_WITH_AES_128_CBC_SHA, no compression.
    hello.extend([0, 0x00, 0x2f, 0]);
    let mut handshake = vec![0x02, 0, 0, hello.len() as u8];
    handshake.extend(hello);
    let mut record = vec![0x16, version[0], version[1], 0, handshake.len() as u8];
    record.extend(handshake);
    record
}

/// A success of a bind with message id 2, as an attacker on the way might put it before the handshake.
const BOUND: &[u8] = &[0x30, 0x0c, 0x02, 0x01, 0x02, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];

fn settings(host: &str, switch: &str) -> Value {
    let mut values = json!({
        "1": { "stringValue": host },
        "2": { "stringValue": USER },
        "3": { "stringValue": PASSWORD },
        // Even where the certificate is not looked at.
        "6": { "stringValue": "Skip Validation (Not Recommended)" },
        "7": { "intValue": 2 },
        "11": { "intValue": 2 },
        "12": { "intValue": 1 },
    });
    values[switch] = json!({ "checkboxValue": true });
    values
}

/// Whether any of the credentials came, in whatever way.
fn has_heard_credentials(rogue: &Rogue) -> bool {
    rogue.has_heard(PASSWORD.as_bytes())
        || rogue.has_heard(USER.as_bytes())
        || rogue.has_heard(b"\x60") && rogue.has_heard(b"\x02\x01\x03")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credentials_without_tls() {
    let app = TestApp::start().await;
    let say = |bytes: &[u8]| Step::Say(bytes.to_vec());
    let (ok, hear) = (start_tls_answer(0), Step::Hear);
    let mut rows: Vec<(&str, Vec<Step>, String)> = Vec::new();
    for code in [1, 2, 10, 52, 53, 80] {
        rows.push((START_TLS, vec![hear.clone(), say(&start_tls_answer(code))], "StartTLS refused: ".to_owned()));
    }
    let failed = || "handshake failed".to_owned();
    for version in [[3, 0], [3, 1], [3, 2]] {
        let hello = || say(&server_hello(version));
        rows.push((LDAPS, vec![hear.clone(), hello()], String::new()));
        rows.push((START_TLS, vec![hear.clone(), say(&ok), hear.clone(), hello()], String::new()));
        // The hello of a server that does not wait.
        rows.push((START_TLS, vec![hear.clone(), say(&[ok.clone(), server_hello(version)].concat())], failed()));
    }
    // Plain LDAP in place of TLS, and behind the answer to StartTLS.
    rows.push((LDAPS, vec![say(BOUND)], String::new()));
    rows.push((LDAPS, vec![hear.clone(), say(BOUND), hear.clone(), say(BOUND)], String::new()));
    rows.push((START_TLS, vec![hear.clone(), say(&[&ok, BOUND].concat())], failed()));
    rows.push((START_TLS, vec![hear.clone(), say(&ok), hear.clone(), say(BOUND)], String::new()));
    rows.push((START_TLS, vec![hear.clone(), say(&[&ok, &b"\0"[..]].concat())], failed()));
    // Answers to something else, silence, the end.
    rows.push((START_TLS, vec![hear.clone(), say(BOUND)], "answer not understood".to_owned()));
    rows.push((START_TLS, vec![say(BOUND)], "answer not understood".to_owned()));
    rows.push((START_TLS, vec![hear.clone(), Step::Close], "connection lost".to_owned()));
    rows.push((LDAPS, vec![hear.clone(), Step::Close], String::new()));
    rows.push((START_TLS, vec![], "timed out after 1 s".to_owned()));
    rows.push((LDAPS, vec![], "timed out after 1 s".to_owned()));
    let count = rows.len();
    let mut connections = 0;
    for (switch, script, said) in rows {
        let rogue = Rogue::start(script.clone()).await;
        let id = app.create_system("Rogue").await;
        let mut values = settings(&rogue.address().to_string(), switch);
        let seconds = if said.starts_with("timed out") { 1 } else { 10 };
        values["7"] = json!({ "intValue": seconds });
        app.set(id, &values).await.expect_status(200);
        let dump = app.dump();
        let message = app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
        let what = format!("{switch} {script:?}: {message}");
        assert!(message.contains(&format!("tls at {}: {said}", rogue.address())), "{what}");
        assert!(!has_heard_credentials(&rogue), "{what}");
        assert!(rogue.connections() <= 3, "{what}");
        connections += rogue.connections();
        same(&app.dump(), &dump, &what);
    }
    tier::figure(format!("{count} ways without TLS, {connections} connections: 0 bytes of the credentials"));
    // A listener that hears them when there is no TLS: the tests above could fail.
    let rogue = Rogue::start(Vec::new()).await;
    let id = app.create_system("Plain").await;
    let mut plain = settings(&rogue.address().to_string(), LDAPS);
    plain[LDAPS] = json!({ "checkboxValue": false });
    app.set(id, &plain).await.expect_status(200);
    app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
    assert!(rogue.has_heard(PASSWORD.as_bytes()) && has_heard_credentials(&rogue));
    app.is_sound();
}

/// A real directory with StartTLS, and an attacker on the way that puts bytes before the handshake.
#[tokio::test(flavor = "multi_thread")]
async fn bytes_before_the_handshake() {
    let app = TestApp::start().await;
    let certificate = Certificate::for_names(&["localhost"]).expect("a certificate");
    let tls = Some(Tls::StartTls(certificate.config()));
    let tree = Tree::new().suffix("dc=x").ou("ou=A,dc=x");
    let case = Case::with(&app, Options { tls, ..Options::with_tree(tree) }).await;
    let mut values = settings(&case.sandbox.addr().to_string(), START_TLS);
    values["2"] = json!({ "stringValue": case.sandbox.bind_dn() });
    values["3"] = json!({ "stringValue": case.sandbox.password() });
    values["7"] = json!({ "intValue": 10 });
    case.set(values).await;
    app.import(case.id, "").await.expect_status(200);
    let attempts = case.sandbox.bind_attempts();
    for bytes in [&b"\0"[..], BOUND, &start_tls_answer(0), &[0x16; 5], &server_hello([3, 3])] {
        case.sandbox.set_faults(Faults { before_tls: bytes.to_vec(), ..Faults::default() });
        let dump = app.dump();
        let message = app.import(case.id, "").await.expect_error(500, "INTERNAL_ERROR");
        assert!(message.contains(&format!("tls at {}: handshake failed", case.sandbox.addr())), "{message}");
        assert_eq!(case.sandbox.bind_attempts(), attempts, "{bytes:02x?}");
        same(&app.dump(), &dump, "nothing changes");
    }
    case.sandbox.set_faults(Faults::default());
    app.import(case.id, "").await.expect_status(200);
}

/// What OpenSSL offers: what is older than 1.2 is refused, and with 1.2 and 1.3 the password arrives.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs openssl"]
async fn old_versions_of_openssl() {
    let app = TestApp::start().await;
    let place = Place::bare();
    let make = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "cert", "-subj", "/CN=x"];
    let made = Command::new("openssl").args(make).current_dir(place.folder()).output().expect("openssl runs");
    assert!(made.status.success(), "{made:?}");
    for (version, works) in [("-tls1", false), ("-tls1_1", false), ("-tls1_2", true), ("-tls1_3", true)] {
        // It ends with its input, so that it needs one that has no end.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "[ -p in ] || mkfifo in; exec openssl \"$@\" <>in", "sh", "s_server"]);
        command.args(["-accept", "127.0.0.1:0", "-key", "key", "-cert", "cert", "-cipher", "ALL:@SECLEVEL=0", version]);
        command.current_dir(place.folder());
        let server = Process::of_others(command);
        let address = server.line("ACCEPT ");
        let id = app.create_system("OpenSSL").await;
        let mut values = settings(&address, LDAPS);
        values["11"] = json!({ "intValue": 0 });
        app.set(id, &values).await.expect_status(200);
        let message = app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
        let told = server.out().concat();
        println!("{version}: {message}");
        assert_eq!(message.contains(&format!("tls at {address}: ")), !works, "{message}");
        assert_eq!(message.contains(&format!("bind at {address}: ")), works, "{message}");
        assert_eq!(told.contains(PASSWORD), works, "{told}");
    }
}
