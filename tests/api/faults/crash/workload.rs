//! One run of a server that is the same each time: changes of every kind, one after another, each with what it leaves
//! in the database. After a crash the test says which of them were acknowledged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::database::{Container, Database, System, invariants};
use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::program::{Place, Process};
use crate::support::{Answer, SYSTEMS, client, sandbox_settings};
use crate::tier;

const BASE: &str = "dc=calls,dc=example";
const SIDES: [&str; 2] = ["ou=left,dc=calls,dc=example", "ou=right,dc=calls,dc=example"];
/// Units of the directory: all of them make the pages that an import writes, and so the calls that can be met.
fn units() -> usize {
    tier::size(400, 1_000)
}

/// The place of a unit before and after the import: all are renamed and moved.
fn unit(n: usize, after: bool) -> String {
    format!("ou=u{n:04}-{},{}", u8::from(after), SIDES[(n + usize::from(after)) % 2])
}

fn only(after: bool) -> String {
    format!("ou=only-{},{BASE}", u8::from(after))
}

fn model(after: bool) -> BTreeSet<String> {
    let units = (0..units()).map(|n| unit(n, after));
    units.chain(SIDES.map(str::to_owned)).chain([only(after)]).collect()
}

/// What of a change is in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Nothing,
    All,
    Half,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The server had gone before.
    NotAsked,
    /// The server went without an answer.
    NoAnswer,
    /// 5xx, in the envelope.
    Refused,
    /// 2xx.
    Acknowledged,
}

struct Op {
    method: &'static str,
    path: String,
    body: Option<Value>,
    effect: fn(&Database) -> Effect,
}

/// The files to start from, the directory to import from, and the changes.
pub struct Workload {
    pub place: Place,
    pub key: String,
    files: BTreeMap<String, Vec<u8>>,
    ops: Vec<Op>,
    // Answers imports as long as the workload is used.
    _sandbox: Arc<Sandbox>,
}

/// 0 is nothing, 1 is all of it, and there is no third.
fn counted(number: usize) -> Effect {
    match number {
        0 => Effect::Nothing,
        1 => Effect::All,
        _ => Effect::Half,
    }
}

/// How many systems are like this.
fn systems(c: &Database, like: impl Fn(&System) -> bool) -> usize {
    c.systems().iter().filter(|system| like(system)).count()
}

fn imported(c: &Database) -> Effect {
    let found: BTreeSet<String> = c.containers().into_iter().map(|row| row.dn).collect();
    let complete = c.activities().into_iter().filter(|a| a.operation == "ImportHierarchy" && a.status == "Complete");
    match (found == model(false), found == model(true), complete.count()) {
        (true, false, 1) => Effect::Nothing,
        (false, true, 2) => Effect::All,
        _ => Effect::Half,
    }
}

impl Workload {
    pub async fn new() -> Workload {
        let tree = Tree::new().suffix(BASE).ou(SIDES[0]).ou(SIDES[1]).ou(&only(false));
        let tree = (0..units()).fold(tree, |tree, n| tree.ou(&unit(n, false)));
        let sandbox = Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts");
        let place = Place::new().with("JIM_LOG_FILTER", "warn");
        let server = place.serve();
        let key = server.key();
        let client = server.client(&key);
        for name in ["imported", "before", "deleted"] {
            client.post(SYSTEMS, &json!({ "name": name, "connectorDefinitionId": 3 })).await.expect_status(201);
        }
        let settings = json!({ "settingValues": sandbox_settings(&sandbox) });
        client.put(&format!("{SYSTEMS}/1"), &settings).await.expect_status(200);
        client.send("POST", &format!("{SYSTEMS}/1/import-hierarchy"), None).await.expect_status(200);
        assert_eq!(server.stop().code, Some(0));
        let chosen: i64 = {
            let units = Database::open(&place.path("jim.db")).containers();
            units.iter().find(|row| row.name.starts_with("u0000-")).expect("a unit").id
        };
        for n in 0..units() {
            let to = unit(n, true);
            let (rdn, side) = to.split_once(',').expect("two parts");
            sandbox.rename(&unit(n, false), rdn, Some(side)).expect("a move");
        }
        sandbox.remove(&only(false)).expect("a removal");
        sandbox.add_ou(&only(true)).expect("an addition");
        let op = |method, path: &str, body: Option<Value>, effect| Op { method, path: path.to_owned(), body, effect };
        let ops = vec![
            op("POST", SYSTEMS, Some(json!({ "name": "created", "connectorDefinitionId": 3 })), |c| {
                counted(systems(c, |system| system.name == "created"))
            }),
            op("PUT", &format!("{SYSTEMS}/1/containers/{chosen}"), Some(json!({ "selected": true })), |c| {
                let of_unit = |row: &Container| row.name.starts_with("u0000-") && row.selected;
                counted(c.containers().iter().filter(|row| of_unit(row)).count())
            }),
            op("POST", &format!("{SYSTEMS}/1/import-hierarchy"), None, imported),
            op("PUT", &format!("{SYSTEMS}/2"), Some(json!({ "name": "after" })), |c| {
                counted(systems(c, |system| system.id == 2 && system.name == "after"))
            }),
            op("POST", "/api/v1/apikeys", Some(json!({ "name": "made", "roleIds": [1, 2] })), |c| {
                match c.api_keys().iter().find(|key| key.name == "made").map(|key| key.roles) {
                    None => Effect::Nothing,
                    Some(2) => Effect::All,
                    Some(_) => Effect::Half,
                }
            }),
            op("DELETE", &format!("{SYSTEMS}/3"), None, |c| counted(1 - systems(c, |system| system.id == 3))),
        ];
        let files = ["jim.db", "jim.keys"].map(|name| (name.to_owned(), place.read(name))).into();
        Workload { place, key, files, ops, _sandbox: Arc::new(sandbox) }
    }

