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

/// One step or screen from its heading on.
fn step<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = text.find(&format!("\n{heading}")).unwrap_or_else(|| panic!("{heading}\n{text}")) + 1;
    let rest = &text[start..];
    let is_heading = |line: &str| line.starts_with("Now ") || line.starts_with(|c: char| c.is_ascii_digit());
    let later = rest.match_indices('\n').map(|(at, _)| at + 1).find(|at| is_heading(&rest[*at..]));
    &rest[..later.unwrap_or(rest.len())]
}

/// The commands of a step with the lines that continue them.
fn commands(step: &str) -> String {
    const PROGRAMS: [&str; 5] = ["curl ", "export ", "jim run ", "ldap", "printf "];
    let is_command = |l: &&str| PROGRAMS.iter().any(|p| l.strip_prefix("  ").is_some_and(|l| l.starts_with(p)));
    let mut lines = step.lines().peekable();
    let mut found = String::new();
    while let Some(line) = lines.next() {
        if is_command(&line) {
            found += &format!("{line}\n");
            while let Some(more) = lines.next_if(|l| l.starts_with("      ") && !l.trim_start().starts_with('[')) {
                found += &format!("{more}\n");
            }
        }
    }
    found
}

/// Output of a shell that runs these lines; none of them may fail.
async fn shell(lines: &str) -> String {
    let done = Command::new("sh").args(["-e", "-c", lines]).output().await.expect("a shell");
    assert!(done.status.success() && done.stderr.is_empty(), "{lines}\n{done:?}");
    String::from_utf8(done.stdout).expect("UTF-8")
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
        demo.line("5. The next import");
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

        let (key, address) = (after(&text, "API key:"), after(&text, "http://"));
        let address: SocketAddr = address.trim_end_matches('/').parse().expect("an address");
        assert!(address.ip().is_loopback());
        let client = Client::new(address).with_key(key);
        let systems = client.get(SYSTEMS).await.expect_status(200);
        let id = systems["items"][0]["id"].as_i64().expect("a system");
        let partitions = client.get(&format!("{SYSTEMS}/{id}/partitions")).await.expect_status(200);
        let all = containers(&partitions);
        let renamed = all.iter().find(|c| c["name"] == "Engineering & Design").expect("the renamed one");
        assert_eq!(renamed["selected"], true);

        let moved = all.iter().find(|c| c["name"] == "Identity").expect("the moved one");
        assert_eq!(moved["selected"], true);
        assert!(!all.iter().any(|c| c["name"] == "Logistics"), "the deleted one is not stored");
        assert_eq!(all.iter().filter(|c| c["selected"] == true).count(), 17);

        // The tree once and not deep, then changes only.
        let first = step(&text, "2. ");
        assert!(first.contains("65 added, 0 removed, 0 updated; stored: 2 partitions, 63 containers"), "{first}");
        assert!(first.contains("\n          [ ] Engineering  + 15 below\n"), "{first}");
        assert!(first.contains("\n          [ ] Alumni\n") && !first.contains("Platform"), "{first}");
        assert_eq!(text.matches("] Alumni").count(), 1, "the whole tree once: {text}");
        assert!(step(&text, "3. ").contains("\n      [x] Engineering\n          [x] Platform  + 5 below\n"), "{text}");
        let second = step(&text, "5. ");
        assert!(second.contains("-> 200: 1 added, 1 removed, 2 updated;"), "{second}");
        for change in [
            "added    [x] ou=Robotics,ou=Research,ou=Engineering & Design,dc=demo,dc=example",
            "removed      ou=Logistics,ou=Operations,dc=demo,dc=example",
            "renamed  [x] Engineering -> Engineering & Design",
            "moved    [x] Identity from ou=Platform,",
            "warning: 1 container came into scope by inheritance: ou=Robotics,",
        ] {
            assert!(second.contains(change), "{change}: {second}");
        }

        // The schema: how many types and some of their names; then one type and what of it was chosen, as it is stored.
        let types = client.get(&format!("{SYSTEMS}/{id}/object-types")).await.expect_status(200);
        let types = types.as_array().expect("a list");
        assert!(text.contains(&format!("{} object types with ", types.len())), "{text}");
        assert!(text.contains(" inetOrgPerson,") && text.contains(" and 10 more"), "{text}");
        let chosen = types.iter().filter(|t| t["selected"] == true);
        let chosen: Vec<&str> = chosen.map(|t| t["name"].as_str().expect("a name")).collect();
        assert_eq!(chosen, ["groupOfNames", "inetOrgPerson"]);
        let person = types.iter().find(|t| t["name"] == "inetOrgPerson").expect("people");
        let chosen = person["attributes"].as_array().expect("a list").iter().filter(|a| a["selected"] == true);
        let chosen: Vec<&str> = chosen.map(|a| a["name"].as_str().expect("a name")).collect();
        assert_eq!(chosen, ["cn", "distinguishedName", "entryUUID", "mail", "manager", "sn", "title", "uid"]);
        assert!(
            text.contains(&format!("[x] inetOrgPerson: 8 of {} attributes: cn,", person["attributeCount"])),
            "{text}"
        );
        assert!(text.contains(" entryUUID (external id),") && text.contains(" manager (reference),"), "{text}");
        assert!(text.len() < 14_000 && !text.contains("attributePlurality"), "no answer as it came: {}", text.len());

        demo.signal(signal);
        let done = demo.wait();
        assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
        assert!(made(&place).is_empty(), "{:?}", made(&place));
        assert!(fs::read_dir(place.folder()).expect("a folder").count() == 1, "nothing beside the temporary folder");
    }
}

