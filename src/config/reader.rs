//! Validation of the values of file and environment; each error names the origin of its value.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use super::source::{RawValue, RawValues};
use super::{Config, DEFAULT_PARALLEL_RUNS, Limits, credentials_folder};
use crate::connectors::ldap::address::Policy;
use crate::domain::network::Network;
use crate::security::secret::folder_of;
use crate::telemetry::{DEFAULT_FILTER, LEVELS, LogFormat, effective_filter};

/// Raw values, the base folder of paths in the file, and the errors found so far.
pub(super) struct Reader<'a> {
    pub(super) given: RawValues,
    pub(super) folder: PathBuf,
    pub(super) problems: &'a mut Vec<String>,
}

impl Reader<'_> {
    /// The configuration, with the default for each invalid value.
    pub(super) fn config(mut self, unknown_variables: Vec<String>) -> Config {
        let tls = self.tls();
        let listen = self.listen(tls.is_some());
        let trusted_proxies = self.trusted_proxies();
        let metrics = self.metrics();
        let limits = self.limits();
        let parallel = self.number("runs", "parallel", 1..=16).and_then(|n| usize::try_from(n).ok());
        let database = self.path("database", "path").unwrap_or_else(|| self.folder.join("jim.db"));
        self.needs_folder("database", folder_of(&database));
        let keyring = self.path("keys", "path").unwrap_or_else(|| default_keyring(folder_of(&database)));
        self.needs_folder("keys", folder_of(&keyring));
        let trust_dir = self.folder("ldap", "trust_dir", "PEM files");
        let allowed_directories = self.policy();
        let own = [Some(&database), Some(&keyring), tls.as_ref().map(|(_, key)| key)];
        let files_root = self.files_root(own.into_iter().flatten());
        Config {
            listen,
            tls,
            trusted_proxies,
            metrics,
            limits,
            parallel_runs: parallel.unwrap_or(DEFAULT_PARALLEL_RUNS),
            database,
            keyring,
            trust_dir,
            allowed_directories,
            files_root,
            docs: self.flag("docs", "enabled").unwrap_or(true),
            log_format: self.log_format(),
            log_filter: self.log_filter(),
            unknown_variables,
        }
    }

    fn log_format(&mut self) -> LogFormat {
        match self.text("log", "format").as_deref().map(str::trim) {
            None | Some("text") => LogFormat::Text,
            Some("json") => LogFormat::Json,
            Some(_) => {
                self.error("log", "format", "must be text or json");
                LogFormat::Text
            }
        }
    }

    fn log_filter(&mut self) -> String {
        let text = self.text("log", "filter").unwrap_or_default();
        effective_filter(&text).unwrap_or_else(|| {
            let text = format!("is {text:?}, but must be one of {LEVELS}, also by part: info,jim=debug");
            self.error("log", "filter", &text);
            DEFAULT_FILTER.to_owned()
        })
    }

    fn tls(&mut self) -> Option<(PathBuf, PathBuf)> {
        match (self.path("server", "tls_certificate"), self.path("server", "tls_key")) {
            (Some(certificate), Some(key)) => return Some((certificate, key)),
            (None, None) => {}
            (Some(_), None) => self.error("server", "tls_certificate", "needs [server] tls_key beside it"),
            (None, Some(_)) => self.error("server", "tls_key", "needs [server] tls_certificate beside it"),
        }
        None
    }

    fn trusted_proxies(&mut self) -> Vec<Network> {
        const EXAMPLE: &str = "[\"127.0.0.1\", \"10.0.0.0/24\"]";
        let Some(texts) = self.list("server", "trusted_proxies", EXAMPLE) else { return Vec::new() };
        let networks: Result<_, _> = texts.iter().map(|t| Network::parse(t).ok_or(t)).collect();
        networks.unwrap_or_else(|bad| {
            self.error("server", "trusted_proxies", &format!("holds {bad:?}, which is no address or network"));
            Vec::new()
        })
    }

    fn metrics(&mut self) -> Option<SocketAddr> {
        let address = self.text("metrics", "listen")?.parse::<SocketAddr>().ok().filter(|a| a.ip().is_loopback());
        if address.is_none() {
            let text = "must be a loopback address and port such as 127.0.0.1:9464; from other machines, metrics are \
                        read at /metrics of the API with a key";
            self.error("metrics", "listen", text);
        }
        address
    }

    fn limits(&mut self) -> Limits {
        let default = Limits::default();
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let connections = self.number("limits", "connections", 1..=65_536).map_or(default.connections, size);
        let per_address = self.number("limits", "connections_per_address", 1..=65_536);
        Limits {
            connections,
            connections_per_address: per_address.map_or(default.connections_per_address.min(connections), size),
            import_entries: self.number("limits", "import_entries", 1..=10_000_000).unwrap_or(default.import_entries),
            import_mib: self.number("limits", "import_mib", 1..=16_384).unwrap_or(default.import_mib),
        }
    }

    fn listen(&mut self, tls: bool) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 5200));
        let listen = self.text("server", "listen").map_or(Ok(default), |t| t.parse::<SocketAddr>());
        let listen = listen.unwrap_or_else(|_| {
            self.error("server", "listen", "must be an address and port such as 127.0.0.1:5200");
            default
        });
        let insecure = self.flag("server", "insecure_http").unwrap_or(false);
        if tls && insecure {
            self.error("server", "insecure_http", "contradicts [server] tls_certificate; remove one of them");
        }
        if !listen.ip().is_loopback() && !insecure && !tls {
            self.error(
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
            let text = format!("holds {bad:?}, which is no network, address or name with or without a port");
            self.error("ldap", "allow", &text);
            Policy::default()
        })
    }

    /// Rejects a folder with our own files, because callers of the API can read parts of its files.
    fn files_root<'p>(&mut self, mut own: impl Iterator<Item = &'p PathBuf>) -> Option<PathBuf> {
        let root = self.folder("files", "root", "delimited text files")?;
        let within = |file: &&PathBuf| match (root.canonicalize(), folder_of(file).canonicalize()) {
            (Ok(root), Ok(folder)) => folder.starts_with(root),
            _ => false,
        };
        if let Some(file) = own.find(within) {
            let (root, file) = (root.display(), file.display());
            let text = format!("is {root}, which holds {file}; name a folder without files of jim");
            self.error("files", "root", &text);
        }
        Some(root)
    }

    /// An existing folder of files of this kind.
    fn folder(&mut self, section: &'static str, key: &'static str, kind: &str) -> Option<PathBuf> {
        let folder = self.path(section, key)?;
        if folder.is_dir() {
            return Some(folder);
        }
        self.error(section, key, &format!("is {}, which is not a folder; name a folder of {kind}", folder.display()));
        None
    }

    fn needs_folder(&mut self, section: &'static str, folder: &Path) {
        if !folder.is_dir() {
            self.error(
                section,
                "path",
                &format!("needs the folder {}, which does not exist; create it", folder.display()),
            );
        }
    }

    fn error(&mut self, section: &'static str, key: &'static str, text: &str) {
        let origin = self.given.get(&(section, key)).map(|g| g.origin.clone());
        self.problems.push(format!("{} {text}", origin.unwrap_or_else(|| format!("[{section}] {key}"))));
    }

    fn text(&mut self, section: &'static str, key: &'static str) -> Option<String> {
        match &self.given.get(&(section, key))?.value {
            RawValue::Text(text) => Some(text.clone()),
            _ => {
                self.error(section, key, "must be a text in quotes");
                None
            }
        }
    }

    /// A list, which is a text with commas in the environment.
    fn list(&mut self, section: &'static str, key: &'static str, example: &str) -> Option<Vec<String>> {
        let given = self.given.get(&(section, key))?;
        match &given.value {
            RawValue::List(texts) => Some(texts.clone()),
            RawValue::Text(text) if given.from_environment && text.trim().is_empty() => Some(Vec::new()),
            RawValue::Text(text) if given.from_environment => {
                Some(text.split(',').map(|t| t.trim().to_owned()).collect())
            }
            _ => {
                self.error(section, key, &format!("must be a list of texts such as {example}"));
                None
            }
        }
    }

    fn number(&mut self, section: &'static str, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let given = self.given.get(&(section, key))?;
        let number = match &given.value {
            RawValue::Number(number) => Some(*number),
            RawValue::Text(text) if given.from_environment => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        if number.is_none() {
            self.error(section, key, &format!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    fn flag(&mut self, section: &'static str, key: &'static str) -> Option<bool> {
        let given = self.given.get(&(section, key))?;
        let flag = match &given.value {
            RawValue::Flag(flag) => Some(*flag),
            RawValue::Text(text) if given.from_environment => text.to_ascii_lowercase().parse().ok(),
            _ => None,
        };
        if flag.is_none() {
            self.error(section, key, "must be true or false");
        }
        flag
    }

    /// A path, relative to the file or, in the environment, to the working directory.
    fn path(&mut self, section: &'static str, key: &'static str) -> Option<PathBuf> {
        let text = self.text(section, key)?;
        if text.is_empty() {
            self.error(section, key, "must not be empty");
            return None;
        }
        if let Some(why) = no_path(&text) {
            self.error(section, key, &format!("is {text:?}, but {why}"));
            return None;
        }
        let from_environment = self.given.get(&(section, key)).is_some_and(|g| g.from_environment);
        Some(if from_environment { PathBuf::from(text) } else { self.folder.join(text) })
    }
}

/// Reason why a text is no path: written for a shell or another program, it would name an unintended file.
fn no_path(text: &str) -> Option<&'static str> {
    const QUOTES: [char; 2] = ['"', '\''];
    let lower = text.to_ascii_lowercase();
    if text.contains(char::is_control) {
        Some("a path must not hold control characters")
    } else if text.trim() != text {
        Some("a path must not begin or end with a blank")
    } else if text.starts_with(QUOTES) || text.ends_with(QUOTES) {
        Some("a path is written here without quotes around it")
    } else if ["file:", "sqlite:", ":memory:"].iter().any(|start| lower.starts_with(start)) {
        Some("must be a plain path, not a URL")
    } else {
        None
    }
}

/// The keyring passed by a service manager, else the one beside the database.
fn default_keyring(folder: &Path) -> PathBuf {
    let passed = credentials_folder().map(|d| d.join("jim.keys")).filter(|p| p.exists());
    passed.unwrap_or_else(|| folder.join("jim.keys"))
}
