//! In-process LDAP server of the demonstration, which looks like OpenLDAP 2.5 to clients. Tests use it too, with faults
//! injected by a [`Script`].
//!
//! No other part of the product may depend on it. It must not write to disk, serve passwords or hold personal data.

pub mod ber;
mod directory;
mod edits;
mod entry;
mod filter;
mod output;
mod refint;
mod root_dse;
mod sample;
mod schema;
mod script;
mod search;
mod session;
mod tree;

#[cfg(test)]
mod tests;

pub use ber::Answer;
pub use directory::{Directory, random_password};
pub use entry::{Hidden, Selection};
pub use output::Output;
pub use sample::{ACCOUNT, sample};
pub use schema::Schema;
pub use script::{Point, Script, Stop};
pub use search::{Done, Paged, Reply, Request, Shown};
pub use session::serve;
pub use tree::{Tree, fixed_id};

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

/// A directory listening on loopback. Dropping it closes listener and connections.
pub struct Sandbox {
    directory: Arc<Directory>,
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    listener: JoinHandle<()>,
}

impl Sandbox {
    pub async fn start(directory: Directory) -> io::Result<Sandbox> {
        let directory = Arc::new(directory);
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = socket.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let listener = tokio::spawn(listen(socket, Arc::clone(&directory), stopped));
        Ok(Sandbox { directory, addr, stop, listener })
    }

    /// Stops and waits until the port is free and all connections are closed.
    pub async fn stop(self) {
        drop(self.stop);
        let _ = self.listener.await;
    }

    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub fn directory(&self) -> &Directory {
        &self.directory
    }
}

async fn listen(socket: TcpListener, directory: Arc<Directory>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = socket.accept() => match accepted {
                Ok((tcp, _)) => {
                    let directory = Arc::clone(&directory);
                    let _ = tcp.set_nodelay(true);
                    connections.spawn(async move { serve(&directory, tcp, ()).await });
                }
                // Probably out of file descriptors: retry later.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(socket);
    connections.shutdown().await;
}
