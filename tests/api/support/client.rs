//! A client that holds every answer against the rules that are common to all of them.

use std::net::SocketAddr;

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use super::canaries;
use super::program::HANG;

/// Sends requests, with a key or without.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    address: SocketAddr,
    key: Option<String>,
}

/// An answer that kept the common rules.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
    pub raw: Vec<u8>,
}

/// What no error may show, in lower case: texts of the database, of JSON and of other libraries, names of crates,
/// files of ours, values as Rust writes them. Whatever test draws an error draws it through this check.
const LEAKS: &[&str] = &[
    // SQL and SQLite
    "select ",
    "insert into",
    "delete from",
    "update connected_",
    "pragma",
    "sqlite",
    "constraint failed",
    "foreign key",
    "no such table",
    "no such column",
    "syntax error",
    "database is locked",
    "disk i/o",
    // what reads JSON, URLs and text
    "expected value",
    "expected `",
    "invalid type",
    "invalid value:",
    "missing field",
    "unknown field",
    "unknown variant",
    "duplicate field",
    "trailing characters",
    "trailing comma",
    "eof while",
    "key must be a string",
    "recursion limit",
    "control character (",
    "invalid digit found",
    "number too large",
    "invalid utf-8 sequence",
    "relative url",
    // crates
    "serde",
    "rusqlite",
    "r2d2",
    "hyper",
    "warp::",
    "tokio",
    "rustls",
    "webpki",
    "ldap3",
    "lber",
    "argon2",
    "reqwest",
    "x509_parser",
    "asn1",
    "cap_std",
    "jim::",
    // panics, places in the source, files
    "panicked",
    "unwrap",
    "backtrace",
    ".rs:",
    "thread '",
    "/tmp/",
    "/home/",
    "/root/",
    "/proc/",
    "jim.db",
    "jim.keys",
    // values as Rust shows them
    "os error",
    "some(",
    "err(",
    "error {",
];

/// The password of the samples.
const SAMPLE: &str = "s3cur3p@ssw0rd";

/// A text without the places where it says something.
fn without(text: &[u8], said: &str) -> Vec<u8> {
    String::from_utf8_lossy(text).replace(said, "").into_bytes()
}

/// Which code belongs to which status.
const CODES: [(u16, &[&str]); 12] = [
    (400, &["VALIDATION_ERROR", "BAD_REQUEST"]),
    (401, &["UNAUTHORISED"]),
    (403, &["FORBIDDEN"]),
    (404, &["NOT_FOUND"]),
    (405, &["METHOD_NOT_ALLOWED"]),
    (408, &["REQUEST_TIMEOUT"]),
    (409, &["CONFLICT"]),
    (413, &["PAYLOAD_TOO_LARGE"]),
    (415, &["UNSUPPORTED_MEDIA_TYPE"]),
    (429, &["TOO_MANY_REQUESTS"]),
    (500, &["INTERNAL_ERROR"]),
    (503, &["SERVICE_UNAVAILABLE"]),
];

/// Sends requests without the checks of [`Client`], for example those that a server may not survive. It gives up some
/// time: after a kill one of many requests once waited for ever, with no connection left to wait for.
pub fn unchecked() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(HANG).build().expect("a client")
}

impl Client {
    pub fn new(address: SocketAddr) -> Client {
        Client::waiting(address, std::time::Duration::from_secs(60))
    }

    /// One that waits this long for an answer.
    pub fn waiting(address: SocketAddr, longest: std::time::Duration) -> Client {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(longest)
            .no_proxy()
            .build()
            .expect("a client");
        Client { http, address, key: None }
    }

    pub fn with_key(mut self, key: &str) -> Client {
        self.key = Some(key.to_owned());
        self
    }

