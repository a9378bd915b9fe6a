//! Asked to stop in the middle of everything. What was acknowledged is there, an import that ran is whole or
//! not at all, and the program ends in order.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::database::Database;
use crate::support::directory::{Faults, Options, Sandbox, Tree};
use crate::support::program::{Dice, Place, Process};
use crate::support::{SYSTEMS, client, sandbox_settings};
use crate::tier;

/// Budget of a stop.
const STOPPED_WITHIN: Duration = Duration::from_secs(10);

const WRITERS: usize = 20;
const UNITS: usize = 60;
const BASE: &str = "dc=stop,dc=example";

/// A unit in a round: every round renames all of them.
fn unit(n: usize, round: usize) -> String {
    format!("ou=u{n:02}-{round},{BASE}")
}

fn model(round: usize) -> BTreeSet<String> {
    (0..UNITS).map(|n| unit(n, round)).collect()
}

/// Something that is written over and over, with a number each time.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// What is stored for certain.
    acknowledged: usize,
    /// On its way; nothing is known of it.
    asked: Option<usize>,
    /// The last number that was used; the directory is in this round.
    last: usize,
}

impl Known {
    fn may_be(&self, stored: usize) -> bool {
        stored == self.acknowledged || Some(stored) == self.asked
    }
}

/// The writers by their numbers; the last is the one who imports.
type Shared = Arc<Mutex<[Known; WRITERS + 1]>>;

/// One who sends until the server is gone.
struct Caller {
    number: usize,
    http: reqwest::Client,
    base: String,
    key: String,
}

impl Caller {
    async fn run(self, known: Shared, sandbox: Arc<Sandbox>) {
        loop {
            let next = known.lock().expect("knowledge")[self.number].last + 1;
            let (method, path, body) = if self.number == WRITERS {
                (0..UNITS).for_each(|n| {
                    let to = unit(n, next);
                    let rdn = to.split(',').next().expect("a name");
                    sandbox.rename(&unit(n, next - 1), rdn, None).expect("a rename");
                });
                (reqwest::Method::POST, format!("{SYSTEMS}/1/import-hierarchy"), json!({}))
            } else {
                let path = format!("{SYSTEMS}/{}", self.number + 2);
                (reqwest::Method::PUT, path, json!({ "description": next.to_string() }))
            };
            {
                let known = &mut known.lock().expect("knowledge")[self.number];
                (known.asked, known.last) = (Some(next), next);
            }
            let request = self.http.request(method, format!("{}{path}", self.base)).header("X-Api-Key", &self.key);
            let request = request.header("Content-Type", "application/json").body(body.to_string());
            let Ok(answer) = request.send().await else { return };
            let (status, body) = (answer.status(), answer.bytes().await);
            // A head without its body is no acknowledgement.
            let Ok(body) = body else { return };
            assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&body));
            known.lock().expect("knowledge")[self.number] = Known { acknowledged: next, asked: None, last: next };
        }
    }
}

fn stored(place: &Place) -> Database {
    Database::open(&place.path("jim.db"))
}

/// A server with a system at a sandbox, imported, and one system for each writer.
async fn serve(place: &Place, sandbox: &Sandbox) -> (Process, String) {
    let server = place.serve();
    let key = server.key();
    let client = server.client(&key);
    for n in 0..=WRITERS {
        let body = json!({ "name": format!("System {n}"), "connectorDefinitionId": 3 });
        client.post(SYSTEMS, &body).await.expect_status(201);
    }
    let settings = json!({ "settingValues": sandbox_settings(sandbox) });
    client.put(&format!("{SYSTEMS}/1"), &settings).await.expect_status(200);
    let imported = client.send("POST", &format!("{SYSTEMS}/1/import-hierarchy"), None).await.expect_status(200);
    assert_eq!(imported["totalContainers"], UNITS);
    (server, key)
}

