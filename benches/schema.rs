//! A schema import beside `ldapsearch` reading the same definitions from the same directory, in turns; then what was
//! stored is listed.
//!
//! `cargo bench --bench schema -- [--rounds 7]`

mod support;

use serde_json::json;
use support::directories::Directory;
use support::{Arguments, SYSTEMS, Samples, Server, compared, header, mib, row};

fn main() {
    let arguments = Arguments::read(&["--rounds"]);
    let rounds = arguments.number("--rounds", 7).max(1);
    println!(
        "Times in ms: median (least-most) of {rounds} rounds, to the last byte of the answer; x: ratio of medians to \
         ldapsearch; peaks are the most memory of the server in MiB.\n"
    );
    header(&[
        "directory",
        "types",
        "attributes",
        "ldapsearch",
        "first import",
        "x",
        "peak",
        "unchanged",
        "x",
        "peak",
        "GET object-types",
        "MiB",
        "peak",
    ]);
    let (open_ldap, ds389, samba) = (Directory::open_ldap(1), Directory::ds389(1), Directory::samba(0));
    compare(&open_ldap, false, rounds);
    compare(&ds389, false, rounds);
    compare(&samba, false, rounds);
    drop(samba);
    let samba = Directory::samba_with_all_classes();
    compare(&samba, false, rounds);
    compare(&samba, true, rounds);
}

/// Imports, imports again, lists, and deletes the system, as often as there are rounds.
fn compare(directory: &Directory, auxiliary: bool, rounds: usize) {
    directory.read_schema();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let jim = Server::jim(folder.path());
    let (mut reading, mut first, mut unchanged) = (Samples::default(), Samples::default(), Samples::default());
    let (mut listing, mut bytes) = (Samples::default(), 0);
    let (mut types, mut attributes, mut peaks) = (0, 0, [0; 3]);
    for round in 0..rounds {
        let id = jim.create_system(&format!("round {round}"), directory);
        if auxiliary {
            let settings = json!({ "settingValues": { "13": { "checkboxValue": true } } });
            jim.ask("PUT", &format!("{SYSTEMS}/{id}"), Some(settings), 200);
        }
        let mut peak = |n: usize| {
            if round == 0 {
                peaks[n] = jim.memory("VmHWM");
                jim.reset_peak();
            }
        };
        reading.add_time(directory.read_schema());
        let (took, answer) = jim.timed("POST", &format!("{SYSTEMS}/{id}/import-schema"));
        first.add_time(took);
        peak(0);
        let listed = answer["objectTypes"].as_array().expect("object types");
        types = listed.len();
        attributes = listed.iter().filter_map(|t| t["attributeCount"].as_u64()).sum();
        reading.add_time(directory.read_schema());
        let (took, again) = jim.timed("POST", &format!("{SYSTEMS}/{id}/import-schema"));
        unchanged.add_time(took);
        assert!(again["objectTypes"] == answer["objectTypes"], "a second import changed something");
        peak(1);
        let (took, length) = jim.timed_bytes("GET", &format!("{SYSTEMS}/{id}/object-types"));
        listing.add_time(took);
        bytes = length;
        peak(2);
        jim.ask("DELETE", &format!("{SYSTEMS}/{id}"), None, 200);
    }
    let ratio = |samples: &Samples| format!("{:.2}", samples.median() / reading.median());
    let name = format!("{}{}", directory.name, if auxiliary { ", auxiliary classes too" } else { "" });
    for (import, samples) in [("first", &first), ("unchanged", &unchanged)] {
        let what = format!("{import} schema import, {attributes} attributes, {name}");
        compared(&what, "ms", samples, "ldapsearch", &reading);
    }
    row(&[
        &name,
        &types.to_string(),
        &attributes.to_string(),
        &reading.show(0),
        &first.show(0),
        &ratio(&first),
        &mib(peaks[0]),
        &unchanged.show(0),
        &ratio(&unchanged),
        &mib(peaks[1]),
        &listing.show(0),
        &mib(bytes as u64),
        &mib(peaks[2]),
    ]);
}
