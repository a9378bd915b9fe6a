//! A long day of a server that logs all it can, with a canary for every secret there is, and at its end a look through
//! everything that it said: answers, log, output of the commands, activities, command line and environment.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jim::security::secret::Keyring;
use serde_json::{Value, json};

use crate::activities::{ACTIVITIES, all};
use crate::authorisation::table;
use crate::certificates::made::{AUTHORITY, Party, SERVER, pem};
use crate::support::canaries::{self, Wanted, forms};
use crate::support::directory::{Answer, Faults, Options, Sandbox, Tls};
use crate::support::key_text::wrong_secret;
use crate::support::program::{Done, Place, Process};
use crate::support::rogue::{Rogue, Step};
use crate::support::{Client, SYSTEMS, sandbox_settings};
use crate::tier;
use crate::tls_listener;

/// Each form of it looks different.
pub const PASSWORD: &str = "canary \"p\u{e4}\\ss/w+\u{f6}%41<&>'\u{1f511}5f3a9e71~?>";
const OTHER: &str = "another canary, refused by its directory 77c0";
pub const OPERATORS: &str = "jim_operators-canary-\"9f\\%41+/&=<x>'-0123456789";
const KEYS: &str = "/api/v1/apikeys";
const CERTIFICATES: &str = "/api/v1/certificates";

/// The forms of a password in which a directory may send it back when it refuses a bind.
pub const ECHOED: [&str; 12] = [
    "as it is",
    "hex",
    "upper hex",
    "all percent",
    "all lower percent",
    "percent",
    "form",
    "JSON",
    "ASCII JSON",
    "JSON with slashes",
    "base64",
    "base64 for URLs",
];

/// What a server on this folder is asked all day, and what it is never to show.
struct Day {
    place: Place,
    server: Process,
    admin: Client,
    secrets: usize,
    wanted: Wanted,
    answers: usize,
}

impl Day {
    fn begin(format: &str) -> Day {
        let place = Place::new().with("JIM_INFRASTRUCTURE_API_KEY", OPERATORS).with("JIM_LOG_FORMAT", format);
        let server = place.serve();
        let admin = server.client(OPERATORS);
        let mut day = Day { place, server, admin, secrets: 0, wanted: Wanted::nothing(), answers: 0 };
        [PASSWORD, OTHER, OPERATORS].into_iter().for_each(|secret| day.knows(secret));
        keyring(&day.place).into_iter().for_each(|secret| day.knows(secret));
        day
    }

    fn knows(&mut self, secret: impl Into<Vec<u8>>) {
        self.wanted.add(&secret.into());
        self.secrets += 1;
    }

    /// Looks through one thing that was said.
    #[track_caller]
    fn sweep(&self, what: &str, said: &[u8]) {
        assert_eq!(self.wanted.in_there(said), None, "{what}");
    }

    /// Sends a request and looks through what comes back.
    async fn ask(&mut self, client: &Client, method: &str, path: &str, body: Option<String>) -> Value {
        let answer = client.send(method, path, body).await;
        self.answers += 1;
        let head: String = answer.headers.iter().map(|(n, v)| format!("{n}: {v:?}\n")).collect();
        self.sweep(path, head.as_bytes());
        self.sweep(path, &answer.raw);
        answer.body
    }

    async fn put(&mut self, id: &Value, values: &Value) -> Value {
        let admin = self.admin.clone();
        self.ask(&admin, "PUT", &format!("{SYSTEMS}/{id}"), Some(json!({ "settingValues": values }).to_string())).await
    }

    /// Everything that connects to the directory of a system. Returns whether all of it went well.
    async fn connect(&mut self, id: &Value) -> bool {
        let (admin, mut well) = (self.admin.clone(), true);
        for what in ["test-connection", "import-hierarchy?preview=true", "import-hierarchy", "import-schema"] {
            let told = self.ask(&admin, "POST", &format!("{SYSTEMS}/{id}/{what}"), None).await;
            well &= told["code"].is_null() && told["success"] != false;
        }
        well
    }
}

