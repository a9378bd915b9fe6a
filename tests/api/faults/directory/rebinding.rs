//! Names whose addresses change between two look-ups, or of which one is denied. The program runs with a
//! name server of the test.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use crate::support::directory::{Options, Sandbox, Tree};
use crate::support::program::{Place, Process};
use crate::support::{Answer, Client, SYSTEMS};
use crate::tier;

/// A loopback address for each name server, because tests run side by side.
static NEXT: AtomicU8 = AtomicU8::new(1);

/// A name server that gives the answers of a list one after the other, and the last of them for ever. An answer holds
/// the addresses of both kinds.
struct NameServer {
    address: Ipv4Addr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    answers: Vec<Vec<IpAddr>>,
    /// Queries for addresses of version 4 and 6.
    asked: [usize; 2],
}

impl NameServer {
    async fn start() -> NameServer {
        let address = Ipv4Addr::new(127, 0, 53, NEXT.fetch_add(1, Ordering::SeqCst));
        let socket = UdpSocket::bind((address, 53)).await.expect("port 53 of a loopback address");
        let state = Arc::new(Mutex::new(State::default()));
        let theirs = Arc::clone(&state);
        let task = tokio::spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let response = theirs.lock().expect("the state").respond(&buffer[..length]);
                if let Some(response) = response {
                    let _ = socket.send_to(&response, peer).await;
                }
            }
        });
        NameServer { address, state, task }
    }

    /// The answers from now on.
    fn says(&self, answers: &[&[&str]]) {
        let parse = |answer: &&[&str]| answer.iter().map(|a| a.parse().expect("an address")).collect();
        *self.state.lock().expect("the state") = State { answers: answers.iter().map(parse).collect(), asked: [0, 0] };
    }

    fn asked(&self) -> [usize; 2] {
        self.state.lock().expect("the state").asked
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    /// RFC 1035, section 4: the header, the question as it came, and a record for each address.
    fn respond(&mut self, query: &[u8]) -> Option<Vec<u8>> {
        let mut end = 12;
        while *query.get(end)? != 0 {
            end += 1 + usize::from(*query.get(end)?);
        }
        let kind = u16::from_be_bytes([*query.get(end + 1)?, *query.get(end + 2)?]);
        let question = query.get(12..end + 5)?;
        let version = match kind {
            1 => 0,
            28 => 1,
            _ => return None,
        };
        let turn = self.asked[version].min(self.answers.len().saturating_sub(1));
        self.asked[version] += 1;
        let mut records = Vec::new();
        for address in self.answers.get(turn).into_iter().flatten() {
            let bytes = match address {
                IpAddr::V4(v4) if version == 0 => v4.octets().to_vec(),
                IpAddr::V6(v6) if version == 1 => v6.octets().to_vec(),
                _ => continue,
            };
            // The name of the question, the kind, the class, no time to live, the length.
            let mut record = vec![0xc0, 12, 0, kind as u8, 0, 1, 0, 0, 0, 0, 0, bytes.len() as u8];
            record.extend(bytes);
            records.push(record);
        }
        let mut response = query.get(..2)?.to_vec();
        response.extend([0x85, 0x80, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
        response.extend_from_slice(question);
        response.extend(records.concat());
        Some(response)
    }
}

/// Whether this account may have a mount namespace; an ordinary one may not.
fn may_mount() -> bool {
    let allowed = std::process::Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|s| s.success());
    if !allowed {
        tier::figure("not tried: needs root");
    }
    allowed
}

struct Rebinding {
    names: NameServer,
    sandbox: Sandbox,
    client: Client,
    id: Value,
    _server: Process,
    _place: Place,
}

impl Rebinding {
    async fn start(tree: Tree) -> Rebinding {
        let names = NameServer::start().await;
        let sandbox = Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts");
        let place = Place::new();
        place.write("resolv.conf", format!("nameserver {}\noptions timeout:1 attempts:1\n", names.address));
        let line = "exec unshare -m /bin/sh -c 'mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"' \
            \"$PWD/resolv.conf\" \"$@\"";
        let server = Process::start(place.shell(line, &["serve"]));
        let client = server.client(&server.key());
        let body = json!({ "name": "Named", "connectorDefinitionId": 3 });
        let id = client.post(SYSTEMS, &body).await.expect_status(201)["id"].clone();
        let values = json!({
            "1": { "stringValue": format!("directory.test:{}", sandbox.addr().port()) },
            "2": { "stringValue": sandbox.bind_dn() },
            "3": { "stringValue": sandbox.password() },
            "7": { "intValue": 3 },
            "11": { "intValue": 0 },
        });
        let path = format!("{SYSTEMS}/{id}");
        client.put(&path, &json!({ "settingValues": values })).await.expect_status(200);
        Rebinding { names, sandbox, client, id, _server: server, _place: place }
    }

    async fn import(&self) -> Answer {
        self.client.send("POST", &format!("{SYSTEMS}/{}/import-hierarchy", self.id), None).await
    }

    /// An import that is refused and opens no connection.
    async fn is_refused(&self, what: &str) {
        let connections = self.sandbox.connections();
        let message = self.import().await.expect_error(400, "BAD_REQUEST");
        assert!(message.contains("address not allowed"), "{what}: {message}");
        assert_eq!(self.sandbox.connections(), connections, "{what}");
    }
}

const ALLOWED: &str = "127.0.0.1";
/// Denied, and what listens on the loopback address would answer there: a call would be seen.
const DENIED: &str = "0.0.0.0";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root: a name server and a mount namespace"]
async fn a_name_is_looked_up_once_and_every_address_is_judged() {
    if !may_mount() {
        return;
    }
    let rebinding = Rebinding::start(Tree::new().suffix("dc=x").ou("ou=A,dc=x")).await;
    let (names, sandbox) = (&rebinding.names, &rebinding.sandbox);
    // Allowed at the look-up, and denied whenever it would be looked up again.
    for denied in [DENIED, "169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "fd00:ec2::254"] {
        names.says(&[&[ALLOWED], &[denied]]);
        let connections = sandbox.connections();
        rebinding.import().await.expect_status(200);
        assert_eq!((sandbox.connections() - connections, names.asked()), (1, [1, 1]), "{denied}");
        rebinding.is_refused(denied).await;
        // And the other way round.
        names.says(&[&[denied], &[ALLOWED]]);
        rebinding.is_refused(denied).await;
        rebinding.import().await.expect_status(200);
    }
    // One denied address among others spoils the name, wherever it stands.
    for mixed in [
        &[ALLOWED, DENIED][..],
        &[DENIED, ALLOWED],
        &[ALLOWED, "169.254.169.254"],
        &[ALLOWED, "fe80::1"],
        &[ALLOWED, "fd00:ec2::254"],
        &[ALLOWED, "::"],
        &["::1", DENIED],
        &[ALLOWED, "::1", "127.0.0.2", "::ffff:169.254.169.254"],
        &[ALLOWED, "2002:a9fe:a9fe::1"],
        &[ALLOWED, "64:ff9b::a9fe:a9fe"],
    ] {
        names.says(&[mixed]);
        rebinding.is_refused(&format!("{mixed:?}")).await;
    }
    // Addresses of both kinds that are all allowed: the one that answers is taken.
    for good in [&[ALLOWED, "::1"][..], &["127.0.0.9", ALLOWED], &["::1", "127.0.0.3", ALLOWED]] {
        names.says(&[good]);
        rebinding.import().await.expect_status(200);
        assert_eq!(names.asked(), [1, 1], "{good:?}");
    }
    names.says(&[&[]]);
    let message = rebinding.import().await.expect_error(500, "INTERNAL_ERROR");
    assert!(message.contains("name not found"), "{message}");
    tier::figure(format!("{} connections, none but to a checked address", sandbox.connections()));
}

/// Each connection of an import has its own look-up, and each is judged.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs root: a name server and a mount namespace"]
async fn later_connections_of_an_import_are_judged_too() {
    let tree = Tree::new().suffix("dc=x").ou("ou=A,dc=x").suffix("o=y").ou("ou=S,o=y");
    if !may_mount() {
        return;
    }
    let rebinding = Rebinding::start(tree).await;
    let (names, sandbox) = (&rebinding.names, &rebinding.sandbox);
    names.says(&[&[ALLOWED]]);
    rebinding.import().await.expect_status(200);
    let mut judged = 0;
    for round in 0..30 {
        let second_is_denied = round % 2 == 0;
        let swapped: Vec<&[&str]> = if second_is_denied { vec![&[ALLOWED], &[DENIED]] } else { vec![&[ALLOWED]] };
        names.says(&swapped);
        let connections = sandbox.connections();
        let result = rebinding.import().await.expect_status(200);
        let looked_up = names.asked()[0];
        let called = sandbox.connections() - connections;
        // One connection may have read both partitions.
        let denied = u64::from(second_is_denied && looked_up > 1);
        assert!((1..=2).contains(&looked_up), "round {round}: {result}");
        assert_eq!(called, looked_up as u64 - denied, "round {round}: {result}");
        let warned = result["warnings"].to_string().contains("address not allowed");
        assert_eq!(warned, denied == 1, "round {round}: {result}");
        judged += denied;
        assert_eq!((&result["hasChanges"], &result["success"]), (&json!(false), &json!(true)), "{result}");
    }
    assert!(judged > 0, "no import opened a second connection");
}
