//! What `jim run` refuses, and with which code.

use serde_json::json;

use super::caller;
use crate::support::directory::Certificate;
use crate::support::people::{profile, system};
use crate::support::program::Place;
use crate::support::{SYSTEMS, TestApp};
use crate::tls_listener;

#[tokio::test(flavor = "multi_thread")]
async fn unknown_ambiguous_and_unready_names_are_64() {
    let app = TestApp::start().await;
    let place = caller(&app);
    assert!(place.run(&["run", "x", "y"]).refused(64).contains("there is no connected system yet"));
    let (case, first) = system(&app, 1).await;
    let second = profile(&app, case.id, "FULL").await;
    assert!(
        place.run(&["run", "elsewhere", "Full"]).refused(64).contains(&format!("there are: {} (Sandbox)", case.id))
    );
    assert!(
        place.run(&["run", "Sandbox", "x\u{1b}y"]).refused(64).contains("no run profile has the name or id x\\u{1b}y")
    );
    let told = place.run(&["run", "Sandbox", "Full"]).refused(64);
    assert!(told.contains(&format!("{first} (Full), {second} (FULL)")), "{told}");
    // What the server says to a profile that cannot run.
    let chosen = json!({ "selected": false });
    let partition = app.partitions(case.id).await[0]["id"].clone();
    app.admin().put(&format!("{SYSTEMS}/{}/partitions/{partition}", case.id), &chosen).await.expect_status(200);
    let told = place.run(&["run", "Sandbox", &first.to_string()]).refused(64);
    assert!(told.contains("partition") && told.contains("(400)"), "{told}");
    assert!(!app.activities().iter().any(|a| a.operation == "Execute"), "nothing was run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_missing_is_64_and_one_that_is_refused_is_77() {
    let app = TestApp::start().await;
    system(&app, 1).await;
    let place = caller(&app).with("JIM_API_KEY", "");
    assert!(place.run(&["run", "Sandbox", "Full"]).refused(64).contains("JIM_API_KEY"));
    for (name, content) in [("empty", " \n"), ("binary", "\u{0}\u{1}x")] {
        place.write(name, content);
    }
    assert!(place.run(&["run", "Sandbox", "Full", "--key-file", "none"]).refused(64).contains("none"));
    assert!(place.run(&["run", "Sandbox", "Full", "--key-file", "empty"]).refused(64).contains("holds no API key"));
    place.run(&["run", "Sandbox", "Full", "--key-file", "binary"]).refused(69);
    let reader = app.with_roles("reader", &[2]).await;
    for (key, status) in [("jim_wrong-but-long-enough-to-be-a-key-012345", "(401)"), (reader.key(), "(403)")] {
        let told = caller(&app).with("JIM_API_KEY", key).run(&["run", "Sandbox", "Full"]).refused(77);
        assert!(told.contains(status) && !told.contains(key), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_69_and_a_wrong_address_64() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let place = Place::bare().with("JIM_API_KEY", "jim_a-key");
    let told = place.run(&["run", "a", "b", "--url", &format!("http://{closed}")]).refused(69);
    assert!(told.contains(&closed.to_string()) && told.contains("refused"), "{told}");
    place.run(&["run", "a", "b", "--url", "http://no-such-host.invalid"]).refused(69);
    for url in ["", "localhost", "ftp://localhost", "http://localhost/?x=1", "http://localhost/#x", "http://"] {
        place.run(&["run", "a", "b", "--url", url]).refused(64);
    }
    let told = place.run(&["run", "a", "b", "--url", "http://me:s3cret@localhost"]).refused(64);
    assert!(!told.contains("s3cret"), "{told}");
    for wrong in [&["run"][..], &["run", "a"], &["run", "a", "b", "c"], &["run", "a", "b", "--key", "x"]] {
        place.run(wrong).refused(64);
    }
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn the_certificate_of_a_server_is_checked() {
    let certificate = Certificate::for_names(&["localhost"]).expect("a certificate");
    let serving = Place::new().with("JIM_SERVER_TLS_CERTIFICATE", "own.pem").with("JIM_SERVER_TLS_KEY", "own.key");
    // What is meant for commands is no mistake in the environment of a server.
    let serving = serving.with("JIM_URL", "https://jim.example").with("JIM_API_KEY", "jim_for-commands");
    tls_listener::put(&serving, &certificate);
    let server = serving.serve();
    let (port, key) = (tls_listener::address(&server).port(), server.key());
    let place = Place::bare().with("JIM_URL", &format!("https://localhost:{port}")).with("JIM_API_KEY", &key);
    let told = place.run(&["run", "a", "b"]).refused(69);
    assert!(told.contains("issuer not trusted"), "{told}");
    place.write("ca.pem", certificate.pem());
    let trusted = place.path("ca.pem").display().to_string();
    let place = place.with("SSL_CERT_FILE", &trusted);
    assert!(place.run(&["run", "a", "b"]).refused(64).contains("there is no connected system yet"));
    assert!(!server.stop().err.contains("unknown environment variable"));
}
