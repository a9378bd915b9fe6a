//! `jim demo`: a directory and a server of their own, and a first import as an administrator would make it.

use std::fmt::Write as _;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use jim::config::Config;
use jim::sandbox::{Directory, Sandbox};
use jim::security::secret::Secret;
use jim::telemetry::{self, LogFormat};
use serde_json::{Value, json};

use super::serve::{Server, listen};
use super::{Exit, stop_signal};
use picture::{choice, report, tree, types};

mod picture;

/// What of a person takes part in the demonstration.
const WANTED: [&str; 6] = ["uid", "cn", "sn", "givenName", "mail", "telephoneNumber"];

/// Options of the demonstration.
#[derive(clap::Args)]
pub struct Arguments {
    /// Where the API listens.
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDR:PORT")]
    listen: SocketAddr,
}

/// Shows the first path through the product, then stays up until a signal.
pub async fn run(arguments: Arguments) -> Result<(), Exit> {
    if !arguments.listen.ip().is_loopback() {
        return Err(Exit::usage("the demonstration listens on loopback only"));
    }
    telemetry::start(LogFormat::Text, "warn");
    let stop = tokio::spawn(stop_signal()?);
    let cannot = |e: std::io::Error| Exit::io(format!("cannot set the demonstration up: {e}"));
    // 0700, and removed when it is dropped.
    let folder = tempfile::Builder::new().prefix("jim-demo-").tempdir().map_err(cannot)?;
    let sandbox = Sandbox::start(Directory::sample().map_err(cannot)?).await.map_err(cannot)?;
    let listener = listen(arguments.listen)?;
    // Without the operator's key, or there would be no bootstrap key to show.
    let mut key = String::new();
    let tell = |first: &Secret| {
        first.expose().clone_into(&mut key);
        Ok(())
    };
    let server = Server::start(&Config::in_folder(folder.path()), listener, None, tell).await?;
    let demo = Demo { address: server.address, key, sandbox };
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.run(async {
        let _ = ended.await;
    }));
    let shown = tokio::select! {
        shown = demo.show() => shown,
        _ = stop => Ok(()),
    };
    let _ = end.send(());
    let _ = serving.await;
    demo.sandbox.stop().await;
    folder.close().map_err(cannot)?;
    shown
}

struct Demo {
    address: SocketAddr,
    key: String,
    sandbox: Sandbox,
}

const SYSTEMS: &str = "/api/v1/synchronisation/connected-systems";

