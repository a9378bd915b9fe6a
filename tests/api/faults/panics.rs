//! A panic costs the request that it happened in, and nothing else.
//!
//! The program has no switch for panics, so they come in where the tests stand anyway: the clock that every handler
//! looks at, the log that handlers and the tasks of a directory's connection write, the closures that run on the
//! connections of the database. The log of the tests panics at a line on request.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jim::error::Result;
use serde_json::{Value, json};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::support::case::{activities, activities_of};
use crate::support::database::delete_systems;
use crate::support::directory::{Answer, Certificate, Faults, Mischief, Options, Sandbox, SearchFault};
use crate::support::{Client, Clocks, SYSTEMS, Setup, TestApp};
use crate::tier;

/// A log that panics at the next line with this text.
#[derive(Clone, Default)]
struct Mine(Arc<Mutex<Option<&'static str>>>);

impl Mine {
    fn arm(&self, text: &'static str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// What it still waits for; it waits no longer.
    fn disarm(&self) -> Option<&'static str> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            let _ = write!(self.0, "{value:?}");
        }
    }
}

impl<S: tracing::Subscriber> Layer<S> for Mine {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        let mut armed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if armed.is_some_and(|text| line.0.contains(text)) {
            let text = armed.take();
            drop(armed);
            panic!("on purpose, at {text:?}");
        }
    }
}

/// Runs a test on threads whose log is this one.
fn with_log<F: Future<Output = ()>>(mine: &Mine, test: F) {
    let log = tracing::Dispatch::new(tracing_subscriber::registry().with(mine.clone()));
    let of_threads = log.clone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&of_threads)))
        .build()
        .expect("a runtime");
    let _own = tracing::dispatcher::set_default(&log);
    runtime.block_on(test);
}

/// A request that is accepted as often as it is sent, unless it deletes.
struct Request {
    method: &'static str,
    path: String,
    body: Option<Value>,
    status: u16,
}

impl Request {
    fn new(method: &'static str, path: impl Into<String>, body: Option<Value>, status: u16) -> Request {
        Request { method, path: path.into(), body, status }
    }

    async fn send(&self, client: &Client) -> crate::support::Answer {
        client.send(self.method, &self.path, self.body.as_ref().map(Value::to_string)).await
    }
}

/// A server with a system at a sandbox, imported in every way.
struct World {
    app: TestApp,
    sandbox: Sandbox,
    id: i64,
    container: i64,
}

impl World {
    async fn start(setup: Setup) -> World {
        let app = TestApp::start_with(setup).await;
        let sandbox = Sandbox::start(Options::sample()).await.expect("the sandbox starts");
        let id = app.connected_to(&sandbox).await;
        app.set(id, &json!({ "11": { "intValue": 0 } })).await.expect_status(200);
        app.import(id, "").await.expect_status(200);
        app.import_schema(id).await.expect_status(200);
        let partitions = app.partitions(id).await;
        let container = partitions[0]["containers"][0]["id"].as_i64().expect("an id");
        World { app, sandbox, id, container }
    }

    fn under(&self, rest: &str) -> String {
        format!("{SYSTEMS}/{}{rest}", self.id)
    }

