//! Many callers on the same registers while the server is killed over and over. What they saw, all together,
//! is what one register each would have shown them, one operation after another.

mod register;

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinSet;

use self::register::{AT_FIRST, Operation, What, bent, check};
use crate::support::program::{Dice, HANG, Place, Process};
use crate::support::{SYSTEMS, client};
use crate::tier;

const CLIENTS: usize = 20;
/// Each is the description of a connected system.
const REGISTERS: usize = 50;
/// Half of the operations meet at these.
const BUSY: u64 = 5;

/// What all callers write down.
struct Notes {
    clock: Instant,
    /// The last value that was given out.
    values: AtomicU64,
    answered: AtomicUsize,
    over: AtomicBool,
    histories: Mutex<Vec<Vec<Operation>>>,
}

impl Notes {
    fn now(&self) -> u64 {
        u64::try_from(self.clock.elapsed().as_nanos()).expect("a short time")
    }

    fn note(&self, register: usize, what: What, begun: u64, ended: Option<u64>) {
        self.histories.lock().expect("notes")[register].push(Operation { what, begun, ended });
    }
}

/// One caller of one life of the server.
struct Caller {
    http: reqwest::Client,
    base: String,
    key: String,
    dice: Dice,
}

impl Caller {
    /// One operation after another until all have done enough or the server is gone.
    async fn run(mut self, notes: Arc<Notes>) {
        while !notes.over.load(Ordering::SeqCst) {
            let of = if self.dice.below(2) == 0 { BUSY } else { REGISTERS as u64 };
            let register = self.dice.below(of) as usize;
            let path = format!("{}{SYSTEMS}/{}", self.base, register + 1);
            let answered = if self.dice.below(2) == 0 {
                let value = notes.values.fetch_add(1, Ordering::SeqCst) + 1;
                let body = json!({ "description": value.to_string() }).to_string();
                let request = self.http.put(path).header("Content-Type", "application/json").body(body);
                let begun = notes.now();
                let shown = self.ask(request).await;
                assert!(shown.is_none_or(|shown| shown == value), "an answer shows what its request made");
                notes.note(register, What::Write(value), begun, shown.map(|_| notes.now()));
                shown
            } else {
                let begun = notes.now();
                let shown = self.ask(self.http.get(path)).await;
                if let Some(shown) = shown {
                    notes.note(register, What::Read(shown), begun, Some(notes.now()));
                }
                shown
            };
            if answered.is_none() {
                return;
            }
            notes.answered.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// The value that the answer shows; `None` if there is no whole answer.
    async fn ask(&self, request: reqwest::RequestBuilder) -> Option<u64> {
        let answer = request.header("X-Api-Key", &self.key).timeout(HANG).send().await.ok()?;
        let status = answer.status();
        let body = answer.bytes().await.ok()?;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let system: Value = serde_json::from_slice(&body).expect("JSON");
        match &system["description"] {
            Value::Null => Some(AT_FIRST),
            text => Some(text.as_str().and_then(|t| t.parse().ok()).expect("a value")),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn registers_are_linearizable_over_kills() {
    let (operations, kills) = tier::size((1_500, 3), (10_000, 20));
    let place = Place::new().with("JIM_LOG_FILTER", "warn");
    let mut server = place.serve();
    let key = server.key();
    for n in 0..REGISTERS {
        let body = json!({ "name": format!("Register {n}"), "connectorDefinitionId": 3 });
        server.client(&key).post(SYSTEMS, &body).await.expect_status(201);
    }
    let mut notes = Arc::new(Notes {
        clock: Instant::now(),
        values: AtomicU64::new(AT_FIRST),
        answered: AtomicUsize::new(0),
        over: AtomicBool::new(false),
        histories: Mutex::new(vec![Vec::new(); REGISTERS]),
    });
    let mut dice = Dice::new("REGISTERS_SEED");
    for life in 0..=kills {
        let http = client::unchecked();
        let mut callers = JoinSet::new();
        for _ in 0..CLIENTS {
            let (http, base, key) = (http.clone(), format!("http://{}", server.address()), key.clone());
            callers.spawn(Caller { http, base, key, dice: Dice::seeded(dice.below(u64::MAX)) }.run(notes.clone()));
        }
        // A kill comes anywhere within an operation.
        let (enough, pause) = (operations * (life + 1) / (kills + 1), Duration::from_micros(dice.below(5_000)));
        while notes.answered.load(Ordering::SeqCst) < enough && !callers.is_empty() {
            while let Some(ended) = callers.try_join_next() {
                ended.expect("a caller goes on until the server is gone");
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if life == kills {
            notes.over.store(true, Ordering::SeqCst);
            while let Some(ended) = callers.join_next().await {
                ended.expect("a caller ends");
            }
            break;
        }
        tokio::time::sleep(pause).await;
        server.kill();
        while let Some(ended) = callers.join_next().await {
            ended.expect("a caller ends with the server");
        }
        server = Process::start(place.command(&["serve"]));
        server.address();
    }
    assert_eq!(server.stop().code, Some(0));
    assert!(!place.run(&["check"]).told().contains("ERROR"));

    let notes = Arc::get_mut(&mut notes).expect("all callers ended");
    let histories = std::mem::take(notes.histories.get_mut().expect("notes"));
    let anomalies: Vec<String> = histories.iter().filter_map(|history| check(history).err()).collect();
    let all = || histories.iter().flatten();
    let unanswered: Vec<&Operation> = all().filter(|o| o.ended.is_none()).collect();
    let shown = unanswered.iter().filter(|w| {
        let What::Write(value) = w.what else { return false };
        all().any(|o| o.what == What::Read(value))
    });
    let (count, unknown, shown) = (*notes.answered.get_mut(), unanswered.len(), shown.count());
    let (found, callers) = (anomalies.len(), format!("{CLIENTS} callers on {REGISTERS} registers"));
    tier::figure(format!(
        "{callers}, {count} operations, {kills} kills: {found} anomalies; of {unknown} writes \
        without an answer {shown} were seen later"
    ));
    assert!(anomalies.is_empty(), "{anomalies:#?}");
    assert!(count >= operations && unknown > 0, "the load was no load");
    // The check of this very run can fail.
    let bents: Vec<_> = histories.iter().filter_map(|history| bent(history)).collect();
    assert!(bents.len() > REGISTERS / 2, "{} histories could be bent", bents.len());
    assert!(bents.iter().all(|history| check(history).is_err()), "a stale read was not seen");
}
