//! The directory of `jim demo` behind a listener of its own, which can be made to misbehave in every way a client must
//! survive.

mod broken;
mod certificate;
mod connection;
mod conversation;
mod faults;
mod flood;
mod state;
mod stream;
#[cfg(test)]
mod tests;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jim::sandbox::{self, ACCOUNT, Directory, Hidden, Schema, random_password};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::rustls::ServerConfig;

use connection::connection;
use state::State;

pub use broken::{Broken, Place};
pub use certificate::Certificate;
pub use faults::{
    Cut, CutAt, Ending, Faults, Hang, Mischief, Order, Pace, PagingFault, SearchFault, active_directory_bind,
    referral_to,
};
pub use jim::sandbox::{Answer, Tree};

/// How a sandbox is started.
#[derive(Clone)]
pub struct Options {
    pub tree: Tree,
    /// The account that may read and write. It need not be an entry.
    pub bind_dn: String,
    pub password: String,
    pub faults: Faults,
    pub tls: Option<Tls>,
    /// The maximum number of entries that a search returns over all its pages; then result 4, as with OpenLDAP.
    pub size_limit: Option<i32>,
}

/// How TLS is offered.
#[derive(Debug, Clone)]
pub enum Tls {
    /// From the first byte.
    Ldaps(Arc<ServerConfig>),
    /// On request, as the first request.
    StartTls(Arc<ServerConfig>),
}

impl Options {
    /// The sample organisation and a random password.
    pub fn sample() -> Options {
        Options::with_tree(sandbox::sample())
    }

    /// The same with this tree.
    pub fn with_tree(tree: Tree) -> Options {
        Options {
            tree,
            bind_dn: ACCOUNT.to_owned(),
            password: random_password().expect("random numbers"),
            faults: Faults::default(),
            tls: None,
            size_limit: None,
        }
    }
}

/// A running sandbox. Dropping it stops the listener and its connections.
pub struct Sandbox {
    state: Arc<State>,
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    listener: JoinHandle<()>,
}

impl Sandbox {
    /// Starts a sandbox on a free port. A tree or an account that is invalid is `InvalidInput`.
    pub async fn start(options: Options) -> io::Result<Sandbox> {
        let Options { tree, bind_dn, password, faults, tls, size_limit } = options;
        let directory = Directory::new(tree, &bind_dn, &password)?;
        let state = Arc::new(State::new(directory, faults, tls, size_limit));
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = socket.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let listener = tokio::spawn(listen(socket, Arc::clone(&state), stopped));
        Ok(Sandbox { state, addr, stop, listener })
    }

    /// Stops it and waits until the port is free and all connections are closed.
    pub async fn stop(self) {
        drop(self.stop);
        let _ = self.listener.await;
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn bind_dn(&self) -> &str {
        self.state.directory.bind_dn()
    }

    pub fn password(&self) -> &str {
        self.state.directory.password()
    }

    /// Adds an entry; see [`Tree::entry`] for what is supplied.
    pub fn add(&self, dn: &str, attributes: &[(&str, &[&str])]) -> Result<(), Answer> {
        let owned = |(name, values): &(&str, &[&str])| ((*name).to_owned(), bytes(values));
        self.state.directory.tree().add(dn, attributes.iter().map(owned).collect()).map(|_| ())
    }

    /// Adds an organizational unit.
    pub fn add_ou(&self, dn: &str) -> Result<(), Answer> {
        self.add(dn, &[("objectClass", &["top", "organizationalUnit"])])
    }

    /// Removes an entry with everything below it.
    pub fn remove(&self, dn: &str) -> Result<(), Answer> {
        self.state.directory.tree().remove(dn, true)
    }

    /// Renames an entry, and moves it if a new superior is given. Its subtree goes with it and all keep their ids.
    pub fn rename(&self, dn: &str, new_rdn: &str, new_superior: Option<&str>) -> Result<(), Answer> {
        self.state.directory.tree().rename(dn, new_rdn, true, new_superior)
    }

    /// Replaces the values of an attribute; no values remove it.
    pub fn set_attribute(&self, dn: &str, name: &str, values: &[&str]) -> Result<(), Answer> {
        self.state.directory.tree().replace(dn, name, values)
    }

    /// Hides an entry and everything below it, as an access rule would.
    pub fn hide(&self, dn: &str) -> Result<(), Answer> {
        self.state.directory.tree().hide(dn, Hidden::Subtree)
    }

    /// Hides an entry but not what is below it.
    pub fn hide_alone(&self, dn: &str) -> Result<(), Answer> {
        self.state.directory.tree().hide(dn, Hidden::Alone)
    }

    /// Undoes either kind of hiding.
    pub fn unhide(&self, dn: &str) -> Result<(), Answer> {
        self.state.directory.tree().hide(dn, Hidden::No)
    }

    /// Adds a naming context without an entry; [`Sandbox::add`] of the same DN supplies one.
    pub fn add_suffix(&self, dn: &str) -> Result<(), Answer> {
        self.state.directory.tree().add_suffix(dn)
    }

    /// Removes a naming context with everything in it.
    pub fn remove_suffix(&self, dn: &str) -> Result<(), Answer> {
        self.state.directory.tree().remove_suffix(dn)
    }

    /// The `entryUUID` of an entry, hidden or not.
    pub fn id_of(&self, dn: &str) -> Result<String, Answer> {
        self.state.directory.tree().id_of(dn).map(|id| id.hyphenated().to_string())
    }

    /// Sets what goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state.set_faults(faults);
    }

    /// Publishes these object classes, attribute types and DIT content rules instead of all others.
    pub fn set_schema(&self, classes: Vec<String>, attributes: Vec<String>, rules: Vec<String>) {
        let syntaxes = Schema::sample().syntaxes;
        self.state.directory.set_schema(Schema { classes, attributes, rules, syntaxes });
    }

    /// Publishes the schema of the sample again.
    pub fn restore_schema(&self) {
        self.state.directory.set_schema(Schema::sample());
    }

    /// Stops serving `entryUUID`, or serves it again.
    pub fn without_ids(&self, without: bool) {
        self.state.ids.store(!without, Ordering::SeqCst);
    }

    /// Binds that succeeded since the start, anonymous ones included.
    pub fn binds(&self) -> u64 {
        read(&self.state.counters.binds)
    }

    /// Binds attempted since the start.
    pub fn bind_attempts(&self) -> u64 {
        read(&self.state.counters.bind_attempts)
    }

    /// Connections accepted since the start.
    pub fn connections(&self) -> u64 {
        read(&self.state.counters.connections)
    }

    /// Connections open now.
    pub fn open_connections(&self) -> u64 {
        read(&self.state.counters.open)
    }

    /// Search requests since the start, every page by itself.
    pub fn searches(&self) -> u64 {
        read(&self.state.counters.searches)
    }

    /// Searches that wait at a gate now.
    pub fn waiting(&self) -> u64 {
        read(&self.state.counters.waiting)
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::SeqCst)
}

fn bytes(values: &[&str]) -> Vec<Vec<u8>> {
    values.iter().map(|v| v.as_bytes().to_vec()).collect()
}

/// Accepts connections until the sandbox is dropped.
async fn listen(socket: TcpListener, state: Arc<State>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = socket.accept() => match accepted {
                Ok((tcp, _)) => {
                    let number = state.counters.connections.fetch_add(1, Ordering::SeqCst);
                    connections.spawn(connection(Arc::clone(&state), tcp, number));
                }
                // Out of file descriptors, most likely: wait for some to come free.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(socket);
    connections.shutdown().await;
}
