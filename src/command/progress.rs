//! A word on work that takes long: a line that is written over in a terminal, a line every ten seconds elsewhere.
//!
//! On standard error, because standard output carries only what was asked for; and nothing at all of what is quick.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Nobody wonders before that.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often a terminal is told.
const LIVELY: Duration = Duration::from_millis(200);
/// How often a file or a journal is told.
const PLAIN: Duration = Duration::from_secs(10);

/// Tells of work until it is dropped.
pub struct Progress {
    done: Option<Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Progress {
    /// Work of which one says that it is `what` ("copying the database").
    pub fn of(what: &'static str) -> Progress {
        let (done, waiting) = channel();
        let live = std::io::stderr().is_terminal();
        let teller = std::thread::spawn(move || {
            let begun = Instant::now();
            let mut wait = if live { PATIENCE } else { PLAIN };
            let mut told = false;
            while let Err(RecvTimeoutError::Timeout) = waiting.recv_timeout(wait) {
                let seconds = begun.elapsed().as_secs();
                let _ = match live {
                    true => write!(std::io::stderr(), "\r\x1b[2K{what}, {seconds} s"),
                    false => writeln!(std::io::stderr(), "{what}, {seconds} s so far"),
                };
                (wait, told) = (if live { LIVELY } else { PLAIN }, true);
            }
            if live && told {
                let _ = write!(std::io::stderr(), "\r\x1b[2K");
            }
        });
        Progress { done: Some(done), teller: Some(teller) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.done.take());
        // What follows must not be written over.
        let _ = self.teller.take().map(JoinHandle::join);
    }
}