/// The master keys, as they are and as the file has them, and what is derived from them for keys.
fn keyring(place: &Place) -> Vec<Vec<u8>> {
    let text = String::from_utf8(place.read("jim.keys")).expect("text");
    let ring = Keyring::load(&place.path("jim.keys")).expect("the keyring");
    let written = text.lines().filter_map(|l| l.rsplit(':').next());
    let mut all: Vec<Vec<u8>> = written.clone().map(|encoded| encoded.into()).collect();
    all.extend(written.map(|encoded| STANDARD.decode(encoded).expect("base64")));
    all.extend(ring.kids().map(|kid| ring.derive(kid, "jim|v1|api-key pepper").expect("a pepper").to_vec()));
    all
}

/// Bodies with the password where it does not belong, or not in this way.
fn odd_bodies() -> Vec<String> {
    let text = json!(PASSWORD).to_string();
    let inside = |value: &str| format!("{{\"settingValues\":{{\"3\":{value}}}}}");
    let mut all: Vec<String> = [
        format!("{{\"stringValue\":[{text}]}}"),
        format!("{{\"stringValue\":{{\"a\":{text}}}}}"),
        format!("{{\"intValue\":{text}}}"),
        format!("{{\"checkboxValue\":{text}}}"),
        format!("{{\"intValue\":7,\"stringValue\":{text}}}"),
        format!("{{\"stringValue\":{text},\"stringValue\":{text}}}"),
        format!("{{\"stringValue\":{}}}", json!(format!("{PASSWORD}\u{0}"))),
        format!("{{\"stringValue\":{}}}", json!(PASSWORD.repeat(500))),
        format!("{{\"stringValue\":{text}"),
        format!("{{\"stringValue\":{text}\\"),
        format!("{{\"stringValue\":{text}}} {text}"),
        text.clone(),
        format!("[{text}]"),
    ]
    .iter()
    .map(|value| inside(value))
    .collect();
    all.extend([
        format!("{{\"settingValues\":{text}}}"),
        format!("{{\"settingValues\":[{text}]}}"),
        format!("{{\"settingValues\":{{\"99\":{{\"stringValue\":{text}}}}}}}"),
        format!("{{\"settingValues\":{{\"9\":{{\"intValue\":{text}}}}}}}"),
        format!("{{\"settingValues\":{{\"6\":{{\"stringValue\":{text}}}}}}}"),
        format!("{{\"settingValues\":{{\"15\":{{\"checkboxValue\":{text}}}}}}}"),
        text.clone(),
        text[..text.len() - 1].to_owned(),
        PASSWORD.to_owned(),
    ]);
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_in_anything_that_is_said_in_text() {
    a_long_day("text").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_in_anything_that_is_said_in_json() {
    a_long_day("json").await;
}

async fn a_long_day(format: &str) {
    let (root, party) = (Party::new("Root"), Party::new("server"));
    let config = party.server(&[&party.certificate(&root, SERVER)]);
    let options = || Options { password: PASSWORD.to_owned(), ..Options::sample() };
    let secured = Sandbox::start(Options { tls: Some(Tls::Ldaps(config)), ..options() }).await.expect("it starts");
    let plain = Sandbox::start(options()).await.expect("it starts");

    let mut day = Day::begin(format);
    let (certificate, one) = day.import_over_tls(&secured, &root, &party).await;
    let two = day.create("Plain", &sandbox_settings(&plain)).await;
    assert!(day.connect(&two).await);
    day.send_odd_bodies(&one).await;
    let echoes = day.fail_to_bind(&two, &plain).await;
    day.miss_keys_nearly().await;
    day.read_all(&one, &certificate, echoes).await;
    day.look_at_process();

    // The end, and the commands. A rotation makes one secret more.
    let mut said = vec![("backup".to_owned(), day.place.run(&["backup", "copy"]))];
    let Day { place, server, mut wanted, secrets, answers, .. } = day;
    let done = server.stop();
    for told in
        ["hierarchy import ended", "schema import ended", "audit: API key created", "request refused", "serving"]
    {
        assert!(done.err.contains(told), "the log was not listened to: no {told}");
    }
    let lines = done.err.lines().count();
    said.push(("serve".to_owned(), done));
    for arguments in [&["rotate-key"][..], &["check"], &["api-key", "list"], &["rotate-key", "--no-such-option"]] {
        said.push((arguments.join(" "), place.run(arguments)));
    }
    said.extend(of_tls(&place, &mut wanted).await);
    keyring(&place).iter().for_each(|secret| wanted.add(secret));
    for (what, done) in &said {
        for text in [&done.out, &done.err] {
            assert_eq!(wanted.in_there(text.as_bytes()), None, "{what}");
        }
    }
    tier::figure(format!("{answers} answers, {echoes} echoes, {lines} lines of log, {secrets} secrets"));
}

impl Day {
    /// A system whose imports go well over TLS, and a caller that uploads the directory's key for its certificate.
    async fn import_over_tls(&mut self, over: &Sandbox, root: &Party, party: &Party) -> (Value, Value) {
        let private = pem("PRIVATE KEY", &party.private());
        canaries::private_key(&private).into_iter().for_each(|secret| self.knows(secret));
        let (admin, path) = (self.admin.clone(), format!("{CERTIFICATES}/upload"));
        let mut made = Vec::new();
        for data in [root.certificate(root, AUTHORITY), private.into_bytes(), party.private()] {
            let body = json!({ "name": "root", "certificateDataBase64": STANDARD.encode(data) });
            made.push(self.ask(&admin, "POST", &path, Some(body.to_string())).await);
        }
        assert!(made[0]["id"].is_string() && made[1]["code"].is_string() && made[2]["code"].is_string(), "{made:?}");
        let mut values = sandbox_settings(over);
        values["1"] = json!({ "stringValue": format!("localhost:{}", over.addr().port()) });
        values["21"] = json!({ "checkboxValue": true });
        let id = self.create("Secured", &values).await;
        assert!(self.connect(&id).await);
        (made[0].clone(), id)
    }

    async fn create(&mut self, name: &str, values: &Value) -> Value {
        let (admin, body) = (self.admin.clone(), json!({ "name": name, "connectorDefinitionId": 3 }));
        let id = self.ask(&admin, "POST", SYSTEMS, Some(body.to_string())).await["id"].clone();
        self.put(&id, values).await;
        id
    }

    async fn send_odd_bodies(&mut self, id: &Value) {
        let admin = self.admin.clone();
        for body in odd_bodies() {
            for (method, path) in [
                ("PUT", format!("{SYSTEMS}/{id}")),
                ("POST", SYSTEMS.to_owned()),
                ("POST", format!("{SYSTEMS}/{id}/test-connection")),
                ("PUT", format!("{SYSTEMS}/999999")),
                ("PUT", "/api/v1/service-settings/RateLimiting.Enabled".to_owned()),
                ("DELETE", SYSTEMS.to_owned()),
            ] {
                self.ask(&admin, method, &path, Some(body.clone())).await;
            }
        }
    }

    /// A wrong password, a directory that sends the right one back, and a peer that does and is no directory. Returns
    /// how many binds were answered with it.
    async fn fail_to_bind(&mut self, id: &Value, directory: &Sandbox) -> usize {
        self.put(id, &json!({ "3": { "stringValue": OTHER } })).await;
        assert!(!self.connect(id).await);
        self.put(id, &json!({ "3": { "stringValue": PASSWORD } })).await;
        let mut echoes = 0;
        for (form, echo) in forms(PASSWORD.as_bytes()).into_iter().filter(|(form, _)| ECHOED.contains(form)) {
            let echo = String::from_utf8(echo).expect("text");
            for code in [49, 53, 1, 4711] {
                let answer = Answer::new(code, &format!("bad password {echo} of yours; {echo}"));
                directory.set_faults(Faults { bind: Some(answer), ..Faults::default() });
                assert!(!self.connect(id).await, "{form}");
                echoes += 1;
            }
        }
        // Only a bind holds the password; elsewhere it is looked for as it is.
        let answer = Answer::new(1, &format!("not now, {PASSWORD}"));
        directory.set_faults(Faults { base_reads: vec![(String::new(), answer)], ..Faults::default() });
        self.connect(id).await;
        directory.set_faults(Faults::default());
        let noise = Rogue::start(vec![Step::Hear, Step::Say(PASSWORD.into()), Step::Close]).await;
        let there = json!({ "1": { "stringValue": "127.0.0.1" }, "4": { "intValue": noise.address().port() },
            "3": { "stringValue": PASSWORD } });
        self.put(id, &there).await;
        assert!(!self.connect(id).await);
        assert!(noise.has_heard(PASSWORD.as_bytes()), "the password went out");
        echoes
    }

    /// Keys that are almost right, where they belong, and right ones where they do not.
    async fn miss_keys_nearly(&mut self) {
        let admin = self.admin.clone();
        let made = admin.post(KEYS, &json!({ "name": "Made", "roleIds": [1] })).await.expect_status(201);
        let made = made["key"].as_str().expect("a key").to_owned();
        self.knows(&made.as_bytes()[17..]);
        let stranger = Client::new(self.server.address());
        for key in [format!("{OPERATORS}x"), wrong_secret(&made, 1), made[..65].to_owned(), made.to_uppercase()] {
            let near = stranger.clone().with_key(&key);
            for (method, body) in [("GET", None), ("POST", Some(json!({ "name": "x" }).to_string()))] {
                let told = self.ask(&near, method, SYSTEMS, body).await;
                assert_eq!(told["code"], "UNAUTHORISED");
            }
        }
        for path in [format!("{SYSTEMS}?X-Api-Key={made}"), format!("/api/v1/{made}"), format!("{KEYS}/{made}")] {
            self.ask(&stranger, "GET", &path, None).await;
            self.ask(&admin, "GET", &path, None).await;
            self.ask(&admin, "DELETE", &path, None).await;
        }
    }

    /// Asks for all that can be read.
    async fn read_all(&mut self, id: &Value, certificate: &Value, failures: usize) {
        let admin = self.admin.clone();
        let text = |value: &Value| value["id"].as_str().expect("an id").to_owned();
        let number = |value: &Value| value.as_i64().expect("a number");
        let keys = self.ask(&admin, "GET", KEYS, None).await;
        let partitions = self.ask(&admin, "GET", &format!("{SYSTEMS}/{id}/partitions"), None).await;
        let (partition, container) = (number(&partitions[0]["id"]), number(&partitions[0]["containers"][0]["id"]));
        let recorded = all(&admin).await;
        let activity = text(recorded.last().expect("an activity"));
        let routes = table(number(id), partition, container, &text(&keys[0]), &activity, &text(certificate));
        let mut read = 0;
        for row in routes.iter().filter(|row| row.method == "GET") {
            self.ask(&admin, "GET", &row.path, None).await;
            read += 1;
        }
        let mut failed = 0;
        for activity in &recorded {
            let detail = self.ask(&admin, "GET", &format!("{ACTIVITIES}/{}", text(activity)), None).await;
            failed += usize::from(detail["errorMessage"].is_string());
        }
        assert!(read > 15 && failed > failures, "{read} routes, {failed} failures");
    }

    /// The process as others on the machine see it.
    fn look_at_process(&self) {
        let of_process = |what: &str| fs::read(format!("/proc/{}/{what}", self.server.pid())).expect("it runs");
        self.sweep("cmdline", &of_process("cmdline"));
        let environment = of_process("environ");
        let operators = b"JIM_INFRASTRUCTURE_API_KEY=";
        let others: Vec<&[u8]> = environment.split(|b| *b == 0).filter(|v| !v.starts_with(operators)).collect();
        assert!(others.len() > 3 && environment.len() > others.concat().len() + OPERATORS.len());
        self.sweep("environ", &others.join(&0));
    }
}

/// What is said by servers with a certificate of their own, or with its key where the certificate belongs.
async fn of_tls(place: &Place, wanted: &mut Wanted) -> [(String, Done); 2] {
    let own = tls_listener::certificate();
    tls_listener::put(place, &own);
    canaries::private_key(&own.key_pem()).iter().for_each(|secret| wanted.add(secret));
    let settings = "listen = \"127.0.0.1:0\"\ntls_certificate = \"own.pem\"\ntls_key = \"own.key\"\n";
    place.write("jim.toml", format!("[server]\n{settings}"));
    let server = place.serve();
    let address = tls_listener::address(&server);
    assert!(tls_listener::is_served(address, &own).await);
    assert!(!tls_listener::is_served(address, &tls_listener::certificate()).await);
    let served = server.stop();
    place.write("own.pem", own.key_pem());
    let refused = place.run(&["serve"]);
    assert_eq!((served.code, refused.code), (Some(0), Some(78)), "{refused:?}");
    [("serve with TLS".to_owned(), served), ("serve with a key for a certificate".to_owned(), refused)]
}
