//! Full imports: what a connector passes on while it reads, and what it says at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::domain::connector_space::{Complete, ReadItem, RowId};

/// Items of a page at most.
pub(crate) const MAX_PAGE: usize = 1_000;
/// Pages between a connector and the plan: one is planned while the next arrives.
pub(crate) const PAGES_AHEAD: usize = 2;

/// Sink of a reading. It fails once the run was cancelled or has failed.
pub(crate) struct Pages {
    sender: mpsc::Sender<Vec<ReadItem>>,
    page: Vec<ReadItem>,
    progress: Progress,
}

/// The run no longer takes items; the reading ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

impl Pages {
    pub(crate) fn new(progress: Progress) -> (Pages, mpsc::Receiver<Vec<ReadItem>>) {
        let (sender, receiver) = mpsc::channel(PAGES_AHEAD);
        (Pages { sender, page: Vec::new(), progress }, receiver)
    }

    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Adds an item to the page in hand, without waiting.
    pub(crate) fn push(&mut self, item: ReadItem) {
        self.progress.count();
        self.page.push(item);
    }

    /// Whether the page in hand should be sent.
    pub(crate) fn is_full(&self) -> bool {
        self.page.len() >= MAX_PAGE
    }

    /// Waits until the run takes no more items. Borrows nothing, so that it can stand beside the reading.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let sender = self.sender.clone();
        async move { sender.closed().await }
    }

    /// Sends the page in hand, if there is anything in it.
    pub(crate) async fn send(&mut self) -> Result<(), Stopped> {
        if self.page.is_empty() {
            return if self.sender.is_closed() { Err(Stopped) } else { Ok(()) };
        }
        self.sender.send(std::mem::take(&mut self.page)).await.map_err(|_| Stopped)
    }

    /// Sends the page in hand from a thread that may block.
    pub(crate) fn blocking_send(&mut self) -> Result<(), Stopped> {
        if self.page.is_empty() {
            return if self.sender.is_closed() { Err(Stopped) } else { Ok(()) };
        }
        self.sender.blocking_send(std::mem::take(&mut self.page)).map_err(|_| Stopped)
    }
}

/// Progress of a run, read once a second for its activity. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    phase: Mutex<String>,
    read: AtomicU64,
    clock: Mutex<Clock>,
}

/// Kind of work that a run does between two writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Reading,
    LookingUp,
    References,
}

/// Time that a run has spent on each kind of work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Phases {
    /// With comparing; a write that the reading waits for is not in it.
    pub reading: Duration,
    pub looking_up: Duration,
    pub references: Duration,
    pub writing: Duration,
}

#[derive(Debug, Default)]
struct Clock {
    spent: Phases,
    /// Present phase, and when it began, later by the writes since.
    present: Option<(Phase, Instant)>,
}

impl Clock {
    fn pass(&mut self, now: Instant) {
        let Some((phase, since)) = self.present else { return };
        let spent = match phase {
            Phase::Reading => &mut self.spent.reading,
            Phase::LookingUp => &mut self.spent.looking_up,
            Phase::References => &mut self.spent.references,
        };
        *spent += now.saturating_duration_since(since);
        self.present = Some((phase, now));
    }

    fn write(&mut self, took: Duration) {
        self.spent.writing += took;
        if let Some((_, since)) = &mut self.present {
            *since += took;
        }
    }
}

impl Progress {
    /// Names what is done now, such as `Reading OU=Sales,DC=example`.
    pub(crate) fn enter(&self, phase: impl Into<String>) {
        *self.0.phase.lock() = phase.into();
    }

    /// Begins another kind of work.
    pub(crate) fn begin(&self, phase: Phase, text: &str) {
        self.enter(text);
        let mut clock = self.0.clock.lock();
        let now = Instant::now();
        clock.pass(now);
        clock.present = Some((phase, now));
    }

    /// Counts a write, which is not time of the present phase.
    pub(crate) fn wrote(&self, took: Duration) {
        self.0.clock.lock().write(took);
    }

    /// Time spent so far.
    pub(crate) fn phases(&self) -> Phases {
        let mut clock = self.0.clock.lock();
        clock.pass(Instant::now());
        clock.spent
    }

    pub(crate) fn phase(&self) -> String {
        self.0.phase.lock().clone()
    }

    fn count(&self) {
        self.0.read.fetch_add(1, Relaxed);
    }

    /// Entries and rows so far.
    pub(crate) fn read(&self) -> u64 {
        self.0.read.load(Relaxed)
    }
}

/// End of a reading that did not fail as a whole.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    /// Regions that were read completely.
    pub complete: Vec<Complete>,
    /// What was not read as it should be, with the reason and the remedy.
    pub warnings: Vec<String>,
    /// What is normal for a system, counted for the message: `12 entries of computer are not selected`.
    pub notes: Vec<String>,
    /// Containers whose DN differs from the stored one: id and DN as found. The stored hierarchy is corrected.
    pub renamed: Vec<(RowId, String)>,
}

/// Stored object that a complete reading did not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MissingObject {
    pub object: RowId,
    pub partition: Option<RowId>,
    pub dn: Option<Box<str>>,
    /// The directory's own id, if the external id of its type is that.
    pub own: Option<[u8; 16]>,
}

/// Answer of the outside system about a missing object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Proved to be gone.
    Gone,
    /// It answers, at a DN outside the scope.
    OutOfScope,
    /// It answers inside the scope: it was renamed or made while the run read.
    InScope,
    /// Neither shown nor proved gone.
    Unprovable,
    /// The look-up failed.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_is_not_time_of_the_phase_that_waits_for_it() {
        let (mut clock, begun) = (Clock::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        clock.pass(at(1));
        assert_eq!(clock.spent, Phases::default(), "before the first phase");
        clock.present = Some((Phase::Reading, begun));
        clock.write(Duration::from_secs(3));
        clock.pass(at(10));
        clock.present = Some((Phase::References, at(10)));
        clock.pass(at(12));
        let seconds = Duration::from_secs;
        let expected = Phases { reading: seconds(7), writing: seconds(3), references: seconds(2), ..Phases::default() };
        assert_eq!(clock.spent, expected);
    }
}
