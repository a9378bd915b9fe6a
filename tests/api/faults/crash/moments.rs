//! Killed at random moments under load.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::database::{Activity, Database, invariants};
use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::program::{Dice, Place, Process};
use crate::support::{SYSTEMS, client, sandbox_settings};
use crate::tier;

/// Budget of a start after a kill.
pub const READY_WITHIN: Duration = Duration::from_secs(2);

const UNITS: usize = 60;
/// Clients that each rename a system, that each select and deselect a container, and that create systems: twenty.
const NAMES: usize = 8;
const SELECTIONS: usize = 8;
const CREATORS: usize = 4;
/// Kills on the same file: it grows by all that is written, and what looks at it takes longer each time.
const POINTS: usize = 20;
const BASE: &str = "dc=crash,dc=example";
const SIDES: [&str; 2] = ["ou=left,dc=crash,dc=example", "ou=right,dc=crash,dc=example"];

/// The place of a unit in a round: every round renames all of them and moves them to the other side.
fn unit(n: usize, round: usize) -> String {
    format!("ou=u{n:02}-{round},{}", SIDES[(n + round) % 2])
}

/// The one unit that only this round has.
fn only(round: usize) -> String {
    format!("ou=only-{round},{BASE}")
}

/// All containers of a round.
fn model(round: usize) -> BTreeSet<String> {
    let units = (0..UNITS).map(|n| unit(n, round));
    units.chain(SIDES.map(str::to_owned)).chain([only(round)]).collect()
}

/// Brings the directory from one round to the next.
fn turn(sandbox: &Sandbox, from: usize) {
    for n in 0..UNITS {
        let to = unit(n, from + 1);
        let (rdn, side) = to.split_once(',').expect("two parts");
        sandbox.rename(&unit(n, from), rdn, Some(side)).expect("a move");
    }
    sandbox.remove(&only(from)).expect("a removal");
    sandbox.add_ou(&only(from + 1)).expect("an addition");
}

/// What is known of a value that is written over and over: the last one that was acknowledged, and the one on its
/// way, of which nothing is known.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known<T> {
    acknowledged: Vec<T>,
    asked: Option<T>,
}

/// What the clients know.
#[derive(Default)]
struct Knowledge {
    names: [Known<String>; NAMES],
    selections: [Known<bool>; SELECTIONS],
    created: [Known<String>; CREATORS],
    rounds: Known<usize>,
    writes: usize,
}

type Shared = Arc<Mutex<Knowledge>>;

/// Sends requests and survives the server.
#[derive(Clone)]
struct Sender {
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Sender {
    /// Whether it was acknowledged; `None` when the server is gone.
    async fn send(&self, method: &str, path: &str, body: Value) -> Option<bool> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.http.request(method, format!("{}{path}", self.base)).header("X-Api-Key", &self.key);
        let request = request.header("Content-Type", "application/json").body(body.to_string());
        let status = request.send().await.ok()?.status();
        assert!(status.is_success() || status == 503, "{path}: {status}");
        Some(status.is_success())
    }

    /// Writes one value after another until the server is gone.
    async fn keep_writing<T: Clone>(
        self,
        shared: Shared,
        method: &str,
        slot: impl Fn(&mut Knowledge) -> &mut Known<T>,
        next: impl Fn(usize) -> (T, String, Value),
    ) {
        for n in 0.. {
            let (value, path, body) = next(n);
            slot(&mut shared.lock().expect("knowledge")).asked = Some(value.clone());
            let Some(acknowledged) = self.send(method, &path, body).await else { return };
            let mut knowledge = shared.lock().expect("knowledge");
            let known = slot(&mut knowledge);
            known.asked = None;
            if acknowledged {
                known.acknowledged.push(value);
                knowledge.writes += 1;
            }
        }
    }
}

