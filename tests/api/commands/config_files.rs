//! `jim.toml` with every kind of mistake in it: it is read as it says, or refused by the line or the key.

use std::path::Path;

use jim::config::Config;

use crate::support::program::{Dice, Place};
use crate::tier;

/// How many files are read, of which few by the program itself.
const FILES: usize = 2_000;
const STARTED: usize = 24;

/// The sample file with every key in force.
fn whole() -> Vec<String> {
    let example = include_str!("../../../jim.toml.example");
    let active = |line: &str| {
        let key = line.strip_prefix("# ").filter(|l| l.split_once(" = ").is_some_and(|(k, _)| !k.contains(' ')));
        key.or((!line.starts_with('#')).then_some(line)).map(str::to_owned)
    };
    let lines: Vec<String> = example.lines().filter_map(active).filter(|l| !l.is_empty()).collect();
    assert!(lines.iter().filter(|l| l.contains(" = ")).count() > 15);
    lines
}

/// What is to become of a file.
#[derive(Debug)]
enum Due {
    /// It is read.
    Good,
    /// It is refused, and the problem names this.
    Names(String),
    /// Either.
    Either,
}

/// The section that each line stands in.
fn section(lines: &[String], at: usize) -> String {
    let heads = lines[..=at].iter().rev().find_map(|l| l.strip_prefix('['));
    heads.unwrap_or_default().trim_end_matches(']').to_owned()
}

fn key(line: &str) -> &str {
    line.split_once(" = ").map_or("", |(key, _)| key)
}

/// One of the values that a key may be given instead of its own, and the kind it is of.
const VALUES: [(&str, &str); 18] = [
    ("5", "number"),
    ("-5", "odd"),
    ("0", "odd"),
    ("1.5", "odd"),
    ("9223372036854775807", "odd"),
    ("99999999999999999999999999", "odd"),
    ("0xffff_ffff_ffff_ffff", "odd"),
    ("nan", "odd"),
    ("true", "flag"),
    ("\"\"", "text"),
    ("\"\\u0000\"", "text"),
    ("\"a\\nb: c\\n\"", "text"),
    ("\"\"\"\nof two\nlines\"\"\"", "text"),
    ("[]", "list"),
    ("[\"\\n\"]", "list"),
    ("[1, [2], {}]", "odd"),
    ("{ a = 1 }", "odd"),
    ("1979-05-27T07:32:00Z", "odd"),
];

fn kind(key: &str) -> &'static str {
    match key {
        "insecure_http" | "enabled" => "flag",
        "trusted_proxies" | "allow" => "list",
        "connections" | "connections_per_address" | "import_entries" | "import_mib" | "parallel" => "number",
        _ => "text",
    }
}

/// A file with one thing done to it, and what is due to it.
fn bent(dice: &mut Dice) -> (Vec<u8>, Due, &'static str) {
    let mut lines = whole();
    let count = lines.len() as u64;
    let keys: Vec<usize> = (0..lines.len()).filter(|n| lines[*n].contains(" = ")).collect();
    let at = keys[dice.below(keys.len() as u64) as usize];
    let (name, group) = (key(&lines[at]).to_owned(), section(&lines, at));
    let (due, what) = match dice.below(9) {
        0 => {
            lines.remove(at);
            // A certificate without its key is none.
            let other = if name == "tls_key" { "tls_certificate" } else { "tls_key" };
            let half = name.starts_with("tls_");
            (if half { Due::Names(format!("[server] {other} needs")) } else { Due::Good }, "a line less")
        }
        1 => {
            lines.insert(dice.below(count + 1).max(at as u64 + 1) as usize, lines[at].clone());
            (Due::Names(String::new()), "a line twice")
        }
        2 => {
            let with = keys[dice.below(keys.len() as u64) as usize];
            let due = match (section(&lines, with) == group, key(&lines[with]) == name) {
                (true, _) => Due::Good,
                // The value of another section may not be good here.
                (false, true) => Due::Either,
                // Unknown in the other section, or there twice.
                (false, false) => Due::Names(" key".to_owned()),
            };
            lines.swap(at, with);
            (due, "two lines changed places")
        }
        3 => {
            let (value, of) = VALUES[dice.below(VALUES.len() as u64) as usize];
            lines[at] = format!("{name} = {value}");
            let fits = kind(&name) == of;
            (if fits { Due::Either } else { Due::Names(format!("[{group}] {name}")) }, "another value")
        }
        4 => {
            let unknown = ["colour", "Listen", "paths", "listen ", "\"\"", "\"a\\nb\"", "a.b", "日本"];
            let unknown = unknown[dice.below(unknown.len() as u64) as usize];
            lines.insert(at, format!("{unknown} = 1"));
            // In [server] and [metrics] one of them is a known name, and the second of two is one too many.
            let twice = unknown == "listen " && (group == "server" || group == "metrics");
            let line = if twice { String::new() } else { (at + 1).to_string() };
            (Due::Names(format!("jim.toml:{line}")), "an unknown key")
        }
        5 => {
            let unknown = ["[colour]", "[Server]", "[[log]]", "[server.tls]", "[\"a\\nb\"]", "colour = 1"];
            let unknown = unknown[dice.below(unknown.len() as u64) as usize];
            let place = if unknown.starts_with('[') { lines.len() } else { 0 };
            lines.insert(place, unknown.to_owned());
            (Due::Names("jim.toml:".to_owned()), "an unknown section")
        }
        6 => {
            let long = "x".repeat(1 + dice.below(200_000) as usize);
            let value = match kind(&name) {
                "number" => "9".repeat(long.len().max(6)),
                "list" => format!("[\"{long}\"]"),
                _ => format!("\"{long}\""),
            };
            lines[at] = format!("{name} = {value}");
            (Due::Either, "a huge value")
        }
        _ => (Due::Either, "bytes"),
    };
    let mut bytes = (lines.join("\n") + "\n").into_bytes();
    if what == "bytes" {
        for _ in 0..=dice.below(8) {
            let length = bytes.len() as u64;
            if length < 2 {
                break;
            }
            let at = dice.below(length) as usize;
            match dice.below(6) {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, bytes[dice.below(length) as usize]),
                2 => bytes.swap(at, dice.below(length) as usize),
                3 => bytes[at] = [0, 0xff, 0xc3, 0xed, b'"', b'\\', b'[', b'\r', b'\n', 0x7f][dice.below(10) as usize],
                4 => bytes[at] = dice.below(256) as u8,
                _ => bytes.truncate(at.max(1)),
            }
        }
    }
    (bytes, due, what)
}

