//! A full import of people and groups beside `ldapsearch` reading the same entries from the same directory, in turns:
//! into an empty connector space, unchanged, and with one person in a hundred changed.
//!
//! `[OBJECTS=100000] [ROUNDS=5] cargo bench --bench objects`
//!
//! OBJECTS is the number of people; each has 15 attributes, and is member of one of the groups of 100. A million needs
//! about 8 GiB of disk below the folder for temporary files.

mod support;

use std::path::Path;
use support::directories::Directory;
use support::objects::{Run, file_size};
use support::people::groups;
use support::{MIB, Samples, Server, compared, header, mib, row, stated};

/// Shares of the objects at which memory is shown, in per cent.
const SHARES: [usize; 3] = [10, 50, 100];

/// The three imports of a round.
const IMPORTS: [&str; 3] = ["first import", "unchanged", "1 % changed"];

/// What all rounds found, by import.
#[derive(Default)]
struct Found {
    times: [Samples; 3],
    peaks: [Samples; 3],
    reading: Samples,
    bytes: Samples,
    memory: Vec<(f64, u64, u64)>,
}

fn main() {
    let (people, rounds) = (number("OBJECTS", 100_000), number("ROUNDS", 5));
    let directory = Directory::open_ldap_people(people);
    // The first reading finds the directory's caches empty, and every later one full.
    directory.read_objects();
    let mut found = Found::default();
    for round in 1..=rounds {
        measure(&directory, people, round, &mut found);
    }
    print(&directory, people, rounds, &found);
}

/// A number from the environment, at least 1.
fn number(name: &str, default: usize) -> usize {
    let Ok(text) = std::env::var(name) else { return default };
    match text.parse() {
        Ok(number) if number > 0 => number,
        _ => {
            eprintln!("{name}={text} is no number from 1 on");
            std::process::exit(2);
        }
    }
}

/// A round with a server and a database of its own.
fn measure(directory: &Directory, people: usize, round: usize, found: &mut Found) {
    let all = people + groups(people);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let jim = Server::jim(folder.path());
    let id = jim.create_system("Corporate LDAP", directory);
    let profile = jim.select_objects(id);
    let before = file_size(folder.path());

    let marks = SHARES.map(|share| all * share / 100);
    let first = timed(&jim, directory, &profile, &marks, 0, found);
    assert_eq!(first.count("totalCsoAdds"), all, "{}", first.activity);
    found.bytes.add((file_size(folder.path()) - before) as f64 / all as f64);
    if round == 1 {
        found.memory = first.memory;
    }
    let unchanged = timed(&jim, directory, &profile, &[], 1, found);
    assert_eq!(written(&unchanged), [0, 0, 0], "{}", unchanged.activity);
    let changes = change(directory, folder.path(), people, round);
    let changed = timed(&jim, directory, &profile, &[], 2, found);
    assert_eq!(written(&changed), [0, changes, 0], "{}", changed.activity);
    jim.stop();
}

/// One import after one reading by `ldapsearch`, so that whatever else the machine does meets both.
fn timed(jim: &Server, directory: &Directory, profile: &str, marks: &[usize], import: usize, found: &mut Found) -> Run {
    found.reading.add_time(directory.read_objects());
    jim.reset_peak();
    let run = jim.execute(profile, marks);
    found.times[import].add_time(run.took);
    found.peaks[import].add(jim.memory("VmHWM") as f64 / MIB);
    run
}

fn written(run: &Run) -> [usize; 3] {
    ["totalCsoAdds", "totalCsoUpdates", "totalCsoDeletes"].map(|name| run.count(name))
}

/// Changes one person in a hundred; how many those are.
fn change(directory: &Directory, folder: &Path, people: usize, round: usize) -> usize {
    let (changes, count) = support::people::write_changes(folder, people, round);
    directory.modify(&changes);
    count
}

fn print(directory: &Directory, people: usize, rounds: usize, found: &Found) {
    let groups = groups(people);
    println!(
        "{people} people and {groups} groups. Times in ms and maxima of memory in MiB: median (least-most) of {rounds} \
         rounds, x: ratio of medians to ldapsearch.\n"
    );
    header(&["", "ms", "x", "peak"]);
    row(&["ldapsearch", &found.reading.show(0), "", ""]);
    for (n, import) in IMPORTS.iter().enumerate() {
        let (times, peaks) = (&found.times[n], &found.peaks[n]);
        let ratio = format!("{:.2}", times.median() / found.reading.median());
        row(&[import, &times.show(0), &ratio, &peaks.show(1)]);
        let what = format!("{import}, {people} people and {groups} groups, {}", directory.name);
        compared(&what, "ms", times, "ldapsearch", &found.reading);
        stated(&format!("most memory, {what}"), "MiB", peaks);
    }
    println!("\nFile: {} bytes an object.\n", found.bytes.show(0));
    stated(&format!("file for each of {} objects", people + groups), "bytes", &found.bytes);
    println!("The first import of the first round as it went on:\n");
    header(&["% of the objects", "after s", "memory MiB", "maximum MiB"]);
    for (share, (seconds, memory, peak)) in SHARES.iter().zip(&found.memory) {
        row(&[&share.to_string(), &format!("{seconds:.1}"), &mib(*memory), &mib(*peak)]);
    }
}
