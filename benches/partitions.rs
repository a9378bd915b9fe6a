//! Listing a large tree beside the least that it could cost: the same rows read and serialised in a bare loop. And
//! how long other requests take while an import of that size writes.
//!
//! `cargo bench --bench partitions -- [--size 100000] [--rounds 7]`

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use support::directories::Directory;
use support::{Arguments, SYSTEMS, Samples, Server, compared, header, mib, row};

fn main() {
    let arguments = Arguments::read(&["--size", "--rounds"]);
    let (size, rounds) = (arguments.number("--size", 100_000), arguments.number("--rounds", 7).max(1));
    let directory = Directory::open_ldap(size);
    directory.ldapsearch();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let jim = Server::jim(folder.path());

    println!("Other requests, one after the other, in ms, while {size} OUs are imported for the first time.\n");
    header(&["request", "requests", "median", "99 of 100", "most"]);
    // The same without an import says what of it the import does.
    busy("GET, nothing else going on", &jim, Meanwhile::Nothing);
    for (name, path) in [("GET a system", SYSTEMS.to_owned() + "/1"), ("GET the list of systems", SYSTEMS.to_owned())] {
        let id = jim.create_system(name, &directory);
        busy(name, &jim, Meanwhile::Import { id, path });
    }

    let id = jim.create_system("listed", &directory);
    jim.import_hierarchy(id);
    println!("\nGET partitions with {size} containers, in ms: median (least-most) of {rounds} rounds.\n");
    header(&["answer in MiB", "bare loop", "jim", "x", "memory before", "most memory"]);
    let (mut bare, mut served, mut bytes) = (Samples::default(), Samples::default(), 0);
    // Memory of the imports goes back within seconds; what is measured is what listing adds.
    std::thread::sleep(Duration::from_secs(10));
    let before = jim.memory("VmRSS");
    jim.reset_peak();
    for _ in 0..rounds {
        let begun = Instant::now();
        let length = bare_loop(&folder.path().join("jim.db"), id);
        bare.add_time(begun.elapsed());
        let begun = Instant::now();
        bytes = listing(&jim, id);
        served.add_time(begun.elapsed());
        assert!(length * 2 > bytes && bytes * 2 > length, "{length} and {bytes} bytes");
    }
    compared(&format!("GET partitions, {size} containers"), "ms", &served, "a bare loop", &bare);
    row(&[
        &mib(bytes as u64),
        &bare.show(1),
        &served.show(1),
        &format!("{:.2}", served.median() / bare.median()),
        &mib(before),
        &mib(jim.memory("VmHWM")),
    ]);
}

enum Meanwhile {
    Nothing,
    Import { id: i64, path: String },
}

fn busy(name: &str, jim: &Server, meanwhile: Meanwhile) {
    let over = AtomicBool::new(false);
    let mut samples = Samples::default();
    let path = match &meanwhile {
        Meanwhile::Nothing => SYSTEMS.to_owned(),
        Meanwhile::Import { path, .. } => path.clone(),
    };
    let times = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut times = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let begun = Instant::now();
                jim.ask("GET", &path, None, 200);
                times.push(begun.elapsed());
                std::thread::sleep(Duration::from_millis(1));
            }
            times
        });
        match meanwhile {
            Meanwhile::Nothing => std::thread::sleep(Duration::from_secs(2)),
            Meanwhile::Import { id, .. } => drop(jim.import_hierarchy(id)),
        }
        over.store(true, Ordering::Relaxed);
        asking.join().expect("the requests")
    });
    let count = times.len();
    times.into_iter().for_each(|time| samples.add_time(time));
    let of = |share: f64| format!("{:.1}", samples.at(share));
    row(&[name, &count.to_string(), &of(0.5), &of(0.99), &of(1.0)]);
}

/// The bytes of the answer's body, which is thrown away as it comes.
fn listing(jim: &Server, id: i64) -> usize {
    let key = jim.key.as_deref().unwrap_or_default();
    let head = format!(
        "GET {SYSTEMS}/{id}/partitions HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nX-Api-Key: {key}\r\n\r\n",
        jim.address
    );
    let mut stream = TcpStream::connect(&jim.address).expect("connected");
    stream.write_all(head.as_bytes()).expect("sent");
    let (mut buffer, mut bytes) = (vec![0; 256 * 1024], 0);
    loop {
        match stream.read(&mut buffer).expect("read") {
            0 => return bytes,
            n => bytes += n,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: i64,
    name: String,
    external_id: String,
    description: Option<String>,
    hidden: bool,
    selected: bool,
    selection_inherited: bool,
    partition_id: i64,
    connected_system_id: i64,
    child_containers: [(); 0],
}

/// Reads every row and writes it as JSON, without order, tree, key check or network.
fn bare_loop(database: &Path, system: i64) -> usize {
    let connection = rusqlite::Connection::open(database).expect("the database opens");
    let sql = "SELECT c.id, c.name, c.external_id, c.description, c.hidden, c.selected, c.partition_id, \
               c.choice IS NULL \
               FROM containers c JOIN partitions p ON p.id = c.partition_id WHERE p.system_id = ?1";
    let mut statement = connection.prepare(sql).expect("a statement");
    let mut rows = statement.query([system]).expect("rows");
    let mut out = Vec::new();
    while let Some(row) = rows.next().expect("a row") {
        let row = Row {
            id: row.get(0).expect("id"),
            name: row.get(1).expect("name"),
            external_id: row.get(2).expect("external_id"),
            description: row.get(3).expect("description"),
            hidden: row.get(4).expect("hidden"),
            selected: row.get(5).expect("selected"),
            selection_inherited: row.get(7).expect("choice"),
            partition_id: row.get(6).expect("partition_id"),
            connected_system_id: system,
            child_containers: [],
        };
        serde_json::to_writer(&mut out, &row).expect("written");
        out.push(b',');
    }
    out.len()
}
