//! The interactive page in a real browser, driven over its debugging socket: what an administrator clicks and types.

use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::support::{SYSTEMS, TestApp, client};

/// Nothing here takes a tenth of it.
const HANG: Duration = Duration::from_secs(120);

/// A tab of a browser with a profile of its own. It ends with this.
struct Tab {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last: u64,
    /// What the browser told without being asked.
    events: Vec<Value>,
    browser: Child,
    _profile: tempfile::TempDir,
}

impl Tab {
    async fn open() -> Tab {
        let profile = tempfile::tempdir().expect("a folder");
        let mut browser = Command::new("chromium")
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-background-networking", "--remote-debugging-port=0", "--window-size=1300,1800"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("chromium runs");
        let mut lines = BufReader::new(browser.stderr.take().expect("a pipe")).lines();
        let port = loop {
            let line = lines.next_line().await.expect("a line").expect("chromium says where it listens");
            if let Some((_, rest)) = line.split_once("DevTools listening on ws://127.0.0.1:") {
                break rest.split('/').next().expect("a port").to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let http = client::unchecked();
        let list = http.get(format!("http://127.0.0.1:{port}/json/list")).send().await.expect("an answer");
        let list: Value = list.json().await.expect("JSON");
        let page = list.as_array().expect("tabs").iter().find(|tab| tab["type"] == "page").expect("a tab");
        let (socket, _) = connect_async(page["webSocketDebuggerUrl"].as_str().expect("a URL")).await.expect("a socket");
        let mut tab = Tab { socket, last: 0, events: Vec::new(), browser, _profile: profile };
        for domain in ["Page", "Network", "Runtime", "Log"] {
            tab.ask(&format!("{domain}.enable"), json!({})).await;
        }
        tab
    }

    async fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let question = json!({ "id": self.last, "method": method, "params": parameters });
        self.socket.send(Message::text(question.to_string())).await.expect("sent");
        loop {
            let message = self.socket.next().await.expect("the browser is there").expect("a message");
            let Ok(text) = message.into_text() else { continue };
            let Ok(told) = serde_json::from_str::<Value>(&text) else { continue };
            if told["id"] == self.last {
                assert!(told["error"].is_null(), "{method}: {told}");
                return told["result"].clone();
            }
            self.events.push(told);
        }
    }

    async fn evaluate(&mut self, script: &str) -> Value {
        let result = self.ask("Runtime.evaluate", json!({ "expression": script, "returnByValue": true })).await;
        assert!(result["exceptionDetails"].is_null(), "{script}: {result}");
        result["result"]["value"].clone()
    }

    /// Waits until the script gives something that counts as true.
    async fn until(&mut self, script: &str) -> Value {
        let patience = tokio::time::Instant::now() + HANG;
        loop {
            let value = self.evaluate(script).await;
            if !matches!(value, Value::Null | Value::Bool(false)) && value != "" && value != 0 {
                return value;
            }
            assert!(tokio::time::Instant::now() < patience, "{script} does not come true");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn click(&mut self, selector: &str) {
        self.until(&format!("!!document.querySelector({})", json!(selector))).await;
        self.evaluate(&format!("document.querySelector({}).click()", json!(selector))).await;
    }

    async fn type_into(&mut self, selector: &str, text: &str) {
        self.until(&format!("!!document.querySelector({})", json!(selector))).await;
        self.evaluate(&format!("document.querySelector({}).focus()", json!(selector))).await;
        self.ask("Input.insertText", json!({ "text": text })).await;
    }

    /// What the browser complained about, and every address that it asked for something.
    fn complaints_and_addresses(&self) -> (Vec<&Value>, Vec<&str>) {
        let complaints = self.events.iter().filter(|e| match e["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Log.entryAdded") => e["params"]["entry"]["level"] == "error",
            _ => false,
        });
        let asked = self.events.iter().filter(|e| e["method"] == "Network.requestWillBeSent");
        (complaints.collect(), asked.filter_map(|e| e["params"]["request"]["url"].as_str()).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs chromium; tests/run.sh runs it"]
async fn a_system_is_created_from_the_page() {
    let app = TestApp::start().await;
    let mut tab = Tab::open().await;
    let origin = format!("http://{}", app.address);
    for page in ["/swagger", "/api/reference"] {
        tab.ask("Page.navigate", json!({ "url": format!("{origin}{page}") })).await;
        let operations =
            tab.until("location.href != 'about:blank' && document.querySelectorAll('.opblock').length").await;
        let paths = jim::http::description("").matches("\"operationId\"").count();
        assert_eq!(operations, paths as u64, "{page}");
    }
    assert_eq!(tab.evaluate("document.querySelector('.info .title').firstChild.textContent").await, "JIM");

    // The key is entered once.
    tab.click(".btn.authorize").await;
    tab.type_into(".auth-container input", &app.key).await;
    tab.click(".auth-btn-wrapper .authorize").await;
    tab.click(".auth-btn-wrapper .btn-done").await;

    // The create request with the sample that is there.
    let create = "[id$='-createConnectedSystem']";
    tab.click(&format!("{create} .opblock-summary-control")).await;
    tab.click(&format!("{create} .try-out__btn")).await;
    tab.click(&format!("{create} .execute")).await;
    let row = format!("{create} .live-responses-table tr.response");
    let status = format!("document.querySelector({})?.textContent", json!(format!("{row} .response-col_status")));
    assert_eq!(tab.until(&status).await, "201");
    let system = app.admin().get(&format!("{SYSTEMS}/1")).await.expect_status(200);
    assert_eq!((&system["name"], &system["connector"]["id"]), (&json!("Corporate LDAP"), &json!(3)));

    // It works for the next request too, and is kept nowhere.
    let list = "[id$='-listConnectedSystems']";
    tab.click(&format!("{list} .opblock-summary-control")).await;
    tab.click(&format!("{list} .try-out__btn")).await;
    tab.click(&format!("{list} .execute")).await;
    let row = format!("{list} .live-responses-table tr.response");
    let status = format!("document.querySelector({})?.textContent", json!(format!("{row} .response-col_status")));
    assert_eq!(tab.until(&status).await, "200");
    let stored = tab.evaluate("JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])").await;
    assert!(!stored.as_str().expect("text").contains("jim_"), "{stored}");

    let (complaints, addresses) = tab.complaints_and_addresses();
    assert!(complaints.is_empty(), "{complaints:?}");
    assert!(addresses.len() > 10, "{addresses:?}");
    for address in addresses {
        assert!(address.starts_with(&format!("{origin}/")) || address.starts_with("data:image/"), "{address}");
    }
    tab.browser.kill().await.expect("the browser ends");
}
