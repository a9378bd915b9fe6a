//! Targets that are no directories. What is denied is never called, and an answer does not show
//! what listens where.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::case::same;
use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::program::{Place, Process};
use crate::support::rogue::{Rogue, Step};
use crate::support::{Answer, SYSTEMS};
use crate::tier;

/// Spellings of hosts that lead to an address that is denied, or that are no host at all.
fn denied() -> Vec<String> {
    let metadata = [
        "169.254.169.254",
        "169.254.169.254:389",
        "ldap://169.254.169.254",
        "ldap://169.254.169.254/",
        "LDAP://169.254.169.254:80/",
        "ldaps://169.254.169.254:443",
        // As the system's resolver reads numbers.
        "2852039166",
        "2852039166:80",
        "0xa9fea9fe",
        "0xA9FEA9FE",
        "0251.0376.0251.0376",
        "0xa9.0xfe.0xa9.0xfe",
        "169.254.43518",
        "169.16689662",
        "0251.254.0xa9.254",
        "025177524776",
        "169.254.169.0376",
        // Inside IPv6 addresses.
        "::ffff:169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]:389",
        "ldap://[::ffff:169.254.169.254]:80/",
        "[0:0:0:0:0:ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[::a9fe:a9fe]",
        "[2002:a9fe:a9fe::1]",
        "[2002:a9fe:a9fe::]:389",
        "[64:ff9b::169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[64:ff9b:1:a9fe:a9:fe00::]",
        "[fd00:ec2::254]",
        "[fd00:0ec2:0:0:0:0:0:0254]",
        "[fe80::1]",
        "fe80::a9fe:a9fe",
        "[febf:ffff::1]",
        // Other ranges that are no directory.
        "0.0.0.0",
        "0",
        "0x0",
        "00",
        "::",
        "[::]:389",
        "[::ffff:0.0.0.0]",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.255",
        "[ff02::1]",
        "255.255.255.255",
        "4294967295",
        "0xffffffff",
        "169.254.0.1",
        "169.254.255.255",
    ];
    // No host, whatever a careless reader would make of it.
    let no_host = [
        "169.254.169.254#@localhost",
        "localhost#@169.254.169.254",
        "localhost@169.254.169.254",
        "ldap://localhost@169.254.169.254/",
        "ldap://localhost:389@169.254.169.254/",
        "ldap://169.254.169.254#localhost",
        "ldap://169.254.169.254?localhost",
        "[fe80::1%eth0]",
        "fe80::1%25lo",
        "[fe80::1%lo]:389",
        "169.254.169.254%00.localhost",
        "169.254.169.254\u{0}.localhost",
        "localhost\r\n169.254.169.254",
        "169.254.169.254\n",
        "１６９.254.169.254",
        "169。254。169。254",
        "①⑥⑨.254.169.254",
        "ldap://169.254.169.254\\@localhost/",
        "ldap:169.254.169.254",
        "//169.254.169.254",
        "ldap:///169.254.169.254",
        "http://169.254.169.254/latest/",
        "169.254.169.254,localhost",
        "169.254.169.254 localhost",
    ];
    metadata.into_iter().chain(no_host).map(str::to_owned).collect()
}

