//! The two tiers of the tests: amounts, seeds and figures. The quick tier runs at every change. The full one, before a
//! release, has the same tests with larger amounts, and those whose names end in `_in_full`: they take minutes.

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

/// Logs what a test measured.
pub fn figure(what: impl Display) {
    log("", &what.to_string());
}

/// Logs what a test measured and whether it is within its budget. A machine that is slow or busy fails no test.
pub fn budget(within: bool, what: impl Display) {
    log(if within { "" } else { "over budget: " }, &what.to_string());
}

/// Writes a line to `TESTS_FIGURES`, a file, if there is one.
fn log(verdict: &str, what: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    println!("figure: {verdict}{what}");
    let Some(path) = std::env::var_os("TESTS_FIGURES") else { return };
    let what: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let file = OpenOptions::new().append(true).create(true).open(path);
    // One write of a short line: tests that run at the same time do not mix theirs.
    let line = format!("{test}: {verdict}{what}\n");
    file.and_then(|mut file| file.write_all(line.as_bytes())).expect("the file of figures can be written");
}
