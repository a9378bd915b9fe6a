//! `jim api-key`: keys of a server that is stopped.

use serde_json::{Value, json};

use crate::support::program::{Place, Process};
use crate::support::{Client, SYSTEMS};

const KEYS: &str = "/api/v1/apikeys";
const USERINFO: &str = "/api/v1/userinfo";

/// Makes a key and returns it; it stands alone on its line.
#[track_caller]
fn create(place: &Place, arguments: &[&str]) -> String {
    let told = place.run(&[&["api-key", "create"], arguments].concat()).told();
    let key = told.strip_suffix('\n').expect("a whole line");
    assert!(key.starts_with("jim_") && key.len() == 66 && key.bytes().all(|b| b.is_ascii_graphic()), "{told}");
    key.to_owned()
}

/// The lines of the list below its head: id first, name last.
fn list(place: &Place) -> Vec<String> {
    let told = place.run(&["api-key", "list"]).told();
    let (head, lines) = told.split_once('\n').expect("a head");
    let columns: Vec<&str> = head.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
    assert_eq!(columns, ["ID", "PREFIX", "STATE", "EXPIRES", "LAST USED", "ROLES", "NAME"]);
    lines.lines().map(str::to_owned).collect()
}

async fn roles(client: &Client) -> Value {
    client.get(USERINFO).await.expect_status(200)["roles"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn on_an_empty_folder_it_makes_database_and_keyring() {
    let place = Place::new();
    let key = create(&place, &["--name", "First", "--role", "Administrator"]);
    for (name, (mode, _)) in place.contents() {
        assert_eq!(mode, 0o600, "{name}");
    }
    assert!(place.kept().keys().eq(["jim.db", "jim.keys"]), "{:?}", place.names());
    let server = place.serve();
    assert_eq!(server.out().len(), 1, "a key is there, so no bootstrap key is made: {:?}", server.out());
    let client = server.client(&key);
    assert_eq!(client.get(USERINFO).await.expect_status(200)["name"], "First");
    client.get(SYSTEMS).await.expect_status(200);
    assert!(!place.holds(key.as_bytes()), "the clear key is stored nowhere");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_and_ends_are_as_asked_for() {
    let (place, bootstrap) = Place::used();
    let both = create(&place, &["--name", "Both", "--role", "reader", "--role", "Administrator", "--role", "Reader"]);
    let reader = create(&place, &["--name", "Reads", "--role", "Reader", "--expires", "2099-12-31"]);
    let nobody = create(&place, &["--name", "  Nobody  ", "--expires", "2099-12-31T10:00:00+02:00"]);
    let server = place.serve();
    let past = json!({ "name": "Gone", "roleIds": [1], "expiresAt": "2020-01-01T00:00:00Z" });
    let past = server.client(&bootstrap).post(KEYS, &past).await.expect_status(201);
    let past = past["key"].as_str().expect("a key").to_owned();
    assert_eq!(server.stop().code, Some(0));
    let listed = list(&place);
    assert_eq!(listed.len(), 5, "{listed:?}");
    for (name, state, end, role) in [
        ("Both", "enabled", "never", "Administrator,Reader"),
        ("Reads", "enabled", "2099-12-31T00:00:00Z", "Reader"),
        ("Nobody", "enabled", "2099-12-31T08:00:00Z", "-"),
        ("Gone", "expired", "2020-01-01T00:00:00Z", "Administrator"),
        ("Bootstrap Key", "enabled", "never", "Administrator"),
    ] {
        let line = listed.iter().find(|l| l.ends_with(&format!("  {name}"))).unwrap_or_else(|| panic!("{listed:?}"));
        let columns: Vec<&str> = line.split("  ").map(str::trim).filter(|c| !c.is_empty()).collect();
        let used = if name == "Bootstrap Key" { columns[4] } else { "never" };
        assert_eq!(columns[2..], [state, end, used, role, name], "{line}");
    }
    for key in [&both, &reader, &nobody, &past] {
        assert!(!listed.concat().contains(key.as_str()), "a key is shown once");
        assert!(listed.concat().contains(&key[..16]), "its prefix tells it apart");
    }

    let server = place.serve();
    assert_eq!(roles(&server.client(&both)).await, json!(["Administrator", "Reader"]));
    let reader = server.client(&reader);
    assert_eq!(roles(&reader).await, json!(["Reader"]));
    reader.get(SYSTEMS).await.expect_status(200);
    reader.post(SYSTEMS, &json!({})).await.expect_error(403, "FORBIDDEN");
    let nobody = server.client(&nobody);
    assert_eq!(roles(&nobody).await, json!([]));
    nobody.get(SYSTEMS).await.expect_error(403, "FORBIDDEN");
    server.client(&past).get(USERINFO).await.expect_error(401, "UNAUTHORISED");
    let keys = server.client(&both).get(KEYS).await.expect_status(200);
    assert!(keys.as_array().is_some_and(|k| k.iter().any(|k| k["expiresAt"] == "2099-12-31T08:00:00Z")), "{keys}");
    assert_eq!(server.stop().code, Some(0));
    let listed = list(&place);
    let used = listed.iter().find(|l| l.ends_with("  Both")).expect("it is listed");
    assert!(used.contains("  never                 20"), "when it was last used: {used}");
}

/// A folder without a database is refused, and gets none.
#[test]
fn without_a_database_there_is_nothing_to_list_or_delete() {
    let place = Place::new();
    let whole = place.folder().canonicalize().expect("a folder").join("jim.db");
    for arguments in [&["list"][..], &["delete", "01234567-89ab-4cde-8f01-23456789abcd"]] {
        let told = place.run(&[&["api-key"], arguments].concat()).refused(74);
        assert!(told.contains(&whole.to_string_lossy().into_owned()), "{told}");
        assert!(told.contains("does not exist") && told.contains("no jim.toml was read"), "{told}");
        assert!(place.names().is_empty(), "{:?}", place.names());
    }
    place.write("other.toml", "[database]\npath = \"elsewhere.db\"\n");
    let told = place.run(&["--config", "other.toml", "api-key", "list"]).refused(74);
    assert!(told.contains("elsewhere.db does not exist") && told.contains("other.toml was read"), "{told}");
    assert!(place.names() == ["other.toml"], "{:?}", place.names());
}

/// A name may hold whatever a terminal acts on.
#[test]
fn names_act_on_no_terminal() {
    let (place, _) = Place::used();
    create(&place, &["--name", "two\nlines \u{1b}[2J \u{202e}turned", "--role", "Reader"]);
    let listed = list(&place);
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed[1].ends_with("  two\\nlines \\u{1b}[2J \\u{202e}turned"), "{listed:?}");
}

/// An installation without an enabled Administrator is named so, by the command that made it so and at each start.
#[test]
fn without_a_usable_administrator_it_says_how_to_make_one() {
    let place = Place::new();
    let how = "jim api-key create --name NAME --role administrator";
    for arguments in [&["--name", "Nobody"][..], &["--name", "Reads", "--role", "reader"]] {
        let done = place.run(&[&["api-key", "create"], arguments].concat());
        assert!(done.err.contains(how) && !done.err.contains("jim_"), "{done:?}");
        assert!(done.told().starts_with("jim_"));
    }
    assert!(place.serve().stop().err.contains(how));
    let done = place.run(&["api-key", "create", "--name", "Works", "--role", "administrator"]);
    assert_eq!(done.err, "");
    assert!(!place.serve().stop().err.contains(how));
}

#[test]
fn what_cannot_be_a_key_is_64_and_stores_nothing() {
    let (place, _) = Place::used();
    let long = "x".repeat(201);
    for wrong in [
        &["--name", "x", "--expires", "soon"][..],
        &["--name", "x", "--expires", "2027-13-01"],
        &["--name", "x", "--expires", "2027-02-30"],
        &["--name", "x", "--expires", "31.01.2027"],
        &["--name", "x", "--expires", "2027-01-31T25:00:00Z"],
        &["--name", "x", "--expires", ""],
        &["--name", "x", "--expires", "2020-01-01"],
        &["--name", "x", "--role", "Emperor"],
        &["--name", ""],
        &["--name", "   "],
        &["--name", &long],
        &["--name", "bootstrap key"],
        &["--role", "Reader"],
    ] {
        place.run(&[&["api-key", "create"], wrong].concat()).refused(64);
    }
    assert_eq!(list(&place).len(), 1);
    create(&place, &["--name", &"ü".repeat(200)]);

    let empty = Place::new();
    empty.run(&["api-key", "create", "--name", "x", "--expires", "soon"]).refused(64);
    empty.run(&["api-key", "create", "--name", " "]).refused(64);
    assert!(empty.names().is_empty(), "nothing is made for a wrong request: {:?}", empty.names());
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_ends_a_key_but_never_the_last_administrator() {
    let (place, bootstrap) = Place::used();
    let reader = create(&place, &["--name", "Reads", "--role", "Reader"]);
    let id = |name: &str| {
        let line = list(&place).into_iter().find(|l| l.ends_with(name)).unwrap_or_else(|| panic!("{name} is gone"));
        line.split_whitespace().next().expect("an id").to_owned()
    };
    let told = place.run(&["api-key", "delete", &id("Bootstrap Key")]).refused(77);
    assert!(told.contains("Administrator"), "{told}");
    assert_eq!(place.run(&["api-key", "delete", &id("Reads")]).told(), "");
    let gone = "01234567-89ab-4cde-8f01-23456789abcd";
    assert!(place.run(&["api-key", "delete", gone]).refused(64).contains(gone));
    let second = create(&place, &["--name", "Second", "--role", "Administrator"]);
    place.run(&["api-key", "delete", &id("Bootstrap Key")]).told();
    let server = place.serve();
    for key in [&reader, &bootstrap] {
        server.client(key).get(USERINFO).await.expect_error(401, "UNAUTHORISED");
    }
    server.client(&second).get(KEYS).await.expect_status(200);
}

#[test]
fn beside_a_running_server_it_names_the_call_to_use() {
    let (place, _) = Place::used();
    let server = place.serve();
    let id = "01234567-89ab-4cde-8f01-23456789abcd";
    for (arguments, call) in [
        (&["create", "--name", "x"][..], "POST /api/v1/apikeys"),
        (&["list"], "GET /api/v1/apikeys"),
        (&["delete", id], "DELETE /api/v1/apikeys/01234567"),
    ] {
        let told = place.run(&[&["api-key"], arguments].concat()).refused(75);
        assert!(told.contains(call) && told.contains(&server.pid().to_string()), "{told}");
    }
    server.kill();
    assert_eq!(list(&place).len(), 1, "what a killed server left is read");
}

/// A key in the environment is the server's business.
#[test]
fn the_operators_key_is_not_made_by_it() {
    let place = Place::new().with("JIM_INFRASTRUCTURE_API_KEY", "jim_operator-chose-this-key-0123456789");
    create(&place, &["--name", "x", "--role", "Administrator"]);
    assert_eq!(list(&place).len(), 1);
    let server = Process::start(place.command(&[]));
    server.address();
    drop(server);
    assert_eq!(list(&place).len(), 2);
}
