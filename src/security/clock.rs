//! The time that decides about keys. It never goes back, whatever is done to the system's clock.
//!
//! How much time passed is read from the monotonic clock, and when something is from the system's. Nothing here
//! sleeps or reads files.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

/// Points in time are kept and compared in units of 100 ns, as the wire and the file write them.
const TICKS: i64 = 10_000_000;
/// A step of the system's clock that is worth telling.
const JUMP: i64 = 5 * 60 * TICKS;

/// Both clocks at one moment.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    /// What the system calls the time.
    pub wall: OffsetDateTime,
    /// How long ago the reading began, by a clock that nobody sets.
    pub elapsed: Duration,
}

/// Where readings come from.
pub type Source = Box<dyn Fn() -> Reading + Send + Sync>;

/// The system's clocks.
pub fn system() -> Source {
    let begun = Instant::now();
    Box::new(move || Reading { wall: OffsetDateTime::now_utc(), elapsed: begun.elapsed() })
}

/// A moment as this server sees it.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// What expiry is held against: never before anything that was seen earlier.
    pub at: OffsetDateTime,
    /// How long the server has been running.
    pub elapsed: Duration,
}

/// The clock of one server.
pub struct Clock {
    source: Source,
    /// The largest difference seen between the system's time and the elapsed one, in ticks.
    lead: AtomicI64,
    /// The difference at the last look for a jump.
    watched: AtomicI64,
}

impl Clock {
    /// Goes on from the last moment that an earlier run saw, if the system's clock has fallen behind it.
    pub fn new(source: Source, last_seen: Option<OffsetDateTime>) -> Self {
        let reading = source();
        let lead = difference(&reading);
        let kept = last_seen.map_or(lead, |at| difference(&Reading { wall: at, ..reading }).max(lead));
        Clock { source, lead: AtomicI64::new(kept), watched: AtomicI64::new(lead) }
    }

    /// The moment.
    pub fn now(&self) -> Now {
        let reading = (self.source)();
        let lead = difference(&reading);
        let kept = match self.lead.load(Relaxed) {
            kept if kept >= lead => kept,
            _ => self.lead.fetch_max(lead, Relaxed).max(lead),
        };
        let ticks = i128::from(kept) + ticks(reading.elapsed);
        let at = OffsetDateTime::from_unix_timestamp_nanos(ticks * 100).unwrap_or(reading.wall);
        Now { at, elapsed: reading.elapsed }
    }

    /// How far behind the last moment seen the system's clock is, if that is worth telling.
    pub fn behind(&self) -> Option<Duration> {
        let behind = self.lead.load(Relaxed) - difference(&(self.source)());
        (behind > JUMP).then(|| Duration::from_secs((behind / TICKS).unsigned_abs()))
    }

    /// By how many seconds the system's clock was moved since the last look, if that is worth telling.
    pub fn jumped(&self) -> Option<i64> {
        let lead = difference(&(self.source)());
        let moved = lead - self.watched.swap(lead, Relaxed);
        (moved.abs() > JUMP).then_some(moved / TICKS)
    }
}

fn difference(reading: &Reading) -> i64 {
    // Every date that can be written fits into 63 bits of ticks.
    let difference = reading.wall.unix_timestamp_nanos() / 100 - ticks(reading.elapsed);
    i64::try_from(difference).unwrap_or(i64::MAX)
}

fn ticks(time: Duration) -> i128 {
    (time.as_nanos() / 100) as i128
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use time::Duration as Span;

    use super::*;

    /// A clock that stands still until it is moved: the first number is the system's, the second the elapsed time.
    fn clock(last_seen: Option<OffsetDateTime>) -> (Clock, Arc<[AtomicI64; 2]>) {
        let hands: Arc<[AtomicI64; 2]> = Arc::default();
        let theirs = hands.clone();
        let source = move || Reading {
            wall: OffsetDateTime::UNIX_EPOCH + Span::seconds(theirs[0].load(Relaxed)),
            elapsed: Duration::from_secs(theirs[1].load(Relaxed).unsigned_abs()),
        };
        (Clock::new(Box::new(source), last_seen), hands)
    }

    fn seconds(clock: &Clock) -> i64 {
        clock.now().at.unix_timestamp()
    }

    #[test]
    fn time_goes_on_when_the_clock_is_set_back_and_follows_it_forward() {
        let (clock, hands) = clock(None);
        let set = |wall: i64, elapsed: i64| {
            hands[0].store(wall, Relaxed);
            hands[1].store(elapsed, Relaxed);
        };
        set(1_000, 10);
        assert_eq!((seconds(&clock), clock.jumped()), (1_000, Some(990)));
        set(100, 20);
        assert_eq!((seconds(&clock), clock.jumped()), (1_010, Some(-910)));
        assert_eq!(clock.behind(), Some(Duration::from_secs(910)));
        set(1_200, 30);
        assert_eq!((seconds(&clock), clock.jumped()), (1_200, Some(1_090)));
        set(1_499, 40);
        assert_eq!((seconds(&clock), clock.jumped(), clock.behind()), (1_499, None, None));
    }

    #[test]
    fn a_start_goes_on_from_what_an_earlier_run_saw() {
        let seen = |at: i64| clock(Some(OffsetDateTime::UNIX_EPOCH + Span::seconds(at))).0;
        assert_eq!((seconds(&seen(500)), seen(500).behind()), (500, Some(Duration::from_secs(500))));
        assert_eq!((seconds(&seen(-500)), seen(-500).behind(), seen(-500).jumped()), (0, None, None));
    }
}
