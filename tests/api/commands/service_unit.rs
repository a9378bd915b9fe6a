//! The systemd unit of the guide: how confined it is, and that a whole working day needs no system call that it
//! forbids.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;

use crate::support::directory::{Certificate, Options, Sandbox, Tls};
use crate::support::program::{Place, Process, program};
use crate::support::{SYSTEMS, sample, sandbox_settings};
use crate::tier;
use crate::tls_listener;

const PAGE: &str = include_str!("../../../src/guide/service.md");
/// The account `nobody`: SQLite changes owners of files when it is root, which the unit's account never is.
const ACCOUNT: u32 = 65_534;

fn unit() -> &'static str {
    let begins = "# /etc/systemd/system/jim.service\n";
    let text = PAGE.split(begins).nth(1).expect("the page has a unit");
    text.split("```").next().expect("the end of the block")
}

fn analysed(arguments: &[&str]) -> (bool, String) {
    let done = Command::new("systemd-analyze").args(arguments).output().expect("systemd-analyze runs");
    (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned())
}

#[test]
#[ignore = "needs systemd-analyze"]
fn the_unit_is_confined() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("jim.service");
    // The program need not be installed here.
    fs::write(&path, unit().replace("/usr/local/bin/jim", "/bin/true")).expect("written");
    let path = path.to_str().expect("text");
    let (good, told) = analysed(&["security", "--offline=true", "--threshold=15", path]);
    tier::figure(told.lines().last().unwrap_or_default());
    assert!(good, "{told}");
    // A threshold that it cannot meet shows that the figure is looked at.
    assert!(!analysed(&["security", "--offline=true", "--threshold=5", path]).0);
}

/// What a set of system calls holds, sets within it included.
fn calls(set: &str) -> BTreeSet<String> {
    let (good, told) = analysed(&["syscall-filter", "--no-pager", set]);
    assert!(good, "{set}");
    let names = told.lines().skip(1).map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#'));
    names.flat_map(|n| if n.starts_with('@') { calls(n) } else { BTreeSet::from([n.to_owned()]) }).collect()
}

fn allowed() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for sets in unit().lines().filter_map(|l| l.strip_prefix("SystemCallFilter=")) {
        let (taken, sets) = match sets.strip_prefix('~') {
            Some(sets) => (true, sets),
            None => (false, sets),
        };
        for set in sets.split(' ') {
            for call in calls(set) {
                if taken {
                    all.remove(&call)
                } else {
                    all.insert(call)
                };
            }
        }
    }
    assert!(all.len() > 100 && all.contains("fsync") && !all.contains("setrlimit"), "{all:?}");
    all
}

