//! Task between network and LDAP library: moves bytes both ways, passes responses through the guard, and applies
//! back-pressure while the reader lags.

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

use super::ber::{BerError, frame_length};
use super::guard::{Ended, Guard, sift};
use super::limits::{Budget, Limits};
use crate::security::tls::wants_client_certificate;

/// Bytes per read: hundreds of entries share a system call, and one read cannot exceed [`Limits::ahead`] by much.
const READ_SIZE: usize = 64 * 1024;
/// Bytes buffered in the library before the reader must catch up completely.
const MAX_UNREAD: u64 = 8 * 1024 * 1024;
/// Directories that send each entry separately cost three system calls and wake-ups per entry. After this many small
/// reads of one search (more than a page of 1000 entries, at whose end a pause costs more than it saves) ...
const MAX_SMALL_READS: u32 = 1024;
/// ... of fewer bytes than this ...
const SMALL_READ: usize = 4 * 1024;
/// ... each read is delayed, so that entries accumulate in the system's buffer, until the final response.
const BATCH_DELAY: Duration = Duration::from_millis(1);
/// Time to receive the last responses after the directory stopped accepting requests.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(200);
/// [`Flow::resume_at`] while the pump is not waiting.
const NOT_WAITING: u64 = u64::MAX;

/// Reason of the end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Lost,
    NotUnderstood,
    Exceeds,
    /// No byte for [`Limits::idle`] while a response was outstanding.
    Idle,
    /// TLS 1.3 requires a client certificate, which shows only after the handshake.
    ClientCertificate,
}

/// State shared by pump and reader.
#[derive(Debug)]
pub struct Flow {
    delivered: AtomicU64,
    consumed: AtomicU64,
    resume_at: AtomicU64,
    resume: Notify,
    skipped: AtomicU64,
    references: AtomicU64,
    stop: OnceLock<Stop>,
}

impl Flow {
    pub fn new() -> Self {
        Flow {
            delivered: AtomicU64::new(0),
            consumed: AtomicU64::new(0),
            resume_at: AtomicU64::new(NOT_WAITING),
            resume: Notify::new(),
            skipped: AtomicU64::new(0),
            references: AtomicU64::new(0),
            stop: OnceLock::new(),
        }
    }

    /// Counts an entry taken by the reader.
    pub fn consumed(&self) {
        let consumed = self.consumed.fetch_add(1, Ordering::SeqCst) + 1;
        if consumed >= self.resume_at.load(Ordering::SeqCst) {
            self.resume.notify_one();
        }
    }

    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::SeqCst)
    }

    pub fn references(&self) -> u64 {
        self.references.load(Ordering::SeqCst)
    }

    pub fn ahead(&self) -> u64 {
        self.delivered.load(Ordering::SeqCst).saturating_sub(self.consumed.load(Ordering::SeqCst))
    }

    pub fn stopped(&self) -> Stop {
        self.stop.get().copied().unwrap_or(Stop::Lost)
    }

    /// Waits until the reader has caught up enough. `unread` counts the bytes since it last had completely.
    async fn wait_for_reader(&self, ahead: u64, unread: &mut u64) {
        let (delivered, behind) = (self.delivered.load(Ordering::SeqCst), self.ahead());
        if behind == 0 {
            *unread = 0;
            return;
        }
        let target = if *unread > MAX_UNREAD {
            // The reader counts entries, not bytes, so it has to catch up completely.
            *unread = 0;
            delivered
        } else if behind > ahead {
            // Half, so that pump and reader do not alternate per entry.
            delivered - ahead / 2
        } else {
            return;
        };
        // Stored before `consumed` is read again: the reader either sees it or has passed it already.
        self.resume_at.store(target, Ordering::SeqCst);
        while self.consumed.load(Ordering::SeqCst) < target {
            self.resume.notified().await;
        }
        self.resume_at.store(NOT_WAITING, Ordering::SeqCst);
    }
}

/// The guard, and the time of the last data or request.
struct Watch {
    guard: Guard,
    last_activity: Instant,
}

/// Runs until one side ends. `library` is one end of a socket pair with the LDAP library. The reason is set in `flow`
/// before the library can notice the end.
pub async fn pump<S>(network: S, library: UnixStream, flow: Arc<Flow>, limits: Limits, budget: Arc<Budget>)
where
    S: AsyncRead + AsyncWrite + Send,
{
    let (from_network, to_network) = tokio::io::split(network);
    let (from_library, to_library) = library.into_split();
    let watch = Mutex::new(Watch { guard: Guard::default(), last_activity: Instant::now() });
    let mut answers =
        Answers { from_network, to_library, flow: &flow, watch: &watch, limits: &limits, budget: &budget };
    let stop = tokio::select! {
        stop = forward_requests(from_library, to_network, &watch) => stop,
        stop = answers.forward() => stop,
    };
    // Set once, before the halves of the socket pair are dropped.
    let _ = flow.stop.set(stop);
}

