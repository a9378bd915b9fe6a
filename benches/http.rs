//! An authenticated read of one connected system beside a bare warp route, both under wrk.
//!
//! `cargo bench --bench http -- [--rounds 5] [--seconds 5]`

mod support;

use serde_json::json;
use std::io::Read;
use std::process::{Command, Stdio};
use support::{Arguments, SYSTEMS, Samples, Server, header, row};
use warp::Filter;

const BARE_ROUTE: &str = "--bare-route";

fn main() {
    if std::env::args().nth(1).as_deref() == Some(BARE_ROUTE) {
        return serve_bare_route();
    }
    let arguments = Arguments::read(&["--rounds", "--seconds"], &[]);
    let rounds = arguments.number("--rounds", 5).max(1);
    let seconds = arguments.number("--seconds", 5).max(1);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = random_key();
    let jim = Server::jim_with_key(folder.path(), &key);
    let created = jim.ask("POST", SYSTEMS, Some(json!({"name": "read", "connectorDefinitionId": 3})), 201);
    let path = format!("{SYSTEMS}/{}", created["id"]);
    jim.ask("GET", &path, None, 200);
    let bare = Server::myself(BARE_ROUTE);

    let (mut read, mut hello) = (Samples::default(), Samples::default());
    for _ in 0..rounds {
        // In turns, so that whatever else the machine does meets both.
        hello.add(requests_per_second(&bare, "/hello", seconds));
        read.add(requests_per_second(&jim, &path, seconds));
    }
    println!("Requests a second: median (least-most) of {rounds} rounds of {seconds} s, wrk -t1 -c32.\n");
    header(&["route", "requests/s", "of bare warp"]);
    row(&["bare warp", &hello.show(0), "1.00"]);
    row(&["authenticated read", &read.show(0), &format!("{:.2}", read.median() / hello.median())]);
}

/// A process of its own, as the server under test is.
fn serve_bare_route() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("listening on http://{}", listener.local_addr().expect("its address"));
        warp::serve(warp::path!("hello").map(|| "hi")).incoming(listener).run().await;
    });
}

fn requests_per_second(server: &Server, path: &str, seconds: usize) -> f64 {
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c32", &format!("-d{seconds}s")]);
    if let Some(key) = &server.key {
        command.arg("-H").arg(format!("X-Api-Key: {key}"));
    }
    command.arg(format!("http://{}{path}", server.address));
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(why) => panic!("cannot run wrk: {why}; it is Debian's package wrk"),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    // A refusal is quicker than an answer: such a number would flatter.
    let clean = output.status.success() && !text.contains("Non-2xx") && !text.contains("Socket errors");
    assert!(clean, "wrk: {text}{}", String::from_utf8_lossy(&output.stderr));
    let rate = text.lines().find_map(|line| line.strip_prefix("Requests/sec:")?.trim().parse().ok());
    rate.unwrap_or_else(|| panic!("wrk gave no rate: {text}"))
}

fn random_key() -> String {
    let mut bytes = [0; 20];
    let random = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    random.expect("random bytes");
    bytes.iter().fold("jim_".to_owned(), |key, byte| format!("{key}{byte:02x}"))
}
