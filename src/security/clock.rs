//! The clocks of a server: the wall clock for expiry, the monotonic one for time limits. Tests inject their own.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// Reading of both clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Wall time, for the expiry of keys.
    pub at: OffsetDateTime,
    /// Monotonic time since the start, for windows and caches.
    pub elapsed: Duration,
}

/// Source of readings.
pub type Source = Box<dyn Fn() -> Now + Send + Sync>;

/// The clocks of the system.
pub fn system() -> Source {
    let begun = Instant::now();
    Box::new(move || Now { at: OffsetDateTime::now_utc(), elapsed: begun.elapsed() })
}

/// Clock of one server.
pub struct Clock(Source);

impl Clock {
    /// Clock that reads this source.
    pub fn new(source: Source) -> Self {
        Clock(source)
    }

    /// The present moment.
    pub fn now(&self) -> Now {
        (self.0)()
    }
}
