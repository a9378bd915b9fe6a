//! API keys and roles: their bodies, when a change acts, the last Administrator, and what a request costs.

mod operators;
mod uses;

use serde_json::{Value, json};

use crate::support::{Client, SYSTEMS, Setup, TestApp};

const KEYS: &str = "/api/v1/apikeys";
const USERINFO: &str = "/api/v1/userinfo";

async fn make(app: &TestApp, body: Value) -> Value {
    app.admin().post(KEYS, &body).await.expect_status(201)
}

fn path(key: &Value) -> String {
    format!("{KEYS}/{}", key["id"].as_str().expect("an id"))
}

fn client(app: &TestApp, made: &Value) -> Client {
    Client::new(app.address).with_key(made["key"].as_str().expect("a key"))
}

fn role_ids(key: &Value) -> Vec<i64> {
    key["roles"].as_array().expect("roles").iter().map(|r| r["id"].as_i64().expect("an id")).collect()
}

/// The stored keys as the list shows them, without the notes of their use.
async fn stored(client: &Client) -> Value {
    let mut list = client.get(KEYS).await.expect_status(200);
    for key in list.as_array_mut().expect("a list") {
        key["lastUsedAt"].take();
        key["lastUsedFromIp"].take();
    }
    list
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_in_the_answer_that_made_it_and_in_no_other() {
    let app = TestApp::start().await;
    let body = json!({ "name": "  Schlüssel ", "description": "d", "roleIds": [2], "isEnabled": false,
        "expiresAt": "2126-04-05T10:30:00+02:00", "key": "jim_mine", "id": "x" });
    let answer = app.admin().post(KEYS, &body).await;
    let location = answer.header("location").to_owned();
    let mut made = answer.expect_status(201);
    assert_eq!(location, path(&made));
    let clear = made.as_object_mut().expect("an object").remove("key").expect("a key");
    let clear = clear.as_str().expect("text");
    let parts: Vec<&str> = clear.split('_').collect();
    assert_eq!(parts.iter().map(|p| p.len()).collect::<Vec<_>>(), [3, 12, 49]);
    assert!(parts.iter().all(|p| p.bytes().all(|b| b.is_ascii_alphanumeric())), "{clear}");
    assert_eq!(made["keyPrefix"], format!("jim_{}", parts[1]));

    let mut shown = made.clone();
    assert!(shown["createdAt"].take().as_str().is_some_and(|c| c.ends_with('Z')));
    let created = shown["roles"][0]["created"].take();
    assert!(created.as_str().is_some_and(|c| c.ends_with('Z')));
    let reader = json!({ "id": 2, "name": "Reader", "builtIn": true, "created": null, "staticMemberCount": 1 });
    let expected = json!({ "id": made["id"], "name": "Schlüssel", "description": "d", "keyPrefix": made["keyPrefix"],
        "createdAt": null, "expiresAt": "2126-04-05T08:30:00Z", "lastUsedAt": null, "lastUsedFromIp": null,
        "isEnabled": true, "roles": [reader] });
    assert_eq!(shown, expected);

    assert_eq!(app.admin().get(&path(&made)).await.expect_status(200), made);
    let upper = format!("{KEYS}/{}", made["id"].as_str().expect("an id").to_uppercase());
    assert_eq!(app.admin().get(&upper).await.expect_status(200), made);
    make(&app, json!({ "name": "a" })).await;
    let list = app.admin().get(KEYS).await.expect_status(200);
    let names: Vec<_> = list.as_array().expect("a list").iter().map(|k| k["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["a", "Bootstrap Key", "Schlüssel"], "by name");
    assert_eq!(list[2], made);
    let updated = app.admin().put(&path(&made), &json!({ "name": "b" })).await.expect_status(200);
    for answer in [&list, &updated] {
        assert!(!answer.to_string().contains(parts[2]) && !answer.to_string().contains("\"key\""), "{answer}");
    }
    for file in std::fs::read_dir(app.folder()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).unwrap_or_default();
        assert!(!bytes.windows(49).any(|w| w == parts[2].as_bytes()));
    }
    assert!(app.activities().is_empty(), "key changes write no activity");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_read_by_the_rules() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let key = path(&make(&app, json!({ "name": "Subject" })).await);
    make(&app, json!({ "name": "ÄÖÜ Straße" })).await;
    // What is sent, what is stored.
    for (sent, roles) in [
        (json!([1, 2]), vec![1, 2]),
        (json!([2, 1]), vec![1, 2]),
        (json!(["2", 1]), vec![1, 2]),
        (json!(1), vec![1]),
        (json!("2"), vec![2]),
        (json!([]), vec![]),
        (json!(null), vec![]),
    ] {
        let body = json!({ "name": "Subject", "roleIds": sent });
        assert_eq!(role_ids(&admin.put(&key, &body).await.expect_status(200)), roles, "{sent}");
        let body = json!({ "name": format!("With {sent}"), "ROLEIDS": sent });
        assert_eq!(role_ids(&make(&app, body).await), roles, "{sent}");
    }
    for (sent, date) in [
        (json!("2126-04-05T10:30:00Z"), json!("2126-04-05T10:30:00Z")),
        (json!("2126-04-05T10:30:00"), json!("2126-04-05T10:30:00Z")),
        (json!("2126-04-05T10:30:00.1234567-01:30"), json!("2126-04-05T12:00:00.1234567Z")),
        (json!("2126-04-05T10:30:00.5000000Z"), json!("2126-04-05T10:30:00.5Z")),
        (json!("2001-01-01T00:00:00Z"), json!("2001-01-01T00:00:00Z")),
        (json!("9999-12-31T23:59:59.9999999Z"), json!("9999-12-31T23:59:59.9999999Z")),
        (json!(null), json!(null)),
    ] {
        let body = json!({ "name": "Subject", "expiresAt": sent });
        assert_eq!(admin.put(&key, &body).await.expect_status(200)["expiresAt"], date, "{sent}");
        let body = json!({ "name": format!("Until {sent}"), "expiresAt": sent });
        assert_eq!(make(&app, body).await["expiresAt"], date, "{sent}");
    }
    let before = stored(&admin).await;
    for (field, value) in [
        ("name", json!(null)),
        ("name", json!(" \t")),
        ("name", json!("é".repeat(201))),
        ("name", json!(5)),
        ("name", json!("äöü STRAßE")),
        ("name", json!(" bootstrap KEY ")),
        ("description", json!("é".repeat(1001))),
        ("description", json!([])),
        ("roleIds", json!([3])),
        ("roleIds", json!(0)),
        ("roleIds", json!([1, 1])),
        ("roleIds", json!([1, "1"])),
        ("roleIds", json!([null])),
        ("roleIds", json!([[1]])),
        ("roleIds", json!("")),
        ("roleIds", json!(true)),
        ("roleIds", json!([1.5])),
        ("roleIds", json!({ "1": 1 })),
        ("expiresAt", json!("2126-04-05")),
        ("expiresAt", json!("2126-04-05T10:30:00.12345678Z")),
        ("expiresAt", json!("2126-02-30T10:30:00Z")),
        ("expiresAt", json!("2126-W01-1T10:00:00Z")),
        ("expiresAt", json!("2126-04-05T10:30:00,123456789Z")),
        ("expiresAt", json!("9999-12-31T23:59:59-01:00")),
        ("expiresAt", json!("0000-01-01T00:00:00+01:00")),
        ("expiresAt", json!("-0044-03-15T12:00:00Z")),
        ("expiresAt", json!("tomorrow")),
        ("expiresAt", json!("")),
        ("expiresAt", json!(4_102_444_800_i64)),
    ] {
        let mut body = json!({ "name": "Free name", "isEnabled": true });
        body[field] = value;
        admin.post(KEYS, &body).await.expect_fault(field);
        admin.put(&key, &body).await.expect_fault(field);
    }
    admin.put(&key, &json!({ "name": "x", "isEnabled": "true" })).await.expect_fault("isEnabled");
    assert_eq!(stored(&admin).await, before, "a refused body stores nothing");

    // PUT replaces everything; the key's own name in other letters is not taken.
    let full = json!({ "name": "SUBJECT", "description": "d", "roleIds": 2, "isEnabled": true,
        "expiresAt": "2126-04-05T10:30:00Z" });
    let full = admin.put(&key, &full).await.expect_status(200);
    assert_eq!(
        (&full["name"], &full["description"], &full["isEnabled"]),
        (&json!("SUBJECT"), &json!("d"), &json!(true))
    );
    for bare in [
        json!({ "name": "Subject" }),
        json!({ "name": "Subject", "description": null, "roleIds": null, "expiresAt": null, "isEnabled": null }),
    ] {
        let bare = admin.put(&key, &bare).await.expect_status(200);
        assert_eq!((&bare["description"], &bare["expiresAt"]), (&Value::Null, &Value::Null));
        assert_eq!((&bare["isEnabled"], &bare["roles"]), (&json!(false), &json!([])));
    }
    for missing in ["00000000-0000-4000-8000-000000000000", "not-a-guid"] {
        let missing = format!("{KEYS}/{missing}");
        admin.get(&missing).await.expect_error(404, "NOT_FOUND");
        admin.delete(&missing).await.expect_error(404, "NOT_FOUND");
        admin.put(&missing, &json!({ "name": "ÄÖÜ Straße" })).await.expect_error(404, "NOT_FOUND");
        admin.put(&missing, &json!({})).await.expect_fault("name");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_say_what_a_key_may_do() {
    let app = TestApp::start().await;
    for (name, roles) in [("r1", json!(2)), ("r2", json!([1, 2])), ("none", json!(null))] {
        make(&app, json!({ "name": name, "roleIds": roles })).await;
    }
    let mut roles = app.admin().get("/api/v1/security/roles").await.expect_status(200);
    for role in roles.as_array_mut().expect("a list") {
        assert!(role["created"].take().is_string());
    }
    let expected = json!([
        { "id": 1, "name": "Administrator", "builtIn": true, "created": null, "staticMemberCount": 2 },
        { "id": 2, "name": "Reader", "builtIn": true, "created": null, "staticMemberCount": 2 },
    ]);
    assert_eq!(roles, expected);
    let (reader, nobody) = (app.with_roles("reader", &[2]).await, app.with_roles("nobody", &[]).await);
    let body = json!({ "name": "x", "connectorDefinitionId": 3 });
    for list in [KEYS, "/api/v1/security/roles", SYSTEMS] {
        reader.get(list).await.expect_status(200);
        nobody.get(list).await.expect_error(403, "FORBIDDEN");
        app.stranger().get(list).await.expect_error(401, "UNAUTHORISED");
    }
    for list in [KEYS, SYSTEMS] {
        reader.post(list, &body).await.expect_error(403, "FORBIDDEN");
        nobody.post(list, &body).await.expect_error(403, "FORBIDDEN");
    }
    for (client, may) in [(&reader, true), (&nobody, false)] {
        assert_eq!(client.get(USERINFO).await.expect_status(200)["authorised"], may);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays() {
    let app = TestApp::start().await;
    let admin = app.admin();
    // None of these can stand in for the last one.
    make(&app, json!({ "name": "Reader", "roleIds": 2 })).await;
    make(&app, json!({ "name": "Expired", "roleIds": 1, "expiresAt": "2001-01-01T00:00:00Z" })).await;
    let off = make(&app, json!({ "name": "Off", "roleIds": 1 })).await;
    admin.put(&path(&off), &json!({ "name": "Off", "roleIds": 1 })).await.expect_status(200);
    let list = stored(&admin).await;
    let own = list.as_array().expect("a list").iter().find(|k| k["name"] == "Bootstrap Key").expect("the first key");
    let own = path(own);
    let ways = [
        json!({ "name": "Renamed", "roleIds": 1, "isEnabled": false }),
        json!({ "name": "Renamed", "roleIds": 1 }),
        json!({ "name": "Renamed", "roleIds": 1, "isEnabled": true, "expiresAt": "2001-01-01T00:00:00Z" }),
        json!({ "name": "Renamed", "roleIds": 2, "isEnabled": true }),
        json!({ "name": "Renamed", "isEnabled": true }),
    ];
    for body in &ways {
        admin.put(&own, body).await.expect_error(409, "CONFLICT");
        assert_eq!(stored(&admin).await, list, "{body}");
    }
    admin.delete(&own).await.expect_error(409, "CONFLICT");
    assert_eq!(stored(&admin).await, list);
    let harmless = json!({ "name": "Bootstrap Key", "roleIds": [1, 2], "isEnabled": true,
        "expiresAt": "2126-01-01T00:00:00Z" });
    admin.put(&own, &harmless).await.expect_status(200);

    // With a second one each way is open, to the key itself too; then the second is the last.
    for (n, body) in ways.iter().map(Some).chain([None]).enumerate() {
        let made = make(&app, json!({ "name": format!("Goes {n}"), "roleIds": 1 })).await;
        let itself = client(&app, &made);
        match body {
            Some(body) => {
                let mut body = body.clone();
                body["name"] = json!(format!("Gone {n}"));
                itself.put(&path(&made), &body).await.expect_status(200);
            }
            None => assert_eq!(itself.delete(&path(&made)).await.expect_status(204), Value::Null),
        }
        let status = itself.get(KEYS).await.status;
        let expected = match n {
            3 => 200,
            4 => 403,
            _ => 401,
        };
        assert_eq!(status, expected, "{body:?}");
        admin.delete(&own).await.expect_error(409, "CONFLICT");
    }
    let second = make(&app, json!({ "name": "Second", "roleIds": 1 })).await;
    admin.delete(&own).await.expect_status(204);
    admin.get(KEYS).await.expect_error(401, "UNAUTHORISED");
    client(&app, &second).delete(&path(&second)).await.expect_error(409, "CONFLICT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_acts_with_the_next_request() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let made = make(&app, json!({ "name": "Guest", "roleIds": 1 })).await;
    let (guest, path) = (client(&app, &made), path(&made));
    for (body, status) in [
        (json!({ "name": "Guest", "roleIds": 2, "isEnabled": true }), 200),
        (json!({ "name": "Guest", "isEnabled": true }), 403),
        (json!({ "name": "Guest", "roleIds": 2, "isEnabled": false }), 401),
        (json!({ "name": "Guest", "roleIds": 2, "isEnabled": true }), 200),
        (json!({ "name": "Guest", "roleIds": 2, "isEnabled": true, "expiresAt": "2001-01-01T00:00:00Z" }), 401),
        (json!({ "name": "Guest", "roleIds": 2, "isEnabled": true, "expiresAt": "2126-01-01T00:00:00Z" }), 200),
    ] {
        admin.put(&path, &body).await.expect_status(200);
        assert_eq!(guest.get(KEYS).await.status, status, "{body}");
    }
    // A key that ends by itself ends in the cache too.
    let soon = time::OffsetDateTime::now_utc() + time::Duration::milliseconds(700);
    let body = json!({ "name": "Guest", "roleIds": 2, "isEnabled": true, "expiresAt": jim::http::wire::date(soon) });
    admin.put(&path, &body).await.expect_status(200);
    assert_eq!(guest.get(KEYS).await.status, 200);
    tokio::time::sleep(std::time::Duration::from_millis(750)).await;
    let refused = guest.get(KEYS).await.expect_error(401, "UNAUTHORISED");
    let unknown = Client::new(app.address).with_key(&format!("jim_{}", "x".repeat(60)));
    assert_eq!(unknown.get(KEYS).await.expect_error(401, "UNAUTHORISED"), refused, "one answer to all of them");
    admin.delete(&path).await.expect_status(204);
    assert_eq!(guest.get(KEYS).await.expect_error(401, "UNAUTHORISED"), refused);
    admin.get(&path).await.expect_error(404, "NOT_FOUND");
    // The name is free again.
    make(&app, json!({ "name": "GUEST" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn argon2_runs_once_for_a_key_and_never_for_an_unknown_one() {
    let app = TestApp::start().await;
    let made = make(&app, json!({ "name": "Known", "roleIds": 2 })).await;
    let clear = made["key"].as_str().expect("a key").to_owned();
    let runs = app.app.keys.argon2_runs();
    let other = if clear.ends_with('x') { 'y' } else { 'x' };
    let mut wrong = clear.clone();
    wrong.pop();
    wrong.push(other);
    for bad in
        ["", "x", "jim_", "jim_short", "Bearer", &clear[4..], &clear.to_lowercase(), &wrong, &format!("{clear}0")]
    {
        for _ in 0..2 {
            Client::new(app.address).with_key(bad).get(KEYS).await.expect_error(401, "UNAUTHORISED");
        }
    }
    for long in [60, 1024, 1025, 4000] {
        let long = format!("jim_{}", "a".repeat(long - 4));
        Client::new(app.address).with_key(&long).get(KEYS).await.expect_error(401, "UNAUTHORISED");
    }
    let bearer = [("Authorization", format!("Bearer {clear}"))];
    let bearer = [(bearer[0].0, bearer[0].1.as_str())];
    let told = app.stranger().send_with("GET", KEYS, None, &bearer).await.expect_error(401, "UNAUTHORISED");
    assert!(told.contains("X-Api-Key"), "{told}");
    assert_eq!(app.app.keys.argon2_runs(), runs);
    for _ in 0..3 {
        client(&app, &made).send_with("GET", KEYS, None, &bearer).await.expect_status(200);
    }
    assert_eq!(app.app.keys.argon2_runs(), runs + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_infrastructure_key_is_an_administrator_for_a_day() {
    let clear = "jim_of-the-operator-0123456789-abcdef";
    let app = TestApp::start_with(Setup { infrastructure_key: Some(clear.to_owned()), ..Setup::default() }).await;
    assert!(app.key.is_empty(), "no bootstrap key beside it");
    let operator = Client::new(app.address).with_key(clear);
    let list = operator.get(KEYS).await.expect_status(200);
    assert_eq!(list.as_array().map(Vec::len), Some(1));
    let key = &list[0];
    let shown = (&key["name"], &key["keyPrefix"], &key["isEnabled"], role_ids(key));
    assert_eq!(shown, (&json!("Infrastructure Key"), &json!(&clear[..12]), &json!(true), vec![1]));
    let date = |field: &str| jim::http::wire::parse_date(key[field].as_str().expect("a date")).expect("a date");
    let life = (date("expiresAt") - date("createdAt")).whole_minutes();
    assert!((1439..=1440).contains(&life), "{life}");
    operator.delete(&path(key)).await.expect_error(409, "CONFLICT");

    let short = Setup { infrastructure_key: Some("jim_too-short".to_owned()), ..Setup::default() };
    let app = TestApp::start_with(short).await;
    assert_eq!(stored(&app.admin()).await[0]["name"], "Bootstrap Key");
}

/// GET, then PUT of what was read, as the PowerShell module changes a key.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_read_can_be_sent_back() {
    let app = TestApp::start().await;
    let admin = app.admin();
    let body = json!({ "name": "a", "roleIds": [2], "description": null, "expiresAt": "2126-04-05T10:30:00.0000000Z" });
    let made = make(&app, body).await;
    for roles in [json!([2]), json!(2), json!(null)] {
        let read = admin.get(&path(&made)).await.expect_status(200);
        let ended = read["expiresAt"].as_str().expect("a date").replace("00Z", "00.1234567Z");
        let body = json!({ "name": read["name"], "description": read["description"], "roleIds": roles,
            "isEnabled": read["isEnabled"], "expiresAt": ended });
        let put = admin.put(&path(&made), &body).await.expect_status(200);
        assert_eq!(role_ids(&put), if roles.is_null() { vec![] } else { vec![2] });
        assert_eq!((&put["description"], &put["isEnabled"]), (&Value::Null, &json!(true)));
        assert_eq!(put["expiresAt"], "2126-04-05T10:30:00.1234567Z");
    }
}