/// Hidden containers stay, with the warning that the activity stores; the import after that changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn it_shows_that_hidden_is_not_deleted() {
    let place = place();
    let demo = Process::start(place.command(&["demo"]));
    let text = shown(&demo);
    let branch = "\n      [x] Engineering & Design\n          [x] Platform  + 2 below\n";
    let (hidden, again) = (step(&text, "6. "), step(&text, "7. "));
    for step in [hidden, again] {
        assert!(step.contains("-> 200: No changes detected; stored: 2 partitions, 63 containers\n"), "{step}");
        assert!(step.contains(branch), "{step}");
    }
    assert!(hidden.contains("     warning: dc=demo,dc=example: 1 container kept: not seen"), "{hidden}");
    assert!(!again.contains("warning:"), "{again}");

    let client = Client::new(after(&text, "http://").trim_end_matches('/').parse().expect("an address"))
        .with_key(after(&text, "API key:"));
    let activities = client.get("/api/v1/activities?sortBy=created&pageSize=100").await.expect_status(200);
    let mut warnings = Vec::new();
    for activity in activities["items"].as_array().expect("a list") {
        let id = activity["id"].as_str().expect("an id");
        let activity = client.get(&format!("/api/v1/activities/{id}")).await.expect_status(200);
        let warning = activity["warningMessage"].as_str().filter(|text| !text.contains("by inheritance"));
        warnings.extend(warning.map(str::to_owned));
    }
    let [warning] = warnings.as_slice() else { panic!("one import warned of the directory: {warnings:?}") };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(hidden).contains(&words(warning)), "{warning}: {hidden}");
}

/// People and groups come in, then what changed, then nothing; what is shown is what is stored.
#[tokio::test(flavor = "multi_thread")]
async fn it_imports_people_and_groups_and_follows_changes() {
    let place = place();
    let demo = Process::start(place.command(&["demo"]));
    let text = shown(&demo);
    let ended = |step: &str| after(step, "-> 200: Complete: ").to_owned();
    let (first, second, third) = (step(&text, "10. "), step(&text, "11. "), step(&text, "12. "));
    assert_eq!(ended(first), "108 read: 108 added, 0 updated, 0 unchanged; 0 removed");
    assert!(first.contains("3 groups: Engineering Leads, Platform Team, Research Team"), "{first}");
    assert_eq!(ended(second), "108 read: 1 added, 1 updated, 106 unchanged; 1 removed");
    let items = "     Updated  Alice Dubois\n     Added    Mina Sato\n     Deleted  Victor Silva\n";
    assert!(second.contains(items) && second.contains("\n     title: Engineer -> Principal Engineer\n"), "{second}");
    assert_eq!(ended(third), "108 read: 0 added, 0 updated, 108 unchanged; 0 removed");

    let client = Client::new(after(&text, "http://").trim_end_matches('/').parse().expect("an address"))
        .with_key(after(&text, "API key:"));
    let space = format!("{SYSTEMS}/1/connector-space");
    let unresolved = client.get(&format!("{space}/unresolved-references/count")).await.expect_status(200);
    assert_eq!(unresolved, 0, "references followed the renames");
    // The manager of the person is the object that is shown next.
    let manager = client.get(&format!("{space}/{}", after(first, "manager: -> "))).await.expect_status(200);
    let name = manager["secondaryExternalId"].as_str().expect("a DN");
    assert!(name.starts_with("uid=oliver.campbell,ou=Quality,"), "{name}");
    assert!(first.contains(&format!("\n     {name}\n         title: Head of Quality\n")), "{first}");
    let gone = client.get(&format!("{space}?status=Obsolete")).await.expect_status(200);
    assert_eq!((&gone["totalCount"], &gone["items"][0]["displayName"]), (&1.into(), &"Victor Silva".into()));
}

/// No line is wider than 100 characters, and no step longer than the screen of a terminal.
#[test]
fn its_steps_fit_on_a_screen() {
    let place = place();
    let demo = Process::start(place.command(&["demo"]));
    let text = shown(&demo);
    for line in text.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    let steps: Vec<&str> = (1..=12).map(|n| step(&text, &format!("{n}. "))).collect();
    for step in steps.into_iter().chain([step(&text, "Now look around"), step(&text, "Now with your own directory")]) {
        assert!(step.lines().count() <= 24, "{} lines: {step}", step.lines().count());
    }
}

