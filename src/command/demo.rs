//! `jim demo`: a directory and a server of their own, and a first import as an administrator would make it.

use std::io::Write as _;
use std::net::SocketAddr;

use jim::config::Config;
use jim::sandbox::{self, Directory, Hidden, Sandbox};
use jim::security::secret::Secret;
use jim::telemetry::{self, LogFormat};
use serde_json::{Value, json};

use super::remote::Answer;
use super::serve::{Server, listen};
use super::{Exit, stop_signal};
use client::Client;
use lines::{command, curl};
use picture::{below, report, row, tree};

mod client;
mod lines;
mod objects;
mod picture;

/// Organisational unit that is moved out of the selected branch.
const MOVED: &str = "Identity";

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
    // Warnings of imports are shown as part of the answers.
    telemetry::start(LogFormat::Text, "warn,jim::ops::run=error");
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
    let demo = Demo { client: Client { address: server.address, key }, sandbox };
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
    client: Client,
    sandbox: Sandbox,
}

/// Name of the connected system.
const NAME: &str = "Demo directory";
/// Branch that is selected, then renamed, then hidden.
const BRANCH: &str = "Engineering";
const RENAMED: &str = "Engineering & Design";
/// Partition that holds the branch.
const PARTITION: &str = "dc=demo,dc=example";

impl Demo {
    async fn show(&self) -> Result<(), Exit> {
        let (directory, ldap) = (self.sandbox.directory(), self.sandbox.addr());
        say!("jim reads the tree of a directory, such as Active Directory or OpenLDAP, lets you select what takes");
        say!("part in synchronisation, keeps your selection when the directory changes, and imports people and");
        say!("groups. Here a jim server and a small directory with invented people run until Ctrl-C; nothing of");
        say!("them is left behind.\n");
        say!("Each step shows the requests that were made, as shell commands, and what the answer was (->).");
        say!("To paste them into another terminal, paste these lines first:\n");
        self.variables();
        say!("  export LDAPURI=ldap://{ldap} LDAPBINDDN={}", directory.bind_dn());
        say!("  export PASSWORD={}", directory.password());

        say!(
            "\n1. A connected system stands for one directory: it is created (connector 3 speaks LDAP) and gets\n   address, account and password (settings 1, 2, 3)\n"
        );
        let body = json!({ "name": NAME, "connectorDefinitionId": 3 });
        let created = self.client.create(body).await?;
        let id = created.body["id"].as_i64().unwrap_or_default();
        say!("  -> {}: id {id}\n  export SYSTEM=$JIM{}/{id}", created.status, client::SYSTEMS);

        let body = json!({ "settingValues": {
            "1": { "stringValue": format!("ldap://{ldap}") },
            "2": { "stringValue": directory.bind_dn() },
            "3": { "stringValue": directory.password() },
        } });
        let set = self.client.call("PUT", id, "", Some(body)).await?;
        say!("  -> {}; the password is sealed and never shown again", set.status);

        say!("\n2. The hierarchy is imported: partitions, and in them containers such as organisational units\n");
        self.import(id).await?;
        let partitions = self.partitions(id).await?;
        say!("{}", tree(partitions.as_array().into_iter().flatten(), 2));

        say!("\n3. A partition and a branch of it are selected [x], {MOVED} by a choice of its own\n");
        let partition = find(&partitions, PARTITION);
        let path = format!("/partitions/{}", partition["id"]);
        let set = self.client.call("PUT", id, &path, Some(json!({ "selected": true }))).await?;
        say!("  -> {}: {}", set.status, row(&set.body));
        let top = find(&partition["containers"], BRANCH);
        let moved = below(top).into_iter().find(|row| row["name"] == MOVED);
        let ids = std::iter::once(top).chain(moved).filter_map(|row| row["id"].as_i64());
        let body = json!({ "containers": selected(ids) });
        let set = self.client.call("POST", id, "/containers/bulk-update", Some(body)).await?;
        say!("  -> {}: {} choices stored; what is below follows", set.status, set.body["updatedCount"]);
        branch(&self.partitions(id).await?);

        say!("\n4. The directory changes: one organisational unit is moved, one deleted, one renamed, one added\n");
        say!("  These changes were made inside this process. With OpenLDAP's tools they would be:\n");
        self.change().map_err(|e| Exit::io(format!("the directory refused a change: {} {}", e.code, e.message)))?;

        say!("\n5. The next import finds these changes only; {MOVED} keeps its choice, the new one follows\n");
        let imported = self.import(id).await?;
        say!("{}", report(&imported, &self.partitions(id).await?));

        say!("\n6. The account loses the right to read that branch; the next import keeps it, with a warning\n");
        let dn = format!("ou={RENAMED},{PARTITION}");
        say!("  As a rule of OpenLDAP: access to dn.subtree=\"{dn}\" by * none\n");
        self.hide(&dn, Hidden::Subtree)?;
        self.import(id).await?;
        branch(&self.partitions(id).await?);
        say!("\n  Hidden is not deleted. In step 5 the directory confirmed that Logistics is gone. It does not");
        say!("  confirm that of this branch, so the containers stay, and stay selected.");

        say!("\n7. The account may read the branch again; the next import changes nothing and warns of nothing\n");
        self.hide(&dn, Hidden::No)?;
        self.import(id).await?;
        branch(&self.partitions(id).await?);

        self.objects(id).await?;
        self.last_screens(id);
        // Behind a closed pipe (`jim demo | head`) there is no terminal for Ctrl-C.
        if writeln!(std::io::stdout(), "\ndemo ready").is_err() { Ok(()) } else { std::future::pending().await }
    }

