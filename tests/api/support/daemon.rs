//! A server that a script of `tests/directories` prepares and runs: its folder, its address, its end.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// Which certificate a directory shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    #[default]
    Good,
    WrongName,
    Expired,
    /// None at all: the directory knows no TLS, and refuses StartTLS.
    Missing,
}

impl Certificate {
    /// The scripts' word for it.
    pub fn word(self) -> &'static str {
        match self {
            Certificate::Good => "good",
            Certificate::WrongName => "wrong-name",
            Certificate::Expired => "expired",
            Certificate::Missing => "none",
        }
    }
}

/// A server as another process. It ends when this is dropped, and also when the test process ends or is killed.
pub struct Daemon {
    script: &'static str,
    folder: PathBuf,
    /// Removes the folder when this is dropped; what lives as long as the test process leaves that to the script.
    own: Option<TempDir>,
    pub address: Ipv4Addr,
    pub port: u16,
    child: Option<Child>,
    /// What a stopped server's watcher still waits for: its end would take the shared folder away.
    watches: Vec<ChildStdin>,
}

impl Daemon {
    /// Nothing runs yet. One that is shared is never dropped, because it is a static.
    pub fn new(script: &'static str, address: Ipv4Addr, port: u16, shared: bool) -> Daemon {
        let name = format!("jim-{}-", script.trim_end_matches(".sh"));
        let folder = tempfile::Builder::new().prefix(&name).tempdir().expect("a temporary folder");
        let (folder, own) = match shared {
            true => (folder.keep(), None),
            false => (folder.path().to_owned(), Some(folder)),
        };
        Daemon { script, folder, own, address, port, child: None, watches: Vec::new() }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn runs(&self) -> bool {
        self.child.is_some()
    }

    /// What the server has said.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.join("log.txt")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs the script's `prepare`.
    pub fn prepare(&self, place: &str, arguments: &[PathBuf], environment: &[(&str, &str)]) {
        let mut command = self.command("prepare", place);
        command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null());
        let output = match command.output() {
            Ok(output) => output,
            Err(why) => panic!("cannot run tests/directories/{}: {why}", self.script),
        };
        // The script's own text says what is missing, and that tests/run.sh installs it.
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs the script's `start` and waits until the server answers on its port, and accepts connections on the
    /// other one; the error is what it said.
    pub fn run(&mut self, place: &str, tls_port: Option<u16>, environment: &[(&str, &str)]) -> Result<(), String> {
        let log = OpenOptions::new().create(true).append(true).open(self.folder.join("log.txt")).expect("a log file");
        let said_before = log.metadata().map_or(0, |file| file.len());
        let mut command = self.command("start", place);
        // The pipe is the watch: it closes when this process ends, whatever ends it.
        command.arg("--until-eof").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
        if self.own.is_none() {
            command.arg("--remove");
        }
        let mut child = match command.envs(environment.iter().copied()).spawn() {
            Ok(child) => child,
            Err(why) => return Err(format!("cannot run tests/directories/{}: {why}", self.script)),
        };
        let (begun, address) = (Instant::now(), self.address);
        while !answers((address, self.port).into()) || tls_port.is_some_and(|port| !listens((address, port).into())) {
            let ended = child.try_wait().map_or(true, |status| status.is_some());
            if ended || begun.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                return Err(self.log().get(said_before as usize..).unwrap_or_default().to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Another process may have answered while ours failed to get the port.
        if !matches!(child.try_wait(), Ok(None)) {
            return Err(format!("Address already in use: {}:{}", self.address, self.port));
        }
        self.child = Some(child);
        Ok(())
    }

    /// Ends the server; its ports refuse connections afterwards and its data is kept.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            if self.own.is_none() {
                self.watches.extend(child.stdin.take());
            }
            // No goodbye is needed: what was answered is in its files.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn command(&self, verb: &str, place: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/directories").join(self.script);
        let mut command = Command::new("bash");
        command.arg(script).arg(verb).arg(&self.folder).arg(place);
        command
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A number that another process does not get too.
pub fn random() -> u32 {
    let mut bytes = [0; 4];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).expect("random bytes");
    u32::from_ne_bytes(bytes)
}

fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

/// A server may accept connections before it has read its databases, so the sign is an answer, to an anonymous bind.
fn answers(address: SocketAddr) -> bool {
    const ANONYMOUS_BIND: [u8; 14] = [0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0];
    let ask = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(&ANONYMOUS_BIND)?;
        stream.read_exact(&mut [0])
    };
    ask().is_ok()
}