#[test]
fn the_readme_shows_an_excerpt_of_it() {
    let place = place();
    let demo = Process::start(place.command(&["demo"]));
    let text = shown(&demo);
    let page = include_str!("../../../README.md");
    let picture = page.split("```text\n$ jim demo\n").nth(1).and_then(|rest| rest.split("```").next());
    let lines: Vec<&str> = picture.expect("a picture").lines().filter(|line| *line != "...").collect();
    assert!(lines.len() >= 10, "{lines:?}");
    for line in lines {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

/// Commands of the last screen, run by a shell against the directory of the demonstration, then those of steps.
#[tokio::test(flavor = "multi_thread")]
async fn its_commands_can_be_pasted() {
    let place = place();
    let demo = Process::start(place.command(&["demo"]));
    let text = shown(&demo);
    if Command::new("curl").arg("--version").output().await.is_err() {
        println!("left out: curl is not installed");
        return;
    }
    let page = shell(&format!("curl -s -H 'Accept: text/html' http://{}", after(&text, "http://"))).await;
    assert!(page.contains("API explorer"), "{page}");
    let before = text.split("\n1. ").next().expect("a head");
    let exports = commands(before);
    let own = commands(step(&text, "Now with your own directory"))
        .replace("ldaps://dc1.example.com", after(&text, "export LDAPURI=").split(' ').next().expect("a URL"))
        .replace("jim@example.com", "cn=jim,ou=service,dc=demo,dc=example")
        .replace("PASSWORD", after(&text, "export PASSWORD="));
    let answers = shell(&own).await;
    let answers: Vec<serde_json::Value> =
        serde_json::Deserializer::from_str(&answers).into_iter().collect::<Result<_, _>>().expect("JSON");
    let [created, set, tried, imported] = answers.as_slice() else { panic!("four answers: {answers:?}") };
    assert_eq!((&created["name"], &created["id"]), (&"My directory".into(), &2.into()));
    assert_eq!((&set["id"], &tried["success"]), (&2.into(), &true.into()), "{tried}");
    assert_eq!((&imported["success"], &imported["totalContainers"]), (&true.into(), &63.into()), "{imported}");

    let around = commands(step(&text, "Now look around"));
    let (around, run) = around.split_once("  export JIM_URL").expect("a run from a terminal");
    let run = run.replace("jim run", &format!("{} run", crate::support::program::program().display()));
    let ran = shell(&format!("{exports}  export JIM_URL{run}")).await;
    assert!(ran.starts_with("Demo directory, Full: Complete\n"), "{ran}");

    // Requests of earlier steps can be repeated.
    for number in [1, 3, 9, 10, 12] {
        let step = commands(step(&text, &format!("{number}. ")));
        let system = text.lines().find(|l| l.starts_with("  export SYSTEM=")).expect("the system");
        let answers = shell(&format!("{exports}{system}\n{step}")).await;
        let answers: Vec<serde_json::Value> =
            serde_json::Deserializer::from_str(&answers).into_iter().collect::<Result<_, _>>().expect("JSON");
        assert_eq!(answers.len(), step.matches("curl -s").count(), "{step}");
        assert!(answers.iter().all(|a| a.get("validationErrors").is_none()), "{step}: {answers:?}");
    }

    if Command::new("ldapsearch").arg("-VV").output().await.is_err() {
        println!("left out: the LDAP tools are not installed");
        return;
    }
    let change = commands(step(&text, "4. "));
    let again = [
        ("ou=Identity", "ou=Storage"),
        ("ou=Logistics", "ou=Facilities"),
        ("ou=Engineering & Design'", "ou=Construction'"),
        ("ou=Engineering,", "ou=Engineering & Design,"),
        ("ou=Research,ou=Engineering & Design", "ou=Research,ou=Construction"),
        ("Robotics", "Drones"),
    ];
    let change = again.iter().fold(change, |change, (old, new)| change.replace(old, new));
    shell(&format!("{exports}{change}")).await;
    let found = shell(&format!("{exports}{around}")).await;
    for name in ["ou=Storage,ou=Operations,", "ou=Drones,ou=Research,ou=Construction,", "ou=Robotics,"] {
        assert!(found.contains(&format!("dn: {name}")), "{name}: {found}");
    }
    assert!(!found.contains("ou=Facilities") && !found.contains("ou=Engineering"), "{found}");

    let change = commands(step(&text, "11. "))
        .split("  curl")
        .next()
        .expect("changes")
        .replace("Engineering & Design", "Construction");
    let again = [("Principal", "Chief"), ("mina.sato", "ren.sato"), ("Mina", "Ren"), ("victor.silva", "nadia.baker")];
    let change = again.iter().fold(change, |change, (old, new)| change.replace(old, new));
    shell(&format!("{exports}{change}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_where_it_is_set_and_ignores_the_configuration_of_servers() {
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

#[test]
fn a_closed_pipe_ends_it() {
    let place = place();
    // A shell waits for every program of a pipe.
    let command =
        format!("timeout {} {} demo | head -n 1", HANG.as_secs(), crate::support::program::program().display());
    let done = std::process::Command::new("sh").arg("-c").arg(&command).env("TMPDIR", place.path("tmp")).output();
    let done = done.expect("sh runs");
    assert!(String::from_utf8_lossy(&done.stdout).starts_with("jim reads the tree"), "{done:?}");
    assert!(made(&place).is_empty(), "it ended by itself and removed its folder");
}