    /// Nothing was left behind: no run of a system, no open activity, no fault in what is stored.
    async fn is_unharmed(&self) {
        self.app.import(self.id, "").await.expect_status(200);
        self.app.import_schema(self.id).await.expect_status(200);
        let both = activities(&self.app, self.id).into_iter();
        let mut all = both.chain(activities_of(&self.app, self.id, "ImportSchema"));
        assert!(all.all(|a| a.0 != "InProgress"), "an import is said to be running");
        self.app.is_sound();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_any_handler_is_that_answer_alone() {
    let clocks = Clocks::default();
    let world = World::start(Setup { clock: Some(clocks.clone()), ..Setup::default() }).await;
    let (admin, selected) = (world.app.admin(), Some(json!({ "selected": true })));
    let named = Some(json!({ "name": "Named", "connectorDefinitionId": 3 }));
    let key = admin.post("/api/v1/apikeys", &json!({ "name": "one", "roleIds": [2] })).await.expect_status(201);
    let key = format!("/api/v1/apikeys/{}", key["id"].as_str().expect("an id"));
    let kept = Some(json!({ "name": "one", "roleIds": [2], "isEnabled": true }));
    let requests = [
        Request::new("GET", SYSTEMS, None, 200),
        Request::new("POST", SYSTEMS, named.clone(), 201),
        Request::new("GET", world.under(""), None, 200),
        Request::new("PUT", world.under(""), named, 200),
        Request::new("GET", world.under("/partitions"), None, 200),
        Request::new("PUT", world.under(&format!("/containers/{}", world.container)), selected, 200),
        Request::new("GET", world.under("/object-types"), None, 200),
        Request::new("POST", world.under("/import-hierarchy"), None, 200),
        Request::new("POST", world.under("/import-schema"), None, 200),
        Request::new("POST", world.under("/test-connection"), None, 200),
        Request::new("GET", world.under("/deletion-preview"), None, 200),
        Request::new("POST", world.under("/clear"), None, 200),
        Request::new("GET", "/api/v1/synchronisation/connector-definitions", None, 200),
        Request::new("GET", "/api/v1/apikeys", None, 200),
        Request::new("PUT", &key, kept, 200),
        Request::new("DELETE", &key, None, 204),
        Request::new("GET", "/api/v1/activities", None, 200),
        Request::new("GET", "/api/v1/service-settings", None, 200),
        Request::new("PUT", "/api/v1/service-settings/Instance.Name", Some(json!({ "value": "Here" })), 200),
        Request::new("GET", "/api/v1/certificates", None, 200),
        Request::new("GET", "/api/v1/userinfo", None, 200),
        Request::new("GET", "/api/v1/health/ready", None, 200),
        Request::new("POST", "/api/v1/history/cleanup", None, 200),
        Request::new("GET", "/metrics", None, 200),
    ];
    for request in &requests {
        let dump = world.app.dump();
        clocks.break_with(Some("on purpose".to_owned()));
        request.send(&admin).await.expect_error(500, "INTERNAL_ERROR");
        clocks.break_with(None);
        assert_eq!(world.app.dump(), dump, "{} {}", request.method, request.path);
        let answer = request.send(&admin).await;
        assert_eq!(answer.status, request.status, "{} {}: {}", request.method, request.path, answer.body);
    }
    world.is_unharmed().await;
    tier::figure(format!("{} handlers panicked at the clock: 500 each, the next request good", requests.len()));
}

#[test]
fn a_panic_behind_the_work_of_a_handler_is_that_answer_alone() {
    let mine = Mine::default();
    with_log(&mine, behind_the_work(&mine));
}

async fn behind_the_work(mine: &Mine) {
    let world = World::start(Setup::default()).await;
    let admin = world.app.admin();
    let der = || STANDARD.encode(Certificate::for_names(&["localhost"]).expect("a certificate").der());
    let upload = |name: &str| Some(json!({ "name": name, "certificateDataBase64": der() }));
    let key = |name: &str| Some(json!({ "name": name, "roleIds": [2], "isEnabled": true }));
    // What each line stands behind was done: the same again would be refused for what it has done.
    let mut stored = Vec::new();
    for name in ["one", "two"] {
        let body = key(name).expect("a body");
        stored.push(admin.post("/api/v1/apikeys", &body).await.expect_status(201)["id"].clone());
        let body = upload(name).expect("a body");
        stored.push(admin.post("/api/v1/certificates/upload", &body).await.expect_status(201)["id"].clone());
    }
    let keys = [0, 2].map(|n| format!("/api/v1/apikeys/{}", stored[n].as_str().expect("an id")));
    let certificates = [1, 3].map(|n| format!("/api/v1/certificates/{}", stored[n].as_str().expect("an id")));
    let (wrong, gone) = (json!({ "3": { "stringValue": "no password of theirs" } }), format!("{SYSTEMS}/999"));
    let deleted = |path: &String| Request::new("DELETE", path, None, 204);
    let put = |name: &str| Request::new("PUT", &keys[0], key(name), 200);
    let patch = |name: &str| Request::new("PATCH", &certificates[0], Some(json!({ "name": name })), 204);
    let post = |path: &str, body: Option<Value>, status| Request::new("POST", path, body, status);
    let schema = || post(&world.under("/import-schema"), None, 200);
    let hierarchy = || post(&world.under("/import-hierarchy"), None, 200);
    let tested = || post(&world.under("/test-connection"), Some(json!({ "settingValues": wrong })), 200);
    let lines = [
        ("API key created", post("/api/v1/apikeys", key("three"), 201), post("/api/v1/apikeys", key("four"), 201)),
        ("API key changed", put("changed"), put("again")),
        ("API key deleted", deleted(&keys[0]), deleted(&keys[1])),
        (
            "certificate added",
            post("/api/v1/certificates/upload", upload("three"), 201),
            post("/api/v1/certificates/upload", upload("four"), 201),
        ),
        ("certificate changed", patch("changed"), patch("again")),
        ("certificate deleted", deleted(&certificates[0]), deleted(&certificates[1])),
        ("hierarchy import ended", hierarchy(), hierarchy()),
        ("schema import ended", schema(), schema()),
        ("a connection test failed", tested(), tested()),
        // Where an error is turned into its answer, outside the task of the handler.
        ("request refused", Request::new("GET", &gone, None, 404), Request::new("GET", &gone, None, 404)),
    ];
    for (line, broken, next) in &lines {
        mine.arm(line);
        let answer = broken.send(&admin).await;
        assert_eq!(mine.disarm(), None, "{line}: not reached");
        answer.expect_error(500, "INTERNAL_ERROR");
        let answer = next.send(&admin).await;
        assert_eq!(answer.status, next.status, "{line}: {}", answer.body);
    }
    world.is_unharmed().await;
    tier::figure(format!("{} handlers panicked at a line of the log: 500 each", lines.len()));
}

#[test]
fn a_panic_in_a_task_of_a_connection_is_that_import_alone() {
    let mine = Mine::default();
    with_log(&mine, in_a_connection(&mine));
}

async fn in_a_connection(mine: &Mine) {
    let world = World::start(Setup::default()).await;
    let (app, id) = (&world.app, world.id);
    let search = |fault: SearchFault| Faults { searches: vec![fault], ..Faults::default() };
    let unread = || Mischief::Raw(vec![0x30, 0x80, 0, 0]);
    let bad_name = Mischief::Entry("no name at all".to_owned());
    let busy = Faults { connections: Some(0..1), bind: Some(Answer::new(51, "")), ..Faults::default() };
    let (hierarchy, schema) = ("ImportHierarchy", "ImportSchema");
    let lines = [
        // In the task that stands between socket and library.
        ("an invalid response", hierarchy, search(SearchFault::new(unread()))),
        ("an invalid response", hierarchy, search(SearchFault::new(unread()).reading(""))),
        ("an invalid response", schema, search(SearchFault::new(unread()).reading("cn=Subschema"))),
        // In the task of the import.
        ("an entry is skipped", hierarchy, search(SearchFault::new(bad_name))),
        ("retrying the directory", hierarchy, busy.clone()),
        ("retrying the directory", schema, busy),
    ];
    let count = lines.len();
    for (line, operation, faults) in lines {
        let retries = json!({ "11": { "intValue": usize::from(faults.bind.is_some()) } });
        app.set(id, &retries).await.expect_status(200);
        let before = app.dump();
        world.sandbox.set_faults(faults);
        mine.arm(line);
        let import = async || if operation == schema { app.import_schema(id).await } else { app.import(id, "").await };
        let answer = import().await;
        assert_eq!(mine.disarm(), None, "{line}: not reached: {}", answer.body);
        answer.expect_error(500, "INTERNAL_ERROR");
        assert_eq!(app.dump(), before, "{line}");
        let last = activities_of(app, id, operation).pop().expect("an activity");
        assert_eq!(last.0, "FailedWithError", "{line}");
        world.sandbox.set_faults(Faults::default());
        import().await.expect_status(200);
    }
    world.is_unharmed().await;
    tier::figure(format!("{count} panics in the tasks of a directory's connection: 500 each"));
}

/// More of them than there are connections: one that got lost would be missed.
#[tokio::test(flavor = "multi_thread")]
async fn a_panic_over_the_database_costs_no_connection() {
    const TIMES: usize = 12;
    fn break_down<T>() -> Result<T> {
        panic!("on purpose")
    }
    let world = World::start(Setup::default()).await;
    let (db, dump) = (&world.app.app.db, world.app.dump());
    for _ in 0..TIMES {
        assert!(db.read(|_| break_down::<()>()).await.is_err());
        let delete = |tx: &jim::db::Tx<'_>| {
            delete_systems(tx);
            break_down::<()>()
        };
        assert!(db.write(delete).await.is_err());
        assert!(db.write_large(delete).await.is_err());
        assert!(db.read_on_writer(|_| break_down::<()>()).await.is_err());
        assert_eq!(world.app.dump(), dump);
    }
    let all = (0..32).map(|_| async { world.app.admin().get(SYSTEMS).await.expect_status(200) });
    futures_util::future::join_all(all).await;
    world.is_unharmed().await;
    tier::figure(format!("{} panics on the connections of the database: no connection lost", 4 * TIMES));
}
