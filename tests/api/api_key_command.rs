//! `jim api-key`: keys of a server that is stopped.

use serde_json::Value;

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

/// The columns of the list: id first, name last.
fn list(place: &Place) -> Vec<String> {
    place.run(&["api-key", "list"]).told().lines().map(str::to_owned).collect()
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
    let (place, _) = Place::used();
    let both = create(&place, &["--name", "Both", "--role", "reader", "--role", "Administrator", "--role", "Reader"]);
    let reader = create(&place, &["--name", "Reads", "--role", "Reader", "--expires", "2099-12-31"]);
    let nobody = create(&place, &["--name", "  Nobody  ", "--expires", "2099-12-31T10:00:00+02:00"]);
    let past = create(&place, &["--name", "Gone", "--role", "Administrator", "--expires", "2020-01-01"]);
    let listed = list(&place);
    assert_eq!(listed.len(), 5, "{listed:?}");
    for (name, end, role) in [
        ("Both", "never", "Administrator,Reader"),
        ("Reads", "2099-12-31T00:00:00Z", "Reader"),
        ("Nobody", "2099-12-31T08:00:00Z", "-"),
        ("Gone", "2020-01-01T00:00:00Z", "Administrator"),
        ("Bootstrap Key", "never", "Administrator"),
    ] {
        let line = listed.iter().find(|l| l.ends_with(&format!("  {name}"))).unwrap_or_else(|| panic!("{listed:?}"));
        assert!(line.contains(&format!("expires {end}  {role}  ")), "{line}");
    }
    for key in [&both, &reader, &nobody, &past] {
        assert!(!listed.concat().contains(key.as_str()), "a key is shown once");
        assert!(listed.concat().contains(&key[..16]), "its prefix tells it apart");
    }

    let server = place.serve();
    assert_eq!(roles(&server.client(&both)).await, serde_json::json!(["Administrator", "Reader"]));
    let reader = server.client(&reader);
    assert_eq!(roles(&reader).await, serde_json::json!(["Reader"]));
    reader.get(SYSTEMS).await.expect_status(200);
    reader.post(SYSTEMS, &serde_json::json!({})).await.expect_error(403, "FORBIDDEN");
    let nobody = server.client(&nobody);
    assert_eq!(roles(&nobody).await, serde_json::json!([]));
    nobody.get(SYSTEMS).await.expect_error(403, "FORBIDDEN");
    server.client(&past).get(USERINFO).await.expect_error(401, "UNAUTHORISED");
    let keys = server.client(&both).get(KEYS).await.expect_status(200);
    assert!(keys.as_array().is_some_and(|k| k.iter().any(|k| k["expiresAt"] == "2099-12-31T08:00:00Z")), "{keys}");
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
    let told = place.run(&["api-key", "delete", &id("Bootstrap Key")]).refused(64);
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
