//! README.md and the guide. Every command is run as it stands there, in its order, by a shell with curl. What cannot be
//! run here is listed with the reason, so that no new block goes without either.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use jim::config::variables;
use jim::guide::{PAGES, page};
use serde_json::Value;

use crate::support::directory::Certificate;
use crate::support::program::{Place, Process, program};
use crate::support::{SYSTEMS, sample, sandbox_settings};

const README: &str = include_str!("../../README.md");

/// First lines of blocks that are not run here, and where they are.
const ELSEWHERE: [(&str, &str); 15] = [
    ("$ jim demo", "an excerpt of what the demonstration prints"),
    ("$ jim run", "what the command prints"),
    ("Corporate LDAP, Full", "what the command prints"),
    ("cargo demo", "the demonstration has tests of its own"),
    ("cargo build --release", "the program is built; an empty folder is all that a start needs"),
    ("bootstrap API key: jim_...", "what the program prints"),
    ("export JIM=", "said by the test"),
    ("[server]", "configuration: tls_listener"),
    ("# jim.toml", "configuration: trusted_proxies"),
    ("location /jim/", "a proxy of its own"),
    ("# prometheus.yml", "another program's configuration"),
    ("install -m 0755", "installs for the whole machine"),
    ("# /etc/systemd/system/jim.service", "service_unit"),
    ("# /etc/systemd/system/jim-backup.service", "service_unit"),
    ("runuser -u jim", "service_unit"),
];

/// README and the pages of the guide, with their names.
fn pages() -> impl Iterator<Item = (&'static str, &'static str)> {
    [("README.md", README)].into_iter().chain(PAGES.iter().map(|page| (page.topic, page.text)))
}

/// The blocks of a page, with the place that each begins at.
fn blocks((name, page): (&str, &str)) -> Vec<(String, String)> {
    let (mut blocks, mut open) = (Vec::new(), None::<(String, String)>);
    for (n, line) in page.lines().enumerate() {
        match (line.starts_with("```"), open.take()) {
            (true, None) => open = Some((format!("{name}:{}", n + 2), String::new())),
            (true, Some(block)) => blocks.push(block),
            (false, Some((begun, text))) => open = Some((begun, text + line + "\n")),
            (false, None) => {}
        }
    }
    assert!(open.is_none(), "{name}: a block has no end");
    blocks
}

/// Runs a block; a request that is refused fails it, and its answer is shown.
fn run(place: &Place, server: &str, key: &str, begun: &str, text: &str) {
    let prelude =
        "set -euo pipefail\ncurl() { command curl --fail-with-body \"$@\"; }\njim() { \"$PROGRAM\" \"$@\"; }\n";
    let mut command = Command::new("bash");
    command.args(["-c", &format!("{prelude}{text}")]).current_dir(place.folder()).stdin(Stdio::null());
    command.env("JIM", server).env("KEY", key).env("JIM_URL", server).env("JIM_API_KEY", key);
    command.env("PROGRAM", program()).env("TZ", "UTC");
    let done = command.output().expect("bash runs");
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{begun}: {}\n{text}\n{}\n{}", done.status, said(&done.stdout), said(&done.stderr));
}

/// The object type whose ids the pages have as samples: people.
fn people(types: &Value) -> &Value {
    let named = |t: &&Value| t["name"] == "inetOrgPerson" || t["name"] == "person";
    types.as_array().expect("types").iter().find(named).expect("people")
}

