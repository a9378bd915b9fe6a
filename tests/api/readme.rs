//! Every command of README.md, run as it stands there, in its order, by a shell with curl. What cannot be run here is
//! listed with the reason, so that no new block goes without either.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::directory::Certificate;
use crate::support::program::{Place, Process, program};
use crate::support::{SYSTEMS, sample, sandbox_settings};

const README: &str = include_str!("../../README.md");

/// First lines of blocks that are not run here, and where they are.
const ELSEWHERE: [(&str, &str); 11] = [
    ("cargo run --release -- demo", "the demonstration has tests of its own"),
    ("cargo build --release", "the program is built; an empty folder is all that a start needs"),
    ("bootstrap API key: jim_...", "what the program prints"),
    ("export JIM=", "said by the test"),
    ("[server]", "configuration: tls_listener"),
    ("# jim.toml", "configuration: trusted_proxies"),
    ("# prometheus.yml", "another program's configuration"),
    ("install -m 0755", "installs for the whole machine"),
    ("# /etc/systemd/system/jim.service", "service_unit"),
    ("# /etc/systemd/system/jim-backup.service", "service_unit"),
    ("runuser -u jim", "service_unit"),
];

/// The blocks of commands, with the line that each begins in.
fn blocks() -> Vec<(usize, String)> {
    let (mut blocks, mut open) = (Vec::new(), None::<(usize, String)>);
    for (n, line) in README.lines().enumerate() {
        match (line.starts_with("```"), open.take()) {
            (true, None) => open = Some((n + 2, String::new())),
            (true, Some(block)) => blocks.push(block),
            (false, Some((begun, text))) => open = Some((begun, text + line + "\n")),
            (false, None) => {}
        }
    }
    blocks
}

/// Runs a block; a request that is refused fails it, and its answer is shown.
fn run(place: &Place, server: &str, key: &str, begun: usize, text: &str) {
    let prelude =
        "set -euo pipefail\ncurl() { command curl --fail-with-body \"$@\"; }\njim() { \"$PROGRAM\" \"$@\"; }\n";
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{prelude}{text}")]).current_dir(place.folder()).stdin(Stdio::null());
    command.env("JIM", server).env("KEY", key).env("PROGRAM", program()).env("TZ", "UTC");
    let done = command.output().expect("bash runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        done.status.success(),
        "README.md:{begun}: {}\n{text}\n{}\n{}",
        done.status,
        said(&done.stdout),
        said(&done.stderr)
    );
}

/// Ids that the page has as samples, and which they are here.
async fn ids_of(server: &Process, key: &str) -> Vec<(String, String)> {
    let client = server.client(key);
    let types = client.get(&format!("{SYSTEMS}/1/object-types")).await.expect_status(200);
    let of = types.as_array().and_then(|t| t.first()).expect("a type");
    let attribute = |n: usize| of["attributes"][n]["id"].to_string();
    vec![
        ("object-types/10".to_owned(), format!("object-types/{}", of["id"])),
        ("attributes/100".to_owned(), format!("attributes/{}", attribute(0))),
        ("\"100\"".to_owned(), format!("\"{}\"", attribute(0))),
        ("\"101\"".to_owned(), format!("\"{}\"", attribute(1))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs curl"]
async fn every_command_does_what_the_page_says() {
    let (place, sandbox) = (Place::new().with("JIM_FILES_ROOT", "files"), sample().await);
    fs::create_dir_all(place.path("files/hr")).expect("a folder");
    place.write("files/hr/people.csv", "id,name\n1,Ann\n");
    place.write("ca.pem", Certificate::for_names(&["ca.example"]).expect("a certificate").pem());
    fs::create_dir(place.path("backups")).expect("a folder");
    let settings = sandbox_settings(&sandbox);
    let text = |id: &str| settings[id]["stringValue"].as_str().expect("text").to_owned();
    let here = [
        ("ldaps://directory.example.com".to_owned(), text("1")),
        ("CN=JIM,OU=Service,DC=example,DC=com".to_owned(), text("2")),
        ("s3cur3p@ssw0rd".to_owned(), text("3")),
        ("/var/lib/jim-backup".to_owned(), place.path("backups").display().to_string()),
        ("2026-04-05".to_owned(), "$(date +%F)".to_owned()),
    ];
    let mut ids_here = Vec::new();

    let server = place.serve();
    let (key, address) = (server.key(), format!("http://{}", server.address()));
    let mut server = Some(server);
    let mut ran = 0;
    for (begun, block) in blocks() {
        if ELSEWHERE.iter().any(|(first, _)| block.starts_with(first)) {
            continue;
        }
        assert!(block.starts_with("curl ") || block.starts_with("jim "), "README.md:{begun}: not run:\n{block}");
        // The numbers of types and attributes mean other things in other blocks.
        let ids: &[(String, String)] = if block.contains("/object-types/") { &ids_here } else { &[] };
        let said = here.iter().chain(ids);
        let block = said.fold(block, |block, (page, here)| block.replace(page.as_str(), here));
        if block.starts_with("jim restore") {
            // As the page says: the server stopped, what is left of the database moved away.
            let stopped = server.take().expect("a server").stop();
            assert_eq!(stopped.code, Some(0));
            fs::rename(place.path("jim.db"), place.path("jim.db.old")).expect("moved");
            // The last command serves, until somebody stops it.
            run(&place, &address, &key, begun, block.strip_suffix("jim\n").expect("it serves at the end"));
            server = Some(place.serve());
        } else {
            run(&place, &address, &key, begun, &block);
        }
        if block.contains("import-schema") && block.contains("/1/") {
            ids_here = ids_of(server.as_ref().expect("a server"), &key).await;
        }
        ran += 1;
    }
    assert!(ran >= 10, "{ran} blocks");

    // And it is so now.
    let server = server.expect("a server");
    let client = server.client(&key);
    let partitions = client.get(&format!("{SYSTEMS}/1/partitions")).await.expect_status(200);
    let chosen = crate::support::containers(&partitions).iter().filter(|c| c["selected"] == true).count();
    assert_eq!((&partitions[0]["selected"], chosen), (&Value::Bool(true), 2));
    let types = client.get(&format!("{SYSTEMS}/1/object-types")).await.expect_status(200);
    assert!(types[0]["selected"] == true && types[0]["attributes"][1]["isExternalId"] == true, "{}", types[0]);
    let file = client.get(&format!("{SYSTEMS}/2")).await.expect_status(200);
    assert_eq!(file["objectTypes"][0]["attributeCount"], 2);
    assert_eq!(client.get("/api/v1/certificates").await.expect_status(200)["totalCount"], 1);
    let name = client.get("/api/v1/service-settings/Instance.Name").await.expect_status(200);
    assert_eq!(name["value"], "Head office");
    assert_eq!(server.stop().code, Some(0));
}