    /// The key it sends.
    pub fn key(&self) -> &str {
        self.key.as_deref().unwrap_or_default()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, Some(body.to_string())).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send("PUT", path, Some(body.to_string())).await
    }

    pub async fn patch(&self, path: &str, body: &Value) -> Answer {
        self.send("PATCH", path, Some(body.to_string())).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None).await
    }

    /// Sends a request; a body goes as JSON.
    pub async fn send(&self, method: &str, path: &str, body: Option<String>) -> Answer {
        self.send_with(method, path, body, &[]).await
    }

    /// Sends a request with more headers.
    pub async fn send_with(&self, method: &str, path: &str, body: Option<String>, headers: &[(&str, &str)]) -> Answer {
        let head = method == "HEAD";
        let verb = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let mut request = self.http.request(verb, format!("http://{}{path}", self.address));
        if let Some(key) = &self.key {
            request = request.header("X-Api-Key", key);
        }
        if let Some(body) = body {
            canaries::entered(&body);
            if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case("content-type")) {
                request = request.header(CONTENT_TYPE, "application/json");
            }
            request = request.body(body);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap_or_else(|e| panic!("{path} gives no answer: {e:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let raw = response.bytes().await.expect("a whole body").to_vec();
        let is_file = status == 200 && (path.ends_with("/download") || path == "/metrics");
        let body = if raw.is_empty() || is_file { Value::Null } else { serde_json::from_slice(&raw).expect("JSON") };
        let answer = Answer { status, headers, body, raw };
        answer.keeps_the_rules(path, head);
        answer.keeps_secrets(path, self.key());
        super::described::holds(method, path, &answer);
        answer
    }
}

impl Answer {
    /// The answer, if it keeps the common rules; for those that another than this client has read.
    #[track_caller]
    pub fn checked(path: &str, own: &str, answer: Answer) -> Answer {
        if answer.is_bare_refusal() {
            assert_eq!(answer.header("connection"), "close", "{path}");
        } else {
            answer.keeps_the_rules(path, false);
        }
        answer.keeps_secrets(path, own);
        answer
    }

    /// The body, if the status is this one.
    #[track_caller]
    pub fn expect_status(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// A head that cannot be read is refused without a body and without a request id (1.3).
    pub fn is_bare_refusal(&self) -> bool {
        matches!(self.status, 400 | 431) && self.raw.is_empty() && !self.headers.contains_key("x-request-id")
    }

    /// The message of an error with this status and code.
    #[track_caller]
    pub fn expect_error(self, status: u16, code: &str) -> String {
        assert_eq!((self.status, self.body["code"].as_str()), (status, Some(code)), "{}", self.body);
        self.body["message"].as_str().expect("a message").to_owned()
    }

    /// The faults of a field of a VALIDATION_ERROR.
    #[track_caller]
    pub fn expect_fault(self, field: &str) -> String {
        assert_eq!((self.status, self.body["code"].as_str()), (400, Some("VALIDATION_ERROR")), "{}", self.body);
        let faults = &self.body["validationErrors"][field];
        assert!(faults.is_array(), "no fault for {field} in {}", self.body);
        faults.as_array().expect("array").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().expect("text"))
    }

    /// No password and no key is in head or body, and none was logged so far. A key is shown once, when it is made.
    fn keeps_secrets(&self, path: &str, own: &str) {
        // The description shows the sample of the API's own pages to every caller, and some tests enter that password.
        let published = path == "/api/openapi/v1.json";
        let body = if published { without(&self.raw, SAMPLE) } else { self.raw.clone() };
        for part in self.headers.values().map(|value| value.as_bytes()).chain([body.as_slice()]) {
            assert_eq!(canaries::in_there(part), None, "{path}");
            let own = (self.status == 401 && own.len() > 16).then_some(own.as_bytes());
            let shown = own.is_some_and(|own| part.windows(own.len()).any(|w| w == own));
            assert!(!shown, "{path}: the key that was refused is in the answer");
        }
        if self.status == 201
            && let Some(made) = self.body["key"].as_str()
        {
            canaries::key(made);
        }
        if self.status != 401 {
            canaries::key(own);
        }
        canaries::none_heard();
    }

    fn keeps_the_rules(&self, path: &str, head: bool) {
        assert!((1..=64).contains(&self.header("x-request-id").len()), "{path}: no request id");
        assert_eq!(self.header("cache-control"), "no-store", "{path}");
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{path}");
        if self.status != 204 && !self.raw.is_empty() {
            let kind = match self.status {
                200 if path.ends_with("/download") => "application/x-x509-ca-cert",
                200 if path == "/metrics" => "text/plain; version=0.0.4; charset=utf-8",
                _ => "application/json; charset=utf-8",
            };
            assert_eq!(self.header("content-type"), kind, "{path}");
        }
        if self.status < 400 || head {
            return;
        }
        let codes = CODES.iter().find(|(s, _)| *s == self.status).map(|(_, codes)| *codes);
        let codes = codes.unwrap_or_else(|| panic!("{path}: {} is no status of this API", self.status));
        let body = &self.body;
        assert!(codes.contains(&body["code"].as_str().unwrap_or_default()), "{path}: {body}");
        let message = body["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{path}: {body}");
        let (told, asked) = (body.to_string().to_lowercase(), path.to_lowercase());
        for leak in LEAKS {
            // A name that the caller wrote may be named.
            assert!(!told.contains(leak) || asked.contains(leak), "{path}: {leak} in {body}");
        }
        assert!(body["timestamp"].as_str().is_some_and(|t| t.ends_with('Z')), "{path}: {body}");
        assert!(body.get("details").is_some() && body.get("validationErrors").is_some(), "{path}: {body}");
        assert_eq!(body["details"].is_string(), self.status == 500, "{path}: {body}");
        assert_eq!(body["validationErrors"].is_object(), body["code"] == "VALIDATION_ERROR", "{path}: {body}");
        if self.status == 429 {
            let wait: u64 = self.header("retry-after").parse().expect("whole seconds");
            assert!((1..=60).contains(&wait), "{path}: {wait}");
        }
        if self.status == 503 {
            assert_eq!(self.header("retry-after"), "5", "{path}");
        }
    }
}
