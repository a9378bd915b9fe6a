//! From starting the process to the line that says where it listens, on an existing database, beside a bare program that
//! opens and checks the same database and listens; and the binary's size.
//!
//! `cargo bench --bench startup -- [--rounds 11] [--containers 1000]`

mod support;

use std::io::Read;
use std::path::Path;
use support::{Arguments, Samples, Server, compared, header, mib, row};

/// The role of the bare program, and the variable that says where its database is.
const BARE: &str = "--bare";
const DATABASE: &str = "BARE_DATABASE";

fn main() {
    if std::env::args().nth(1).as_deref() == Some(BARE) {
        return bare();
    }
    let arguments = Arguments::read(&["--rounds", "--containers"]);
    let rounds = arguments.number("--rounds", 11).max(1);
    let containers = arguments.number("--containers", 1_000);

    let empty = tempfile::tempdir().expect("a temporary folder");
    // The first start makes the database, and is none of those that are measured.
    Server::jim(empty.path()).stop();

    let filled = tempfile::tempdir().expect("a temporary folder");
    let jim = Server::jim(filled.path());
    let directory = support::directories::Directory::open_ldap(containers);
    let id = jim.create_system("filled", &directory);
    assert_eq!(jim.import_hierarchy(id).1, containers + 1);
    jim.stop();
    drop(directory);

    let (mut on_empty, mut on_filled, mut bare) = (Samples::default(), Samples::default(), Samples::default());
    for _ in 0..rounds {
        bare.add_time(Server::myself_with(BARE, DATABASE, &filled.path().join("jim.db")).started_in);
        on_empty.add_time(start(empty.path()));
        on_filled.add_time(start(filled.path()));
    }
    println!("Process start to `listening on`, in ms: median (least-most) of {rounds} rounds.\n");
    header(&["database", "start"]);
    row(&["new, no connected system", &on_empty.show(1)]);
    row(&[&format!("{containers} containers imported"), &on_filled.show(1)]);
    row(&["the same, a bare program", &bare.show(1)]);
    compared(&format!("start with {containers} containers"), "ms", &on_filled, "a bare program", &bare);
    let size = std::fs::metadata(support::jim_binary()).expect("the binary").len();
    println!("\nBinary, stripped as the release profile says: {} MiB ({size} bytes).", mib(size));
}

fn start(folder: &Path) -> std::time::Duration {
    let server = Server::jim_unwatched(folder);
    let took = server.started_in;
    server.stop();
    took
}

/// A process of its own: the database opened and checked, a port, a line, and the end when nobody listens any more.
fn bare() {
    let database = std::env::var_os(DATABASE).expect("a database");
    let connection = rusqlite::Connection::open(database).expect("it opens");
    let sound: String = connection.query_row("PRAGMA quick_check", [], |row| row.get(0)).expect("a check");
    assert_eq!(sound, "ok");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("listening on http://{}", listener.local_addr().expect("its address"));
    // Until it is killed.
    let _ = listener.accept().map(|(mut stream, _)| stream.read(&mut [0]));
}
