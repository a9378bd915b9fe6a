//! Rules of the house that a machine can check: which room may look where, which crate lives in which room, how long
//! a file may be, what every file begins with.
#![allow(clippy::disallowed_methods)]

mod modules;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use modules::Modules;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).expect("a folder").map(|e| e.expect("an entry").path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            found.push((path.strip_prefix(root()).expect("inside").to_owned(), text));
        }
    }
    found.sort();
    found
}

fn is_test(path: &Path) -> bool {
    path.components().any(|c| {
        let name = c.as_os_str().to_string_lossy();
        matches!(name.as_ref(), "tests" | "tests.rs" | "sample.rs")
    })
}

/// The code of a file without comments and without its unit tests.
fn code(text: &str) -> String {
    let shipped = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    shipped.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The rooms from the ground up, each with what it may use of those below it. `error`, `telemetry` and `metrics` are the
/// ground, `guide` is text alone; `command` and `main` are the program, which may use everything.
const ROOMS: [(&str, &[&str]); 15] = [
    ("error", &[]),
    ("guide", &[]),
    ("telemetry", &["error"]),
    ("metrics", &[]),
    ("domain", &[]),
    ("security", &["error", "domain"]),
    ("db", &["error"]),
    ("store", &["error", "domain", "db"]),
    ("connectors", &["error", "domain", "security"]),
    ("sandbox", &["error", "domain"]),
    ("config", &["error", "domain", "security", "telemetry", "connectors"]),
    ("app", &["error", "metrics", "domain", "security", "db", "store", "connectors"]),
    ("ops", &["error", "metrics", "domain", "security", "db", "store", "connectors", "config", "app"]),
    ("http", &["error", "guide", "metrics", "domain", "security", "db", "store", "connectors", "app", "ops"]),
    (
        "",
        &[
            "error",
            "guide",
            "telemetry",
            "metrics",
            "domain",
            "security",
            "db",
            "store",
            "connectors",
            "sandbox",
            "config",
            "app",
            "ops",
            "http",
        ],
    ),
];

fn modules() -> Modules {
    let files = sources("src").into_iter().filter(|(path, _)| !is_test(path) || path.ends_with("sample.rs"));
    let files: Vec<_> = files.collect();
    let below_src = |path: &PathBuf| path.strip_prefix("src").expect("a source file").to_owned();
    let paths: Vec<PathBuf> = files.iter().map(|(path, _)| below_src(path)).collect();
    Modules::read(
        &paths.iter().zip(&files).map(|(path, (_, text))| (path.as_path(), text.as_str())).collect::<Vec<_>>(),
    )
}

#[test]
fn rooms_look_down_only() {
    let room = |module: &modules::Module| match module.first().map(String::as_str) {
        None | Some("main" | "command") => "",
        Some(room) => ROOMS.iter().map(|(known, _)| *known).find(|known| *known == room).unwrap_or("no such room"),
    };
    let mut wrong = Vec::new();
    for (module, used) in &modules().edges {
        let (own, allowed) = ROOMS.iter().find(|(name, _)| *name == room(module)).expect("a room of the list");
        for other in used.iter().map(room).filter(|other| other != own && !other.is_empty()) {
            if !allowed.contains(&other) {
                wrong.push(format!("{} uses {other}", module.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_module_is_in_a_circle() {
    let modules = modules();
    assert!(modules.edges.values().map(BTreeSet::len).sum::<usize>() > 500, "the modules were not read");
    let circles: Vec<String> = modules.circles().iter().map(|circle| circle.join(" <-> ")).collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn an_impl_stands_in_the_file_of_its_type() {
    let strayed = modules().strayed_impls();
    assert!(strayed.is_empty(), "{}", strayed.join("\n"));
}

#[test]
fn outside_crates_live_in_their_room() {
    let homes: [(&str, &[&str]); 16] = [
        ("warp::", &["src/http", "src/command"]),
        ("hyper::", &["src/http", "src/command"]),
        ("serde_json::", &["src/http", "src/command"]),
        ("utoipa::", &["src/http"]),
        ("utoipa_swagger_ui::", &["src/http"]),
        ("rusqlite::", &["src/db", "src/store"]),
        ("r2d2", &["src/db"]),
        ("ldap3::", &["src/connectors"]),
        ("lber::", &["src/connectors"]),
        ("cap_std::", &["src/connectors"]),
        ("csv::", &["src/connectors"]),
        ("ldap3_proto::", &["src/sandbox"]),
        ("argon2::", &["src/security"]),
        ("chacha20poly1305::", &["src/security"]),
        ("prometheus::", &["src/metrics.rs", "src/metrics"]),
        ("tokio_rustls::", &["src/security", "src/connectors", "src/http/server", "src/command"]),
    ];
    let mut wrong = Vec::new();
    for (path, text) in sources("src").into_iter().filter(|(path, _)| !is_test(path)) {
        for (name, rooms) in &homes {
            let at_home = rooms.iter().any(|room| path.starts_with(room));
            if !at_home && code(&text).lines().any(|l| l.contains(name) && !l.contains(&format!("_{name}"))) {
                wrong.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    // A renamed column is to touch one folder of the tests.
    for (path, text) in sources("tests/api") {
        if !path.starts_with("tests/api/support/database") && code(&text).contains("rusqlite::") {
            wrong.push(format!("{} uses rusqlite", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_domain_is_pure() {
    for (path, text) in sources("src/domain") {
        for word in ["async ", "std::fs", "std::net", "SystemTime", "Instant", "OffsetDateTime", "tracing", "serde"] {
            assert!(!code(&text).contains(word), "{}: {word}", path.display());
        }
    }
}

#[test]
fn files_begin_with_what_they_own_and_stay_readable() {
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder) {
            assert!(text.starts_with("//!"), "{} has no module documentation", path.display());
            let lines = text.lines().count();
            let most = 400;
            assert!(lines <= most, "{} has {lines} lines: split it", path.display());
            let unfinished = ["TO", "DO"].concat();
            assert!(!text.contains(&unfinished), "{} has something left to do", path.display());
        }
    }
}

#[test]
fn what_guards_the_process_does_not_panic() {
    let guarded = ["src/security", "src/connectors", "src/domain/dn"];
    for (path, text) in sources("src") {
        if !guarded.iter().any(|g| path.starts_with(g)) || is_test(&path) {
            continue;
        }
        for word in [".unwrap()", "panic!(", "unreachable!(", "todo!(", "unimplemented!("] {
            assert!(!code(&text).contains(word), "{}: {word}", path.display());
        }
    }
}

/// The compiler's own word for it: clippy is run with every change.
#[test]
fn lints_stand_guard_over_what_strangers_write() {
    let denies = |file: &str, lints: &[&str]| {
        let text = fs::read_to_string(root().join(file)).expect("a source file");
        let head = text.split("\nmod ").next().unwrap_or_default();
        assert!(head.contains("#![cfg_attr("), "{file}");
        for lint in lints {
            let denied = head.split("deny(").skip(1).filter_map(|group| group.split_once(')'));
            let named = format!("clippy::{lint}");
            let denied = denied.flat_map(|(group, _)| group.split(',')).any(|one| one.trim() == named);
            assert!(denied, "{file} does not deny {lint}");
        }
    };
    for file in ["src/lib.rs", "src/main.rs"] {
        assert!(fs::read_to_string(root().join(file)).expect("a source file").contains("#![forbid(unsafe_code)]"));
    }
    denies("src/lib.rs", &["unwrap_used", "panic", "unreachable", "todo", "unimplemented"]);
    for room in ["src/security/mod.rs", "src/connectors/mod.rs", "src/domain/dn/mod.rs"] {
        denies(room, &["expect_used", "indexing_slicing"]);
    }
}

#[test]
fn names_say_what_a_file_is_about() {
    for (path, _) in sources("src") {
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        for empty in ["utils", "helpers", "common", "manager", "service", "data", "impl", "misc"] {
            assert_ne!(stem, empty, "{}", path.display());
        }
    }
}

/// A message must stand in the guide as the program prints it, or a search does not find it.
#[test]
fn the_messages_that_the_guide_explains_are_said() {
    let page = fs::read_to_string(root().join("src/guide/troubleshooting.md")).expect("the page");
    let said: String = sources("src").into_iter().map(|(_, text)| text).collect();
    // Texts go over lines in the source.
    let said = said.split('\\').map(str::trim_start).collect::<String>();
    let mut looked_for = 0;
    for line in page.lines().filter(|l| l.starts_with("- `")) {
        let (head, _) = line.split_once(": ").unwrap_or_else(|| panic!("{line}: no colon behind the message"));
        for text in head.split('`').skip(1).step_by(2).flat_map(|t| t.split("...")).map(str::trim) {
            if text.len() > 8 {
                assert!(said.contains(text), "the guide explains {text:?}, which is said nowhere");
                looked_for += 1;
            }
        }
    }
    assert!(looked_for >= 12, "{looked_for}");
}

#[test]
fn every_promise_leads_to_modules_that_hold_it() {
    let list = fs::read_to_string(root().join("tests/promises.md")).expect("the list");
    let promises: Vec<&str> = list.split("\n- ").skip(1).collect();
    assert!((20..=30).contains(&promises.len()), "{} promises", promises.len());
    for promise in promises {
        let links: Vec<&str> = promise.split("](").skip(1).filter_map(|l| l.split(')').next()).collect();
        assert!(!links.is_empty(), "{promise}: no link");
        for link in links {
            let text = fs::read_to_string(root().join("tests").join(link)).unwrap_or_else(|e| panic!("{link}: {e}"));
            assert!(
                link.ends_with(".rs") && (text.contains("#[test]") || text.contains("#[tokio::test")),
                "{link}: no test"
            );
        }
    }
}