    /// Shows the variables that the commands use.
    fn variables(&self) {
        say!("  export JIM=http://{}\n  export KEY={}", self.client.address, self.client.key);
    }

    async fn import(&self, id: i64) -> Result<Value, Exit> {
        let Answer { status, body } = self.client.call("POST", id, "/import-hierarchy", None).await?;
        let summary = body["summary"].as_str().unwrap_or_default();
        let (partitions, containers) = (&body["totalPartitions"], &body["totalContainers"]);
        say!("  -> {status}: {summary}; stored: {partitions} partitions, {containers} containers");
        for warning in body["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            say!("{}", lines::text(warning, "     warning: "));
        }
        Ok(body)
    }

    async fn partitions(&self, id: i64) -> Result<Value, Exit> {
        Ok(self.client.call("GET", id, "/partitions", None).await?.body)
    }

    /// Changes the directory, with the commands that would do it over LDAP.
    fn change(&self) -> Result<(), sandbox::Answer> {
        let mut tree = self.sandbox.directory().tree();
        let bind = "-x -w \"$PASSWORD\"";
        let (old, operations) = (format!("ou={BRANCH},{PARTITION}"), format!("ou=Operations,{PARTITION}"));

        let rdn = format!("ou={MOVED}");
        let moved = format!("{rdn},ou=Platform,{old}");
        let to = format!("-s '{operations}'");
        say!("{}", command(["ldapmodrdn", bind, "-r", &to, &format!("'{moved}'"), &format!("'{rdn}'")]));
        tree.rename(&moved, &rdn, true, Some(&operations))?;

        let deleted = format!("ou=Logistics,{operations}");
        say!("{}", command(["ldapdelete", bind, "-r", &format!("'{deleted}'")]));
        tree.remove(&deleted, true)?;

        let name = format!("ou={RENAMED}");
        say!("{}", command(["ldapmodrdn", bind, "-r", &format!("'{old}'"), &format!("'{name}'")]));
        tree.rename(&old, &name, true, None)?;

        let added = format!("ou=Robotics,ou=Research,{name},{PARTITION}");
        let (dn, add) = (format!("'dn: {added}'"), format!("| ldapadd {bind}"));
        say!("{}", command(["printf '%s\\n'", &dn, "'objectClass: organizationalUnit'", "'ou: Robotics'", &add]));
        tree.add(&added, Vec::new()).map(|_| ())
    }

    fn hide(&self, branch: &str, hidden: Hidden) -> Result<(), Exit> {
        let hide = self.sandbox.directory().tree().hide(branch, hidden);
        hide.map_err(|e| Exit::io(format!("the directory refused an access rule: {} {}", e.code, e.message)))
    }

    /// Shows the page for a browser, and the commands for another directory.
    fn last_screens(&self, id: i64) {
        let api = self.client.address;
        say!("\nNow look around: this page leads to the API explorer and the guide; \"Authorize\" takes the key\n");
        say!("  http://{api}/\n  API key: {}\n", self.client.key);
        say!("  What the directory shows:\n");
        let search = [
            "ldapsearch -x -w \"$PASSWORD\" -LLL -b dc=demo,dc=example",
            "'(objectClass=organizationalUnit)'",
            "entryUUID",
        ];
        say!("{}", command(search));
        say!("\n  The run of steps 10 to 12 from a terminal:\n");
        say!("  export JIM_URL=$JIM JIM_API_KEY=$KEY");
        say!("  jim run '{NAME}' {}", objects::PROFILE);

        say!("\nNow with your own directory: put in its address, the account (a DN, or user@domain in Active");
        say!("Directory) and the password. The commands go to this demo server, which forgets it all at Ctrl-C.");
        say!("For a jim of your own, start `jim`, and put in the address and the key that it prints; SYSTEM ends");
        say!("with the id from the first answer.\n");
        self.variables();
        let body = json!({ "name": "My directory", "connectorDefinitionId": 3 });
        say!("{}", curl("POST", &format!("$JIM{}", client::SYSTEMS), Some(&body)));
        say!("  export SYSTEM=$JIM{}/{}", client::SYSTEMS, id + 1);
        let body = json!({ "settingValues": {
            "1": { "stringValue": "ldaps://dc1.example.com" },
            "2": { "stringValue": "jim@example.com" },
            "3": { "stringValue": "PASSWORD" },
        } });
        say!("{}", curl("PUT", "$SYSTEM", Some(&body)));
        say!("{}", curl("POST", "$SYSTEM/test-connection", None));
        say!("{}", curl("POST", "$SYSTEM/import-hierarchy", None));
    }
}

/// Shows the branch that is selected, out of all partitions.
fn branch(partitions: &Value) {
    let containers = &find(partitions, PARTITION)["containers"];
    let branch = [BRANCH, RENAMED].into_iter().map(|name| find(containers, name)).filter(|row| !row.is_null());
    say!("{}", tree(branch, 2));
}

/// The body that selects rows.
fn selected(ids: impl Iterator<Item = i64>) -> Value {
    let mut ids: Vec<i64> = ids.collect();
    ids.sort_unstable();
    ids.into_iter().map(|id| (id.to_string(), json!({ "selected": true }))).collect::<serde_json::Map<_, _>>().into()
}

fn find<'a>(list: &'a Value, name: &str) -> &'a Value {
    list.as_array().into_iter().flatten().find(|row| row["name"] == name).unwrap_or(&Value::Null)
}