/// The tracer passes a signal on when it ends itself; the server is asked directly.
fn signal(server: &Process, signal: Signal) {
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", server.pid())).expect("the server");
    let own: i32 = children.split_whitespace().next().and_then(|pid| pid.parse().ok()).expect("its id");
    rustix::process::kill_process(rustix::process::Pid::from_raw(own).expect("an id"), signal).expect("asked");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs systemd-analyze and strace"]
async fn no_system_call_is_made_that_the_unit_forbids() {
    let (place, sandbox) = (Place::new().with("JIM_FILES_ROOT", "files"), sample().await);
    fs::create_dir(place.path("files")).expect("a folder");
    place.write("files/people.csv", "id,name\n1,Ann\n");
    let as_account = if rustix::process::geteuid().is_root() {
        chown(place.folder(), Some(ACCOUNT), Some(ACCOUNT)).expect("the folder's owner");
        format!("setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --clear-groups --")
    } else {
        String::new()
    };
    // A copy, because the account may not be able to look into the folder that the program was built in.
    fs::copy(program(), place.path("own")).expect("a copy");
    let traced = |name: &str, arguments: &[&str]| {
        let line = format!("shift; exec {as_account} strace -f -qq -o {name}.trace ./own \"$@\"");
        Process::start(place.shell(&line, arguments))
    };
    let server = traced("serve", &["serve"]);
    let client = server.client(&server.key());
    let made = client.post(SYSTEMS, &json!({ "name": "HR", "connectorDefinitionId": 3 })).await;
    let id = made.expect_status(201)["id"].clone();
    let settings = sandbox_settings(&sandbox);
    client.put(&format!("{SYSTEMS}/{id}"), &json!({ "settingValues": settings })).await.expect_status(200);
    for what in ["test-connection", "import-hierarchy", "import-schema", "clear"] {
        client.send("POST", &format!("{SYSTEMS}/{id}/{what}"), None).await.expect_status(200);
    }
    // Names that are resolved, TLS from the first byte and after StartTLS, and a file.
    let certificate = Certificate::for_names(&["localhost"]).expect("a certificate");
    for (switch, tls) in [("21", Tls::Ldaps(certificate.config())), ("15", Tls::StartTls(certificate.config()))] {
        let options = Options { tls: Some(tls), ..Options::sample() };
        let sandbox = Sandbox::start(options).await.expect("the sandbox starts");
        let mut settings = sandbox_settings(&sandbox);
        settings["1"] = json!({ "stringValue": format!("localhost:{}", sandbox.addr().port()) });
        settings["6"] = json!({ "stringValue": "Skip Validation (Not Recommended)" });
        for id in ["15", "21"] {
            settings[id] = json!({ "checkboxValue": id == switch });
        }
        client.put(&format!("{SYSTEMS}/{id}"), &json!({ "settingValues": settings })).await.expect_status(200);
        client.send("POST", &format!("{SYSTEMS}/{id}/import-hierarchy"), None).await.expect_status(200);
    }
    let made = client.post(SYSTEMS, &json!({ "name": "File", "connectorDefinitionId": 1 })).await;
    let file = made.expect_status(201)["id"].clone();
    let settings = json!({ "101": { "stringValue": "people.csv" }, "104": { "stringValue": "person" } });
    client.put(&format!("{SYSTEMS}/{file}"), &json!({ "settingValues": settings })).await.expect_status(200);
    client.send("POST", &format!("{SYSTEMS}/{file}/import-schema"), None).await.expect_status(200);
    for path in ["/metrics", "/api/openapi/v1.json", "/api/v1/health/ready", "/api/v1/activities"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    client.post("/api/v1/apikeys", &json!({ "name": "a" })).await.expect_status(201);
    assert_eq!(traced("backup", &["backup", "kept"]).wait().code, Some(0));
    signal(&server, Signal::TERM);
    assert_eq!(server.wait().code, Some(0));
    for (name, arguments) in [("check", &["check"][..]), ("rotate", &["rotate-key"]), ("list", &["api-key", "list"])] {
        assert_eq!(traced(name, arguments).wait().code, Some(0), "{name}");
    }
    // The listener with TLS, with a certificate that is read anew while it is served.
    tls_listener::put(&place, &tls_listener::certificate());
    place.write("jim.toml", "[server]\ntls_certificate = \"own.pem\"\ntls_key = \"own.key\"\n");
    if !as_account.is_empty() {
        for name in ["own.pem", "own.key", "jim.toml"] {
            chown(place.path(name), Some(ACCOUNT), Some(ACCOUNT)).expect("its owner");
        }
    }
    let server = traced("tls", &["serve"]);
    let url = format!("https://{}/api/v1/health/ready", tls_listener::address(&server));
    for again in [true, false] {
        let asked = Command::new("curl").args(["-sfk", "--max-time", "60", &url]).output().expect("curl runs");
        assert!(asked.status.success(), "{asked:?}");
        signal(&server, if again { Signal::HUP } else { Signal::TERM });
    }
    assert_eq!(server.wait().code, Some(0));
    fs::remove_file(place.path("jim.db")).expect("removed");
    assert_eq!(traced("restore", &["restore", "kept"]).wait().code, Some(0));

    let (mut made, allowed) = (BTreeSet::new(), allowed());
    for trace in ["serve", "tls", "backup", "check", "rotate", "list", "restore"] {
        let text = String::from_utf8_lossy(&place.read(&format!("{trace}.trace"))).into_owned();
        for line in text.lines() {
            let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
            let name = call.split('(').next().unwrap_or_default();
            if call.contains('(') && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
                made.insert(name.to_owned());
            }
        }
    }
    assert!(made.contains("fsync") && made.contains("accept4") && made.len() > 40, "{made:?}");
    let forbidden: Vec<_> = made.difference(&allowed).collect();
    println!("{made:?}");
    tier::figure(format!("{} system calls, {} of them outside the list", made.len(), forbidden.len()));
    assert!(forbidden.is_empty(), "{forbidden:?}");
}

/// The value of a key of a unit.
fn value<'a>(unit: &'a str, key: &str) -> &'a str {
    unit.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix('=')).unwrap_or_else(|| panic!("no {key} in {unit}"))
}