impl Demo {
    async fn show(&self) -> Result<(), Exit> {
        let (api, ldap, directory) = (self.address, self.sandbox.addr(), self.sandbox.directory());
        say!("jim serves a temporary database, and a small LDAP directory runs beside it.\n");
        say!("  JIM=http://{api}\n  KEY={}\n", self.key);

        title("1. Create a connected system");
        let body = json!({ "name": "Demo directory", "connectorDefinitionId": 3 });
        let created = self.call("POST", SYSTEMS, Some(body)).await?;
        let id = created["id"].as_i64().unwrap_or_default();
        say!("  -> 201, id {id}, settingValuesValid {}\n", created["settingValuesValid"]);
        let system = format!("{SYSTEMS}/{id}");

        title("2. Tell it where the directory is (settings 1 Host, 2 Username, 3 Password)");
        let body = json!({ "settingValues": {
            "1": { "stringValue": format!("ldap://{ldap}") },
            "2": { "stringValue": directory.bind_dn() },
            "3": { "stringValue": directory.password() },
        } });
        self.call("PUT", &system, Some(body)).await?;
        say!("  -> 200; the password is sealed and never shown again\n");

        title("3. Import the hierarchy");
        let imported = self.call("POST", &format!("{system}/import-hierarchy"), None).await?;
        report(&imported);
        let partitions = self.get(&format!("{system}/partitions")).await?;
        say!("{}", tree(&partitions));

        title("4. Choose a partition and a branch of it");
        let demo = find(&partitions, "dc=demo,dc=example");
        let engineering = container(&demo["containers"], "Engineering").cloned().unwrap_or_default();
        let partition = demo["id"].as_i64().unwrap_or_default();
        self.call("PUT", &format!("{system}/partitions/{partition}"), Some(json!({ "selected": true }))).await?;
        say!("  -> 200");
        let mut ids = Vec::new();
        collect_ids(&engineering, &mut ids);
        let wanted: serde_json::Map<String, Value> =
            ids.iter().map(|id| (id.to_string(), json!({ "selected": true }))).collect();
        let body = json!({ "containers": wanted });
        let bulk = self.call("POST", &format!("{system}/containers/bulk-update"), Some(body)).await?;
        say!("  -> 200, {} containers selected\n", bulk["updatedCount"]);

        title("5. Somebody renames an organisational unit in the directory");
        let old = engineering["externalId"].as_str().unwrap_or_default().to_owned();
        say!("  $ ldapmodrdn -x -H ldap://{ldap} -D '{}' -w '{}' -r \\", directory.bind_dn(), directory.password());
        say!("      '{old}' 'ou=Engineering & Design'");
        directory
            .tree()
            .rename(&old, "ou=Engineering & Design", true, None)
            .map_err(|e| Exit::io(format!("the directory refused the rename: {} {}", e.code, e.message)))?;
        say!();

        title("6. Import again: the rename is seen as one, and the choice is kept");
        let imported = self.call("POST", &format!("{system}/import-hierarchy"), None).await?;
        report(&imported);
        let partitions = self.get(&format!("{system}/partitions")).await?;
        say!("{}", tree(&partitions));

        title("7. Import the schema: which types of objects the directory knows");
        let imported = self.call("POST", &format!("{system}/import-schema"), None).await?;
        say!("{}", types(&imported["objectTypes"]));

        title("8. Choose people, and what of them takes part");
        let person = find(&imported["objectTypes"], "inetOrgPerson");
        let path = format!("{system}/object-types/{}", person["id"]);
        self.call("PUT", &path, Some(json!({ "selected": true }))).await?;
        say!("  -> 200");
        let wanted = WANTED.into_iter().filter_map(|name| find(&person["attributes"], name)["id"].as_i64());
        let wanted: serde_json::Map<String, Value> =
            wanted.map(|id| (id.to_string(), json!({ "selected": true }))).collect();
        let body = json!({ "attributes": wanted });
        let bulk = self.call("POST", &format!("{path}/attributes/bulk-update"), Some(body)).await?;
        say!("  -> 200, {} attributes selected; the ids came selected with the import", bulk["updatedCount"]);
        let chosen = self.get(&format!("{system}/object-types")).await?;
        say!("{}", choice(find(&chosen, "inetOrgPerson")));

        title("Try it yourself");
        say!("  curl -s http://{api}{system}/partitions -H 'X-Api-Key: {}'", self.key);
        say!(
            "  ldapsearch -x -LLL -H ldap://{ldap} -D '{}' -w '{}' -b dc=demo,dc=example '(objectClass=organizationalUnit)' entryUUID",
            directory.bind_dn(),
            directory.password()
        );
        say!("\n  API key: {}\n  API:     http://{api}", self.key);
        say!("  Everything is gone when you press Ctrl-C.\n");
        say!("demo ready");
        std::future::pending().await
    }

    /// Shows a request as a curl line and sends it.
    async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Result<Value, Exit> {
        let mut line = format!("  $ curl -s -X {method} $JIM{path} -H \"X-Api-Key: $KEY\"");
        let text = body.map(|b| b.to_string());
        if let Some(text) = &text {
            let shown = if text.len() > 400 {
                format!("{} ...", text.chars().take(160).collect::<String>())
            } else {
                text.clone()
            };
            let _ =
                write!(line, " \\\n      -H 'Content-Type: application/json' -d '{}'", shown.replace('\'', "'\\''"));
        }
        say!("{line}");
        self.send(method, path, text).await
    }

    async fn get(&self, path: &str) -> Result<Value, Exit> {
        self.call("GET", path, None).await
    }

    async fn send(&self, method: &str, path: &str, body: Option<String>) -> Result<Value, Exit> {
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
            .body(Full::new(Bytes::from(body.unwrap_or_default())))
            .map_err(|e| failed(&e))?;
        let response = sender.send_request(request).await.map_err(|e| failed(&e))?;
        let status = response.status();
        let bytes = response.into_body().collect().await.map_err(|e| failed(&e))?.to_bytes();
        driving.abort();
        let value: Value = serde_json::from_slice(&bytes).map_err(|e| failed(&e))?;
        if status.is_success() { Ok(value) } else { Err(failed(&value["message"].as_str().unwrap_or("no message"))) }
    }
}

fn title(text: &str) {
    say!("{text}");
}

fn find<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().into_iter().flatten().find(|row| row["name"] == name).unwrap_or(&Value::Null)
}

fn container<'a>(containers: &'a Value, name: &str) -> Option<&'a Value> {
    containers.as_array()?.iter().find(|c| c["name"] == name)
}

fn collect_ids(node: &Value, ids: &mut Vec<i64>) {
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        ids.extend(node["id"].as_i64());
        open.extend(node["childContainers"].as_array().into_iter().flatten());
    }
}
