//! Answers of many rows: how many may be on their way at a time.

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{SYSTEMS, Setup, TestApp};

/// A caller that asks for much and does not read it holds its memory: eight may, a ninth waits.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_read_are_few() {
    let files = tempfile::tempdir().expect("a folder");
    let columns: Vec<String> = (1..100).map(|n| format!("a column with a long name, the {n}th of all")).collect();
    let mut text = format!("kind,\"{}\"\n", columns.join("\",\""));
    for kind in 0..300 {
        text += &format!("kind{kind}{}\n", ",".repeat(99));
    }
    std::fs::write(files.path().join("wide.csv"), text).expect("a file");
    let root = Some(files.path().to_owned());
    let app = TestApp::start_with(Setup { files_root: root, ..Setup::default() }).await;
    let body = json!({ "name": "Wide", "connectorDefinitionId": 1 });
    let id = app.admin().post(SYSTEMS, &body).await.expect_status(201)["id"].as_i64().expect("an id");
    let text = |value: &str| json!({ "stringValue": value });
    app.set(id, &json!({ "101": text("wide.csv"), "103": text("kind") })).await.expect_status(200);
    app.import_schema(id).await.expect_status(200);
    let path = format!("{SYSTEMS}/{id}/object-types");
    let mut lazy = Vec::new();
    for _ in 0..8 {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let mut stream = socket.connect(app.address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nX-Api-Key: {}\r\n\r\n", app.key);
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut first = [0; 12];
        stream.read_exact(&mut first).await.expect("the answer begins");
        assert_eq!(&first, b"HTTP/1.1 200");
        lazy.push(stream);
    }
    let refused = app.admin().get(&path).await;
    assert_eq!(refused.header("retry-after"), "5");
    refused.expect_error(503, "SERVICE_UNAVAILABLE");
    // What is small needs no such place for longer than it takes to read it, and what was done is answered.
    let listed = app.admin().get(SYSTEMS).await.expect_status(200);
    assert_eq!(listed["totalCount"], 1);
    app.admin().put(&format!("{SYSTEMS}/{id}"), &json!({ "name": "Wider" })).await.expect_status(200);
    drop(lazy);
    let types = app.object_types(id).await;
    assert_eq!(types.as_array().map(Vec::len), Some(300));
}
