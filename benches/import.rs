//! A hierarchy import beside `ldapsearch` reading the same entries from the same directory, in turns.
//!
//! `cargo bench --bench import -- [--openldap 1000,10000,100000,500000] [--ds389 1000,10000,30000,100000]
//! [--samba 1000,3000,10000,30000] [--rounds 5] [--idle-wait 15]`
//!
//! 0 leaves a kind out. Samba takes its units one by one over LDAP, so it has fewer; 389 DS takes forty times as long for
//! a hundred thousand as for ten, whoever asks, so it has no more.

mod support;

use std::time::Duration;
use support::directories::Directory;
use support::{Arguments, MIB, SYSTEMS, Samples, Server, compared, header, mib, row, stated};

fn main() {
    let arguments = Arguments::read(&["--openldap", "--ds389", "--samba", "--rounds", "--idle-wait"]);
    let rounds = arguments.number("--rounds", 5).max(1);
    let idle_wait = Duration::from_secs(arguments.number("--idle-wait", 15) as u64);
    println!(
        "Times in ms: median (least-most) of {rounds} rounds; x: ratio of medians to ldapsearch; memory in MiB.\n"
    );
    header(&["directory", "OUs", "ldapsearch", "first import", "x", "peak", "unchanged", "x", "peak", "idle"]);
    for size in wanted(&arguments, "--openldap", &[1_000, 10_000, 100_000, 500_000]) {
        compare(&Directory::open_ldap(size), size, rounds, idle_wait);
    }
    for size in wanted(&arguments, "--ds389", &[1_000, 10_000, 30_000, 100_000]) {
        compare(&Directory::ds389(size), size, rounds, idle_wait);
    }
    for size in wanted(&arguments, "--samba", &[1_000, 3_000, 10_000, 30_000]) {
        compare(&Directory::samba(size), size, rounds, idle_wait);
    }
}

fn wanted(arguments: &Arguments, option: &str, default: &[usize]) -> Vec<usize> {
    arguments.numbers(option, default).into_iter().filter(|size| *size > 0).collect()
}

fn compare(directory: &Directory, size: usize, rounds: usize, idle_wait: Duration) {
    // The first reading finds the directory's caches empty, and everybody after it full.
    directory.ldapsearch();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let jim = Server::jim(folder.path());
    let (mut reading, mut first, mut unchanged) = (Samples::default(), Samples::default(), Samples::default());
    let (mut first_peak, mut unchanged_peak) = (0, 0);
    for round in 0..rounds {
        let id = jim.create_system(&format!("round {round}"), directory);
        // In turns, so that whatever else the machine does meets both.
        reading.add_time(directory.ldapsearch());
        let (took, containers) = jim.import_hierarchy(id);
        assert!(containers >= size, "{containers} containers of {size} units");
        first.add_time(took);
        if round == 0 {
            first_peak = jim.memory("VmHWM");
            jim.reset_peak();
        }
        reading.add_time(directory.ldapsearch());
        let (took, again) = jim.import_hierarchy(id);
        assert_eq!(again, containers);
        unchanged.add_time(took);
        if round == 0 {
            unchanged_peak = jim.memory("VmHWM");
        }
        jim.ask("DELETE", &format!("{SYSTEMS}/{id}"), None, 200);
    }
    std::thread::sleep(idle_wait);
    let what = |import: &str| format!("{import} of {size} OUs, {}", directory.name);
    compared(&what("first import"), "ms", &first, "ldapsearch", &reading);
    compared(&what("unchanged import"), "ms", &unchanged, "ldapsearch", &reading);
    stated(&what("most memory, first import"), "MiB", &Samples::of(vec![first_peak as f64 / MIB]));
    let ratio = |samples: &Samples| format!("{:.2}", samples.median() / reading.median());
    row(&[
        directory.name,
        &size.to_string(),
        &reading.show(1),
        &first.show(1),
        &ratio(&first),
        &mib(first_peak),
        &unchanged.show(1),
        &ratio(&unchanged),
        &mib(unchanged_peak),
        &mib(jim.memory("VmRSS")),
    ]);
}
