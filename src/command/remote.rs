//! Requests of commands to a running server, over HTTP or HTTPS.

use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use jim::security::secret::Secret;
use jim::security::tls::ClientTrust;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::{Host, Url};
use warp::http::Request;

use super::Exit;

/// Variables that name server and API key.
pub const VARIABLES: [&str; 2] = ["JIM_URL", "JIM_API_KEY"];
const DEFAULT_URL: &str = "http://127.0.0.1:5200";
/// Time of one request, the connection included.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of an answer, and of a file with a key.
const MAX_ANSWER: usize = 64 << 20;
const MAX_KEY: u64 = 4096;

/// Server and API key of a command.
#[derive(clap::Args)]
pub struct ServerArguments {
    /// Address of the server; by default JIM_URL, else http://127.0.0.1:5200.
    #[arg(long)]
    url: Option<String>,
    /// File that holds the API key; by default the key is in JIM_API_KEY.
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
}

impl ServerArguments {
    pub fn open(self) -> Result<Remote, Exit> {
        let url = match self.url {
            Some(url) => url,
            None => variable(VARIABLES[0])?.unwrap_or_else(|| DEFAULT_URL.to_owned()),
        };
        let key = match self.key_file {
            Some(file) => read_key(&file)?,
            None => variable(VARIABLES[1])?.ok_or_else(|| {
                Exit::usage("an API key is missing: put it into JIM_API_KEY, or name a file that holds it: --key-file")
            })?,
        };
        Remote::new(&url, Secret::new(key))
    }
}

/// Value of a variable; an empty one counts as absent.
fn variable(name: &str) -> Result<Option<String>, Exit> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Exit::usage(format!("{name} is not valid UTF-8"))),
    }
}

#[expect(clippy::disallowed_methods, reason = "a file that the caller names")]
fn read_key(file: &std::path::Path) -> Result<String, Exit> {
    let mut text = String::new();
    let read = std::fs::File::open(file).and_then(|file| file.take(MAX_KEY).read_to_string(&mut text));
    read.map_err(|e| Exit::usage(format!("the API key cannot be read from {}: {e}", file.display())))?;
    match text.trim() {
        "" => Err(Exit::usage(format!("{} holds no API key", file.display()))),
        key => Ok(key.to_owned()),
    }
}

/// A server with the key that it is asked with.
pub struct Remote {
    url: Url,
    key: Secret,
    /// `None` without TLS.
    trust: Option<ClientTrust>,
}

/// Answer to a request that was accepted.
pub struct Answer {
    pub status: u16,
    /// Null if the answer is empty.
    pub body: Value,
}

/// Reason why a request has no good answer.
pub enum Failure {
    /// None came, or none that can be read.
    Unreachable(String),
    /// The server refused it.
    Refused { status: u16, message: String },
}

impl Failure {
    /// Whether the same request may be answered later: a restart, a busy storage, too many requests.
    pub fn may_pass(&self) -> bool {
        match self {
            Failure::Unreachable(_) => true,
            Failure::Refused { status, .. } => *status == 429 || *status >= 500,
        }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::Unreachable(reason) => write!(f, "{reason}"),
            Failure::Refused { status, message } => write!(f, "{message} ({status})"),
        }
    }
}

impl From<Failure> for Exit {
    fn from(failure: Failure) -> Exit {
        let message = failure.to_string();
        match failure {
            Failure::Refused { status: 401 | 403 | 409, .. } => Exit::forbidden(message),
            Failure::Refused { status: 400..=428 | 430..=499, .. } => Exit::usage(message),
            _ => Exit::address(message),
        }
    }
}

impl Remote {
    /// A server at an address, under a path if a proxy puts it there.
    pub fn new(url: &str, key: Secret) -> Result<Remote, Exit> {
        let wrong = |why: &str| Exit::usage(format!("{url:?} is no address of a server: {why}"));
        let url = Url::parse(url).map_err(|e| wrong(&e.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            // Not repeated: it may hold a password.
            return Err(Exit::usage("the address of the server must not hold a user name or password"));
        }
        if url.host().is_none() || url.query().is_some() || url.fragment().is_some() {
            return Err(wrong("it should look like https://jim.example.com"));
        }
        let trust = match url.scheme() {
            "http" => None,
            "https" => Some(ClientTrust::load(None).map_err(Exit::io)?),
            _ => return Err(wrong("it must begin with http:// or https://")),
        };
        Ok(Remote { url, key, trust })
    }

    /// Address of a path on the server.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url.as_str().trim_end_matches('/'))
    }

    pub async fn get(&self, path: &str) -> Result<Value, Failure> {
        Ok(self.send("GET", path, None).await?.body)
    }

    /// Sends a request on a connection of its own.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        let unreachable = |reason: String| Failure::Unreachable(format!("no answer from {}: {reason}", self.url));
        let exchange = tokio::time::timeout(TIMEOUT, self.exchange(method, path, body)).await;
        let late = |_| format!("nothing came in {} s", TIMEOUT.as_secs());
        let (status, bytes) = exchange.map_err(late).and_then(|done| done).map_err(unreachable)?;
        let parsed = if bytes.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(&bytes) };
        match parsed {
            Ok(body) if (200..300).contains(&status) => Ok(Answer { status, body }),
            Ok(body) => Err(Failure::Refused { status, message: message(&body) }),
            Err(_) => Err(Failure::Refused { status, message: format!("{} does not answer as a jim does", self.url) }),
        }
    }

    async fn exchange(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Bytes), String> {
        let path = format!("{}{path}", self.url.path().trim_end_matches('/'));
        let authority = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Host", authority)
            .header("X-Api-Key", self.key.expose())
            .header("Content-Type", "application/json")
            .body(Full::new(Bytes::from(body.map(Value::to_string).unwrap_or_default())))
            .map_err(|_| "address or API key holds characters that a request cannot have".to_owned())?;
        let host = match self.url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err("no host".to_owned()),
        };
        let port = self.url.port_or_known_default().unwrap_or(80);
        let stream = TcpStream::connect((&*host, port)).await.map_err(|e| e.to_string())?;
        let Some(trust) = &self.trust else { return speak(stream, request).await };
        let handshake = trust.handshake(true).await?;
        let name = ServerName::try_from(host.clone()).map_err(|e| e.to_string())?;
        match TlsConnector::from(handshake.config).connect(name, stream).await {
            Ok(stream) => speak(stream, request).await,
            Err(e) => Err(handshake.witness.reason(&e, &host)),
        }
    }
}

async fn speak<S>(stream: S, request: Request<Full<Bytes>>) -> Result<(u16, Bytes), String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |e: hyper::Error| e.to_string();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let driving = tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(failed)?;
    let status = response.status().as_u16();
    let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await.map_err(|e| e.to_string())?;
    driving.abort();
    Ok((status, body.to_bytes()))
}

/// Message of an error, with what is wrong with each field.
fn message(body: &Value) -> String {
    let mut text = body["message"].as_str().unwrap_or("the request was refused").to_owned();
    for (field, faults) in body["validationErrors"].as_object().into_iter().flatten() {
        for fault in faults.as_array().into_iter().flatten().filter_map(Value::as_str) {
            text.push_str(&format!("\n{field}: {fault}"));
        }
    }
    text
}
