//! The faults as a client meets them: a fault that does not happen would make the tests that rely on it pass for nothing.

mod bytes;
mod searches;

use std::time::Duration;

use jim::sandbox::ber;
use ldap3::controls::{ControlType, PagedResults, RawControl};
use ldap3::{Ldap, LdapConnAsync, LdapResult, Scope, SearchEntry};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;

const SHORT: Duration = Duration::from_millis(150);
const LONG: Duration = Duration::from_secs(10);

/// A connection that is not bound.
async fn connect(sandbox: &Sandbox) -> Ldap {
    let (connection, ldap) = LdapConnAsync::new(&format!("ldap://{}", sandbox.addr())).await.expect("connection");
    ldap3::drive!(connection);
    ldap
}

/// A bound connection.
async fn bound(sandbox: &Sandbox) -> Ldap {
    let mut ldap = connect(sandbox).await;
    let done = ldap.simple_bind(sandbox.bind_dn(), sandbox.password()).await.expect("answer");
    assert_eq!(done.rc, 0, "{done:?}");
    ldap
}

/// All entries of a search and its result.
async fn find(
    ldap: &mut Ldap,
    base: &str,
    scope: Scope,
    filter: &str,
    attrs: &[&str],
) -> (Vec<SearchEntry>, LdapResult) {
    let found = ldap.search(base, scope, filter, attrs.to_vec()).await.expect("answer");
    (found.0.into_iter().map(SearchEntry::construct).collect(), found.1)
}

/// One page: its DNs, the result, and the next cookie.
async fn page(ldap: &mut Ldap, base: &str, size: i32, cookie: Vec<u8>) -> (Vec<String>, LdapResult, Vec<u8>) {
    let control: RawControl = PagedResults { size, cookie }.into();
    ldap.with_controls(vec![control]);
    let (entries, result) = find(ldap, base, Scope::Subtree, "(objectClass=*)", &["1.1"]).await;
    let next = result.ctrls.iter().find_map(|c| match c.0 {
        Some(ControlType::PagedResults) => Some(c.1.parse::<PagedResults>().cookie),
        _ => None,
    });
    (entries.into_iter().map(|e| e.dn).collect(), result, next.expect("paging control"))
}

/// A small tree.
fn small() -> Tree {
    Tree::new()
        .suffix("dc=x")
        .ou("ou=a,dc=x")
        .ou("ou=b,dc=x")
        .ou("ou=c\\, d,ou=a,dc=x")
        .ou("ou=e,ou=c\\2C d,ou=a,dc=x")
        .empty_suffix("o=empty")
}

async fn with(faults: Faults) -> Sandbox {
    let mut options = Options::with_tree(small());
    options.faults = faults;
    Sandbox::start(options).await.expect("start")
}

fn in_search(faults: Vec<SearchFault>) -> Faults {
    Faults { searches: faults, ..Faults::default() }
}

/// A bind request with message id 1.
fn bind_request(sandbox: &Sandbox) -> Vec<u8> {
    let mut content = vec![2, 1, 3];
    ber::put(&mut content, ber::OCTETS, sandbox.bind_dn().as_bytes());
    ber::put(&mut content, 0x80, sandbox.password().as_bytes());
    ber::message(1, &ber::tlv(0x60, &content), &[])
}

/// A subtree search of `dc=x` for everything, with message id 2.
fn search_request() -> Vec<u8> {
    let mut content = ber::tlv(ber::OCTETS, b"dc=x");
    content.extend([0x0a, 1, 2, 0x0a, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0]);
    ber::put(&mut content, 0x87, b"objectClass");
    ber::put(&mut content, ber::SEQUENCE, &[]);
    ber::message(2, &ber::tlv(0x63, &content), &[])
}

/// A bound raw connection, the bind response read.
async fn raw(sandbox: &Sandbox) -> TcpStream {
    let mut tcp = TcpStream::connect(sandbox.addr()).await.expect("connection");
    bind_on(&mut tcp, sandbox).await;
    tcp
}

async fn bind_on(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), sandbox: &Sandbox) {
    stream.write_all(&bind_request(sandbox)).await.expect("sent");
    let mut response = [0; 14];
    stream.read_exact(&mut response).await.expect("bind response");
    assert_eq!(response, [0x30, 12, 2, 1, 1, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0]);
}

/// Everything that comes until the end or until it is quiet; and whether it ended, and with an error.
async fn rest(tcp: &mut TcpStream) -> (Vec<u8>, &'static str) {
    let mut got = Vec::new();
    let mut buffer = vec![0; 65_536];
    loop {
        match timeout(SHORT, tcp.read(&mut buffer)).await {
            Err(_) => return (got, "silent"),
            Ok(Err(_)) => return (got, "reset"),
            Ok(Ok(0)) => return (got, "closed"),
            Ok(Ok(n)) => got.extend_from_slice(&buffer[..n]),
        }
    }
}

/// What comes in answer to the search.
async fn searched(faults: Faults) -> (Vec<u8>, &'static str) {
    let sandbox = with(faults).await;
    let mut tcp = raw(&sandbox).await;
    tcp.write_all(&search_request()).await.expect("sent");
    rest(&mut tcp).await
}

/// The operation tags of whole messages.
fn tags(mut bytes: &[u8]) -> Vec<u8> {
    let mut tags = Vec::new();
    while let [0x30, length, rest @ ..] = bytes {
        let (length, rest) = match length {
            0x81 => (usize::from(rest[0]), &rest[1..]),
            short => (usize::from(*short), rest),
        };
        let Some((message, next)) = rest.split_at_checked(length) else { break };
        tags.extend(message.get(3));
        bytes = next;
    }
    tags
}

const ENTRY: u8 = ber::SEARCH_ENTRY;
const DONE: u8 = ber::SEARCH_DONE;
