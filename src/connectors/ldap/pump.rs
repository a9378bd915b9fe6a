//! The task between network and LDAP library: it moves bytes both ways, shows each answer to the guard, and stops
//! reading while the reader of the entries lags behind.
//!
//! It knows time and back-pressure, but nothing of what LDAP messages say; that is the guard's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::Instant;
use zeroize::Zeroize;

use super::ber::{Fault, frame_length};
use super::guard::{Ended, Guard, sift};
use super::limits::{Budget, Limits};
use crate::security::tls::wants_client_certificate;

/// Bytes asked of the network at a time: enough that a system call is shared by hundreds of entries, little enough
/// that one read cannot overrun [`Limits::ahead`] by much.
const READ: usize = 64 * 1024;
/// Bytes that may lie unread in the library before everything has to be taken in once.
const MAX_UNREAD: u64 = 8 * 1024 * 1024;
/// Directories that send each entry by itself would cost three system calls and as many wake-ups an entry. After so
/// many small reads of one search in a row (more than a page of the usual 1000 has, at whose end a pause would cost
/// more than it saves) ...
const SMALL_READS: u32 = 1024;
/// ... of fewer bytes than this ...
const SMALL: usize = 4 * 1024;
/// ... entries are left to gather in the system's buffer for so long before the next read, until the result comes.
const GATHER: Duration = Duration::from_millis(1);
/// Time for the last answers of a connection that takes no more requests.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// [`Flow::resume_at`] while nothing waits.
const NOBODY: u64 = u64::MAX;

/// Why a connection ended, as far as the pump knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The peer closed it, or it broke.
    Lost,
    /// The guard refused an answer.
    NotUnderstood,
    /// A limit was passed.
    Exceeds,
    /// Not a byte for [`Limits::idle`] while an answer was due.
    Idle,
    /// TLS 1.3 asks for a client certificate after the handshake is over for us.
    ClientCertificate,
}

/// What pump and reader tell each other.
#[derive(Debug)]
pub struct Flow {
    delivered: AtomicU64,
    consumed: AtomicU64,
    resume_at: AtomicU64,
    resume: Notify,
    skipped: AtomicU64,
    stop: OnceLock<Stop>,
}

impl Flow {
    /// A connection on which nothing came yet.
    pub fn new() -> Self {
        Flow {
            delivered: AtomicU64::new(0),
            consumed: AtomicU64::new(0),
            resume_at: AtomicU64::new(NOBODY),
            resume: Notify::new(),
            skipped: AtomicU64::new(0),
            stop: OnceLock::new(),
        }
    }

    /// The reader took one entry.
    pub fn consumed(&self) {
        let consumed = self.consumed.fetch_add(1, Ordering::SeqCst) + 1;
        if consumed >= self.resume_at.load(Ordering::SeqCst) {
            self.resume.notify_one();
        }
    }

    /// Entries that the guard dropped so far.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::SeqCst)
    }

    /// Entries delivered that the reader has not taken yet.
    pub fn ahead(&self) -> u64 {
        self.delivered.load(Ordering::SeqCst).saturating_sub(self.consumed.load(Ordering::SeqCst))
    }

    /// Why the connection ended; [`Stop::Lost`] unless the pump knows better.
    pub fn stopped(&self) -> Stop {
        self.stop.get().copied().unwrap_or(Stop::Lost)
    }

    /// Waits until the reader has caught up enough. `unread` counts bytes since it last had.
    async fn room(&self, ahead: u64, unread: &mut u64) {
        let (delivered, behind) = (self.delivered.load(Ordering::SeqCst), self.ahead());
        if behind == 0 {
            *unread = 0;
            return;
        }
        let target = if *unread > MAX_UNREAD {
            // Entries differ in size and the reader counts only their number, so it has to catch up altogether.
            *unread = 0;
            delivered
        } else if behind > ahead {
            // Half of it, so that the two do not take turns entry by entry.
            delivered - ahead / 2
        } else {
            return;
        };
        // Stored before `consumed` is looked at again: the reader either sees it or has already passed it.
        self.resume_at.store(target, Ordering::SeqCst);
        while self.consumed.load(Ordering::SeqCst) < target {
            self.resume.notified().await;
        }
        self.resume_at.store(NOBODY, Ordering::SeqCst);
    }
}

/// The guard, and when the peer was last heard.
struct Watch {
    guard: Guard,
    heard: Instant,
}

/// Runs until one side ends. `network` is the directory, `library` one end of a socket pair whose other end the LDAP
/// library holds. The reason is in `flow` before the library can notice the end.
pub async fn pump<S>(network: S, library: UnixStream, flow: Arc<Flow>, limits: Limits, budget: Arc<Budget>)
where
    S: AsyncRead + AsyncWrite + Send,
{
    let (from_network, to_network) = tokio::io::split(network);
    let (from_library, to_library) = library.into_split();
    let watch = Mutex::new(Watch { guard: Guard::new(), heard: Instant::now() });
    let mut answers =
        Answers { from_network, to_library, flow: &flow, watch: &watch, limits: &limits, budget: &budget };
    let stop = tokio::select! {
        stop = forward_requests(from_library, to_network, &watch) => stop,
        stop = answers.forward() => stop,
    };
    // Set once, here only; the halves of the pair are dropped after it.
    let _ = flow.stop.set(stop);
}