/// A folder in which the file as it is can be started on.
fn place() -> Place {
    let place = Place::bare();
    for folder in ["tls", "trust", "files"] {
        std::fs::create_dir(place.path(folder)).expect("a folder");
    }
    place
}

fn load(file: &Path) -> Result<Config, String> {
    Config::load(Some(file), std::iter::empty(), None)
}

/// Every line of the problems says where: a line of the file, or a key.
#[track_caller]
fn says_where(problems: &str, file: &Path, what: &str) {
    let named = file.display().to_string();
    assert!(!problems.is_empty());
    for line in problems.split('\n') {
        let rest = line.strip_prefix(&named).and_then(|rest| rest.strip_prefix(':'));
        let numbered = rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let keyed = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).is_some();
        assert!(numbered || keyed, "{what}: no place in {line:?} of {problems:?}");
        assert!(!line.contains(|c: char| c.is_control()), "{what}: {line:?}");
    }
}

#[test]
fn mutated_files_are_read_as_they_say_or_refused_by_line_or_key() {
    let mut dice = Dice::new("CONFIG_SEED");
    let place = place();
    let file = place.path("jim.toml");
    place.write("jim.toml", whole().join("\n"));
    let as_it_is = load(&file).expect("the file as it is");
    assert_eq!(as_it_is.limits, jim::config::Limits::default());
    let (mut good, mut swapped, mut refused, mut started, mut longest) = (0, 0, 0, 0, 0);
    for n in 0..FILES {
        let (bytes, due, what) = bent(&mut dice);
        place.write("jim.toml", &bytes);
        let told = load(&file);
        let shown = format!("{n}, {what}, {due:?}");
        match (&told, &due) {
            (Ok(_), Due::Names(_)) => panic!("{shown}: is read: {}", String::from_utf8_lossy(&bytes)),
            (Err(problems), Due::Good) => panic!("{shown}: {problems}"),
            (Err(problems), Due::Names(name)) => assert!(problems.contains(name.as_str()), "{shown}: {problems}"),
            _ => {}
        }
        match &told {
            Ok(config) => {
                good += 1;
                let same = || format!("{config:?}") == format!("{as_it_is:?}");
                match what {
                    // The order of the lines says nothing.
                    "two lines changed places" if matches!(due, Due::Good) => assert!(same(), "{shown}: {config:?}"),
                    // The file says what is so without it, except for files that it names.
                    "a line less" => assert_eq!(config.limits, as_it_is.limits, "{shown}"),
                    _ => {}
                }
                swapped += usize::from(same());
            }
            Err(problems) => {
                says_where(problems, &file, &shown);
                refused += 1;
                longest = longest.max(problems.len());
                if started < STARTED && n % 40 == 0 {
                    // What the program itself says to it; nothing is made.
                    let before = place.names();
                    let said = place.run(&["serve", "--config", "jim.toml"]).refused(78);
                    assert!(said.contains("jim.toml"), "{shown}: {said}");
                    assert_eq!(place.names(), before, "{shown}");
                    started += 1;
                }
            }
        }
    }
    assert!(swapped > 0 && good > swapped, "{swapped} of {good} say what the file as it is says");
    assert!(good > FILES / 20 && refused > FILES / 4 && started > STARTED / 2);
    tier::figure(format!(
        "{FILES} files: {good} read, {refused} refused by line or key, {started} of them by the program with 78, 0 \
         panics, longest text {longest} bytes"
    ));
}
