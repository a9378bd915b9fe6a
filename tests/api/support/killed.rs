//! The program met at each of its system calls that change files, one run per call, by strace: killed there, or told
//! that the call failed.

use std::process::Command;
use std::time::Instant;

use super::program::{HANG, Place, Process};

/// Calls that change files, by kind. A question mark spares architectures that lack a name.
const KINDS: [&str; 10] = [
    "write",
    "?copy_file_range,?sendfile",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "?rename,?renameat,?renameat2",
    "?mkdir,mkdirat",
    "?unlink,unlinkat",
    "?rmdir",
];

/// More calls of a kind than any run makes: a sweep that reaches it goes on for ever.
const TOO_MANY: usize = 2_000;
/// What strace writes down, in the folder of the program.
const LOG: &str = "calls";

/// A call of a run: the n-th of a kind, on any file or on one. strace counts calls by thread, so that a thread that
/// comes second is met with by its files only.
#[derive(Debug, Clone)]
pub struct Call {
    pub kind: &'static str,
    pub file: Option<&'static str>,
    pub n: usize,
}

impl Call {
    /// The program, with something injected at this call: `signal=KILL`, or `error=EIO`, and `+` for this call and all
    /// later ones.
    pub fn inject(&self, place: &Place, what: &str, on: &str, arguments: &[&str]) -> Command {
        let _ = std::fs::remove_file(place.path(LOG));
        place.shell(&self.line(place, what, on), arguments)
    }

    /// The same as a line of shell, in which `"$@"` is a program with its arguments.
    pub fn line(&self, place: &Place, what: &str, on: &str) -> String {
        let Call { kind, file, n } = self;
        let path = file.map_or(String::new(), |file| format!("-P {}", place.path(file).display()));
        // -D keeps the program the child of this process.
        format!("exec strace -D -f -q -o {LOG} {path} -e 'trace={kind}' -e 'inject={kind}:{what}:when={n}{on}' \"$@\"")
    }

    /// How often it happened in the run of this process, which has just ended, by what strace wrote down.
    pub fn fired(place: &Place, pid: u32) -> usize {
        let (begun, pid) = (Instant::now(), pid.to_string());
        let is_end = |line: &str| line.contains(" +++ ") && line.split_whitespace().next() == Some(&pid);
        loop {
            let log = String::from_utf8_lossy(&std::fs::read(place.path(LOG)).unwrap_or_default()).into_owned();
            // strace outlives the program by a moment.
            if log.lines().any(is_end) {
                return log.matches("(INJECTED)").count() + usize::from(log.contains("+++ killed by SIGKILL"));
            }
            assert!(begun.elapsed() < HANG, "strace does not end: {log}");
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
    }
}

/// Goes through the calls of a run: each kind with each file, from the first or a later one on until a run made no
/// more of them.
pub struct Sweep {
    left: Vec<Calls>,
    next: usize,
}

/// Calls of a kind on a file, every `step`-th of them from the `first` on.
#[derive(Debug, Clone, Copy)]
pub struct Calls {
    pub kind: &'static str,
    pub file: Option<&'static str>,
    pub first: usize,
    pub step: usize,
}

impl Calls {
    /// Every one of them.
    pub fn all(kind: &'static str, file: Option<&'static str>) -> Calls {
        Calls { kind, file, first: 1, step: 1 }
    }

    /// A sample of them.
    pub fn sample(kind: &'static str, file: Option<&'static str>, step: usize, seed: u64) -> Calls {
        Calls { kind, file, first: 1 + (seed % step as u64) as usize, step }
    }
}

impl Sweep {
    pub fn new(mut calls: Vec<Calls>) -> Sweep {
        calls.reverse();
        let next = calls.last().map_or(0, |c| c.first);
        Sweep { left: calls, next }
    }

    /// The call to be met next.
    pub fn call(&self) -> Option<Call> {
        let Calls { kind, file, .. } = self.left.last()?;
        assert!(self.next < TOO_MANY, "{kind}: no end");
        Some(Call { kind, file: *file, n: self.next })
    }

    /// Goes on. A run that did not come to the call has no later one either.
    pub fn met(&mut self, fired: bool) {
        if fired {
            self.next += self.left.last().map_or(1, |c| c.step);
        } else {
            self.left.pop();
            self.next = self.left.last().map_or(0, |c| c.first);
        }
    }
}

/// Runs the program again and again, killed at its first call of a kind, at its second and so on until it makes no
/// more of them; then the same with only those calls that touch one of `files`. Before each run `prepare` puts things
/// as they were, after each kill `inspect` gets where it was. Returns how many kills there were.
pub fn at_every_call(
    place: &Place,
    arguments: &[&str],
    files: &[&'static str],
    prepare: impl Fn(),
    mut inspect: impl FnMut(usize, &str),
) -> usize {
    let mut kills = 0;
    let only = std::iter::once(None).chain(files.iter().copied().map(Some));
    let mut sweep = Sweep::new(only.flat_map(|file| KINDS.map(|kind| Calls::all(kind, file))).collect());
    while let Some(call) = sweep.call() {
        prepare();
        let process = Process::start(call.inject(place, "signal=KILL", "", arguments));
        let pid = process.pid();
        let done = process.wait();
        let fired = done.code.is_none();
        assert!(fired || done.code == Some(0), "{call:?}: {done:?}");
        assert_eq!(Call::fired(place, pid) > 0, fired, "{call:?}");
        let _ = std::fs::remove_file(place.path(LOG));
        if fired {
            kills += 1;
            inspect(kills, &format!("{call:?}"));
        }
        sweep.met(fired);
    }
    kills
}
