//! Faults of the way to a directory: each in its own words, and logged as one of the system, not of the server.

use std::net::{SocketAddr, UdpSocket};

use serde_json::{Value, json};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

use crate::support::client::Client;
use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::program::{Place, Process};
use crate::support::{SYSTEMS, sandbox_settings};

async fn sandbox() -> Sandbox {
    Sandbox::start(Options::with_tree(Tree::new().suffix("dc=x").ou("ou=A,dc=x"))).await.expect("the sandbox starts")
}

/// A system with these settings on a server of its own process.
async fn system(client: &Client, values: &Value) -> String {
    let body = json!({ "name": "Head office", "connectorDefinitionId": 3 });
    let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
    let path = format!("{SYSTEMS}/{id}");
    client.put(&path, &json!({ "settingValues": values })).await.expect_status(200);
    path
}

fn lines(process: &Process, holds: &str) -> Vec<String> {
    process.err().into_iter().chain(process.out()).filter(|line| line.contains(holds)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_outside_is_a_warning_of_its_system_with_the_remedy() {
    let sandbox = sandbox().await;
    let unused = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port");
    let place = Place::new();
    let process = place.serve();
    let client = process.client(&process.key());
    let mut values = sandbox_settings(&sandbox);
    values["1"] = json!({ "stringValue": unused.to_string() });
    let path = system(&client, &values).await;
    let reason = format!("connect at {unused}: connection refused. Check Host and Port, that the directory is running");
    for verb in ["import-hierarchy?preview=true", "import-hierarchy", "import-schema"] {
        let answer = client.send("POST", &format!("{path}/{verb}"), None).await;
        let message = answer.expect_error(500, "INTERNAL_ERROR");
        assert!(message.contains(&reason), "{verb}: {message}");
    }
    client.send("POST", &format!("{path}/test-connection"), None).await.expect_status(200);
    let line = process.log_line("a connection test failed");
    for part in ["WARN", "connected_system.id=1", "Head office", "connection refused"] {
        assert!(line.contains(part), "{part}: {line}");
    }
    for what in ["hierarchy preview failed", "hierarchy import failed", "schema import failed"] {
        let line = process.log_line(what);
        for part in ["WARN", "connected_system.id=1", "Head office", &reason] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    assert_eq!(lines(&process, " ERROR "), [""; 0]);
    process.stop();
}

/// An address of this machine that others could reach too; a machine without a network has none.
fn outward() -> Option<SocketAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Nothing is sent: this only asks which address would be used.
    socket.connect("198.51.100.1:9").ok()?;
    socket.local_addr().ok().filter(|address| !address.ip().is_loopback())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_clear_is_warned_of_in_test_preview_import_and_log() {
    let Some(address) = outward() else {
        println!("no address but loopback: not tried");
        return;
    };
    let sandbox = sandbox().await;
    let listener = TcpListener::bind((address.ip(), 0)).await.expect("bound");
    let (address, inner) = (listener.local_addr().expect("an address"), sandbox.addr());
    tokio::spawn(async move {
        while let Ok((mut outer, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut inner = TcpStream::connect(inner).await.expect("the sandbox listens");
                let _ = copy_bidirectional(&mut outer, &mut inner).await;
            });
        }
    });
    let place = Place::new();
    let process = place.serve();
    let client = process.client(&process.key());
    let mut values = sandbox_settings(&sandbox);
    values["1"] = json!({ "stringValue": address.to_string() });
    let path = system(&client, &values).await;
    let said = format!("the password is sent without TLS to {address}, which is not loopback");

    let tested = client.send("POST", &format!("{path}/test-connection"), None).await.expect_status(200);
    let tls = &tested["stages"][2];
    assert_eq!((&tested["success"], &tls["outcome"]), (&json!(true), &json!("warning")), "{tested}");
    assert_eq!((&tls["code"], &tls["message"]), (&json!("passwordInClear"), &json!(said)));
    assert!(tls["remedy"].as_str().is_some_and(|text| text.contains("StartTLS")), "{tls}");
    assert_eq!(lines(&process, &said).len(), 1, "of the test");

    for query in ["?preview=true", ""] {
        let result = client.send("POST", &format!("{path}/import-hierarchy{query}"), None).await.expect_status(200);
        assert_eq!(result["warnings"].as_array().map(Vec::len), Some(1), "{result}");
        assert!(result["warnings"][0].as_str().is_some_and(|text| text.starts_with(&said)), "{result}");
    }
    client.send("POST", &format!("{path}/import-schema"), None).await.expect_status(200);
    let logged = lines(&process, &said);
    assert_eq!(logged.len(), 4, "{logged:?}");
    assert!(logged.iter().all(|line| line.contains("WARN") && line.contains("connected_system.id=1")), "{logged:?}");
    assert!(logged.iter().all(|line| !line.contains(sandbox.password())));
    process.stop();
}
