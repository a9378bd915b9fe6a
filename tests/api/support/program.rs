//! The program itself as another process: a folder to run it in, what it prints, how it ends.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::{Client, canaries};
use crate::bars;

/// The program under test.
pub const JIM: &str = env!("CARGO_BIN_EXE_jim");

/// Nothing here takes a tenth of it.
pub const HANG: Duration = Duration::from_secs(90);

/// A folder that the program runs in. It sees no environment but `PATH` and what a test adds.
pub struct Place {
    folder: TempDir,
    environment: BTreeMap<String, String>,
}

impl Place {
    /// An empty folder; the server takes a free port and logs all that it can.
    pub fn new() -> Place {
        Place::bare().with("JIM_SERVER_LISTEN", "127.0.0.1:0").with("JIM_LOG_FILTER", "trace")
    }

    /// An empty folder and an empty environment.
    pub fn bare() -> Place {
        Place { folder: tempfile::tempdir().expect("a folder"), environment: BTreeMap::new() }
    }

    /// A folder with database and keyring that a server was started on and stopped, and its bootstrap key.
    pub fn used() -> (Place, String) {
        let place = Place::new();
        let server = place.serve();
        let key = server.key();
        assert_eq!(server.stop().code, Some(0));
        (place, key)
    }

    /// Adds a variable to the environment.
    pub fn with(mut self, name: &str, value: &str) -> Place {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a file");
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).expect("a mode");
    }

    /// Every file with its mode and the digest of its bytes: equal contents mean that nothing was written.
    pub fn contents(&self) -> BTreeMap<String, (u32, String)> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(self.folder()).expect("a folder") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().to_string_lossy().into_owned();
            let mode = fs::symlink_metadata(entry.path()).expect("an entry").permissions().mode() & 0o7777;
            let bytes = if entry.path().is_file() { fs::read(entry.path()).expect("a file") } else { Vec::new() };
            let digest: String = Sha256::digest(&bytes).iter().take(8).map(|b| format!("{b:02x}")).collect();
            found.insert(name, (mode, format!("{} bytes, {digest}", bytes.len())));
        }
        found
    }

    /// What a backup must hold and a refusal must leave alone: the contents without the lock file, in which a start
    /// leaves its process id, and without SQLite's index and an empty write-ahead file, which an end that comes
    /// quickly leaves behind.
    pub fn kept(&self) -> BTreeMap<String, (u32, String)> {
        let mut all = self.contents();
        let passing = |name: &str, what: &str| {
            name.ends_with(".lock") || name.ends_with("-shm") || (name.ends_with("-wal") && what.starts_with("0 bytes"))
        };
        all.retain(|name, (_, what)| !passing(name, what));
        all
    }

    /// Whether any file holds these bytes.
    pub fn holds(&self, bytes: &[u8]) -> bool {
        self.names().iter().any(|name| self.read(name).windows(bytes.len()).any(|w| w == bytes))
    }

    /// The names of the files.
    pub fn names(&self) -> Vec<String> {
        self.contents().into_keys().collect()
    }

    /// The program with these arguments, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(JIM);
        command.args(arguments);
        self.dress(&mut command);
        command
    }

    /// The same, listening at this address.
    pub fn command_at(&self, arguments: &[&str], address: &str) -> Command {
        let mut command = self.command(arguments);
        command.env("JIM_SERVER_LISTEN", address);
        command
    }

    /// The same through a line of shell, in which `"$@"` is the program with its arguments.
    pub fn shell(&self, line: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line, "sh", JIM]).args(arguments);
        self.dress(&mut command);
        command
    }

    fn dress(&self, command: &mut Command) {
        command.env_clear().envs(&self.environment).current_dir(self.folder());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Done {
        Process::start(self.command(arguments)).wait()
    }

    /// Starts a server and waits until it listens.
    pub fn serve(&self) -> Process {
        let server = Process::start(self.command(&["serve"]));
        server.line("listening on ");
        server
    }
}

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

/// Numbers that look random and come again with the same seed, which is printed.
pub struct Dice(u64);

impl Dice {
    /// With the seed of this run, see `bars::seed`.
    pub fn new(name: &str) -> Dice {
        let seed = bars::seed(name);
        println!("{name}={seed}");
        Dice(seed)
    }

    /// With a seed that comes from other dice.
    pub fn seeded(seed: u64) -> Dice {
        Dice(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % end.max(1)
    }
}