/// How many activities are like this.
fn count(db: &Database, like: impl Fn(&Activity) -> bool) -> i64 {
    db.activities().iter().filter(|a| like(a)).count() as i64
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn killed_at_random_moments() {
    let mut dice = Dice::new("CRASH_SEED");
    let mut all = Total::default();
    let points = tier::size(20, 200);
    for _ in 0..points / POINTS {
        killed(&mut dice, &mut all).await;
    }
    let Total { writes, imports, in_flight, took_effect, slowest } = all;
    tier::figure(format!(
        "{points} kills, {writes} acknowledged writes, {imports} imports; of those asked for at a kill {in_flight} \
             were running and {took_effect} took effect"
    ));
    tier::budget(slowest <= READY_WITHIN, format!("slowest to be ready again: {slowest:?}"));
    assert!(writes > points && in_flight > 0, "the load was no load");
}

/// What all kills met with.
#[derive(Default)]
struct Total {
    writes: usize,
    imports: usize,
    in_flight: i64,
    took_effect: i64,
    slowest: Duration,
}

/// A server on a file that was new before, killed so many times.
async fn killed(dice: &mut Dice, all: &mut Total) {
    let tree = Tree::new().suffix(BASE).ou(SIDES[0]).ou(SIDES[1]).ou(&only(0));
    let tree = (0..UNITS).fold(tree, |tree, n| tree.ou(&unit(n, 0)));
    let sandbox = Arc::new(Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts"));
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    let mut server = place.serve();
    let key = server.key();
    let client = server.client(&key);
    for name in std::iter::once("imported".to_owned()).chain((0..NAMES).map(|n| format!("{n}-"))) {
        client.post(SYSTEMS, &json!({ "name": name, "connectorDefinitionId": 3 })).await.expect_status(201);
    }
    let settings = json!({ "settingValues": sandbox_settings(&sandbox) });
    client.put(&format!("{SYSTEMS}/1"), &settings).await.expect_status(200);
    let imported = client.send("POST", &format!("{SYSTEMS}/1/import-hierarchy"), None).await.expect_status(200);
    assert_eq!(imported["totalContainers"], model(0).len(), "{imported}");
    let beside = || Database::open(&place.path("jim.db"));
    let mut units = beside().containers();
    units.retain(|row| row.name.starts_with("u0") && row.name[3..].starts_with('-'));
    units.sort_by(|a, b| a.name.cmp(&b.name));
    let chosen: Vec<i64> = units.iter().take(SELECTIONS).map(|row| row.id).collect();
    assert_eq!(chosen.len(), SELECTIONS);

    let shared = Shared::default();
    {
        let mut known = shared.lock().expect("knowledge");
        known.rounds.acknowledged.push(0);
        for n in 0..NAMES {
            known.names[n].acknowledged.push(format!("{n}-"));
        }
        for selection in &mut known.selections {
            selection.acknowledged.push(false);
        }
    }
    let mut tally = Tally::default();
    for point in 0..POINTS {
        let sender =
            Sender { http: client::unchecked(), base: format!("http://{}", server.address()), key: key.clone() };
        let mut clients = JoinSet::new();
        for n in 0..NAMES {
            let name = move |k| {
                let name = format!("{n}-{point}-{k}");
                (name.clone(), format!("{SYSTEMS}/{}", n + 2), json!({ "name": name }))
            };
            clients.spawn(sender.clone().keep_writing(shared.clone(), "PUT", move |k| &mut k.names[n], name));
        }
        for (n, row) in chosen.iter().enumerate() {
            let path = format!("{SYSTEMS}/1/containers/{row}");
            let select = move |k: usize| (k & 1 == 0, path.clone(), json!({ "selected": k & 1 == 0 }));
            clients.spawn(sender.clone().keep_writing(shared.clone(), "PUT", move |k| &mut k.selections[n], select));
        }
        for n in 0..CREATORS {
            let create = move |k| {
                let name = format!("new-{n}-{point}-{k}");
                (name.clone(), SYSTEMS.to_owned(), json!({ "name": name, "connectorDefinitionId": 3 }))
            };
            clients.spawn(sender.clone().keep_writing(shared.clone(), "POST", move |k| &mut k.created[n], create));
        }
        let (directory, from) = (sandbox.clone(), tally.round);
        let import = move |k: usize| {
            turn(&directory, from + k);
            (from + k + 1, format!("{SYSTEMS}/1/import-hierarchy"), json!({}))
        };
        clients.spawn(sender.keep_writing(shared.clone(), "POST", |k| &mut k.rounds, import));

        tokio::time::sleep(Duration::from_millis(10 + dice.below(400))).await;
        server.kill();
        while let Some(ended) = clients.join_next().await {
            ended.expect("a client ends with its server");
        }
        let told = place.run(&["check"]).told();
        assert!(!told.contains("ERROR"), "point {point}:\n{told}");
        let begun = Instant::now();
        server = Process::start(place.command(&["serve"]));
        server.client(&key).get("/api/v1/health/ready").await.expect_status(200);
        all.slowest = all.slowest.max(begun.elapsed());

        let broken = invariants::broken(&beside());
        assert!(broken.is_empty(), "point {point}: {broken:#?}");
        inspect(&beside(), &mut shared.lock().expect("knowledge"), &chosen, &mut tally, point);
    }
    all.writes += shared.lock().expect("knowledge").writes;
    all.imports += tally.round;
    all.in_flight += tally.in_flight;
    all.took_effect += tally.took_effect;
    assert_eq!(server.stop().code, Some(0));
    assert!(!place.run(&["check"]).told().contains("ERROR"));
}

/// What the kills on a file met with.
#[derive(Default)]
struct Tally {
    round: usize,
    stopped: i64,
    in_flight: i64,
    took_effect: i64,
}

/// Holds what is stored after a restart against what the clients know.
fn inspect(db: &Database, known: &mut Knowledge, chosen: &[i64], tally: &mut Tally, point: usize) {
    let round = known.rounds.asked.expect("an import was asked for");
    tally.round = round;
    let last = *known.rounds.acknowledged.last().expect("a first import");
    let (containers, systems) = (db.containers(), db.systems());
    let stored: BTreeSet<String> = containers.iter().map(|row| row.dn.clone()).collect();
    let (old, new) = (stored == model(last), stored == model(round));
    assert!(old || new, "point {point}: a half-applied import between {last} and {round}: {stored:?}");
    let now_stopped = count(db, |a| a.error.as_deref() == Some("server stopped"));
    assert!(now_stopped - tally.stopped <= i64::from(old), "point {point}: an applied import is closed as failed");
    tally.in_flight += now_stopped - tally.stopped;
    tally.took_effect += i64::from(new);
    tally.stopped = now_stopped;
    known.rounds = Known { acknowledged: vec![if new { round } else { last }], asked: None };
    assert_eq!(count(db, |a| a.status == "InProgress"), 0, "point {point}");

    for n in 0..NAMES {
        let system = systems.iter().find(|system| system.id == n as i64 + 2).expect("a system");
        known.names[n].holds(system.name.clone(), point);
    }
    for (n, row) in chosen.iter().enumerate() {
        let container = containers.iter().find(|container| container.id == *row).expect("a container");
        known.selections[n].holds(container.selected, point);
    }
    let names = systems.iter().map(|system| system.name.clone());
    let all: BTreeSet<String> = names.filter(|name| name.starts_with("new-")).collect();
    let acknowledged: BTreeSet<String> = known.created.iter().flat_map(|k| k.acknowledged.clone()).collect();
    let lost: Vec<&String> = acknowledged.difference(&all).collect();
    assert!(lost.is_empty(), "point {point}: acknowledged and lost: {lost:?}");
    for extra in all.difference(&acknowledged) {
        let slot = known.created.iter_mut().find(|k| k.asked.as_ref() == Some(extra));
        let slot = slot.unwrap_or_else(|| panic!("point {point}: {extra} was never asked for"));
        slot.acknowledged.extend(slot.asked.take());
    }
    let created = count(db, |a| a.operation == "Create");
    assert_eq!(created, systems.len() as i64, "point {point}: activity and change");
}

impl<T: Clone + PartialEq + std::fmt::Debug> Known<T> {
    /// The stored value is the last acknowledged one or the one that was on its way.
    #[track_caller]
    fn holds(&mut self, stored: T, point: usize) {
        let fits = self.acknowledged.last() == Some(&stored) || self.asked.as_ref() == Some(&stored);
        assert!(
            fits,
            "point {point}: {stored:?} is stored, {:?} on its way, {:?}",
            self.asked,
            self.acknowledged.last()
        );
        *self = Known { acknowledged: vec![stored], asked: None };
    }
}
