//! Progress of long work on standard error: one line that is overwritten in a terminal, a line every ten seconds
//! elsewhere. Quick work prints nothing.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const FIRST_DELAY: Duration = Duration::from_millis(500);
const TERMINAL_INTERVAL: Duration = Duration::from_millis(200);
/// Interval in a file or journal.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Progress display, until it is dropped.
pub struct Progress {
    done: Option<Sender<()>>,
    printer: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts a display of `what` ("copying the database").
    pub fn of(what: &'static str) -> Progress {
        let (done, waiting) = channel();
        let live = std::io::stderr().is_terminal();
        let printer = std::thread::spawn(move || {
            let begun = Instant::now();
            let mut wait = if live { FIRST_DELAY } else { LOG_INTERVAL };
            let mut shown = false;
            while let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(wait) {
                let seconds = begun.elapsed().as_secs();
                let _ = if live {
                    write!(std::io::stderr(), "\r\x1b[2Kjim: {what}, {seconds} s")
                } else {
                    writeln!(std::io::stderr(), "jim: {what}, {seconds} s so far")
                };
                (wait, shown) = (if live { TERMINAL_INTERVAL } else { LOG_INTERVAL }, true);
            }
            if live && shown {
                let _ = write!(std::io::stderr(), "\r\x1b[2K");
            }
        });
        Progress { done: Some(done), printer: Some(printer) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.done.take());
        // Later output must not be overwritten.
        let _ = self.printer.take().map(JoinHandle::join);
    }
}
