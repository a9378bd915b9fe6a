//! From starting the process to the line that says where it listens, on an existing database; and the binary's size.
//!
//! `cargo bench --bench startup -- [--rounds 11] [--containers 1000]`

mod support;

use std::path::Path;
use support::{Arguments, Samples, Server, header, mib, row};

fn main() {
    let arguments = Arguments::read(&["--rounds", "--containers"], &[]);
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

    let (mut on_empty, mut on_filled) = (Samples::default(), Samples::default());
    for _ in 0..rounds {
        on_empty.add_time(start(empty.path()));
        on_filled.add_time(start(filled.path()));
    }
    println!("Process start to `listening on`, in ms: median (least-most) of {rounds} rounds.\n");
    header(&["database", "start"]);
    row(&["new, no connected system", &on_empty.show(1)]);
    row(&[&format!("{containers} containers imported"), &on_filled.show(1)]);
    let size = std::fs::metadata(support::jim_binary()).expect("the binary").len();
    println!("\nBinary, stripped as the release profile says: {} MiB ({size} bytes).", mib(size));
}

fn start(folder: &Path) -> std::time::Duration {
    let server = Server::jim_unwatched(folder);
    let took = server.started_in;
    server.stop();
    took
}
