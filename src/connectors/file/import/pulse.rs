//! Time limit of single calls into a file system, which may hang. The whole import has none.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::task::{JoinError, JoinHandle};

/// State of the calls of one thread. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(in crate::connectors::file) struct Pulse(Arc<Calls>);

#[derive(Debug, Default)]
struct Calls {
    begun: AtomicU64,
    inside: AtomicBool,
}

impl Pulse {
    /// Makes a call that may hang.
    pub(super) fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        self.begin();
        let result = call();
        self.0.inside.store(false, Relaxed);
        result
    }

    fn begin(&self) {
        self.0.begun.fetch_add(1, Relaxed);
        self.0.inside.store(true, Relaxed);
    }

    /// Waits for the thread. `None` if one call took longer than `limit`, noticed after twice that time at most.
    pub(in crate::connectors::file) async fn watch<T>(
        &self,
        mut thread: JoinHandle<T>,
        limit: Duration,
    ) -> Option<Result<T, JoinError>> {
        let mut before = None;
        loop {
            if let Ok(end) = tokio::time::timeout(limit, &mut thread).await {
                return Some(end);
            }
            let now = self.0.inside.load(Relaxed).then(|| self.0.begun.load(Relaxed));
            if now.is_some() && now == before {
                return None;
            }
            before = now;
        }
    }
}

/// Reader whose calls are watched.
pub(super) struct Watched<'p, R> {
    pub file: R,
    pub pulse: &'p Pulse,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.pulse.during(|| self.file.read(into))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn only_a_call_that_hangs_ends_the_wait() {
        let hanging = Pulse::default();
        hanging.begin();
        assert!(hanging.watch(tokio::spawn(std::future::pending::<()>()), LIMIT).await.is_none());

        // Long waits between calls are none: the run takes its time with a page.
        let slow = Pulse::default();
        slow.during(|| ());
        let thread = tokio::spawn(tokio::time::sleep(LIMIT * 10));
        assert!(slow.watch(thread, LIMIT).await.is_some_and(|end| end.is_ok()));

        let busy = Pulse::default();
        let theirs = busy.clone();
        let thread = tokio::spawn(async move {
            for _ in 0..10 {
                theirs.begin();
                tokio::time::sleep(LIMIT / 2).await;
            }
        });
        assert!(busy.watch(thread, LIMIT).await.is_some_and(|end| end.is_ok()));
    }
}
