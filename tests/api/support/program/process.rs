//! A running program: what it prints, what it holds, how it ends.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::HANG;
use crate::support::{Client, canaries};

/// How a run ended. `code` is `None` if a signal ended it.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Done {
    /// The messages, if it ended with this code and printed nothing on standard output.
    #[track_caller]
    pub fn refused(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.out, "", "a refusal belongs on standard error");
        assert!(!self.err.trim().is_empty() && !self.err.contains("panicked"), "{}", self.err);
        self.err
    }

    /// What was printed, if it ended well.
    #[track_caller]
    pub fn told(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }
}

/// The program while it runs. It is killed when dropped.
pub struct Process {
    child: Child,
    out: Lines,
    err: Lines,
    begun: Instant,
}

impl Process {
    pub fn start(command: Command) -> Process {
        Process::heard(command, canaries::overhear, canaries::hear)
    }

    /// A program that is not ours, and may say what it hears.
    pub fn of_others(command: Command) -> Process {
        Process::heard(command, |_| (), |_| ())
    }

    fn heard(mut command: Command, out: fn(&str), err: fn(&str)) -> Process {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let begun = Instant::now();
        let mut child = command.spawn().expect("the program starts");
        let out = Lines::of(child.stdout.take().expect("a pipe"), out);
        let err = Lines::of(child.stderr.take().expect("a pipe"), err);
        Process { child, out, err, begun }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line of standard output and returns what follows this beginning.
    #[track_caller]
    pub fn line(&self, begins: &str) -> String {
        let line = self.out.wait_for(|l| l.starts_with(begins));
        let line = line.unwrap_or_else(|| panic!("no line {begins:?} in {:?} {:?}", self.out(), self.err()));
        line.strip_prefix(begins).unwrap_or_default().to_owned()
    }

    /// Waits for a line of the log that holds this text.
    #[track_caller]
    pub fn log_line(&self, holds: &str) -> String {
        let line = self.err.wait_for(|l| l.contains(holds));
        line.unwrap_or_else(|| panic!("no line with {holds:?} in {:?}", self.err()))
    }

    /// The lines of standard output so far.
    pub fn out(&self) -> Vec<String> {
        self.out.all()
    }

    /// The lines of standard error so far.
    pub fn err(&self) -> Vec<String> {
        self.err.all()
    }

    /// Where it listens.
    #[track_caller]
    pub fn address(&self) -> SocketAddr {
        self.line("listening on http://").parse().expect("an address")
    }

    /// Waits until it listens or ends; whether it listens.
    pub fn listens(&self) -> bool {
        self.out.wait_for(|l| l.starts_with("listening on ")).is_some()
    }

    /// The bootstrap key.
    #[track_caller]
    pub fn key(&self) -> String {
        let key = self.line("bootstrap API key: ");
        canaries::key(&key);
        key
    }

    /// A client with a key.
    pub fn client(&self, key: &str) -> Client {
        Client::new(self.address()).with_key(key)
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, signal).expect("a signal");
    }

    /// Waits for the end.
    #[track_caller]
    pub fn wait(mut self) -> Done {
        let until = Instant::now() + HANG;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                let took = self.begun.elapsed();
                let text = |lines: &Lines| lines.whole().iter().map(|l| format!("{l}\n")).collect();
                return Done { code: status.code(), out: text(&self.out), err: text(&self.err), took };
            }
            assert!(Instant::now() < until, "it does not end: {:?} {:?}", self.out(), self.err());
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Asks it to stop and waits for the end.
    #[track_caller]
    pub fn stop(self) -> Done {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Kills it, as a crash would.
    pub fn kill(mut self) {
        self.end();
    }

    /// Memory that is its own right now, in KiB.
    pub fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("a running process");
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).expect("VmRSS");
        line.trim().trim_end_matches("kB").trim().parse().expect("a number")
    }

    /// The same once what was needed for a moment only has been given back.
    pub fn quiet_memory(&self) -> u64 {
        let looks = (0..20).map(|_| {
            std::thread::sleep(Duration::from_millis(50));
            self.memory()
        });
        looks.min().unwrap_or_default()
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        canaries::none_heard();
    }
}

/// The lines of a pipe as they come.
struct Lines {
    shared: Arc<(Mutex<Heard>, Condvar)>,
}

#[derive(Default)]
struct Heard {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    fn of(pipe: impl Read + Send + 'static, hear: fn(&str)) -> Lines {
        let shared: Arc<(Mutex<Heard>, Condvar)> = Arc::default();
        let theirs = shared.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(pipe);
            let mut line = Vec::new();
            while matches!(reader.read_until(b'\n', &mut line), Ok(n) if n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                hear(&text);
                theirs.0.lock().unwrap_or_else(PoisonError::into_inner).lines.push(text);
                theirs.1.notify_all();
                line.clear();
            }
            theirs.0.lock().unwrap_or_else(PoisonError::into_inner).ended = true;
            theirs.1.notify_all();
        });
        Lines { shared }
    }

    fn all(&self) -> Vec<String> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    /// All lines, once the pipe is closed.
    fn whole(&self) -> Vec<String> {
        self.wait_for(|_| false);
        self.all()
    }

    /// The first line that fits; `None` if the pipe ends without one or nothing comes for too long.
    fn wait_for(&self, fits: impl Fn(&str) -> bool) -> Option<String> {
        let mut read = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(line) = read.lines.iter().find(|l| fits(l)) {
                return Some(line.clone());
            }
            if read.ended {
                return None;
            }
            let (again, waited) = self.shared.1.wait_timeout(read, HANG).unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() {
                return None;
            }
            read = again;
        }
    }
}
