//! What comes from elsewhere: from which registry, under which licence, and nothing twice without a reason.
#![allow(clippy::disallowed_methods)]

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than to be named. Of several a crate offers, one of these is enough.
const TAKEN: [&str; 10] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "ISC",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "Zlib",
    "Unicode-3.0",
    "MIT-0",
    "BSL-1.0",
];

/// Exceptions: crate, licence, since when, why.
const EXCEPTIONS: [(&str, &str, &str, &str); 1] = [(
    "ldap3_proto",
    "MPL-2.0",
    "2026-11-21",
    "used unchanged; its licence reaches its own files only, and asks that those can be had, which the registry does",
)];

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn packages() -> Vec<Value> {
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let done = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", &platform])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let told: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let all = told["packages"].as_array().expect("packages").clone();
    assert!(all.len() > 100, "{}", all.len());
    all.into_iter().filter(|p| p["name"] != "jim").collect()
}

/// Whether an expression (SPDX, or the older slash for a choice) can be met by what is taken.
fn is_taken(expression: &str) -> bool {
    let plain = expression.replace('/', " OR ").replace(['(', ')'], " ");
    let one = |licence: &str| TAKEN.contains(&licence.split_whitespace().collect::<Vec<_>>().join(" ").as_str());
    // No crate here has a choice within a conjunction within a choice.
    plain.split(" AND ").all(|part| part.split(" OR ").any(one))
}

#[test]
fn everything_comes_from_the_registry_under_a_licence_that_is_taken() {
    let mut wrong = Vec::new();
    for package in packages() {
        let (name, licence) =
            (package["name"].as_str().expect("a name"), package["license"].as_str().unwrap_or("none"));
        if package["source"] != REGISTRY {
            wrong.push(format!("{name} comes from {}", package["source"]));
        }
        let excepted = EXCEPTIONS.iter().any(|(crate_, of, ..)| (*crate_, *of) == (name, licence));
        if !excepted && !is_taken(licence) {
            wrong.push(format!("{name}: {licence}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(is_taken("MIT/Apache-2.0") && is_taken("(MIT OR GPL-3.0) AND ISC"));
    assert!(!is_taken("GPL-3.0") && !is_taken("MIT AND GPL-3.0") && !is_taken("none"));
}

/// One of each of what guards secrets and speaks to the outside: two versions would be two sets of faults.
#[test]
fn what_guards_is_there_once() {
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in packages() {
        let text = |key: &str| package[key].as_str().expect("text").to_owned();
        versions.entry(text("name")).or_default().push(text("version"));
    }
    for name in ["rustls", "ring", "rustls-webpki", "argon2", "chacha20poly1305", "hyper", "tokio", "rusqlite", "ldap3"]
    {
        assert_eq!(versions[name].len(), 1, "{name}: {:?}", versions[name]);
    }
    assert!(!versions.contains_key("openssl") && !versions.contains_key("native-tls"));
}
