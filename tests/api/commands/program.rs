//! The program: what a start needs, prints and makes, how it is configured, how it ends.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use jim::config::variables;
use rustix::process::Signal;
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::support::directory::Faults;
use crate::support::program::{Place, Process};
use crate::support::{SYSTEMS, sample, sandbox_settings};

const USERINFO: &str = "/api/v1/userinfo";
const OPERATORS: &str = "jim_operator-chose-this-key-0123456789";

/// A key that works and was not shown would be the first of a database for ever.
#[tokio::test]
async fn a_first_key_that_cannot_be_printed_is_not_stored() {
    let place = Place::new();
    let told = Process::start(place.shell("exec \"$@\" >/dev/full", &["serve"])).wait().refused(74);
    assert!(told.contains("the first API key could not be printed"), "{told}");
    let server = place.serve();
    server.client(&server.key()).get(USERINFO).await.expect_status(200);
    assert_eq!(server.stop().code, Some(0));
    // A command that changes nothing leaves the database in one file, too.
    place.run(&["api-key", "list"]).told();
    assert!(place.kept().keys().eq(["jim.db", "jim.keys"]), "{:?}", place.contents());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_folder_is_all_that_a_start_needs() {
    let place = Place::new();
    let server = Process::start(place.shell("umask 000; exec \"$@\"", &[]));
    let address = server.address();
    assert_ne!(address.port(), 0);
    let out = server.out();
    assert_eq!(out.len(), 2, "{out:?}");
    assert!(out[0].starts_with("bootstrap API key: jim_") && out[1].starts_with("listening on http://127."), "{out:?}");
    let key = server.key();
    assert_eq!(server.client(&key).get(USERINFO).await.expect_status(200)["name"], "Bootstrap Key");
    for (name, (mode, _)) in place.contents() {
        assert_eq!(mode, 0o600, "{name} has mode {mode:o}");
    }
    assert!(["jim.db", "jim.keys"].iter().all(|n| place.names().iter().any(|f| f == n)), "{:?}", place.names());
    let done = server.stop();
    assert_eq!((done.code, done.out.lines().count()), (Some(0), 2), "{done:?}");
    assert!(!done.err.contains(&key) && done.err.contains("serving"), "{}", done.err);
    assert!(
        place.kept().keys().eq(["jim.db", "jim.keys"]),
        "a stop leaves the database in one file: {:?}",
        place.names()
    );

    let again = place.serve();
    assert_eq!(again.out().len(), 1, "{:?}", again.out());
    again.client(&key).get(USERINFO).await.expect_status(200);
    assert_eq!(again.stop().told().lines().count(), 1);
}

/// Also held: what was asked before the signal is answered.
#[tokio::test(flavor = "multi_thread")]
async fn either_signal_ends_it_with_0_after_the_requests_in_progress() {
    for signal in [Signal::TERM, Signal::INT] {
        let (place, sandbox) = (Place::new(), sample().await);
        let server = place.serve();
        let client = server.client(&server.key());
        let body = serde_json::json!({ "name": "Sandbox", "connectorDefinitionId": 3 });
        let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
        let settings = serde_json::json!({ "settingValues": sandbox_settings(&sandbox) });
        client.put(&format!("{SYSTEMS}/{id}"), &settings).await.expect_status(200);
        let gate = Arc::new(Semaphore::new(0));
        sandbox.set_faults(Faults { gate: Some(gate.clone()), ..Faults::default() });
        let path = format!("{SYSTEMS}/{id}/import-hierarchy");
        let import = tokio::spawn(async move { client.send("POST", &path, None).await });
        while sandbox.waiting() == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        server.signal(signal);
        server.log_line("stopping");
        gate.close();
        assert_eq!(import.await.expect("an answer").expect_status(200)["success"], true);
        assert_eq!(server.wait().code, Some(0), "{signal:?}");
        let checked = place.run(&["check"]).told();
        assert!(checked.contains("Complete") && checked.contains("ImportHierarchy"), "{checked}");
    }
}

#[test]
fn wrong_arguments_are_64_and_questions_are_0() {
    let place = Place::new();
    assert_eq!(place.run(&["version"]).told(), place.run(&["--version"]).told());
    for wrong in [
        &["colour"][..],
        &["help", "colour"],
        &["serve", "--colour"],
        &["serve", "extra"],
        &["serve", "--listen", "somewhere"],
        &["serve", "--listen", "8080"],
        &["--config"],
        &["api-key"],
        &["api-key", "create"],
        &["api-key", "create", "--name", "x", "--role", "Emperor"],
        &["api-key", "delete", "not-an-id"],
        &["demo", "--listen", "somewhere"],
        &["demo", "--listen", "0.0.0.0:0"],
    ] {
        let told = place.run(wrong).refused(64);
        assert!(told.starts_with("jim: ") && !told.starts_with("jim: error"), "{told}");
    }
    for question in
        [&["--help"][..], &["--version"], &["version"], &["demo", "--help"], &["api-key", "create", "--help"]]
    {
        assert!(place.run(question).told().contains("jim"), "{question:?}");
    }
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn an_address_in_use_is_69_before_any_file_is_made() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = holder.local_addr().expect("an address").to_string();
    let place = Place::bare().with("JIM_SERVER_LISTEN", &address);
    let told = place.run(&["serve"]).refused(69);
    assert!(told.contains(&address), "{told}");
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn every_command_has_examples_and_a_place_in_the_manual() {
    let place = Place::new();
    let top = place.run(&["--help"]).told();
    let commands: Vec<&str> = top
        .lines()
        .skip_while(|l| *l != "Commands:")
        .skip(1)
        .take_while(|l| !l.is_empty())
        .map(|l| l.split_whitespace().next().expect("a name"))
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() >= 9 && top.contains("\nExit codes:\n  0   done\n"), "{top}");
    assert!(top.contains("\nExamples:\n  jim demo  "), "{top}");
    let page = place.run(&["man"]).told();
    assert!(page.contains(".TH jim 1") && page.contains("SH COMMANDS"));
    for section in ["EXAMPLES", "EXIT STATUS", "ENVIRONMENT", "FILES", "GUIDE"] {
        assert!(page.contains(&format!(".SH \"{section}\"\n")), "{section}");
    }
    for (name, _, _) in variables() {
        assert!(page.contains(&name), "{name} is not in the manual");
    }
    for held in ["JIM_INFRASTRUCTURE_API_KEY", "jim.keys", "\\fB78\\fR"] {
        assert!(page.contains(held), "{held} is not in the manual");
    }
    for command in commands {
        let help = place.run(&[command, "--help"]).told();
        let example = help.lines().skip_while(|l| !l.starts_with("Example")).nth(1).unwrap_or_default();
        assert!(example.contains("jim"), "{help}");
        assert!(page.contains(&format!(".SS jim {}\n", command.replace('-', "\\-"))), "{command} is not in the manual");
    }
    assert!(page.contains(".SS jim api\\-key create\n") && page.contains("\\-\\-expires"));
    for (shell, holds) in [("bash", "complete -F"), ("zsh", "#compdef jim"), ("fish", "complete -c jim")] {
        let script = place.run(&["completions", shell]).told();
        assert!(script.contains(holds) && script.contains("rotate-key"), "{shell}");
    }
    place.run(&["completions", "cmd"]).refused(64);
    assert!(place.names().is_empty());
}

/// What has passwords and keys in it is no other process's to read, and is in no core file.
#[test]
fn its_memory_is_its_own() {
    let place = Place::new();
    let server = place.serve();
    server.address();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("limits");
    let core = limits.lines().find(|l| l.starts_with("Max core file size")).expect("a line");
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    // The system gives what is not dumpable to root.
    if !rustix::process::geteuid().is_root() {
        use std::os::unix::fs::MetadataExt;
        assert_eq!(std::fs::metadata(format!("/proc/{}/mem", server.pid())).expect("a file").uid(), 0);
    }
}

/// A crowd that comes while the server is busy with something else: a caller that finds the door
/// full tries again only a second later.
#[test]
fn five_hundred_callers_may_knock_at_once() {
    let (place, _) = Place::used();
    let server = place.serve();
    let address = server.address();
    server.signal(Signal::STOP);
    let patience = Duration::from_millis(900);
    let crowd: Vec<_> = (0..500).map_while(|_| TcpStream::connect_timeout(&address, patience).ok()).collect();
    server.signal(Signal::CONT);
    assert_eq!(crowd.len(), 500);
}

#[test]
fn every_error_of_the_configuration_is_in_one_message() {
    let place = Place::bare().with("JIM_LDAP_TRUST_DIR", "no/such/folder").with("JIM_SERVER_INSECURE_HTTP", "maybe");
    let text = "colour = 1\n[server]\nlisten = \"0.0.0.0:0\"\nport = 80\n[database]\npath = \"nowhere/jim.db\"\n\
                [keys]\npath = 7\n[log]\nformat = \"xml\"\nfilter = \"jim=loud\"\n[extra]\na = 1\n";
    place.write("jim.toml", text);
    let before = place.contents();
    for command in [&[][..], &["serve"], &["check"], &["api-key", "list"], &["--config", "jim.toml"]] {
        let told = place.run(command).refused(78);
        for wanted in [
            "jim.toml:1:",
            "jim.toml:3: [server] listen",
            "insecure_http = true",
            "jim.toml:4: unknown key port",
            "jim.toml:6: [database] path",
            "create it",
            "jim.toml:8: [keys] path",
            "jim.toml:10: [log] format",
            "jim.toml:11: [log] filter",
            "jim.toml:12: unknown section [extra]",
            "JIM_LDAP_TRUST_DIR",
            "JIM_SERVER_INSECURE_HTTP",
        ] {
            assert!(told.contains(wanted), "{command:?}: {wanted} is not in:\n{told}");
        }
    }
    assert_eq!(place.contents(), before);
    place.write("jim.toml", "[server\n");
    assert!(place.run(&[]).refused(78).contains("jim.toml:1"));
    let told = place.run(&["--config", "other.toml"]).refused(78);
    assert!(told.contains("other.toml"), "{told}");
}

#[test]
fn an_address_that_others_reach_needs_a_word() {
    let place = Place::bare().with("JIM_SERVER_LISTEN", "0.0.0.0:0");
    let told = place.run(&[]).refused(78);
    assert!(told.contains("JIM_SERVER_LISTEN") && told.contains("insecure_http = true"), "{told}");
    assert!(place.names().is_empty());
    let place = place.with("JIM_SERVER_INSECURE_HTTP", "true");
    assert_eq!(place.serve().stop().code, Some(0));
}

#[test]
fn paths_of_the_file_are_relative_to_it_and_others_to_the_working_folder() {
    let place = Place::new();
    for folder in ["conf", "conf/data", "here"] {
        std::fs::create_dir(place.path(folder)).expect("a folder");
    }
    place.write("conf/my.toml", "[database]\npath = \"data/a.db\"\n");
    let at = |name: &str| place.path(name).exists();
    assert_eq!(Process::start(place.command(&["serve", "--config", "conf/my.toml"])).stop_when_up(), Some(0));
    assert!(at("conf/data/a.db") && at("conf/data/jim.keys"), "the keyring lies beside the database");
    place.write("conf/my.toml", "[database]\npath = \"data/b.db\"\n[keys]\npath = \"k\"\n");
    assert_eq!(Process::start(place.command(&["--config", "conf/my.toml", "serve"])).stop_when_up(), Some(0));
    assert!(at("conf/data/b.db") && at("conf/k"));
    let place = place.with("JIM_DATABASE_PATH", "here/c.db").with("JIM_KEYS_PATH", "here/c.keys");
    assert_eq!(Process::start(place.command(&["--config", "conf/my.toml"])).stop_when_up(), Some(0));
    assert!(place.path("here/c.db").exists() && place.path("here/c.keys").exists());
    assert!(!place.path("jim.db").exists() && !place.path("jim.keys").exists());
}

#[test]
fn an_argument_says_where_to_listen_over_file_and_environment() {
    let holder = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = holder.local_addr().expect("an address").to_string();
    let place = Place::bare().with("JIM_SERVER_LISTEN", &taken);
    place.write("jim.toml", format!("[server]\nlisten = {taken:?}\n"));
    let server = Process::start(place.command(&["serve", "--listen", "127.0.0.1:0"]));
    assert_ne!(server.address().to_string(), taken);
    assert_eq!(server.stop().code, Some(0));
    let told = place.run(&["serve", "--listen", "0.0.0.0:0"]).refused(78);
    assert!(told.starts_with("jim: --listen is not a loopback address"), "{told}");
}

#[test]
fn what_names_no_plain_file_is_refused_before_anything_is_written() {
    for path in ["\"jim.db\"", "jim.db ", "file:jim.db", "sqlite:///jim.db", ":memory:", "jim\n.db"] {
        let place = Place::new().with("JIM_DATABASE_PATH", path);
        for command in [&["serve"][..], &["check"], &["api-key", "create", "--name", "x"]] {
            let told = place.run(command).refused(78);
            assert!(told.starts_with("jim: JIM_DATABASE_PATH is "), "{told}");
        }
        assert!(place.names().is_empty(), "{path}: {:?}", place.names());
    }
    // A name is a name to SQLite, whatever it looks like.
    let (place, _) = Place::used();
    place.run(&["backup", "file:copy?mode=memory"]).told();
    assert!(place.path("file:copy?mode=memory/jim.db").exists(), "{:?}", place.names());
}

#[test]
fn a_misspelt_level_stops_the_start_and_an_empty_one_is_the_usual() {
    for level in ["warning", "verbose"] {
        let place = Place::new().with("JIM_LOG_FILTER", level);
        let told = place.run(&["serve"]).refused(78);
        assert!(told.contains("JIM_LOG_FILTER") && told.contains("error, warn, info, debug, trace"), "{told}");
        assert!(place.names().is_empty());
    }
    for level in ["", " info ", "jim=info"] {
        let place = Place::new().with("JIM_LOG_FILTER", level);
        assert!(place.serve().stop().err.contains("serving"), "{level:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_wins_and_the_log_is_one_json_object_a_line() {
    let place = Place::bare()
        .with("JIM_SERVER_LISTEN", "127.0.0.1:0")
        .with("JIM_LOG_FORMAT", "json")
        .with("JIM_COLOUR_RED", "1")
        .with("JIM_LOG_FILTER", "debug");
    place.write("jim.toml", "[server]\nlisten = \"127.0.0.1:1\"\n[log]\nformat = \"text\"\nfilter = \"error\"\n");
    let server = place.serve();
    server.client("jim_no").get(USERINFO).await.expect_status(401);
    let done = server.stop();
    assert_eq!(done.code, Some(0));
    let lines: Vec<Value> = done.err.lines().map(|l| serde_json::from_str(l).expect(l)).collect();
    assert!(lines.iter().all(|l| l["level"].is_string() && l["timestamp"].as_str().is_some_and(|t| t.ends_with('Z'))));
    assert!(lines.iter().any(|l| l["fields"]["variable"] == "JIM_COLOUR_RED" && l["level"] == "WARN"), "{lines:?}");

    place.write("jim.toml", "[log]\nfilter = \"error\"\n");
    let quiet = Place::new().with("JIM_LOG_FILTER", "error");
    assert_eq!(quiet.serve().stop().err, "");
    let text = Place::new().serve().stop().err;
    assert!(text.lines().all(|l| !l.starts_with('{')) && text.contains("INFO"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_key_works_and_is_never_shown() {
    let place = Place::new().with("JIM_INFRASTRUCTURE_API_KEY", OPERATORS).with("JIM_LOG_FILTER", "trace");
    let server = place.serve();
    assert_eq!(server.out().len(), 1, "no bootstrap key is made: {:?}", server.out());
    let me = server.client(OPERATORS).get(USERINFO).await.expect_status(200);
    assert_eq!((me["name"].as_str(), me["isAdministrator"].as_bool()), (Some("Infrastructure Key"), Some(true)));
    let done = server.stop();
    assert!(!done.err.contains(OPERATORS) && !done.out.contains(OPERATORS));
    let again = place.serve();
    let keys = again.client(OPERATORS).get("/api/v1/apikeys").await.expect_status(200);
    assert_eq!(keys.as_array().map(Vec::len), Some(1), "{keys}");
    let hours = keys[0]["expiresAt"].as_str().expect("a date");
    assert!(hours > keys[0]["createdAt"].as_str().expect("a date") && keys[0].get("key").is_none());
    drop(again);
    assert!(!place.holds(OPERATORS.as_bytes()));

    for bad in ["jim_too-short", "not_ours-but-long-enough-to-be-a-key-0123456789", ""] {
        let place = Place::new().with("JIM_INFRASTRUCTURE_API_KEY", bad);
        let server = place.serve();
        server.log_line("JIM_INFRASTRUCTURE_API_KEY is ignored");
        server.client(&server.key()).get(USERINFO).await.expect_status(200);
        assert!(bad.is_empty() || !server.stop().err.contains(bad));
    }
}

impl Process {
    /// Waits until it listens, stops it, and returns its exit code.
    fn stop_when_up(self) -> Option<i32> {
        self.address();
        self.stop().code
    }
}
