//! The requests of the demonstration: each is shown as a curl command and then made.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use super::lines::curl;
use crate::command::Exit;

/// The path of all connected systems.
pub const SYSTEMS: &str = "/api/v1/synchronisation/connected-systems";

/// A caller of the demonstration's server.
pub struct Client {
    /// Where the API listens.
    pub address: SocketAddr,
    /// The API key.
    pub key: String,
}

/// The answer to a request that was accepted.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The JSON.
    pub body: Value,
}

impl Client {
    /// Creates a connected system.
    pub async fn create(&self, body: Value) -> Result<Answer, Exit> {
        say!("{}", curl("POST", &format!("$JIM{SYSTEMS}"), Some(&body)));
        self.send("POST", SYSTEMS, Some(body)).await
    }

    /// Makes a request to the connected system of the demonstration, `$SYSTEM` in its shell.
    pub async fn call(&self, method: &str, id: i64, path: &str, body: Option<Value>) -> Result<Answer, Exit> {
        say!("{}", curl(method, &format!("$SYSTEM{path}"), body.as_ref()));
        self.send(method, &format!("{SYSTEMS}/{id}{path}"), body).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Result<Answer, Exit> {
        let failed = |e: &dyn std::fmt::Display| Exit::io(format!("{method} {path} failed: {e}"));
        let stream = tokio::net::TcpStream::connect(self.address).await.map_err(|e| failed(&e))?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed(&e))?;
        let driving = tokio::spawn(connection);
        let request = warp::http::Request::builder()
            .method(method)
            .uri(path)
            .header("Host", self.address.to_string())
            .header("X-Api-Key", &self.key)
            .header("Content-Type", "application/json")
            .body(Full::new(Bytes::from(body.map(|b| b.to_string()).unwrap_or_default())))
            .map_err(|e| failed(&e))?;
        let response = sender.send_request(request).await.map_err(|e| failed(&e))?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(|e| failed(&e))?.to_bytes();
        driving.abort();
        let body: Value = serde_json::from_slice(&bytes).map_err(|e| failed(&e))?;
        if !status.is_success() {
            return Err(failed(&body["message"].as_str().unwrap_or("no message")));
        }
        Ok(Answer { status: status.as_u16(), body })
    }
}
