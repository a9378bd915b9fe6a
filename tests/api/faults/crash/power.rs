//! The power goes: of a recorded run, images of what the disk may hold at random moments.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;

use crate::support::database::{Database, System, control, invariants};
use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::images::{self, Disk, Event};
use crate::support::program::{Dice, Place, Process};
use crate::support::{Client, SYSTEMS, sandbox_settings};
use crate::tier;

const BASE: &str = "dc=power,dc=example";
const UNITS: usize = 40;

/// What a caller got an answer for, each with a number that only grows.
#[derive(Debug, Clone, Copy)]
enum Fact {
    /// The name of this system has this number or a later one.
    Named(usize, usize),
    /// The system with this number exists.
    Created(usize),
    /// The hierarchy is that of this round or a later one.
    Round(usize),
}

fn unit(n: usize, round: usize) -> String {
    format!("ou=u{n:02}-{round},{BASE}")
}

/// A client whose requests have names, by which their answers are found in the record.
async fn ask(client: &Client, id: &str, method: &str, path: &str, body: Option<String>) {
    let answer = client.send_with(method, path, body, &[("X-Request-Id", id)]).await;
    assert!((200..300).contains(&answer.status), "{path}: {}", answer.status);
}

/// Puts a place on its way to be recorded.
pub(super) fn recorded(place: &Place, arguments: &[&str]) -> Process {
    let line = format!("exec strace -D -o record {} \"$@\"", images::RECORD);
    Process::start(place.shell(&line, arguments))
}

/// The record, once strace has written all of it.
pub(super) fn record_of(place: &Place) -> String {
    let mut before = usize::MAX;
    loop {
        std::thread::sleep(Duration::from_millis(300));
        let record = String::from_utf8(place.read("record")).expect("text");
        if record.len() == before {
            return record;
        }
        before = record.len();
    }
}

/// Random moments of a record, in order, and what was answered before each.
pub(super) fn moments(events: &[Event], count: usize, dice: &mut Dice) -> Vec<usize> {
    let mut moments: Vec<usize> = (0..count).map(|_| 1 + dice.below(events.len() as u64) as usize).collect();
    moments.sort_unstable();
    moments
}

/// Makes an image at each of these moments and has it judged, with how many events came before.
pub(super) fn at_each(
    files: &BTreeMap<String, Vec<u8>>,
    events: &[Event],
    moments: &[usize],
    dice: &mut Dice,
    mut judge: impl FnMut(usize, &Place),
) {
    let mut disk = Disk::new(files);
    let mut happened = 0;
    for moment in moments {
        for event in &events[happened..*moment] {
            disk.happen(event);
        }
        happened = *moment;
        let place = Place::new().with("JIM_LOG_FILTER", "warn");
        disk.image(dice, place.folder());
        for name in place.names() {
            place.set_mode(&name, if place.path(&name).is_dir() { 0o700 } else { 0o600 });
        }
        judge(happened, &place);
    }
}

/// Where each answer with one of these ids is in a record.
fn told<'a>(events: &[Event], ids: impl Iterator<Item = &'a String>) -> BTreeMap<&'a String, usize> {
    let said: Vec<(usize, String)> = events
        .iter()
        .enumerate()
        .filter_map(|(n, e)| match e {
            Event::Said(bytes) => Some((n, String::from_utf8_lossy(bytes).into_owned())),
            _ => None,
        })
        .filter(|(_, text)| text.contains("x-request-id: "))
        .collect();
    let mut by_id = BTreeMap::new();
    for (n, text) in &said {
        let id = text.split("x-request-id: ").nth(1).and_then(|t| t.lines().next()).unwrap_or_default();
        by_id.insert(id.trim().to_owned(), *n);
    }
    ids.filter_map(|id| Some((id, *by_id.get(id)?))).collect()
}

/// What of all that can be known is stored.
struct Stored {
    numbers: BTreeMap<usize, usize>,
    created: BTreeSet<usize>,
    round: Option<usize>,
}