/// Forwards requests to the network, registering each with the guard first.
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
                // Unbound or cancelled: no response is awaited.
                let _ = to_network.shutdown().await;
                return Stop::Lost;
            }
        }
        let whole = match register(&buffer, watch) {
            Ok(whole) => whole,
            Err(error) => {
                tracing::error!(%error, "the guard refused an outgoing request");
                return Stop::NotUnderstood;
            }
        };
        let Some(frames) = buffer.get(..whole) else { return Stop::NotUnderstood };
        if to_network.write_all(frames).await.is_err() || to_network.flush().await.is_err() {
            // The reason may have arrived already; then the response side returns it.
            tokio::time::sleep(DRAIN_TIMEOUT).await;
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

/// Registers all complete requests with the guard and returns their length in bytes.
fn register(buffer: &[u8], watch: &Mutex<Watch>) -> Result<usize, BerError> {
    let mut watch = watch.lock();
    let mut whole = 0;
    loop {
        let rest = buffer.get(whole..).unwrap_or_default();
        let Some(length) = frame_length(rest, usize::MAX)? else { break };
        let Some(frame) = rest.get(..length) else { break };
        watch.guard.sent(frame)?;
        whole += length;
    }
    // The idle timeout starts now.
    watch.last_activity = Instant::now();
    Ok(whole)
}

/// Direction from network to library.
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
        let mut buffer = vec![0; 2 * READ_SIZE];
        let mut filled = 0;
        let mut unread = 0;
        let mut small_reads = 0;
        loop {
            self.flow.wait_for_reader(self.limits.ahead, &mut unread).await;
            // Grows with received bytes, never with an announced length.
            if buffer.len() < filled + READ_SIZE {
                buffer.resize(2 * (filled + READ_SIZE), 0);
            }
            let Some(space) = buffer.get_mut(filled..filled + READ_SIZE) else { return Stop::Lost };
            let count = match self.read(space).await {
                Ok(count) => count,
                Err(stop) => return stop,
            };
            filled += count;
            let Some(came) = buffer.get_mut(..filled) else { return Stop::Lost };
            let sifted = sift(&mut self.watch.lock().guard, came, self.limits.message);
            if !self.budget.receive(count as u64, sifted.entries + sifted.skipped) {
                return Stop::Exceeds;
            }
            unread += sifted.keep as u64;
            self.flow.delivered.fetch_add(sifted.entries, Ordering::SeqCst);
            self.flow.skipped.fetch_add(sifted.skipped, Ordering::SeqCst);
            self.flow.references.fetch_add(sifted.references, Ordering::SeqCst);
            let Some(keep) = buffer.get(..sifted.keep) else { return Stop::Lost };
            if self.to_library.write_all(keep).await.is_err() {
                return Stop::Lost;
            }
            match sifted.end {
                None => {}
                Some(Ended::Disconnect) => return Stop::Lost,
                Some(Ended::Refused(error)) => {
                    tracing::warn!(%error, "the directory sent an invalid response");
                    return if error.is_limit() { Stop::Exceeds } else { Stop::NotUnderstood };
                }
            }
            buffer.copy_within(sifted.checked..filled, 0);
            filled -= sifted.checked;
            if sifted.finals > 0 {
                small_reads = 0;
            } else if sifted.entries > 0 && count < SMALL_READ {
                small_reads += 1;
            }
            if small_reads >= MAX_SMALL_READS && count < READ_SIZE {
                tokio::time::sleep(BATCH_DELAY).await;
            }
        }
    }

    /// Reads bytes from the network, or fails with the reason of the end.
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, Stop> {
        // Time that the reader lagged is not idle time of the directory.
        self.watch.lock().last_activity = Instant::now();
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
                () = &mut silence => silence.as_mut().reset(self.next_idle_check(idle)?),
            }
        }
    }

    /// Time of the next idle check; fails if the directory is idle for too long.
    fn next_idle_check(&self, idle: Duration) -> Result<Instant, Stop> {
        let watch = self.watch.lock();
        let now = Instant::now();
        if !watch.guard.waiting() {
            return Ok(now + idle);
        }
        let due = watch.last_activity + idle;
        if due > now { Ok(due) } else { Err(Stop::Idle) }
    }
}
