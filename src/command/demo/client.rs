//! The requests of the demonstration: each is shown as a curl command and then made.

use std::net::SocketAddr;

use jim::security::secret::Secret;
use serde_json::Value;

use super::lines::curl;
use crate::command::Exit;
use crate::command::remote::{Answer, Remote};

/// The path of all connected systems.
pub const SYSTEMS: &str = "/api/v1/synchronisation/connected-systems";

/// The path of all activities.
pub const ACTIVITIES: &str = "/api/v1/activities";

/// A caller of the demonstration's server.
pub struct Client {
    /// Where the API listens.
    pub address: SocketAddr,
    /// The API key.
    pub key: String,
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

    /// Reads from the activity of a run, `$RUN` in the shell.
    pub async fn activity(&self, id: &str, path: &str) -> Result<Answer, Exit> {
        say!("{}", curl("GET", &format!("$RUN{path}"), None));
        self.send("GET", &format!("{ACTIVITIES}/{id}{path}"), None).await
    }

    /// The activity once more, without showing the request.
    pub async fn activity_again(&self, id: &str) -> Result<Answer, Exit> {
        self.send("GET", &format!("{ACTIVITIES}/{id}"), None).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Result<Answer, Exit> {
        let server = Remote::new(&format!("http://{}", self.address), Secret::new(self.key.clone()))?;
        server.send(method, path, body.as_ref()).await.map_err(|e| Exit::io(format!("{method} {path} failed: {e}")))
    }
}
