//! `jim.toml` and the environment: what may be configured, and every mistake in it told at once.

mod source;

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use self::source::{Value, Values, read_environment, read_file};
use crate::connectors::ldap::address::Policy;
use crate::domain::network::Network;

/// The file that is read if it is there and no other is named.
pub const DEFAULT_FILE: &str = "jim.toml";
/// The environment variable of the operator's key; no configuration key.
pub const INFRASTRUCTURE_KEY: &str = "JIM_INFRASTRUCTURE_API_KEY";

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

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
        let default = Path::new(DEFAULT_FILE);
        let file = named.or_else(|| default.exists().then_some(default));
        if let Some(file) = file {
            match std::fs::read(file) {
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

struct Reader<'a> {
    given: Values,
    folder: PathBuf,
    problems: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn config(mut self, unknown_variables: Vec<String>) -> Config {
        let tls = self.tls();
        let listen = self.listen(tls.is_some());
        let trusted_proxies = self.trusted_proxies();
        let metrics = self.metrics();
        let limits = self.limits();
        let database = self.path("database", "path").unwrap_or_else(|| self.folder.join("jim.db"));
        let folder = parent(&database);
        if !folder.is_dir() {
            let origin = self.origin("database", "path");
            self.problems.push(format!("{origin}: the folder {} does not exist; create it", folder.display()));
        }
        let keyring = self.path("keys", "path").unwrap_or_else(|| default_keyring(&folder));
        if !parent(&keyring).is_dir() {
            let origin = self.origin("keys", "path");
            let text = format!("{origin}: the folder {} does not exist; create it", parent(&keyring).display());
            self.problems.push(text);
        }
        let trust_dir = self.path("ldap", "trust_dir");
        if let Some(dir) = trust_dir.as_ref().filter(|d| !d.is_dir()) {
            let origin = self.origin("ldap", "trust_dir");
            self.problems.push(format!("{origin}: {} is not a folder; name a folder of PEM files", dir.display()));
        }
        let allowed_directories = self.policy();
        let own = [Some(&database), Some(&keyring), tls.as_ref().map(|(_, key)| key)];
        let files_root = self.files_root(own.into_iter().flatten());
        let docs = self.flag("docs", "enabled").unwrap_or(true);
        let log_format = match self.text("log", "format").as_deref() {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(_) => {
                self.fault("log", "format", "must be text or json");
                LogFormat::Text
            }
        };
        let log_filter = self.text("log", "filter").unwrap_or_else(|| "info".to_owned());
        if !crate::telemetry::is_filter(&log_filter) {
            self.fault("log", "filter", "is not a filter such as info or jim=debug");
        }
        Config {
            listen,
            tls,
            trusted_proxies,
            metrics,
            limits,
            database,
            keyring,
            trust_dir,
            allowed_directories,
            files_root,
            docs,
            log_format,
            log_filter,
            unknown_variables,
        }
    }

    fn tls(&mut self) -> Option<(PathBuf, PathBuf)> {
        match (self.path("server", "tls_certificate"), self.path("server", "tls_key")) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => {
                self.fault("server", "tls_certificate", "needs [server] tls_key beside it");
                None
            }
            (None, Some(_)) => {
                self.fault("server", "tls_key", "needs [server] tls_certificate beside it");
                None
            }
        }
    }

    fn trusted_proxies(&mut self) -> Vec<Network> {
        const EXAMPLE: &str = "[\"127.0.0.1\", \"10.0.0.0/24\"]";
        let Some(texts) = self.list("server", "trusted_proxies", EXAMPLE) else { return Vec::new() };
        let networks: Result<Vec<_>, _> = texts.iter().map(|t| Network::parse(t).ok_or(t)).collect();
        networks.unwrap_or_else(|bad| {
            self.fault("server", "trusted_proxies", &format!("holds {bad:?}, which is no address or network"));
            Vec::new()
        })
    }

    fn metrics(&mut self) -> Option<SocketAddr> {
        let address = self.text("metrics", "listen")?.parse::<SocketAddr>().ok().filter(|a| a.ip().is_loopback());
        if address.is_none() {
            let text = "must be a loopback address and port such as 127.0.0.1:9464; from other machines, metrics are \
                        read at /metrics of the API with a key";
            self.fault("metrics", "listen", text);
        }
        address
    }

    fn limits(&mut self) -> Limits {
        let usual = Limits::default();
        let small = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let connections = self.number("limits", "connections", 1..=65_536).map_or(usual.connections, small);
        let per_address = self.number("limits", "connections_per_address", 1..=65_536);
        Limits {
            connections,
            connections_per_address: per_address.map_or(usual.connections_per_address.min(connections), small),
            import_entries: self.number("limits", "import_entries", 1..=10_000_000).unwrap_or(usual.import_entries),
            import_mib: self.number("limits", "import_mib", 1..=16_384).unwrap_or(usual.import_mib),
        }
    }

    fn listen(&mut self, tls: bool) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 5200));
        let listen = match self.text("server", "listen").map(|t| t.parse::<SocketAddr>()) {
            None => default,
            Some(Ok(address)) => address,
            Some(Err(_)) => {
                self.fault("server", "listen", "must be an address and port such as 127.0.0.1:5200");
                default
            }
        };
        let insecure = self.flag("server", "insecure_http").unwrap_or(false);
        if tls && insecure {
            self.fault("server", "insecure_http", "contradicts [server] tls_certificate; remove one of them");
        }
        if !listen.ip().is_loopback() && !insecure && !tls {
            self.fault(
                "server",
                "listen",
                "is not a loopback address, and keys would travel in clear; set [server] tls_certificate and tls_key, \
                 put a TLS proxy in front, or set [server] insecure_http = true if the network is trusted",
            );
        }
        listen
    }

    fn policy(&mut self) -> Policy {
        const EXAMPLE: &str = "[\"10.0.0.0/8\", \"*.corp.example:636\"]";
        let Some(texts) = self.list("ldap", "allow", EXAMPLE) else { return Policy::default() };
        let policy = Policy::parse(texts.iter().map(String::as_str));
        policy.unwrap_or_else(|bad| {
            self.fault(
                "ldap",
                "allow",
                &format!("holds {bad:?}, which is no network, address or name with or without a port"),
            );
            Policy::default()
        })
    }

    /// What lies below the folder can be read over the API in part, so that our own files must not.
    fn files_root<'p>(&mut self, mut own: impl Iterator<Item = &'p PathBuf>) -> Option<PathBuf> {
        let root = self.path("files", "root")?;
        if !root.is_dir() {
            let text = format!("{} is not a folder; name a folder of delimited text files", root.display());
            let origin = self.origin("files", "root");
            self.problems.push(format!("{origin}: {text}"));
            return None;
        }
        let within = |file: &&PathBuf| match (root.canonicalize(), parent(file).canonicalize()) {
            (Ok(root), Ok(folder)) => folder.starts_with(root),
            _ => false,
        };
        if let Some(file) = own.find(within) {
            let (root, file) = (root.display(), file.display());
            let origin = self.origin("files", "root");
            self.problems.push(format!(
                "{origin}: {root} holds {file}, which must not be read as text; name a folder of its own"
            ));
        }
        Some(root)
    }

    fn origin(&self, section: &'static str, key: &'static str) -> String {
        self.given.get(&(section, key)).map_or_else(|| format!("[{section}] {key}"), |g| g.origin.clone())
    }

    fn fault(&mut self, section: &'static str, key: &'static str, text: &str) {
        let origin = self.origin(section, key);
        self.problems.push(format!("{origin} {text}"));
    }

    fn text(&mut self, section: &'static str, key: &'static str) -> Option<String> {
        match &self.given.get(&(section, key))?.value {
            Value::Text(text) => Some(text.clone()),
            _ => {
                self.fault(section, key, "must be a text in quotes");
                None
            }
        }
    }

    /// In the environment a list is one text with commas.
    fn list(&mut self, section: &'static str, key: &'static str, example: &str) -> Option<Vec<String>> {
        let given = self.given.get(&(section, key))?;
        match &given.value {
            Value::List(texts) => Some(texts.clone()),
            Value::Text(text) if given.from_environment => Some(text.split(',').map(|t| t.trim().to_owned()).collect()),
            _ => {
                self.fault(section, key, &format!("must be a list of texts such as {example}"));
                None
            }
        }
    }

    fn number(&mut self, section: &'static str, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let given = self.given.get(&(section, key))?;
        let number = match &given.value {
            Value::Number(number) => Some(*number),
            Value::Text(text) if given.from_environment => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.fault(section, key, &format!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    fn flag(&mut self, section: &'static str, key: &'static str) -> Option<bool> {
        let given = self.given.get(&(section, key))?;
        let flag = match &given.value {
            Value::Flag(flag) => Some(*flag),
            Value::Text(text) if given.from_environment => text.to_ascii_lowercase().parse().ok(),
            _ => None,
        };
        if flag.is_none() {
            self.fault(section, key, "must be true or false");
        }
        flag
    }

    /// A path of the file is relative to the file, one of the environment to the working directory.
    fn path(&mut self, section: &'static str, key: &'static str) -> Option<PathBuf> {
        let text = self.text(section, key)?;
        if text.is_empty() {
            self.fault(section, key, "must not be empty");
            return None;
        }
        let from_environment = self.given.get(&(section, key)).is_some_and(|g| g.from_environment);
        Some(if from_environment { PathBuf::from(text) } else { self.folder.join(text) })
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

/// The folder in which a service manager hands over credentials.
pub fn handed_over() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty()).map(PathBuf::from)
}

/// Where a service manager hands over credentials, else beside the database.
fn default_keyring(folder: &Path) -> PathBuf {
    let there = handed_over().map(|d| d.join("jim.keys")).filter(|p| p.exists());
    there.unwrap_or_else(|| folder.join("jim.keys"))
}

#[cfg(test)]
mod tests;
