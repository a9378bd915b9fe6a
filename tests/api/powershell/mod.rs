//! The existing PowerShell client of this API, cmdlet by cmdlet: every request exactly as it is sent, and of every
//! answer what is read. A change that fails here breaks scripts that people have. What else an answer holds is tested
//! by the chapters.

mod request;
mod runs;
mod shell;
mod table;

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::directory::{Certificate, Sandbox};
use crate::support::{SYSTEMS, Setup, TestApp, sample};
use request::{Kind, Request, find};
use shell::{Headers, Reply, Shell, indented};
use table::table;

/// What stands for `{name}` in paths and bodies.
type Names = BTreeMap<&'static str, String>;

/// A server with something of everything that the client only reads.
struct Scene {
    app: TestApp,
    shell: Shell,
    names: Names,
    _sandbox: Sandbox,
    _files: tempfile::TempDir,
}

impl Scene {
    async fn start() -> Scene {
        let files = tempfile::tempdir().expect("a folder");
        let setup = Setup { files_root: Some(files.path().to_owned()), ..Setup::default() };
        let app = TestApp::start_with(setup).await;
        let sandbox = sample().await;
        app.create_system("Aachen").await;
        let mut names = Names::from([
            ("host", format!("ldap://{}", sandbox.addr())),
            ("account", sandbox.bind_dn().to_owned()),
            ("password", sandbox.password().to_owned()),
        ]);
        let certificate = || Certificate::for_names(&["localhost"]).expect("a certificate").der().to_vec();
        names.insert("der", STANDARD.encode(certificate()));
        std::fs::write(files.path().join("ca.cer"), certificate()).expect("a file");
        for (place, name) in [("seed", "Seed"), ("spare certificate", "Spare")] {
            let body = json!({ "name": name, "certificateDataBase64": STANDARD.encode(certificate()) });
            let made = app.admin().post("/api/v1/certificates/upload", &body).await.expect_status(201);
            names.insert(place, made["id"].as_str().expect("an id").to_owned());
        }
        let shell = Shell { address: app.address, key: app.key.clone() };
        Scene { app, shell, names, _sandbox: sandbox, _files: files }
    }

    /// The table from its first row to its last.
    async fn play(&mut self) {
        for (cmdlet, requests) in table() {
            for request in requests {
                let reply = send(&self.shell, &request, &self.names, &self.names).await;
                let said = format!("{cmdlet}, {}: {}", request.line, String::from_utf8_lossy(&reply.bytes));
                assert_eq!(reply.status, request.status, "{said}");
                self.reads(&request, &reply, &said);
            }
        }
    }

