//! Configuration from `jim.toml` and the environment. All its errors are reported together.

mod reader;
mod source;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use self::reader::Reader;
use self::source::{Given, KEYS, RawValue, RawValues, read_environment, read_file, variable};
use crate::connectors::ldap::address::Policy;
use crate::domain::network::Network;
use crate::domain::text::one_line;
use crate::telemetry::LogFormat;

/// File that is read if it exists and no other is named.
pub const DEFAULT_FILE: &str = "jim.toml";
/// Environment variable of the operator's key, which is no configuration key.
pub const INFRASTRUCTURE_KEY: &str = "JIM_INFRASTRUCTURE_API_KEY";

pub const DEFAULT_PARALLEL_RUNS: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub connections: usize,
    pub connections_per_address: usize,
    pub import_entries: u64,
    pub import_mib: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connections: 1024, connections_per_address: 256, import_entries: 1_000_000, import_mib: 512 }
    }
}

#[derive(Debug, Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// The listener's certificate chain and key, if it uses TLS.
    pub tls: Option<(PathBuf, PathBuf)>,
    pub trusted_proxies: Vec<Network>,
    /// Loopback address where monitoring needs no key.
    pub metrics: Option<SocketAddr>,
    pub limits: Limits,
    /// Runs of different systems side by side.
    pub parallel_runs: usize,
    pub database: PathBuf,
    pub keyring: PathBuf,
    /// Folder of PEM files that are trusted beside the system's store.
    pub trust_dir: Option<PathBuf>,
    pub allowed_directories: Policy,
    /// Folder below which file connectors may read.
    pub files_root: Option<PathBuf>,
    /// Whether the API serves its description.
    pub docs: bool,
    pub log_format: LogFormat,
    /// In the syntax of tracing-subscriber.
    pub log_filter: String,
    pub unknown_variables: Vec<String>,
}

impl Config {
    /// Defaults with all files in one folder and a free loopback port, for the demonstration and tests.
    pub fn in_folder(folder: &Path) -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            trusted_proxies: Vec::new(),
            metrics: None,
            limits: Limits::default(),
            parallel_runs: DEFAULT_PARALLEL_RUNS,
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

    /// Reads the file of [`chosen`]; the environment overrides it, an argument both. The error has one line per problem.
    pub fn load(
        named: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        listen: Option<SocketAddr>,
    ) -> Result<Config, String> {
        let mut problems = Vec::new();
        let mut given = RawValues::new();
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
        if let Some(listen) = listen {
            let value = RawValue::Text(listen.to_string());
            given.insert(("server", "listen"), Given { value, origin: "--listen".to_owned(), from_environment: true });
        }
        let folder = file.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let config = Reader { given, folder, problems: &mut problems }.config(unknown_variables);
        if problems.is_empty() {
            return Ok(config);
        }
        // Names and paths from the file may contain line breaks, which would look like another problem.
        Err(problems.iter().map(|problem| one_line(problem)).collect::<Vec<_>>().join("\n"))
    }
}

/// The named file, or `./jim.toml` if it exists.
pub fn chosen(named: Option<&Path>) -> Option<&Path> {
    let default = Path::new(DEFAULT_FILE);
    named.or_else(|| default.exists().then_some(default))
}

/// Environment variables that override a key of the file, with section and key.
pub fn variables() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    KEYS.iter().map(|(section, key)| (variable(section, key), *section, *key))
}

/// Folder of credentials passed by a service manager.
pub fn credentials_folder() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

#[cfg(test)]
mod tests;
