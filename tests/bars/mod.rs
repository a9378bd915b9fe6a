//! What the program promises and what a run of the tests saw of it: the amounts of each tier, and the figures that
//! `tests/run.sh` puts into its table. The promises themselves are in `list.tsv`; nothing here judges a test: a test
//! that fails says so itself.
//!
//! There are two tiers. The quick one runs at every change; the full one, before a release, has the same tests with
//! larger amounts, and those that take minutes. The name of a test begins with the bars that it holds, in small
//! letters (`a1_…`, `s2_k8_…`), and ends in `_in_full` if only the full tier runs it.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;

/// Whether this is the full tier: `TESTS_TIER` is `full`.
pub fn in_full() -> bool {
    std::env::var_os("TESTS_TIER").is_some_and(|tier| tier == "full")
}

/// An amount by tier.
pub fn size<T>(quick: T, full: T) -> T {
    if in_full() { full } else { quick }
}

/// The seed of a random run: the variable of this name; else one that is always the same in the quick tier, which has
/// to say the same of the same program, and another one each time in the full tier, which has to find something.
pub fn seed(name: &str) -> u64 {
    let given = std::env::var(name).ok().and_then(|text| text.parse().ok());
    let clock = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    given.unwrap_or_else(|| if in_full() { clock().map_or(1, |d| d.as_micros() as u64) } else { 20_260_101 })
}

/// What was measured of a bar.
pub fn figure(id: &str, what: impl Display) {
    tell(id, "", &what.to_string());
}

/// What was measured of a bar and is compared with it, but fails no test: times and shares depend on the machine and
/// on what else it does.
pub fn judged(id: &str, met: bool, what: impl Display) {
    tell(id, if met { "met" } else { "missed" }, &what.to_string());
}

/// Nothing was measured of a bar, because this machine or account does not allow it: the table does not call it met.
pub fn untried(id: &str, why: impl Display) {
    tell(id, "untried", &why.to_string());
}

fn tell(id: &str, verdict: &str, what: &str) {
    println!("{id} {verdict} {what}");
    // The file has a line for each figure, with the test that tells it: tabs and line ends in it would make others.
    let Some(path) = std::env::var_os("TESTS_FIGURES") else { return };
    let what: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let line = format!("{id}\t{verdict}\t{what}\t{test}\n");
    let file = OpenOptions::new().append(true).create(true).open(path);
    // One write of a short line: tests that run at the same time do not mix theirs.
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the file of figures can be written");
}