fn target(host: &str) -> Value {
    json!({
        "1": { "stringValue": host },
        "2": { "stringValue": "cn=importer,dc=x" },
        "3": { "stringValue": "Correct-Horse-42" },
        "7": { "intValue": 1 },
        "11": { "intValue": 0 },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn denied_addresses_in_every_spelling() {
    let app = TestApp::start().await;
    let hosts = denied();
    let (mut refused, mut stored) = (0, 0);
    for host in &hosts {
        let id = app.create_system("Denied").await;
        let put = app.set(id, &target(host)).await;
        // What no text may hold is refused as it is stored.
        if put.status == 400 {
            refused += 1;
            continue;
        }
        put.expect_status(200);
        stored += 1;
        let dump = app.dump();
        let message = app.import(id, "").await.expect_error(400, "BAD_REQUEST");
        assert!(message.contains("not allowed") || message.contains("Host must be"), "{host}: {message}");
        same(&app.dump(), &dump, host);
    }
    tier::figure(format!("{} spellings: {refused} not stored, {stored} stored and refused by the import", hosts.len()));
    assert!(hosts.len() >= 60 && refused > 0 && stored > refused, "{refused} not stored, {stored} stored");
}

/// Without a list loopback addresses are allowed; with one only what is on it.
#[tokio::test(flavor = "multi_thread")]
async fn loopback_with_and_without_a_list() {
    let sandbox = Sandbox::start(Options::with_tree(Tree::new().suffix("dc=x"))).await.expect("the sandbox starts");
    let port = sandbox.addr().port();
    for (list, works) in [
        (None, true),
        (Some("[\"10.0.0.0/8\"]".to_owned()), false),
        (Some("[\"127.0.0.0/8\"]".to_owned()), true),
        (Some(format!("[\"10.0.0.0/8\", \"127.0.0.1:{port}\"]")), true),
        (Some(format!("[\"127.0.0.1:{}\"]", port.wrapping_add(1).max(1))), false),
        (Some("[\"localhost\", \"*.corp.example:636\"]".to_owned()), false),
    ] {
        let place = Place::new();
        if let Some(list) = &list {
            place.write("jim.toml", format!("[ldap]\nallow = {list}\n"));
        }
        let server = place.serve();
        let client = server.client(&server.key());
        for host in
            [format!("127.0.0.1:{port}"), format!("[::ffff:127.0.0.1]:{port}"), format!("[::ffff:7f00:1]:{port}")]
        {
            let body = json!({ "name": "Loopback", "connectorDefinitionId": 3 });
            let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
            let mut values = crate::support::sandbox_settings(&sandbox);
            values["1"] = json!({ "stringValue": host });
            client.put(&format!("{SYSTEMS}/{id}"), &json!({ "settingValues": values })).await.expect_status(200);
            let connections = sandbox.connections();
            let answer = client.send("POST", &format!("{SYSTEMS}/{id}/import-hierarchy"), None).await;
            println!("{host} with {list:?}: {}", answer.status);
            let (status, called) = (answer.status, sandbox.connections() - connections);
            assert_eq!((status, called), if works { (200, 1) } else { (400, 0) }, "{host}, {list:?}: {}", answer.body);
        }
    }
}

/// To some resolvers these are addresses and to others names; here they are neither, whatever address is meant.
#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_addresses_in_one_spelling_or_nothing() {
    let app = TestApp::start().await;
    let id = app.create_system("Denied").await;
    for host in [
        "169.254.169.254.",
        "2852039166.",
        "0xa9fea9fe.",
        "169.254.169.254.:389",
        "ldap://169.254.169.254./",
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "dir.0x7f",
    ] {
        app.set(id, &target(host)).await.expect_status(200);
        let dump = app.dump();
        let message = app.import(id, "").await.expect_error(400, "BAD_REQUEST");
        assert!(message.contains("Host must be") || message.contains("not allowed"), "{host}: {message}");
        same(&app.dump(), &dump, host);
    }
}

/// What the program asks of the system: no connection is begun, of whatever kind.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs strace"]
async fn nothing_is_sent_to_a_denied_address() {
    let place = Place::new();
    let line = "exec strace -D -f -qq -o calls -e trace=connect,sendto,sendmsg,sendmmsg \"$@\"";
    let server = Process::start(place.shell(line, &["serve"]));
    let (client, hosts) = (server.client(&server.key()), denied());
    let mut asked = 0;
    for host in &hosts {
        let body = json!({ "name": "Denied", "connectorDefinitionId": 3 });
        let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
        let put = client.put(&format!("{SYSTEMS}/{id}"), &json!({ "settingValues": target(host) })).await;
        if put.status == 200 {
            let path = format!("{SYSTEMS}/{id}/import-hierarchy");
            client.send("POST", &path, None).await.expect_error(400, "BAD_REQUEST");
            asked += 1;
        }
    }
    // Something that is called after all, so that the record can be seen to be one.
    let rogue = Rogue::start(vec![Step::Say(b"x".to_vec())]).await;
    let body = json!({ "name": "Rogue", "connectorDefinitionId": 3 });
    let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
    let values = json!({ "settingValues": target(&rogue.address().to_string()) });
    client.put(&format!("{SYSTEMS}/{id}"), &values).await.expect_status(200);
    client.send("POST", &format!("{SYSTEMS}/{id}/import-hierarchy"), None).await.expect_error(500, "INTERNAL_ERROR");
    let calls = String::from_utf8_lossy(&place.read("calls")).into_owned();
    let connects: Vec<&str> = calls.lines().filter(|l| l.contains("connect(") && l.contains("AF_INET")).collect();
    tier::figure(format!("{asked} imports of denied targets, {} connects, to what it may call", connects.len()));
    let own = format!("htons({})", rogue.address().port());
    assert!(asked > 0 && connects.iter().any(|l| l.contains(&own)), "{asked}: {calls}");
    let others: Vec<&&str> = connects.iter().filter(|l| !l.contains(&own)).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// An import whose answer can be compared with another one to the letter.
async fn imported(app: &TestApp, id: i64) -> Answer {
    let path = format!("{SYSTEMS}/{id}/import-hierarchy");
    let mut answer = app.admin().send_with("POST", &path, None, &[("X-Request-Id", "same")]).await;
    answer.body["timestamp"] = Value::Null;
    answer
}

/// 0.0.0.0 is denied, and a listener on it would answer: the answer must not show it.
#[tokio::test(flavor = "multi_thread")]
async fn a_denied_address_does_not_tell_whether_it_is_open() {
    let app = TestApp::start().await;
    let rogue = Rogue::at("0.0.0.0:0", vec![Step::Say(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())]).await;
    let port = rogue.address().port();
    let probe = tokio::net::TcpStream::connect(("0.0.0.0", port)).await.expect("it is open");
    drop(probe);
    // A connection stands before the listener has counted it.
    while rogue.connections() == 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let mut bodies = Vec::new();
    let id = app.create_system("Denied").await;
    for host in [format!("0.0.0.0:{port}"), format!("[::ffff:0.0.0.0]:{port}"), format!("0:{port}")] {
        app.set(id, &target(&host)).await.expect_status(200);
        let open = imported(&app, id).await;
        assert_eq!(open.status, 400, "{}", open.body);
        bodies.push((host, open.body));
    }
    assert_eq!(rogue.connections(), 1, "only the test's own");
    drop(rogue);
    while tokio::net::TcpStream::connect(("0.0.0.0", port)).await.is_ok() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    for (host, open) in bodies {
        app.set(id, &target(&host)).await.expect_status(200);
        assert_eq!(imported(&app, id).await.body, open, "{host}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_else_listens_is_not_shown() {
    let app = TestApp::start().await;
    let rogue = Rogue::start(Vec::new()).await;
    let id = app.create_system("Stranger").await;
    let banners: [(&str, &[u8]); 6] = [
        ("ssh", b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u2\r\n"),
        ("smtp", b"220 mail.corp.example ESMTP Postfix\r\n"),
        ("http", b"HTTP/1.1 400 Bad Request\r\nServer: Werkzeug/2.3\r\nX-Token: canary\r\n\r\n<h1>Bad request</h1>"),
        ("redis", b"-ERR unknown command canary\r\n"),
        ("mysql", b"\x4a\x00\x00\x00\x0a8.0.36-canary\x00"),
        ("tls", b"\x15\x03\x01\x00\x02\x02\x46canary"),
    ];
    for switch in [None, Some("15"), Some("21")] {
        let mut values = target(&rogue.address().to_string());
        for id in ["15", "21"] {
            values[id] = json!({ "checkboxValue": switch == Some(id) });
        }
        values["7"] = json!({ "intValue": 10 });
        app.set(id, &values).await.expect_status(200);
        let mut bodies = Vec::new();
        for waits in [false, true] {
            for (name, banner) in banners {
                let hear = waits.then_some(Step::Hear);
                rogue.play(hear.into_iter().chain([Step::Say(banner.to_vec())]).collect());
                let answer = imported(&app, id).await;
                assert_eq!(answer.status, 500, "{}", answer.body);
                let text = answer.body.to_string();
                let shown = String::from_utf8_lossy(banner);
                // "request" is also in the name of a field.
                let words =
                    shown.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| w.len() > 3 && *w != "request");
                for word in words {
                    assert!(!text.contains(word), "{name}: {word} in {text}");
                }
                bodies.push((name, waits, answer.body));
            }
        }
        rogue.play(Vec::new());
        app.set(id, &json!({ "7": { "intValue": 1 } })).await.expect_status(200);
        let silent = imported(&app, id).await;
        assert_eq!(silent.status, 500, "{}", silent.body);
        // Only one who speaks TLS where TLS is asked for is heard: an alert says what a directory lacks.
        let alert = |name: &str, body: &Value| {
            let words = "no common TLS version";
            name == "tls" && switch == Some("21") && body["message"].as_str().is_some_and(|text| text.contains(words))
        };
        let other = |(name, _, body): &&(&str, bool, Value)| *body != bodies[0].2 && !alert(name, body);
        let different: Vec<_> = bodies.iter().filter(other).collect();
        tier::figure(format!("{} banners, {} other bodies: {}", bodies.len(), different.len(), bodies[0].2["message"]));
        assert!(different.is_empty(), "{different:?} differ from {:?}", bodies[0]);
    }
}
