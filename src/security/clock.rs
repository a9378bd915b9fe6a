//! The clocks of a server: wall time for expiry, monotonic time for time limits. Tests inject their own.

use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// Reading of both clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    pub at: OffsetDateTime,
    /// Monotonic time since the start.
    pub elapsed: Duration,
}

pub type Source = Box<dyn Fn() -> Now + Send + Sync>;

/// The clocks of the system.
pub fn system() -> Source {
    let begun = Instant::now();
    Box::new(move || Now { at: OffsetDateTime::now_utc(), elapsed: begun.elapsed() })
}

pub struct Clock(pub Source);

impl Clock {
    pub fn now(&self) -> Now {
        (self.0)()
    }
}
