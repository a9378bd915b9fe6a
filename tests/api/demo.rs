//! `jim demo`: what it shows, that what it shows works, and that nothing is left of it.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::process::Command;

use crate::support::program::{Dice, HANG, Place, Process};
use crate::support::{Client, SYSTEMS, containers};

/// A place whose folder for temporary files is its own.
fn place() -> Place {
    let place = Place::bare();
    fs::create_dir(place.path("tmp")).expect("a folder");
    let tmp = place.path("tmp").to_string_lossy().into_owned();
    place.with("TMPDIR", &tmp)
}

/// What the demonstration has made.
fn made(place: &Place) -> Vec<PathBuf> {
    let entries = fs::read_dir(place.path("tmp")).expect("a folder");
    entries.map(|e| e.expect("an entry").path()).collect()
}

/// Waits until everything is shown, and returns it.
fn shown(demo: &Process) -> String {
    demo.line("demo ready");
    demo.out().join("\n")
}

fn after<'a>(text: &'a str, mark: &str) -> &'a str {
    let line = text.lines().find_map(|l| l.trim_start().strip_prefix(mark)).unwrap_or_else(|| panic!("{mark}\n{text}"));
    line.trim()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_shows_the_first_path_and_stays_until_a_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let place = place();
        let demo = Process::start(place.command(&["demo"]));
        let begun = Instant::now();
        demo.line("6. Import again");
        let text = shown(&demo);
        println!("ready after {:?}", begun.elapsed());
        assert!(text.ends_with("demo ready"), "{text}");
        let folders = made(&place);
        assert_eq!(folders.len(), 1, "{folders:?}");
        assert_eq!(fs::metadata(&folders[0]).expect("a folder").permissions().mode() & 0o7777, 0o700);
        for file in fs::read_dir(&folders[0]).expect("a folder") {
            let file = file.expect("a file");
            assert_eq!(file.metadata().expect("a file").permissions().mode() & 0o7777, 0o600, "{file:?}");
        }

        let (key, address) = (after(&text, "API key:"), after(&text, "API:"));
        let address: SocketAddr = address.strip_prefix("http://").expect("http").parse().expect("an address");
        assert!(address.ip().is_loopback());
        let client = Client::new(address).with_key(key);
        let systems = client.get(SYSTEMS).await.expect_status(200);
        let id = systems["items"][0]["id"].as_i64().expect("a system");
        let partitions = client.get(&format!("{SYSTEMS}/{id}/partitions")).await.expect_status(200);
        let all = containers(&partitions);
        let renamed = all.iter().find(|c| c["name"] == "Engineering & Design").expect("the renamed one");
        assert_eq!(renamed["selected"], true);

        // Requests as curl lines, the tree with its ticks, the report.
        assert!(text.matches("$ curl -s -X ").count() >= 6, "{text}");
        assert!(text.contains("import-hierarchy") && text.contains("bulk-update"), "{text}");
        assert!(text.contains("[x] Engineering & Design") && text.contains("[ ] Corporate"), "{text}");
        assert!(text.contains("Engineering -> Engineering & Design"), "{text}");
        assert!(
            text.contains("0 added, 0 removed, 1 updated") && text.contains(" added, 0 removed, 0 updated"),
            "{text}"
        );
        assert!(text.contains("ldapsearch -x") && text.contains("-w '"), "{text}");

        // The schema: how many types and some of their names; then one type and what of it was chosen, as it is stored.
        let types = client.get(&format!("{SYSTEMS}/{id}/object-types")).await.expect_status(200);
        let types = types.as_array().expect("a list");
        assert!(text.contains(&format!("{} object types with ", types.len())), "{text}");
        assert!(text.contains(" inetOrgPerson,") && text.contains(" and 10 more"), "{text}");
        let person = types.iter().find(|t| t["name"] == "inetOrgPerson").expect("people");
        assert_eq!((&person["selected"], types.iter().filter(|t| t["selected"] == true).count()), (&true.into(), 1));
        let chosen = person["attributes"].as_array().expect("a list").iter().filter(|a| a["selected"] == true);
        let chosen: Vec<&str> = chosen.map(|a| a["name"].as_str().expect("a name")).collect();
        let wanted = ["cn", "distinguishedName", "entryUUID", "givenName", "mail", "sn", "telephoneNumber", "uid"];
        assert_eq!(chosen, wanted);
        assert!(text.contains(&format!("[x] inetOrgPerson: 8 of {} attributes\n", person["attributeCount"])), "{text}");
        for name in wanted {
            let lines = text.lines().filter(|l| l.trim_start().starts_with(&format!("[x] {name} ")));
            assert_eq!(lines.count(), 1, "{name}: {text}");
        }
        assert!(text.contains("[x] entryUUID          Guid       Single  external id, read only\n"), "{text}");
        assert!(text.contains("secondary external id\n") && text.contains("[x] mail               String     Multi\n"));
        assert!(text.len() < 12_000 && !text.contains("attributePlurality"), "no answer as it came: {}", text.len());

        demo.signal(signal);
        let done = demo.wait();
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
        assert!(made(&place).is_empty(), "{:?}", made(&place));
        assert!(fs::read_dir(place.folder()).expect("a folder").count() == 1, "nothing beside the temporary folder");
    }
}