async fn directory() -> Arc<Sandbox> {
    let tree = (0..UNITS).fold(Tree::new().suffix(BASE), |tree, n| tree.ou(&unit(n, 0)));
    Arc::new(Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stop_under_load_loses_nothing() {
    let stops = tier::size(6, 100);
    let sandbox = directory().await;
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    let (mut server, key) = serve(&place, &sandbox).await;
    // Else no import would run for long.
    sandbox.set_faults(Faults { page_delay: Some(Duration::from_millis(40)), ..Faults::default() });
    let known: Shared = Arc::new(Mutex::new([Known::default(); WRITERS + 1]));
    let mut dice = Dice::new("STOP_SEED");
    let (mut slowest, mut running) = (Duration::ZERO, 0);
    for stop in 0..stops {
        let http = client::unchecked();
        let mut callers = JoinSet::new();
        for number in 0..=WRITERS {
            let (http, base, key) = (http.clone(), format!("http://{}", server.address()), key.clone());
            callers.spawn(Caller { number, http, base, key }.run(known.clone(), sandbox.clone()));
        }
        tokio::time::sleep(Duration::from_millis(150 + dice.below(300))).await;
        // An import has a caller that waits.
        running += usize::from(known.lock().expect("knowledge")[WRITERS].asked.is_some());
        let begun = Instant::now();
        server.signal(Signal::TERM);
        let done = tokio::task::block_in_place(|| server.wait());
        slowest = slowest.max(begun.elapsed());
        assert_eq!(done.code, Some(0), "stop {stop}: {done:?}");
        assert!(!done.err.contains("panicked"), "stop {stop}: {done:?}");
        while let Some(ended) = callers.join_next().await {
            ended.expect("a caller ends with its server");
        }

        let systems = stored(&place).systems().into_iter().filter(|system| system.id > 1);
        let rows: Vec<String> = systems.map(|s| s.description.unwrap_or_else(|| "0".to_owned())).collect();
        let found: BTreeSet<String> = stored(&place).containers().into_iter().map(|row| row.dn).collect();
        let mut known = known.lock().expect("knowledge");
        let round = known[WRITERS];
        let imported = [Some(round.acknowledged), round.asked].into_iter().flatten().find(|r| found == model(*r));
        let imported = imported.unwrap_or_else(|| panic!("stop {stop}: half of an import, {round:?}: {found:?}"));
        let numbers = rows.iter().map(|row| row.parse().expect("a number")).chain([imported]);
        for (known, stored) in known.iter_mut().zip(numbers) {
            assert!(known.may_be(stored), "stop {stop}: {stored} is stored, {known:?}");
            (known.acknowledged, known.asked) = (stored, None);
        }
        drop(known);
        server = Process::start(place.command(&["serve"]));
        server.address();
    }
    assert_eq!(server.stop().code, Some(0));
    assert!(!place.run(&["check"]).told().contains("ERROR"));
    let writes: usize = known.lock().expect("knowledge").iter().map(|k| k.last).sum();
    let told = format!(
        "{stops} stops under load, {running} of them during an import, {writes} writes, 0 acknowledged \
        ones lost; exit 0 after {slowest:?} at most"
    );
    tier::budget(slowest <= STOPPED_WITHIN, told);
    assert!(running > 0 && writes > stops * WRITERS, "the load was no load");
}

/// An import that gets no answer is not waited for beyond the time that all requests have.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stop_waits_for_no_directory() {
    let sandbox = directory().await;
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    let (server, key) = serve(&place, &sandbox).await;
    sandbox.remove(&unit(7, 0)).expect("removed");
    let gate = Arc::new(tokio::sync::Semaphore::new(0));
    sandbox.set_faults(Faults { gate: Some(gate), ..Faults::default() });
    let path = format!("http://{}{SYSTEMS}/1/import-hierarchy", server.address());
    let http = client::unchecked();
    let import = tokio::spawn(http.post(path).header("X-Api-Key", &key).send());
    while sandbox.waiting() == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let begun = Instant::now();
    server.signal(Signal::TERM);
    let done = tokio::task::block_in_place(|| server.wait());
    let took = begun.elapsed();
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(import.await.expect("the caller ends").is_err(), "nothing was imported, and nothing may say so");
    tier::budget(took <= STOPPED_WITHIN, format!("with an import that hangs: exit 0 after {took:?}"));
    assert_eq!(stored(&place).containers().len(), UNITS);
    let server = Process::start(place.command(&["serve"]));
    let systems = server.client(&key).get(SYSTEMS).await.expect_status(200);
    assert_eq!(systems["totalCount"], WRITERS + 1, "{systems}");
    let imports = stored(&place).activities().into_iter().filter(|a| a.operation == "ImportHierarchy");
    let ends: Vec<_> = imports.map(|a| (a.status, a.error.unwrap_or_default())).collect();
    let ends: Vec<_> = ends.iter().map(|(status, error)| (status.as_str(), error.as_str())).collect();
    assert_eq!(ends, [("Complete", ""), ("FailedWithError", "server stopped")]);
    assert_eq!(server.stop().code, Some(0));
}
