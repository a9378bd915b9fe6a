//! The directory of the demonstration and of the tests: a small LDAP server inside the process that looks like
//! OpenLDAP 2.5 to a reader, and that can be made to misbehave in every way a client must survive.
//!
//! This module owns the listener and the handle. No part of the product outside the demonstration may depend on
//! it, it writes nothing to disk, and it must never serve a password or hold a real person's data.

mod ber;
mod broken;
mod certificate;
mod edits;
mod entry;
mod faults;
mod filter;
mod mischief;
mod output;
mod root_dse;
mod sample;
mod schema;
mod search;
mod session;
mod shared;
mod tree;

#[cfg(test)]
mod fault_tests;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

pub use broken::{Broken, Place};
pub use certificate::Certificate;
pub use faults::{Answer, Cut, CutAt, Ending, Faults, Hang, Mischief, Order, Pace, PagingFault, SearchFault};
pub use sample::ACCOUNT;
pub use tree::Tree;

use entry::Hidden;
use ldap3_proto::proto::{LdapModify, LdapModifyType, LdapPartialAttribute};
use schema::Schema;
use shared::Shared;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::rustls::ServerConfig;

/// How a sandbox is to be started. Holds a password, therefore without `Debug`.
#[derive(Clone)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The entries.
    pub tree: Tree,
    /// The account that may read and write. It need not be an entry.
    pub bind_dn: String,
    /// Its password. While it is empty nobody can bind.
    pub password: String,
    /// What goes wrong.
    pub faults: Faults,
    /// TLS, if any.
    pub tls: Option<Tls>,
    /// The entries a search may return in all, over its pages too; then result 4, as with OpenLDAP.
    pub size_limit: Option<usize>,
}

/// How TLS is offered.
#[derive(Debug, Clone)]
pub enum Tls {
    /// From the first byte.
    Ldaps(Arc<ServerConfig>),
    /// On request.
    StartTls(Arc<ServerConfig>),
}

impl Options {
    /// The sample organisation, a random password, a free port on the loopback interface.
    pub fn sample() -> Options {
        Options { tree: Tree::sample(), ..Options::empty() }
    }

    /// The same without any entry or naming context.
    pub fn empty() -> Options {
        Options {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tree: Tree::new(),
            bind_dn: ACCOUNT.to_owned(),
            password: random_password(),
            faults: Faults::default(),
            tls: None,
            size_limit: None,
        }
    }

    /// The same with this tree.
    pub fn with_tree(tree: Tree) -> Options {
        Options { tree, ..Options::empty() }
    }
}

/// 128 random bits in hexadecimal; empty, so that no bind succeeds, if the system gives no random numbers.
fn random_password() -> String {
    let mut bytes = [0u8; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
        Err(_) => String::new(),
    }
}

/// A running sandbox. Dropping it stops the listener and its connections.
pub struct Sandbox {
    shared: Arc<Shared>,
    addr: SocketAddr,
    listener: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox. A tree or an account that makes no sense is `InvalidInput`.
    pub async fn start(options: Options) -> io::Result<Sandbox> {
        let invalid = |answer: &Answer| {
            let text = format!("the tree cannot be built: {} {}", answer.code, answer.message);
            io::Error::new(io::ErrorKind::InvalidInput, text)
        };
        if let Some(refused) = options.tree.refused().first() {
            return Err(invalid(refused));
        }
        let account = tree::parse(&options.bind_dn).map_err(|a| invalid(&a))?.key();
        let socket = TcpListener::bind(options.listen).await?;
        let addr = socket.local_addr()?;
        let shared = Arc::new(Shared::new(options, account));
        let listener = tokio::spawn(listen(socket, Arc::clone(&shared)));
        Ok(Sandbox { shared, addr, listener: Some(listener) })
    }

