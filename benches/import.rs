//! A hierarchy import beside `ldapsearch` reading the same entries from the same OpenLDAP.
//!
//! `cargo bench --bench import -- [--sizes 10000,100000] [--rounds 5] [--idle-wait 60] [--ldapsearch-only]`

mod support;

use slapd::{SERVICE_DN, SERVICE_PASSWORD, SUFFIX, Slapd};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Arguments, SYSTEMS, Samples, Server, header, mib, row, slapd};

/// What counts as a container; the same search that an import makes.
const CONTAINERS: &str = "(|(objectClass=organizationalUnit)(objectClass=container)(objectClass=organization)\
    (objectClass=locality)(objectClass=country)(objectClass=domain)(objectClass=builtinDomain)\
    (objectClass=lostAndFound)(objectClass=nsContainer))";

fn main() {
    let arguments = Arguments::read(&["--sizes", "--rounds", "--idle-wait"], &["--ldapsearch-only"]);
    let rounds = arguments.number("--rounds", 5).max(1);
    let idle_wait = Duration::from_secs(arguments.number("--idle-wait", 60) as u64);
    println!(
        "Times in ms: median (least-most) of {rounds} rounds; x: ratio of medians to ldapsearch; memory in MiB.\n"
    );
    header(&["OUs", "ldapsearch", "first import", "x", "unchanged import", "x", "peak memory", "idle memory"]);
    for size in arguments.numbers("--sizes", &[10_000, 100_000]) {
        let slapd = support::directory(size);
        // The first reading finds slapd's caches empty, and everybody after it full.
        ldapsearch(&slapd);
        if arguments.has("--ldapsearch-only") {
            let mut reading = Samples::default();
            (0..rounds).for_each(|_| reading.add_time(ldapsearch(&slapd)));
            row(&[&size.to_string(), &reading.show(1), "", "", "", "", "", ""]);
        } else {
            compare(&slapd, size, rounds, idle_wait);
        }
    }
}

fn compare(slapd: &Slapd, size: usize, rounds: usize, idle_wait: Duration) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let jim = Server::jim(folder.path());
    let (mut reading, mut first, mut unchanged) = (Samples::default(), Samples::default(), Samples::default());
    let mut peak = 0;
    for round in 0..rounds {
        let id = jim.create_system(&format!("round {round}"), slapd);
        // In turns, so that whatever else the machine does meets both.
        reading.add_time(ldapsearch(slapd));
        first.add_time(jim.import_hierarchy(id, size + 1));
        if round == 0 {
            peak = jim.memory("VmHWM");
        }
        reading.add_time(ldapsearch(slapd));
        unchanged.add_time(jim.import_hierarchy(id, size + 1));
        jim.ask("DELETE", &format!("{SYSTEMS}/{id}"), None, 200);
    }
    std::thread::sleep(idle_wait);
    let ratio = |samples: &Samples| format!("{:.2}", samples.median() / reading.median());
    row(&[
        &size.to_string(),
        &reading.show(1),
        &first.show(1),
        &ratio(&first),
        &unchanged.show(1),
        &ratio(&unchanged),
        &mib(peak),
        &mib(jim.memory("VmRSS")),
    ]);
}

fn ldapsearch(slapd: &Slapd) -> Duration {
    let mut command = Command::new("ldapsearch");
    command.args(["-x", "-H", &slapd.url(), "-D", SERVICE_DN, "-w", SERVICE_PASSWORD, "-b", SUFFIX]);
    command.args(["-E", "pr=1000/noprompt", "-LLL", CONTAINERS, "entryUUID", "description"]);
    let begun = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let took = begun.elapsed();
    match status {
        Ok(status) => assert!(status.success(), "ldapsearch: {status}"),
        Err(why) => panic!("cannot run ldapsearch: {why}; tests/run.sh installs it"),
    }
    took
}