/// Ids that the pages have as samples, 10 and 100 of the first system, 20 and 200 of the second, and which they are here.
async fn ids_of(server: &Process, key: &str, system: u8) -> Vec<(String, String)> {
    let types = server.client(key).get(&format!("{SYSTEMS}/{system}/object-types")).await.expect_status(200);
    let of = people(&types);
    let attribute = |n: usize| of["attributes"][n]["id"].to_string();
    vec![
        (format!("object-types/{system}0"), format!("object-types/{}", of["id"])),
        (format!("attributes/{system}00"), format!("attributes/{}", attribute(0))),
        (format!("\"{system}00\""), format!("\"{}\"", attribute(0))),
        (format!("\"{system}01\""), format!("\"{}\"", attribute(1))),
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs curl"]
async fn every_command_does_what_the_pages_say() {
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
        ("OU=Users,DC=example,DC=com".to_owned(), "OU=Alumni, dc=demo,dc=example".to_owned()),
        ("/var/lib/jim-backup".to_owned(), place.path("backups").display().to_string()),
        ("2026-04-05".to_owned(), "$(date +%F)".to_owned()),
    ];
    let mut ids_here = Vec::new();

    let server = place.serve();
    let key = server.key();
    let mut server = Some(server);
    let mut ran = 0;
    for (begun, block) in pages().flat_map(blocks) {
        if ELSEWHERE.iter().any(|(first, _)| block.starts_with(first)) {
            continue;
        }
        assert!(block.starts_with("curl ") || block.starts_with("jim "), "{begun}: not run:\n{block}");
        // The numbers of types and attributes mean other things in other blocks.
        let ids: &[(String, String)] = if block.contains("/object-types/") { &ids_here } else { &[] };
        let said = here.iter().chain(ids);
        let block = said.fold(block, |block, (page, here)| block.replace(page.as_str(), here));
        let address = format!("http://{}", server.as_ref().expect("a server").address());
        if block.starts_with("jim restore") {
            // As the page says: the server stopped, what is left of the database moved away.
            let stopped = server.take().expect("a server").stop();
            assert_eq!(stopped.code, Some(0));
            fs::rename(place.path("jim.db"), place.path("jim.db.old")).expect("moved");
            // The last command serves, until it is stopped.
            run(&place, &address, &key, &begun, block.strip_suffix("jim\n").expect("it serves at the end"));
            server = Some(place.serve());
        } else {
            run(&place, &address, &key, &begun, &block);
        }
        for system in [1, 2].into_iter().filter(|n| block.contains(&format!("/{n}/import-schema"))) {
            ids_here = ids_of(server.as_ref().expect("a server"), &key, system).await;
        }
        ran += 1;
    }
    assert!(ran >= 14, "{ran} blocks");

    // And it is so now.
    let server = server.expect("a server");
    let client = server.client(&key);
    let partitions = client.get(&format!("{SYSTEMS}/1/partitions")).await.expect_status(200);
    let is_chosen = |c: &&&Value| c["selected"] == true && c["selectionInherited"] == false;
    let chosen = crate::support::containers(&partitions).iter().filter(is_chosen).count();
    assert_eq!((&partitions[0]["selected"], chosen), (&Value::Bool(true), 3));
    let types = client.get(&format!("{SYSTEMS}/1/object-types")).await.expect_status(200);
    let person = people(&types);
    assert!(person["selected"] == true && person["attributes"][1]["isExternalId"] == true, "{person}");
    for system in [1, 2] {
        let objects = client.get(&format!("{SYSTEMS}/{system}/connector-space")).await.expect_status(200);
        assert!(objects["totalCount"].as_i64() >= Some(1), "{objects}");
    }
    let file = client.get(&format!("{SYSTEMS}/2")).await.expect_status(200);
    assert_eq!(file["objectTypes"][0]["attributeCount"], 2);
    assert_eq!(client.get("/api/v1/certificates").await.expect_status(200)["totalCount"], 1);
    let name = client.get("/api/v1/service-settings/Instance.Name").await.expect_status(200);
    assert_eq!(name["value"], "Head office");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn readme_is_short_and_leads_to_every_page() {
    assert!(README.lines().count() <= 200, "{} lines", README.lines().count());
    let links = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links: Vec<&str> = links.filter(|link| !link.starts_with("http")).collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for link in &links {
        assert!(root.join(link).is_file(), "README.md links to {link}, which does not exist");
    }
    for entry in fs::read_dir(root.join("src/guide")).expect("the guide") {
        let name = entry.expect("an entry").file_name().into_string().expect("text");
        let Some(topic) = name.strip_suffix(".md") else { continue };
        assert!(page(topic).is_some(), "{topic} is not in PAGES");
        assert!(links.contains(&format!("src/guide/{name}").as_str()), "README.md has no link to {name}");
    }
}

#[test]
fn each_page_is_printed_and_fits_a_terminal() {
    let place = Place::new();
    for page in &PAGES {
        assert_eq!(place.run(&["help", page.topic]).told(), page.text, "{}", page.topic);
        let mut is_code = false;
        for line in page.text.lines() {
            is_code ^= line.starts_with("```");
            assert!(is_code || line.chars().count() <= 100, "{}: {line}", page.topic);
        }
    }
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn help_is_that_of_the_program_and_its_commands() {
    let place = Place::new();
    let top = place.run(&["help"]).told();
    assert_eq!(top, place.run(&["--help"]).told());
    for page in &PAGES {
        let line = |l: &str| l.trim_start().starts_with(page.topic) && l.ends_with(page.about);
        assert!(top.lines().any(line), "{top}");
    }
    // A topic wins over the command of its name.
    for command in [&["serve"][..], &["api-key", "create"], &["help"]] {
        let asked = [&["help"], command].concat();
        assert_eq!(place.run(&asked).told(), place.run(&[command, &["--help"]].concat()).told(), "{command:?}");
    }
    for unknown in [&["help", "colour"][..], &["help", "serve", "colour"]] {
        let told = place.run(unknown).refused(64);
        assert!(
            told.starts_with("jim: no topic and no command is called") && told.contains("troubleshooting"),
            "{told}"
        );
    }
    place.run(&["help", "--colour"]).refused(64);
}

#[test]
fn every_configuration_key_is_in_the_guide() {
    let reference = page("jim.toml").expect("the reference").text;
    for (_, section, key) in variables() {
        let inside = reference.split(&format!("\n[{section}]\n")).nth(1).unwrap_or_default();
        let inside = inside.split("\n[").next().unwrap_or_default();
        assert!(inside.contains(&format!("\n# {key} = ")), "[{section}] {key} is not in jim.toml.example");
    }
    assert!(page("configuration").expect("the page").text.contains("`jim help jim.toml`"));
}
