//! A listener that is no directory: it counts connections, keeps every byte it is sent, and plays a script.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// What it does on a connection, one after the other; then it listens until the other side is gone.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes.
    Say(Vec<u8>),
    /// Waits until something comes.
    Hear,
    /// Closes.
    Close,
}

#[derive(Default)]
struct Notes {
    connections: usize,
    heard: Vec<u8>,
    script: Vec<Step>,
}

pub struct Rogue {
    notes: Arc<Mutex<Notes>>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Rogue {
    /// Listens on a free loopback port.
    pub async fn start(script: Vec<Step>) -> Rogue {
        Rogue::at("127.0.0.1:0", script).await
    }

    pub async fn at(address: &str, script: Vec<Step>) -> Rogue {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let notes = Arc::new(Mutex::new(Notes { script, ..Notes::default() }));
        let task = tokio::spawn(listen(listener, Arc::clone(&notes)));
        Rogue { notes, address, task }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it does on connections from now on.
    pub fn play(&self, script: Vec<Step>) {
        lock(&self.notes).script = script;
    }

    pub fn connections(&self) -> usize {
        lock(&self.notes).connections
    }

    /// Every byte that came so far.
    pub fn heard(&self) -> Vec<u8> {
        lock(&self.notes).heard.clone()
    }

    /// Whether these bytes came.
    pub fn has_heard(&self, bytes: &[u8]) -> bool {
        self.heard().windows(bytes.len()).any(|w| w == bytes)
    }
}

impl Drop for Rogue {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(notes: &Mutex<Notes>) -> std::sync::MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(listener: TcpListener, notes: Arc<Mutex<Notes>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        lock(&notes).connections += 1;
        connections.spawn(converse(stream, Arc::clone(&notes)));
    }
}

async fn converse(mut stream: TcpStream, notes: Arc<Mutex<Notes>>) {
    let script = lock(&notes).script.clone();
    for step in script {
        let goes_on = match step {
            Step::Say(bytes) => stream.write_all(&bytes).await.is_ok(),
            Step::Hear => hear(&mut stream, &notes).await,
            Step::Close => false,
        };
        if !goes_on {
            return;
        }
    }
    while hear(&mut stream, &notes).await {}
}

async fn hear(stream: &mut TcpStream, notes: &Mutex<Notes>) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer).await {
        Ok(count) if count > 0 => {
            lock(notes).heard.extend_from_slice(&buffer[..count]);
            true
        }
        _ => false,
    }
}
