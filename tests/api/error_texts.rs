//! The client of these tests holds every error that any of them draws against the envelope, and looks for
//! what no error may show. Here it is held against errors that it has to refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::support::{Answer, SYSTEMS, TestApp};
use crate::tier;

/// Texts of everything that an error is made of inside, one of each kind.
const INNER: [&str; 20] = [
    "no such table: containers",
    "UNIQUE constraint failed: connected_systems.name",
    "near \"FROM\": syntax error in SELECT id FROM containers",
    "database is locked",
    "disk I/O error",
    "invalid type: string \"x\", expected i64 at line 1 column 9",
    "missing field `name`",
    "EOF while parsing an object",
    "invalid digit found in string",
    "called `Option::unwrap()` on a `None` value",
    "thread 'tokio-rt-worker' panicked at src/http/filters.rs:250:9",
    "rusqlite: SqliteFailure",
    "hyper::Error(IncompleteMessage)",
    "ldap3: no such operation",
    "jim::db::Db is closed",
    "cannot open /home/jim/jim.db",
    "No such file or directory (os error 2)",
    "settings are Some(\"x\")",
    "Err(Invalid)",
    "Error { kind: Other }",
];

/// Whether the client would let this error pass.
fn passes(status: u16, headers: &HeaderMap, body: &Value) -> bool {
    let raw = body.to_string().into_bytes();
    let answer = Answer { status, headers: headers.clone(), body: body.clone(), raw };
    catch_unwind(AssertUnwindSafe(|| Answer::checked("/somewhere", "", answer))).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_shows_too_much_is_found() {
    let app = TestApp::start().await;
    let answer = app.admin().get(&format!("{SYSTEMS}/999")).await;
    let (headers, body) = (answer.headers.clone(), answer.body.clone());
    answer.expect_error(404, "NOT_FOUND");
    assert!(passes(404, &headers, &body), "as it came");

    let with = |field: &str, value: Value| {
        let mut body = body.clone();
        body[field] = value;
        body
    };
    let mut fault = with("validationErrors", json!({ "name": ["name is required"] }));
    fault["code"] = json!("VALIDATION_ERROR");
    assert!(passes(400, &headers, &fault), "one that tells as much as it should");
    let mut refused = 0;
    let mut refuse = |status: u16, headers: &HeaderMap, body: &Value| {
        assert!(!passes(status, headers, body), "{status} {headers:?} {body}");
        refused += 1;
    };
    for inner in INNER {
        refuse(404, &headers, &with("message", json!(format!("The system was not found: {inner}"))));
        fault["validationErrors"] = json!({ "name": [inner] });
        refuse(400, &headers, &fault);
    }
    for (field, value) in [
        ("code", json!("CONFLICT")),
        ("code", json!(null)),
        ("message", json!("")),
        ("timestamp", json!("yesterday")),
        ("details", json!("requestId: 1")),
        ("validationErrors", json!({ "name": ["is missing"] })),
    ] {
        refuse(404, &headers, &with(field, value));
    }
    for field in ["code", "message", "details", "validationErrors", "timestamp"] {
        let mut body = body.clone();
        body.as_object_mut().expect("an object").remove(field);
        refuse(404, &headers, &body);
    }
    for header in ["x-request-id", "cache-control", "x-content-type-options", "content-type"] {
        let mut headers = headers.clone();
        headers.remove(header);
        refuse(404, &headers, &body);
    }
    // No status of this API, and one whose code is another.
    refuse(418, &headers, &body);
    refuse(409, &headers, &body);
    tier::figure(format!("every error that a test draws is checked; {refused} errors that tell too much are seen"));
}