/// The block that is the unit of the backup, and the timer behind it.
fn backup_units() -> (&'static str, &'static str) {
    let text = PAGE.split("# /etc/systemd/system/jim-backup.service\n").nth(1).expect("a unit for the backup");
    let text = text.split("```").next().expect("the end of the block");
    text.split_once("# /etc/systemd/system/jim-backup.timer\n").expect("a timer of the same name")
}

/// The line of the page that begins so.
fn line(begins: &str) -> &'static str {
    PAGE.lines().find(|l| l.starts_with(begins)).unwrap_or_else(|| panic!("no line begins with {begins}"))
}

/// Account, folders and environment are as systemd makes them of the page's units; only the paths are elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_installs_serves_and_is_checked_and_backed_up() {
    let is_root = rustix::process::geteuid().is_root();
    let (place, (backup, timer)) = (Place::bare(), backup_units());
    let state = value(unit(), "StateDirectory");
    assert_eq!(value(unit(), "WorkingDirectory"), format!("/var/lib/{state}"));
    assert!(timer.contains("[Timer]\nOnCalendar=") && value(backup, "User") == value(unit(), "User"));
    let copies =
        value(backup, "StateDirectory").split(' ').find(|folder| *folder != state).expect("a folder of copies");
    assert!(value(backup, "ExecStart").contains(&format!(" backup /var/lib/{copies}/$(date")), "{backup}");

    let folder = place.folder().display().to_string();
    let here = |text: &str| {
        let text = text.replace("/var/lib/", &format!("{folder}/var/lib/")).replace("%%", "%");
        text.replace("/etc/jim", &format!("{folder}/etc/jim")).replace("/usr/local/bin/", &format!("{folder}/bin/"))
    };
    for made in ["etc/jim", "bin"] {
        fs::create_dir_all(place.path(made)).expect("a folder");
    }
    for own in [state, copies] {
        assert!(line("install -d -o jim").contains(&format!(" /var/lib/{own}")), "{own}");
        fs::create_dir_all(place.path(&format!("var/lib/{own}"))).expect("a folder");
        if is_root {
            chown(place.path(&format!("var/lib/{own}")), Some(ACCOUNT), Some(ACCOUNT)).expect("its owner");
        }
    }
    place.set_mode(".", 0o755);
    fs::copy(program(), place.path("bin/jim")).expect("a copy");
    place.write("jim.toml.example", include_str!("../../../jim.toml.example"));
    let run = |line: &str| Process::start(place.shell(line, &[])).wait();
    assert_eq!(run(&here(line("sed "))).code, Some(0));

    let account = if is_root {
        format!("exec setpriv --reuid={ACCOUNT} --regid={ACCOUNT} --clear-groups -- ")
    } else {
        "exec ".to_owned()
    };
    let jim = format!("{account}{folder}/bin/jim");
    let first = line("runuser -u jim -- jim ").replace("runuser -u jim -- jim", &jim);
    let key = run(&here(&first)).told().trim().to_owned();
    let serve = || {
        let (at, program) = (here(value(unit(), "WorkingDirectory")), here(value(unit(), "ExecStart")));
        let environment = value(unit(), "Environment");
        let line = format!("cd {at} && export {environment} && {account}{program} --listen 127.0.0.1:0");
        Process::start(place.shell(&line, &[]))
    };
    let server = serve();
    server.address();
    assert_eq!(server.out().len(), 1, "the first key was made before: {:?}", server.out());
    server.client(&key).get(SYSTEMS).await.expect_status(200);
    let copied = run(&format!("{account}{}", here(value(backup, "ExecStart"))));
    assert_eq!(copied.code, Some(0), "{copied:?}");
    let check = format!("--config {folder}/etc/jim/jim.toml check");
    if is_root {
        // Root changes nothing and is shown what to do; the service starts as before.
        let done = run(&format!("exec {folder}/bin/jim {check}"));
        assert_eq!(done.code, Some(78), "{done:?}");
        assert!(done.out.contains("run this as that account") && !done.out.contains("chown"), "{done:?}");
    }
    assert!(run(&format!("{jim} {check}")).told().contains("belongs to it"));
    assert_eq!(server.stop().code, Some(0));
    if is_root {
        fs::remove_file(place.path(&format!("var/lib/{state}/jim.db.lock"))).expect("removed");
        let copied = run(&format!("exec {folder}/bin/jim --config {folder}/etc/jim/jim.toml backup {folder}/copy"));
        assert_eq!(copied.code, Some(0), "{copied:?}");
    }
    let again = serve();
    again.address();
    assert_eq!(again.stop().code, Some(0));
}