    /// Stops it and waits until the port is free and all connections are closed.
    pub async fn stop(mut self) {
        if let Some(listener) = self.listener.take() {
            listener.abort();
            let _ = listener.await;
        }
        // The connections were told to end with the listener; each has done so once it is no longer counted.
        while self.open_connections() > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The account that may read and write.
    pub fn bind_dn(&self) -> &str {
        &self.shared.account
    }

    /// Its password.
    pub fn password(&self) -> &str {
        &self.shared.password
    }

    /// Adds an entry; see [`Tree::entry`] for what is supplied.
    pub fn add(&self, dn: &str, attributes: &[(&str, &[&str])]) -> Result<(), Answer> {
        let owned = |(name, values): &(&str, &[&str])| ((*name).to_owned(), bytes(values));
        self.shared.tree().add(dn, attributes.iter().map(owned).collect()).map(|_| ())
    }

    /// Adds an organizational unit.
    pub fn add_ou(&self, dn: &str) -> Result<(), Answer> {
        self.add(dn, &[("objectClass", &["top", "organizationalUnit"])])
    }

    /// Removes an entry with everything below it.
    pub fn remove(&self, dn: &str) -> Result<(), Answer> {
        self.shared.tree().remove(dn, true)
    }

    /// Renames an entry, and moves it if a new superior is given. Its subtree goes with it and all keep their ids.
    pub fn rename(&self, dn: &str, new_rdn: &str, new_superior: Option<&str>) -> Result<(), Answer> {
        self.shared.tree().rename(dn, new_rdn, true, new_superior)
    }

    /// Replaces the values of an attribute; no values remove it.
    pub fn set_attribute(&self, dn: &str, name: &str, values: &[&str]) -> Result<(), Answer> {
        let modification = LdapPartialAttribute { atype: name.to_owned(), vals: bytes(values) };
        self.shared.tree().modify(dn, &[LdapModify { operation: LdapModifyType::Replace, modification }])
    }

    /// Hides an entry and everything below it, as an access rule would.
    pub fn hide(&self, dn: &str) -> Result<(), Answer> {
        self.set_hidden(dn, Hidden::Subtree)
    }

    /// Hides an entry but not what is below it.
    pub fn hide_alone(&self, dn: &str) -> Result<(), Answer> {
        self.set_hidden(dn, Hidden::Alone)
    }

    /// Undoes either kind of hiding.
    pub fn unhide(&self, dn: &str) -> Result<(), Answer> {
        self.set_hidden(dn, Hidden::No)
    }

    fn set_hidden(&self, dn: &str, hidden: Hidden) -> Result<(), Answer> {
        let mut tree = self.shared.tree();
        let id = tree.find(dn)?;
        if let Some(entry) = tree.entries.get_mut(&id) {
            entry.hidden = hidden;
        }
        Ok(())
    }

    /// Adds a naming context without an entry; [`Sandbox::add`] of the same DN supplies one.
    pub fn add_suffix(&self, dn: &str) -> Result<(), Answer> {
        self.shared.tree().add_suffix(dn)
    }

    /// Takes a naming context away with everything in it.
    pub fn remove_suffix(&self, dn: &str) -> Result<(), Answer> {
        self.shared.tree().remove_suffix(dn)
    }

    /// The `entryUUID` of an entry, hidden or not.
    pub fn id_of(&self, dn: &str) -> Result<String, Answer> {
        let tree = self.shared.tree();
        let id = tree.find(dn)?;
        Ok(tree.entries.get(&id).map(|e| e.uuid.hyphenated().to_string()).unwrap_or_default())
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.set_faults(faults);
    }

    /// Declares these object classes, attribute types and DIT content rules instead of all others. The texts are served
    /// as they are; of a kind without definitions `cn=Subschema` has no attribute.
    pub fn set_schema(&self, classes: Vec<String>, attributes: Vec<String>, rules: Vec<String>) {
        let syntaxes = Schema::sample().syntaxes;
        self.shared.set_schema(Schema { classes, attributes, rules, syntaxes });
    }

    /// Declares the schema of the sample again.
    pub fn restore_schema(&self) {
        self.shared.set_schema(Schema::sample());
    }

    /// Stops serving `entryUUID`, or serves it again.
    pub fn without_ids(&self, without: bool) {
        self.shared.ids.store(!without, Ordering::SeqCst);
    }

    /// Binds that succeeded since the start, anonymous ones included.
    pub fn binds(&self) -> u64 {
        read(&self.shared.counters.binds)
    }

    /// Binds attempted since the start.
    pub fn bind_attempts(&self) -> u64 {
        read(&self.shared.counters.bind_attempts)
    }

    /// Connections accepted since the start.
    pub fn connections(&self) -> u64 {
        read(&self.shared.counters.connections)
    }

    /// Connections open now.
    pub fn open_connections(&self) -> u64 {
        read(&self.shared.counters.open)
    }

    /// Search requests since the start, every page by itself.
    pub fn searches(&self) -> u64 {
        read(&self.shared.counters.searches)
    }

    /// Searches that stand at a gate now.
    pub fn waiting(&self) -> u64 {
        read(&self.shared.counters.waiting)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(listener) = self.listener.take() {
            listener.abort();
        }
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::SeqCst)
}

fn bytes(values: &[&str]) -> Vec<Vec<u8>> {
    values.iter().map(|v| v.as_bytes().to_vec()).collect()
}

/// Accepts connections. They end with this task, because it owns the set they run in.
async fn listen(socket: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((tcp, _)) => {
                    let number = shared.counters.connections.fetch_add(1, Ordering::SeqCst);
                    connections.spawn(session::serve(Arc::clone(&shared), tcp, number));
                }
                // Out of file descriptors, most likely: wait for some to come free.
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}