    /// Puts the files as they were.
    pub fn reset(&self) {
        for name in self.place.names() {
            let path = self.place.path(&name);
            let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            gone.expect("removed");
        }
        self.put(&self.files);
    }

    /// Puts these files there.
    pub fn put(&self, files: &BTreeMap<String, Vec<u8>>) {
        for (name, bytes) in files {
            self.place.write(name, bytes);
            self.place.set_mode(name, 0o600);
        }
    }

    /// Sends one request after another and says what became of each. A failure comes in the envelope.
    pub async fn drive(&self, server: &Process, at: &str) -> Vec<Told> {
        let http = client::unchecked();
        let mut told = vec![Told::NotAsked; self.ops.len()];
        for (op, told) in self.ops.iter().zip(&mut told) {
            let method = reqwest::Method::from_bytes(op.method.as_bytes()).expect("a method");
            let request = http.request(method, format!("http://{}{}", server.address(), op.path));
            let mut request = request.header("X-Api-Key", &self.key);
            if let Some(body) = &op.body {
                request = request.header("Content-Type", "application/json").body(body.to_string());
            }
            *told = Told::NoAnswer;
            let Ok(response) = request.send().await else { break };
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let raw = response.bytes().await.map(|b| b.to_vec()).unwrap_or_default();
            if status < 300 {
                *told = Told::Acknowledged;
                continue;
            }
            assert!(matches!(status, 500 | 503), "{at}: {} answers {status}", op.path);
            let body = serde_json::from_slice(&raw).unwrap_or_else(|e| panic!("{at}: no envelope: {e}"));
            Answer::checked(&op.path, &self.key, Answer { status, headers, body, raw });
            *told = Told::Refused;
        }
        told
    }

    /// Holds what is stored against the answers that the clients got.
    pub fn inspect(&self, told: &[Told], at: &str) {
        let found = self.place.run(&["check"]).told();
        assert!(!found.contains("ERROR"), "{at}:\n{found}");
        let c = Database::open(&self.place.path("jim.db"));
        let broken = invariants::broken(&c);
        assert!(broken.is_empty(), "{at}: {broken:#?}");
        for (op, told) in self.ops.iter().zip(told) {
            let effect = (op.effect)(&c);
            let fits = match told {
                Told::NotAsked => effect == Effect::Nothing,
                Told::Acknowledged => effect == Effect::All,
                Told::NoAnswer | Told::Refused => effect != Effect::Half,
            };
            assert!(fits, "{at}: {} {}: {told:?}, {effect:?}", op.method, op.path);
        }
    }

    /// A server that starts on what is there is ready, and takes a change. Returns how long it took to be ready.
    pub async fn starts_again(&self, at: &str) -> std::time::Duration {
        let begun = std::time::Instant::now();
        let server = Process::start(self.place.command(&["serve"]));
        assert!(server.listens(), "{at}: {:?}", server.err());
        let client = server.client(&self.key);
        client.get("/api/v1/health/ready").await.expect_status(200);
        let took = begun.elapsed();
        client.post(SYSTEMS, &json!({ "name": "again", "connectorDefinitionId": 3 })).await.expect_status(201);
        assert_eq!(server.stop().code, Some(0), "{at}");
        invariants::hold(&self.place.path("jim.db"), at);
        took
    }
}