    fn reads(&mut self, request: &Request, reply: &Reply, said: &str) {
        if request.headers == Headers::OnlyKey {
            assert!(!reply.content_type.is_empty() && !reply.content_type.starts_with("text/"), "{said}");
            assert_eq!(STANDARD.encode(&reply.bytes), self.names["der"], "the bytes of the file");
            return;
        }
        let body = reply.json();
        if reply.status == 204 || matches!(request.reads.as_slice(), [("", Kind::Nothing)]) {
            assert!(reply.bytes.is_empty(), "{said}");
        }
        if reply.status >= 400 {
            shows_a_message(reply, said);
        }
        for (path, kind) in &request.reads {
            let found = find(&body, path).unwrap_or_else(|why| panic!("{path} {why}: {said}"));
            assert!(kind.fits(&found), "{path} is {found:?}: {said}");
        }
        for (name, pick) in &request.keeps {
            let text = match pick(&body) {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_ne!(text, "null", "{name}: {said}");
            self.names.insert(name, text);
        }
    }
}

/// `CS` is where connected systems live; everything else is below the version.
fn whole(line: &str) -> String {
    let (verb, path) = line.split_once(' ').expect("verb and path");
    match path.strip_prefix("CS") {
        Some(rest) => format!("{verb} {SYSTEMS}{rest}"),
        None => format!("{verb} /api/v1/{path}"),
    }
}

/// Sends a request of the table; paths and bodies take their names from different lists.
async fn send(shell: &Shell, request: &Request, in_path: &Names, in_body: &Names) -> Reply {
    let body = request.body.as_ref().map(|body| fill(&indented(body), in_body));
    shell.send(&fill(&whole(&request.line), in_path), request.headers, body.as_deref()).await
}

fn fill(text: &str, names: &Names) -> String {
    names.iter().fold(text.to_owned(), |text, (name, value)| text.replace(&format!("{{{name}}}"), value))
}

/// What the client shows of an error, whatever the error is.
fn shows_a_message(reply: &Reply, said: &str) {
    let body = reply.json();
    assert!(body["message"].as_str().is_some_and(|m| !m.trim().is_empty()), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cmdlet_gets_what_it_reads() {
    Scene::start().await.play().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cmdlet_gets_the_reason_of_a_refusal() {
    let mut scene = Scene::start().await;
    scene.play().await;
    let shell = |key: &str| Shell { address: scene.app.address, key: key.to_owned() };
    let (stranger, nobody) = (shell("jim_mistyped"), shell(scene.app.with_roles("Nobody", &[]).await.key()));
    // Nothing that is there has such a name.
    let numbers = ["system", "first", "spare", "type", "attribute", "another", "partition", "container"];
    let unknown = |name: &str| match numbers.contains(&name) {
        true => "999999999".to_owned(),
        false => "00000000-0000-4000-8000-000000000000".to_owned(),
    };
    let missing: Names = scene.names.keys().map(|name| (*name, unknown(name))).collect();
    let mut refused = BTreeSet::new();
    for request in table().into_iter().flat_map(|(_, requests)| requests) {
        let line = request.line.clone();
        let open = line.starts_with("GET health") || line.starts_with("GET auth/");
        for (who, status) in [(&stranger, 401), (&nobody, 403)] {
            let reply = send(who, &request, &scene.names, &scene.names).await;
            let said = format!("{line}: {}", String::from_utf8_lossy(&reply.bytes));
            assert_eq!(reply.status, if open { request.status } else { status }, "{said}");
            if !open {
                shows_a_message(&reply, &said);
            }
        }
        if line.split('?').next().is_some_and(|path| path.contains('{')) {
            let reply = send(&scene.shell, &request, &missing, &scene.names).await;
            let said = format!("{line}: {}", String::from_utf8_lossy(&reply.bytes));
            assert_eq!(reply.status, 404, "{said}");
            shows_a_message(&reply, &said);
            refused.insert(line);
        }
    }
    assert!(refused.len() > 30, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_redirects() {
    let mut scene = Scene::start().await;
    scene.play().await;
    let requests = table().into_iter().flat_map(|(_, requests)| requests);
    for line in requests.map(|r| r.line).filter(|line| line.starts_with("GET ")) {
        let (path, query) = line.split_once('?').map_or((line.as_str(), ""), |(path, query)| (path, query));
        let line = fill(&whole(&format!("{path}/?{query}")), &scene.names);
        let reply = scene.shell.send(&line, Headers::All, None).await;
        assert!(!(300..400).contains(&reply.status), "{line}: {}", reply.status);
    }
    for line in ["GET ", "GET nothing", "PATCH CS", "GET /health", "DELETE health", "GET CS/x"] {
        let reply = scene.shell.send(&whole(line), Headers::All, None).await;
        assert!([404, 405].contains(&reply.status), "{line}: {}", reply.status);
        shows_a_message(&reply, line);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_looked_up_on_the_first_page() {
    let app = TestApp::start().await;
    let name = |n: usize| format!("System {n:02}");
    for n in 0..30 {
        app.create_system(&name(n * 7 % 30)).await;
    }
    let shell = Shell { address: app.address, key: app.key.clone() };
    let reply = shell.send(&whole("GET CS"), Headers::All, None).await;
    let page = reply.json();
    let names: Vec<_> = find(&page, "items[].name").expect("names").into_iter().cloned().collect();
    assert_eq!(names, (0..25).map(name).map(Value::from).collect::<Vec<_>>(), "the first 25 by name");
    for item in page["items"].as_array().expect("items") {
        let found = shell.send(&whole(&format!("GET CS/{}", item["id"])), Headers::All, None).await.json();
        assert_eq!(found["name"], item["name"]);
    }
}