impl Stored {
    fn of(c: &Database) -> Stored {
        let mut stored = Stored { numbers: BTreeMap::new(), created: BTreeSet::new(), round: round_of(c) };
        for System { id, name, .. } in c.systems() {
            let number = name.rsplit_once('-').and_then(|(_, n)| n.parse().ok()).unwrap_or(0);
            match name.starts_with("new-") {
                true => assert!(stored.created.insert(number), "{name} is stored twice"),
                false => assert_eq!(stored.numbers.insert(id as usize, number), None),
            }
        }
        stored
    }

    fn holds(&self, fact: Fact) -> bool {
        match fact {
            Fact::Named(system, k) => self.numbers.get(&system).is_some_and(|found| *found >= k),
            Fact::Created(n) => self.created.contains(&n),
            Fact::Round(round) => self.round.is_some_and(|found| found >= round),
        }
    }
}

/// The round of which all containers are stored, if it is of one round.
fn round_of(c: &Database) -> Option<usize> {
    let mut names: Vec<String> = c.containers().into_iter().map(|row| row.dn).collect();
    names.sort();
    let round = names.first()?.split_once(',')?.0.rsplit_once('-')?.1.parse().ok()?;
    let mut whole: Vec<String> = (0..UNITS).map(|n| unit(n, round)).collect();
    whole.sort();
    (names == whole).then_some(round)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn after_a_power_loss_everything_acknowledged_is_there() {
    let tree = (0..UNITS).fold(Tree::new().suffix(BASE), |tree, n| tree.ou(&unit(n, 0)));
    let sandbox = Arc::new(Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts"));
    let (place, key) = Place::used();
    let server = place.serve();
    let client = server.client(&key);
    for name in ["imported", "a-0", "b-0"] {
        client.post(SYSTEMS, &json!({ "name": name, "connectorDefinitionId": 3 })).await.expect_status(201);
    }
    let settings = json!({ "settingValues": sandbox_settings(&sandbox) });
    client.put(&format!("{SYSTEMS}/1"), &settings).await.expect_status(200);
    client.send("POST", &format!("{SYSTEMS}/1/import-hierarchy"), None).await.expect_status(200);
    assert_eq!(server.stop().code, Some(0));
    let files: BTreeMap<String, Vec<u8>> =
        ["jim.db", "jim.keys"].map(|name| (name.to_owned(), place.read(name))).into();

    let place = place.with("JIM_LOG_FILTER", "warn");
    let server = recorded(&place, &["serve"]);
    let client = server.client(&key);
    let mut facts: BTreeMap<String, Fact> = BTreeMap::new();
    // Twice, with a quiet moment between, in which the server merges its write-ahead file.
    for half in 0..2 {
        let mut clients = JoinSet::new();
        for system in [2, 3] {
            let client = client.clone();
            clients.spawn(async move {
                let mut known = Vec::new();
                for k in half * 60 + 1..half * 60 + 61 {
                    let (id, body) = (format!("named-{system}-{k}"), json!({ "name": format!("s-{k}") }));
                    ask(&client, &id, "PUT", &format!("{SYSTEMS}/{system}"), Some(body.to_string())).await;
                    known.push((id, Fact::Named(system, k)));
                }
                known
            });
        }
        let creating = client.clone();
        clients.spawn(async move {
            let mut known = Vec::new();
            for n in half * 60..half * 60 + 60 {
                let body = json!({ "name": format!("new-{n}"), "connectorDefinitionId": 3 });
                let id = format!("created-{n}");
                ask(&creating, &id, "POST", SYSTEMS, Some(body.to_string())).await;
                known.push((id, Fact::Created(n)));
            }
            known
        });
        let (importing, directory) = (client.clone(), sandbox.clone());
        clients.spawn(async move {
            let mut known = Vec::new();
            for round in half * 8 + 1..half * 8 + 9 {
                for n in 0..UNITS {
                    let to = unit(n, round);
                    let rdn = to.split_once(',').expect("two parts").0;
                    directory.rename(&unit(n, round - 1), rdn, None).expect("a new name");
                }
                let id = format!("round-{round}");
                ask(&importing, &id, "POST", &format!("{SYSTEMS}/1/import-hierarchy"), None).await;
                known.push((id, Fact::Round(round)));
            }
            known
        });
        while let Some(known) = clients.join_next().await {
            facts.extend(known.expect("a client"));
        }
        tokio::time::sleep(Duration::from_millis(1_500)).await;
    }
    assert_eq!(server.stop().code, Some(0));

    let mut events = images::read(&record_of(&place), place.folder());
    events.retain(|e| !matches!(e, Event::Said(text) if text.len() < 20));
    let told = told(&events, facts.keys());
    assert_eq!(told.len(), facts.len(), "every answer is in the record");
    let mut dice = Dice::new("POWER_SEED");
    let count = tier::size(120, 1_000);
    let mut at_risk = 0;
    let points = moments(&events, count, &mut dice);
    let mut checked = 0;
    at_each(&files, &events, &points, &mut dice, |moment, image| {
        checked += 1;
        if checked % tier::size(25, 10) == 0 {
            let found = image.run(&["check"]).told();
            assert!(!found.contains("ERROR"), "moment {moment}:\n{found}");
        }
        let c = Database::writable(&image.path("jim.db"));
        let broken = invariants::broken(&c);
        assert!(broken.is_empty(), "moment {moment}: {broken:#?}");
        let stored = Stored::of(&c);
        assert!(stored.round.is_some(), "moment {moment}: half of an import");
        for (id, fact) in facts.iter().filter(|(id, _)| told[id] < moment) {
            assert!(stored.holds(*fact), "moment {moment}: {id} was acknowledged and is lost");
            at_risk += 1;
        }
    });
    tier::figure(format!(
        "{count} images of {} acknowledged changes in {} events: 0 corrupt, 0 lost ({at_risk} times one was to be \
             there)",
        facts.len(),
        events.len()
    ));
    assert!(at_risk > count, "the images came too early");
}

const CONTROL: &str = "JIM_TEST_POWER";
const COMMITS: i64 = 200;

/// Not a test of the program: what `the_images_tell…` runs as a process of its own.
#[test]
#[ignore = "is run by the_images_tell_what_is_safe_from_what_is_not"]
fn the_process_that_commits() {
    let Ok(synchronous) = std::env::var(CONTROL) else { return };
    let mut out = std::io::stdout();
    control::commit("control.db".as_ref(), &synchronous, COMMITS, |n| {
        writeln!(out, "x-request-id: commit-{n}").and_then(|()| out.flush()).expect("told");
    });
}

/// Images of a recorded run of that process: how many there were of a corrupt file, and how many that lost something.
fn control(synchronous: &str, count: usize) -> (usize, usize) {
    let place = Place::new().with(CONTROL, synchronous);
    control::make(&place.path("control.db"));
    let files = [("control.db".to_owned(), place.read("control.db"))].into();
    let line =
        format!("exec strace -o record {} \"$0\" --ignored --nocapture the_process_that_commits", images::RECORD);
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &line]).arg(std::env::current_exe().expect("this program"));
    command.env(CONTROL, synchronous).current_dir(place.folder());
    assert_eq!(Process::of_others(command).wait().code, Some(0));
    let events = images::read(&record_of(&place), place.folder());
    let ids: Vec<String> = (1..=COMMITS).map(|n| format!("commit-{n}")).collect();
    let told = told(&events, ids.iter());
    assert_eq!(told.len(), ids.len(), "every commit is in the record");
    let mut dice = Dice::new("POWER_SEED");
    let points = moments(&events, count, &mut dice);
    let (mut corrupt, mut lost) = (0, 0);
    at_each(&files, &events, &points, &mut dice, |moment, image| {
        let acknowledged = told.values().filter(|at| **at < moment).count() as i64;
        match control::rows(&image.path("control.db")) {
            Some(rows) => lost += usize::from(rows < acknowledged),
            None => corrupt += 1,
        }
        let _ = fs::remove_file(image.path("control.db"));
    });
    (corrupt, lost)
}

#[test]
#[ignore = "needs strace"]
fn the_images_tell_what_is_safe_from_what_is_not() {
    let count = tier::size(150, 1_000);
    let (full, normal, off) = (control("FULL", count), control("NORMAL", count), control("OFF", count));
    tier::figure(format!(
        "controls, {count} images each, (corrupt, with losses): FULL {full:?}, NORMAL {normal:?}, OFF {off:?}"
    ));
    assert_eq!(full, (0, 0));
    assert!(normal.0 == 0 && normal.1 > 0, "{normal:?}");
    assert!(off.0 > 0, "{off:?}");
}
