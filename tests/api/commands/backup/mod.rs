//! `jim backup` and `jim restore`: whole or not there, sound beside a busy server, and everything comes back.

mod interrupted;
mod restored;
mod taken;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;
use sha2::{Digest, Sha256};

use crate::support::database::Database;
use crate::support::directory::Sandbox;
use crate::support::program::{Place, Process};
use crate::support::{Client, SYSTEMS, sandbox_settings};

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap_or_else(|e| panic!("{}: {e}", path.display())).permissions().mode() & 0o7777
}

/// Why a folder is no whole backup, judged without the program.
fn fault_of(folder: &Path) -> Option<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").file_name());
    let names: BTreeSet<String> = entries.map(|n| n.to_string_lossy().into_owned()).collect();
    if !names.iter().eq(["jim.db", "manifest"]) {
        return Some(format!("it holds {names:?}"));
    }
    let manifest = fs::read_to_string(folder.join("manifest")).expect("text");
    let value = |name: &str| {
        let found = manifest.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {name} in {manifest}")).to_owned()
    };
    let bytes = fs::read(folder.join("jim.db")).expect("a file");
    let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    if value("size") != bytes.len().to_string() || value("sha256") != digest {
        return Some("the copy is not what the manifest says".to_owned());
    }
    let c = open(folder);
    let (found, broken) = c.integrity();
    for line in manifest.lines().filter_map(|l| l.strip_prefix("rows ")) {
        let (table, rows) = line.split_once(' ').expect("two words");
        assert_eq!(c.count(table).to_string(), rows, "{table}");
    }
    (found != "ok" || broken > 0).then(|| format!("{found}, {broken} broken references"))
}

#[track_caller]
fn is_whole(folder: &Path) {
    assert_eq!(fault_of(folder), None, "{}", folder.display());
    assert_eq!(mode(folder), 0o700);
    assert_eq!((mode(&folder.join("jim.db")), mode(&folder.join("manifest"))), (0o600, 0o600));
}

fn open(folder: &Path) -> Database {
    Database::immutable(&folder.join("jim.db"))
}

/// A server on a new place, with a system that was imported from a sandbox.
async fn imported(place: &Place, sandbox: &Sandbox) -> (Process, Client) {
    let server = place.serve();
    let client = server.client(&server.key());
    let body = json!({ "name": "Imported", "connectorDefinitionId": 3 });
    let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
    let settings = json!({ "settingValues": sandbox_settings(sandbox) });
    client.put(&format!("{SYSTEMS}/{id}"), &settings).await.expect_status(200);
    for kind in ["hierarchy", "schema"] {
        client.send("POST", &format!("{SYSTEMS}/{id}/import-{kind}"), None).await.expect_status(200);
    }
    (server, client)
}

/// Nothing but what is named is left in a place.
#[track_caller]
fn holds_only(place: &Place, names: &[&str]) {
    let left: Vec<String> = place.names().into_iter().filter(|n| !n.starts_with("jim.db")).collect();
    assert_eq!(left, names);
}
