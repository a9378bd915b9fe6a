//! `jim.toml` and the environment: what may be configured, and every mistake in it told at once.

mod reader;
mod source;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use self::reader::Reader;
use self::source::{Values, read_environment, read_file};
use crate::connectors::ldap::address::Policy;
use crate::domain::network::Network;
use crate::telemetry::LogFormat;

/// The file that is read if it is there and no other is named.
pub const DEFAULT_FILE: &str = "jim.toml";
/// The environment variable of the operator's key; no configuration key.
pub const INFRASTRUCTURE_KEY: &str = "JIM_INFRASTRUCTURE_API_KEY";

/// Limits that an operator may move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections to the API at the same time.
    pub connections: usize,
    /// The same from one address.
    pub connections_per_address: usize,
    /// Entries that one import may read from a directory.
    pub import_entries: u64,
    /// Mebibytes that one import may read from a directory.
    pub import_mib: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 1024, connections_per_address: 256, import_entries: 1_000_000, import_mib: 512 }
    }
}

/// A checked configuration; all paths are usable as they are.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the API listens.
    pub listen: SocketAddr,
    /// The listener's certificate chain and key, if it speaks TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Proxies whose word about a caller's address is taken.
    pub trusted_proxies: Vec<Network>,
    /// Where monitoring is answered without a key, if anywhere; always a loopback address.
    pub metrics: Option<SocketAddr>,
    /// Limits that an operator may move.
    pub limits: Limits,
    /// The database file.
    pub database: PathBuf,
    /// The keyring file.
    pub keyring: PathBuf,
    /// A folder of PEM files that are trusted beside the system's store.
    pub trust_dir: Option<PathBuf>,
    /// Which directories may be connected to.
    pub allowed_directories: Policy,
    /// The connector files folder: file connectors read nothing that is not below it.
    pub files_root: Option<PathBuf>,
    /// Whether the API describes itself to everybody.
    pub docs: bool,
    /// Log form.
    pub log_format: LogFormat,
    /// Log filter, as tracing-subscriber reads it.
    pub log_filter: String,
    /// `JIM_*` variables that mean nothing.
    pub unknown_variables: Vec<String>,
}

impl Config {
    /// Everything in one folder and at its default, on a free loopback port: for the demonstration and for tests.
    pub fn in_folder(folder: &Path) -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            trusted_proxies: Vec::new(),
            metrics: None,
            limits: Limits::default(),
            database: folder.join("jim.db"),
            keyring: folder.join("jim.keys"),
            trust_dir: None,
            allowed_directories: Policy::default(),
            files_root: None,
            docs: true,
            log_format: LogFormat::Text,
            log_filter: "warn".to_owned(),
            unknown_variables: Vec::new(),
        }
    }

    /// Reads the named file, or `./jim.toml` if it is there, and lets the environment override it.
    ///
    /// # Errors
    /// One text with every problem and its fix, a line each.
    pub fn load(named: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Config, String> {
        let mut problems = Vec::new();
        let mut given = Values::new();
        let file = chosen(named);
        if let Some(file) = file {
            #[expect(clippy::disallowed_methods, reason = "jim.toml")]
            let read = std::fs::read(file);
            match read {
                Ok(bytes) => read_file(file, &bytes, &mut given, &mut problems),
                Err(e) => problems.push(format!("{}: cannot be read: {e}", file.display())),
            }
        }
        let unknown_variables = read_environment(environment, &mut given);
        let folder = file.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let config = Reader { given, folder, problems: &mut problems }.config(unknown_variables);
        match problems.is_empty() {
            true => Ok(config),
            false => Err(problems.iter().map(|problem| on_one_line(problem)).collect::<Vec<_>>().join("\n")),
        }
    }
}

/// The file that is read: the named one, or `./jim.toml` if it is there.
pub fn chosen(named: Option<&Path>) -> Option<&Path> {
    let default = Path::new(DEFAULT_FILE);
    named.or_else(|| default.exists().then_some(default))
}

/// Names and paths come from the file and may hold line breaks, which would look like another problem.
fn on_one_line(problem: &str) -> String {
    problem.chars().fold(String::new(), |mut line, c| {
        match c.is_control() {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
        line
    })
}

/// The folder in which a service manager hands over credentials.
pub fn handed_over() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests;
