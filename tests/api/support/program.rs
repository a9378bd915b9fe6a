//! The program itself as another process: a folder to run it in, what it prints, how it ends.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::tier;

mod process;

pub use process::{Done, Process};

/// The program under test: that of this build, or in the full tier the optimised one.
pub fn program() -> PathBuf {
    std::env::var_os("TESTS_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_jim").into(), PathBuf::from)
}

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
        let mut command = Command::new(program());
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
        command.args(["-c", line, "sh"]).arg(program()).args(arguments);
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
/// Numbers that look random and come again with the same seed, which is printed.
pub struct Dice(u64);

impl Dice {
    /// With the seed of this run, see `tier::seed`.
    pub fn new(name: &str) -> Dice {
        let seed = tier::seed(name);
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