/// The last curl line as it stands, through a shell.
#[tokio::test(flavor = "multi_thread")]
async fn its_lines_can_be_copied() {
    let place = place();
    let demo = Process::start(place.command(&["demo"]));
    let text = shown(&demo);
    if Command::new("curl").arg("--version").output().await.is_err() {
        println!("left out: curl is not installed");
        return;
    }
    let line = text.lines().rfind(|l| l.trim_start().starts_with("curl -s ")).expect("a curl line");
    let told = Command::new("sh").args(["-c", line]).output().await.expect("curl runs");
    let partitions: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(partitions.as_array().map(Vec::len), Some(2), "{partitions}");
    let variables = format!("JIM={}; KEY={}; ", after(&text, "JIM="), after(&text, "KEY="));
    let first = text.lines().position(|l| l.contains("$ curl -s -X POST")).expect("the first request");
    let lines: Vec<&str> = text.lines().skip(first).take(2).collect();
    let again = lines.join("\n").trim_start().trim_start_matches("$ ").replace("Demo directory", "Once more");
    let told = Command::new("sh").args(["-c", &format!("{variables}{again}")]).output().await.expect("curl runs");
    let created: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!(created["name"], "Once more", "{created}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_where_it_is_told_and_ignores_the_configuration_of_servers() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let place = place()
        .with("JIM_INFRASTRUCTURE_API_KEY", "jim_operator-chose-this-key-0123456789")
        .with("JIM_DATABASE_PATH", "here.db");
    let demo = Process::start(place.command(&["demo", "--listen", &free.to_string()]));
    let text = shown(&demo);
    assert!(text.contains(&format!("http://{free}")), "{text}");
    let client = Client::new(free).with_key(after(&text, "API key:"));
    client.get("/api/v1/userinfo").await.expect_status(200);
    assert!(!place.path("here.db").exists());

    let told = Process::start(place.command(&["demo", "--listen", &free.to_string()])).wait().refused(69);
    assert!(told.contains(&free.to_string()), "{told}");
    assert_eq!(made(&place).len(), 1, "the second one left nothing");
}

#[test]
fn interrupted_early_it_leaves_nothing_either() {
    let mut dice = Dice::new("DEMO_SEED");
    let mut early = 0;
    for round in 0..16 {
        let place = place();
        let demo = Process::start(place.command(&["demo"]));
        let until = Instant::now() + HANG;
        while made(&place).is_empty() {
            assert!(Instant::now() < until, "no folder");
            std::thread::yield_now();
        }
        if round > 0 {
            std::thread::sleep(Duration::from_millis(dice.below(500)));
        }
        demo.signal(if round % 2 == 0 { Signal::TERM } else { Signal::INT });
        let done = demo.wait();
        early += usize::from(!done.out.contains("demo ready"));
        assert_eq!(done.code, Some(0), "{done:?}");
        assert!(made(&place).is_empty(), "{:?} after {:?}", made(&place), done.took);
    }
    println!("{early} of 16 before it was ready");
    assert!(early > 0);
}
