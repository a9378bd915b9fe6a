//! `jim.toml` and the environment: what may be configured, and every mistake in it told at once.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use crate::connectors::ldap::address::Policy;

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

/// A checked configuration; all paths are usable as they are.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the API listens.
    pub listen: SocketAddr,
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
    /// Log form.
    pub log_format: LogFormat,
    /// Log filter, as tracing-subscriber reads it.
    pub log_filter: String,
    /// `JIM_*` variables that mean nothing.
    pub unknown_variables: Vec<String>,
}

/// Every key with its default, as it stands in the file.
const KEYS: [(&str, &str); 9] = [
    ("server", "listen"),
    ("server", "insecure_http"),
    ("database", "path"),
    ("keys", "path"),
    ("ldap", "trust_dir"),
    ("ldap", "allow"),
    ("files", "root"),
    ("log", "format"),
    ("log", "filter"),
];

/// A value and the place that a message about it names.
struct Given {
    value: Value,
    origin: String,
    from_environment: bool,
}

/// What the keys know how to use.
enum Value {
    Text(String),
    Flag(bool),
    List(Vec<String>),
    Other,
}

impl From<&DeValue<'_>> for Value {
    fn from(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Value::Text(text.as_ref().to_owned()),
            DeValue::Boolean(flag) => Value::Flag(*flag),
            DeValue::Array(values) => {
                let texts = values.iter().map(|v| v.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<_>>().map_or(Value::Other, Value::List)
            }
            _ => Value::Other,
        }
    }
}

impl Config {
    /// Everything in one folder and at its default, on a free loopback port: for the demonstration and for tests.
    pub fn in_folder(folder: &Path) -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            database: folder.join("jim.db"),
            keyring: folder.join("jim.keys"),
            trust_dir: None,
            allowed_directories: Policy::default(),
            files_root: None,
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
        let mut given: BTreeMap<(&str, &str), Given> = BTreeMap::new();
        let default = Path::new(DEFAULT_FILE);
        let file = named.or_else(|| default.exists().then_some(default));
        if let Some(file) = file {
            match std::fs::read_to_string(file) {
                Ok(text) => read_file(file, &text, &mut given, &mut problems),
                Err(e) => problems.push(format!("{}: cannot be read: {e}", file.display())),
            }
        }
        let unknown_variables = read_environment(environment, &mut given);
        let folder = file.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let config = Reader { given, folder, problems: &mut problems }.config(unknown_variables);
        match problems.is_empty() {
            true => Ok(config),
            false => Err(problems.join("\n")),
        }
    }
}

fn read_file(
    file: &Path,
    text: &str,
    given: &mut BTreeMap<(&'static str, &'static str), Given>,
    problems: &mut Vec<String>,
) {
    let line = |at: usize| text.get(..at).unwrap_or_default().matches('\n').count() + 1;
    let place = |at: usize| format!("{}:{}", file.display(), line(at));
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(e) => {
            let at = e.span().map_or(0, |s| s.start);
            problems.push(format!("{}: {}", place(at), e.message()));
            return;
        }
    };
    for (name, keys) in &table {
        let (section, at) = (name.get_ref().as_ref(), name.span().start);
        let Some(keys) = keys.get_ref().as_table() else {
            problems.push(format!("{}: {section} stands in no section; write it below [server] or another", place(at)));
            continue;
        };
        if !KEYS.iter().any(|(s, _)| *s == section) {
            let known = ["server", "database", "keys", "ldap", "files", "log"].join(", ");
            problems.push(format!("{}: unknown section [{section}]; there are {known}", place(at)));
            continue;
        }
        for (key, value) in keys {
            let key = key.get_ref().as_ref();
            match KEYS.iter().find(|(s, k)| *s == section && *k == key) {
                Some(known) => {
                    let origin = format!("{}: [{section}] {key}", place(value.span().start));
                    given.insert(*known, Given { value: value.get_ref().into(), origin, from_environment: false });
                }
                None => {
                    let known: Vec<&str> = KEYS.iter().filter(|(s, _)| *s == section).map(|(_, k)| *k).collect();
                    problems.push(format!(
                        "{}: unknown key {key} in [{section}]; there are {}",
                        place(value.span().start),
                        known.join(", ")
                    ));
                }
            }
        }
    }
}

fn read_environment(
    environment: impl Iterator<Item = (String, String)>,
    given: &mut BTreeMap<(&'static str, &'static str), Given>,
) -> Vec<String> {
    let mut unknown = Vec::new();
    for (name, value) in environment.filter(|(n, _)| n.starts_with("JIM_") && n != INFRASTRUCTURE_KEY) {
        let wanted = |(s, k): &&(&str, &str)| format!("JIM_{}_{}", s.to_uppercase(), k.to_uppercase()) == name;
        match KEYS.iter().find(wanted) {
            Some(key) => {
                given.insert(*key, Given { value: Value::Text(value), origin: name, from_environment: true });
            }
            None => unknown.push(name),
        }
    }
    unknown
}

struct Reader<'a> {
    given: BTreeMap<(&'static str, &'static str), Given>,
    folder: PathBuf,
    problems: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn config(mut self, unknown_variables: Vec<String>) -> Config {
        let listen = self.listen();
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
        let files_root = self.files_root([&database, &keyring]);
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
            database,
            keyring,
            trust_dir,
            allowed_directories,
            files_root,
            log_format,
            log_filter,
            unknown_variables,
        }
    }

    fn listen(&mut self) -> SocketAddr {
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
        if !listen.ip().is_loopback() && !insecure {
            self.fault(
                "server",
                "listen",
                "is not a loopback address, and keys would travel in clear; put a TLS proxy in front, or set \
                 [server] insecure_http = true if the network is trusted",
            );
        }
        listen
    }

    /// In the environment the list is one text with commas.
    fn policy(&mut self) -> Policy {
        let texts = match self.given.get(&("ldap", "allow")).map(|g| (&g.value, g.from_environment)) {
            None => return Policy::default(),
            Some((Value::List(texts), _)) => texts.clone(),
            Some((Value::Text(text), true)) => text.split(',').map(|t| t.trim().to_owned()).collect(),
            Some(_) => {
                self.fault("ldap", "allow", "must be a list of texts such as [\"10.0.0.0/8\", \"*.corp.example:636\"]");
                return Policy::default();
            }
        };
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
    fn files_root(&mut self, own: [&Path; 2]) -> Option<PathBuf> {
        let root = self.path("files", "root")?;
        if !root.is_dir() {
            let text = format!("{} is not a folder; name a folder of delimited text files", root.display());
            let origin = self.origin("files", "root");
            self.problems.push(format!("{origin}: {text}"));
            return None;
        }
        let within = |file: &&Path| match (root.canonicalize(), parent(file).canonicalize()) {
            (Ok(root), Ok(folder)) => folder.starts_with(root),
            _ => false,
        };
        if let Some(file) = own.into_iter().find(within) {
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

/// Where a service manager hands over credentials, else beside the database.
fn default_keyring(folder: &Path) -> PathBuf {
    let handed_over = std::env::var_os("CREDENTIALS_DIRECTORY").map(|d| Path::new(&d).join("jim.keys"));
    handed_over.filter(|p| p.exists()).unwrap_or_else(|| folder.join("jim.keys"))
}

#[cfg(test)]
mod tests;
