//! The directory of the demonstration: a small LDAP server inside the process that looks like OpenLDAP 2.5 to a client.
//! Tests serve it too, and interfere through [`Script`].
//!
//! No part of the product outside the demonstration may depend on it. It writes nothing to disk, and must never serve a
//! password or hold a real person's data.

pub mod ber;
mod directory;
mod edits;
mod entry;
mod filter;
mod output;
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

/// A directory that listens on the loopback interface. Dropping it closes the listener and its connections.
pub struct Sandbox {
    directory: Arc<Directory>,
    addr: SocketAddr,
    stop: oneshot::Sender<()>,
    listener: JoinHandle<()>,
}

impl Sandbox {
    /// Serves a directory on a free port.
    pub async fn start(directory: Directory) -> io::Result<Sandbox> {
        let directory = Arc::new(directory);
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = socket.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let listener = tokio::spawn(listen(socket, Arc::clone(&directory), stopped));
        Ok(Sandbox { directory, addr, stop, listener })
    }

    /// Stops it and waits until the port is free and all connections are closed.
    pub async fn stop(self) {
        drop(self.stop);
        let _ = self.listener.await;
    }

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The directory it serves.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }
}

/// Accepts connections until the sandbox is dropped.
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
                // Out of file descriptors, most likely: wait for some to come free.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(socket);
    connections.shutdown().await;
}