/// Moves requests to the network, telling the guard of each before it leaves.
async fn forward_requests<S: AsyncWrite>(
    mut from_library: OwnedReadHalf,
    mut to_network: WriteHalf<S>,
    watch: &Mutex<Watch>,
) -> Stop {
    let mut buffer = Vec::with_capacity(4096);
    loop {
        match from_library.read_buf(&mut buffer).await {
            Ok(count) if count > 0 => {}
            _ => {
                // Unbound, or given up: in either case nobody waits for an answer.
                let _ = to_network.shutdown().await;
                return Stop::Lost;
            }
        }
        let whole = match register(&buffer, watch) {
            Ok(whole) => whole,
            Err(fault) => {
                tracing::error!(%fault, "a request of ours was not understood by our own guard");
                return Stop::NotUnderstood;
            }
        };
        let Some(frames) = buffer.get(..whole) else { return Stop::NotUnderstood };
        if to_network.write_all(frames).await.is_err() || to_network.flush().await.is_err() {
            // Why it was closed may have arrived already; the reader of the answers knows it then.
            tokio::time::sleep(LAST_WORDS).await;
            return Stop::Lost;
        }
        if whole == buffer.len() {
            // A bind request holds the password.
            buffer.zeroize();
        } else {
            buffer.drain(..whole);
        }
    }
}

/// Tells the guard of all whole requests; answers their length in bytes.
fn register(buffer: &[u8], watch: &Mutex<Watch>) -> Result<usize, Fault> {
    let mut watch = watch.lock();
    let mut whole = 0;
    loop {
        let rest = buffer.get(whole..).unwrap_or_default();
        let Some(length) = frame_length(rest, usize::MAX)? else { break };
        let Some(frame) = rest.get(..length) else { break };
        watch.guard.sent(frame)?;
        whole += length;
    }
    // The peer's time to answer starts now.
    watch.heard = Instant::now();
    Ok(whole)
}

/// The way of the answers.
struct Answers<'a, S> {
    from_network: ReadHalf<S>,
    to_library: OwnedWriteHalf,
    flow: &'a Flow,
    watch: &'a Mutex<Watch>,
    limits: &'a Limits,
    budget: &'a Budget,
}

impl<S: AsyncRead> Answers<'_, S> {
    async fn forward(&mut self) -> Stop {
        let mut buffer = vec![0; 2 * READ];
        let mut filled = 0;
        let mut unread = 0;
        let mut small_reads = 0;
        loop {
            self.flow.room(self.limits.ahead, &mut unread).await;
            // Grows with what came, never with what was announced.
            if buffer.len() < filled + READ {
                buffer.resize(2 * (filled + READ), 0);
            }
            let Some(space) = buffer.get_mut(filled..filled + READ) else { return Stop::Lost };
            let count = match self.read(space).await {
                Ok(count) => count,
                Err(stop) => return stop,
            };
            filled += count;
            let Some(came) = buffer.get_mut(..filled) else { return Stop::Lost };
            let sifted = sift(&mut self.watch.lock().guard, came, self.limits.message);
            if !self.budget.take(count as u64, sifted.entries + sifted.skipped) {
                return Stop::Exceeds;
            }
            unread += sifted.keep as u64;
            self.flow.delivered.fetch_add(sifted.entries, Ordering::SeqCst);
            self.flow.skipped.fetch_add(sifted.skipped, Ordering::SeqCst);
            let Some(keep) = buffer.get(..sifted.keep) else { return Stop::Lost };
            if self.to_library.write_all(keep).await.is_err() {
                return Stop::Lost;
            }
            match sifted.end {
                None => {}
                Some(Ended::Disconnect) => return Stop::Lost,
                Some(Ended::Refused(fault)) => {
                    tracing::warn!(%fault, "the directory sent an answer that is not read");
                    return if fault.is_limit() { Stop::Exceeds } else { Stop::NotUnderstood };
                }
            }
            buffer.copy_within(sifted.judged..filled, 0);
            filled -= sifted.judged;
            if sifted.finals > 0 {
                small_reads = 0;
            } else if sifted.entries > 0 && count < SMALL {
                small_reads += 1;
            }
            if small_reads >= SMALL_READS && count < READ {
                tokio::time::sleep(GATHER).await;
            }
        }
    }

    /// Some bytes of the network, or why none will come.
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, Stop> {
        // What was not read because the reader lagged is not the peer's silence.
        self.watch.lock().heard = Instant::now();
        let idle = self.limits.idle;
        let silence = tokio::time::sleep(idle);
        tokio::pin!(silence);
        loop {
            tokio::select! {
                biased;
                count = self.from_network.read(space) => {
                    return match count {
                        Ok(count) if count > 0 => Ok(count),
                        Err(error) if wants_client_certificate(&error) => Err(Stop::ClientCertificate),
                        _ => Err(Stop::Lost),
                    };
                }
                () = &mut silence => silence.as_mut().reset(self.next_look(idle)?),
            }
        }
    }

    /// When to look again whether the peer is silent for too long; fails if it is.
    fn next_look(&self, idle: Duration) -> Result<Instant, Stop> {
        let watch = self.watch.lock();
        let now = Instant::now();
        if !watch.guard.waiting() {
            return Ok(now + idle);
        }
        let due = watch.heard + idle;
        if due > now { Ok(due) } else { Err(Stop::Idle) }
    }
}
