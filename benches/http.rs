//! The anonymous `health/live` and an authenticated read of one connected system beside a bare warp route, and beside one
//! that reads a single row of the same database, all under wrk; and the memory that they hold.
//!
//! `cargo bench --bench http -- [--rounds 5] [--seconds 5]`
#![allow(clippy::disallowed_methods)]

mod support;

use serde_json::json;
use std::io::Read;
use std::process::{Command, Stdio};
use support::{Arguments, MIB, SYSTEMS, Samples, Server, compared, header, row};
use warp::Filter;

const LIVE: &str = "/api/v1/health/live";

/// The role of the bare server, and the variable that says where its database is.
const BARE_ROUTE: &str = "--bare-route";
const DATABASE: &str = "BARE_DATABASE";

fn main() {
    if std::env::args().nth(1).as_deref() == Some(BARE_ROUTE) {
        return serve_bare_routes();
    }
    let arguments = Arguments::read(&["--rounds", "--seconds"]);
    let rounds = arguments.number("--rounds", 5).max(1);
    let seconds = arguments.number("--seconds", 5).max(1);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let key = random_key();
    let jim = Server::jim_with_key(folder.path(), &key);
    let created = jim.ask("POST", SYSTEMS, Some(json!({"name": "read", "connectorDefinitionId": 3})), 201);
    let path = format!("{SYSTEMS}/{}", created["id"]);
    jim.ask("GET", &path, None, 200);
    let bare = Server::myself_with(BARE_ROUTE, DATABASE, &folder.path().join("jim.db"));
    bare.ask("GET", "/select/1", None, 200);

    let [mut live, mut read, mut hello, mut select] = std::array::from_fn(|_| Samples::default());
    for _ in 0..rounds {
        // In turns, so that whatever else the machine does meets all.
        hello.add(requests_per_second(&bare, "/hello", seconds));
        select.add(requests_per_second(&bare, "/select/1", seconds));
        live.add(requests_per_second(&jim, LIVE, seconds));
        read.add(requests_per_second(&jim, &path, seconds));
    }
    let resident = |server: &Server| Samples::of(vec![server.memory("VmRSS") as f64 / MIB]);
    compared("health/live", "requests/s", &live, "bare warp", &hello);
    compared("authenticated read of a system", "requests/s", &read, "bare warp", &hello);
    compared("authenticated read of a system", "requests/s", &read, "bare warp and one SELECT", &select);
    compared("memory after it", "MiB", &resident(&jim), "bare warp", &resident(&bare));
    println!("Requests a second: median (least-most) of {rounds} rounds of {seconds} s, wrk -t1 -c32.\n");
    header(&["route", "requests/s", "of bare warp"]);
    row(&["bare warp", &hello.show(0), "1.00"]);
    row(&["bare warp and one SELECT", &select.show(0), &format!("{:.2}", select.median() / hello.median())]);
    row(&["health/live", &live.show(0), &format!("{:.2}", live.median() / hello.median())]);
    row(&["authenticated read", &read.show(0), &format!("{:.2}", read.median() / hello.median())]);
}

/// A process of its own, as the server under test is: a route that does nothing, and one that reads a row by its id and
/// writes it as JSON, as one would who has warp and SQLite and nothing else to do.
fn serve_bare_routes() {
    let database = std::env::var_os(DATABASE).expect("a database");
    let pool = r2d2::Pool::builder().max_size(4).build(r2d2_sqlite::SqliteConnectionManager::file(database));
    let pool = pool.expect("the database opens");
    let select = warp::path!("select" / i64).and_then(move |id| {
        let pool = pool.clone();
        async move {
            let read = tokio::task::spawn_blocking(move || {
                let connection = pool.get().expect("a connection");
                let sql = "SELECT name, description FROM connected_systems WHERE id = ?1";
                let mut statement = connection.prepare_cached(sql).expect("a statement");
                let row = statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)));
                row.map(
                    |(name, description): (String, Option<String>)| json!({"name": name, "description": description}),
                )
            });
            let row = read.await.expect("it does not panic").map_err(|_| warp::reject::not_found())?;
            Ok::<_, warp::Rejection>(warp::reply::json(&row))
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("listening on http://{}", listener.local_addr().expect("its address"));
        let routes = warp::path!("hello").map(|| "hi").or(select);
        warp::serve(routes).incoming(listener).run().await;
    });
}

/// Anonymous where the path is.
fn requests_per_second(server: &Server, path: &str, seconds: usize) -> f64 {
    let mut command = Command::new("wrk");
    command.args(["-t1", "-c32", &format!("-d{seconds}s")]);
    if let Some(key) = server.key.as_ref().filter(|_| path != LIVE) {
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
