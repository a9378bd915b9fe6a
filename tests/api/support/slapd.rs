//! A real OpenLDAP for one test: `tests/directories/slapd.sh` with its folder, its ports and its end.
//!
//! The directory holds two naming contexts with their root entries and the two accounts, and no container until a
//! test adds one. Changes are made as the administrator, whom neither limits nor access rules bind.
use ldap3::Scope;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::administrator::Administrator;
pub use super::daemon::Certificate;
use super::daemon::{Daemon, random};

pub const SUFFIX: &str = "dc=example,dc=com";
pub const PARTNERS: &str = "o=partners";
/// An ordinary account without limits.
pub const SERVICE_DN: &str = "cn=svc,dc=example,dc=com";
pub const SERVICE_PASSWORD: &str = "Svc-Passw0rd1";
/// An ordinary account: at most 500 entries a search, paged or not, unless [`Setup::limits`] says otherwise.
pub const LIMITED_DN: &str = "cn=limited,dc=example,dc=com";
pub const LIMITED_PASSWORD: &str = "Limited-Passw0rd1";
/// An entry that no account may read; it exists once a test adds it.
pub const HIDDEN_DN: &str = "ou=Hidden,dc=example,dc=com";

const ADMIN_PASSWORD: &str = "admin";

/// What an account may read of `cn=Subschema`.
#[derive(Clone, Copy, Debug, Default)]
pub enum SchemaAccess {
    #[default]
    All,
    Nothing,
    NoClasses,
    NoAttributes,
    /// The root entry does not name the schema; other entries do.
    Unnamed,
}

#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub certificate: Certificate,
    /// A third naming context, for example `dc=third`.
    pub extra_suffix: Option<String>,
    /// The third naming context has no root entry.
    pub extra_empty: bool,
    /// The root of the tree is a naming context too.
    pub open_root: bool,
    /// No account may list what is directly below that root.
    pub root_refused: bool,
    /// Entries that no account may read, beside [`HIDDEN_DN`].
    pub hidden: Vec<String>,
    /// slapd's limits for [`LIMITED_DN`], for example `size.soft=50 size.hard=50`.
    pub limits: Option<String>,
    pub schema: SchemaAccess,
    /// More lines of its configuration, before the databases.
    pub global: String,
    /// The same in the database of [`SUFFIX`].
    pub database: String,
    /// Access rules before the general one.
    pub access: String,
    /// Loaded once, in this order; each file belongs to one naming context.
    pub ldif: Vec<PathBuf>,
}

/// A running slapd (unless stopped). It ends when this is dropped, and also when the test process is killed.
pub struct Slapd {
    setup: Setup,
    loaded: Vec<PathBuf>,
    daemon: Daemon,
}

impl Slapd {
    pub fn start() -> Slapd {
        Slapd::start_with(Setup::default())
    }

    pub fn start_with(setup: Setup) -> Slapd {
        let daemon = Daemon::new("slapd.sh", Ipv4Addr::LOCALHOST, free_ports(), false);
        let mut slapd = Slapd { setup, loaded: Vec::new(), daemon };
        slapd.prepare();
        // Another process may take the ports between our look and slapd's; only a first start may choose again.
        for _ in 0..5 {
            match slapd.run() {
                Ok(()) => return slapd,
                Err(why) if why.contains("Address already in use") => slapd.daemon.port = free_ports(),
                Err(why) => panic!("slapd did not start: {why}"),
            }
        }
        panic!("slapd found no free ports in five attempts");
    }

    pub fn url(&self) -> String {
        format!("ldap://{}:{}", self.host(), self.port())
    }

    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// LDAP, and StartTLS.
    pub fn port(&self) -> u16 {
        self.daemon.port
    }

    pub fn ldaps_port(&self) -> u16 {
        self.port() + 1
    }

    /// The file with the CA that issued the server's certificate. It stays the same over restarts.
    pub fn ca_pem(&self) -> PathBuf {
        self.daemon.folder().join("ca.pem")
    }

    /// Where its configuration and data are.
    pub fn folder(&self) -> &Path {
        self.daemon.folder()
    }

    /// What slapd has said: one line for each connection, operation and result, with the account and the search.
    pub fn log(&self) -> String {
        self.daemon.log()
    }

    /// Ends slapd; its ports refuse connections afterwards and its data is kept.
    pub fn stop(&mut self) {
        self.daemon.stop();
    }

    /// Starts it again, on the same ports with the same data.
    pub fn resume(&mut self) {
        assert!(!self.daemon.runs(), "slapd was not stopped");
        if let Err(why) = self.run() {
            panic!("slapd did not start again: {why}");
        }
    }

    /// Stops it, changes its configuration and starts it again; LDIF files that are new are loaded.
    pub fn restart(&mut self, change: impl FnOnce(&mut Setup)) {
        self.stop();
        change(&mut self.setup);
        self.prepare();
        self.resume();
    }

    pub fn restart_with_suffix(&mut self, suffix: &str) {
        self.restart(|setup| setup.extra_suffix = Some(suffix.to_owned()));
    }

    /// Takes the third naming context away. Its entries come back with it.
    pub fn restart_without_suffix(&mut self) {
        self.restart(|setup| setup.extra_suffix = None);
    }

    /// Hides exactly these entries, and [`HIDDEN_DN`].
    pub fn restart_hiding(&mut self, dns: &[&str]) {
        self.restart(|setup| setup.hidden = dns.iter().map(|&dn| dn.to_owned()).collect());
    }

    /// Adds an organizational unit. Its name is taken from the DN as it stands, so it must need no escaping.
    pub async fn add_ou(&self, dn: &str) {
        self.administrator(dn).add_ous(&[dn.to_owned()]).await;
    }

    pub async fn add(&self, dn: &str, attributes: &[(&str, &[&str])]) {
        self.administrator(dn).add(dn, attributes).await;
    }

    /// Replaces the attribute's values; without any it is removed.
    pub async fn set(&self, dn: &str, attribute: &str, values: &[&str]) {
        self.administrator(dn).set(dn, attribute, values).await;
    }

    /// Deletes one entry, which must have none below it.
    pub async fn delete(&self, dn: &str) {
        self.administrator(dn).delete(dn).await;
    }

    /// Renames the entry, and moves it with all below it if a new superior is given. The old name is dropped.
    pub async fn rename(&self, dn: &str, new_rdn: &str, new_superior: Option<&str>) {
        self.administrator(dn).rename(dn, new_rdn, new_superior).await;
    }

    /// The DNs of the entries at and below the base, as the server writes them.
    pub async fn search(&self, base: &str, filter: &str) -> Vec<String> {
        self.administrator(base).search(base, Scope::Subtree, filter).await
    }

    /// The values of an attribute, operational ones such as entryUUID too; none if the entry lacks it.
    pub async fn values(&self, dn: &str, attribute: &str) -> Vec<String> {
        let values = self.administrator(dn).values(dn, attribute, Vec::new()).await;
        values.into_iter().map(|value| String::from_utf8_lossy(&value).into_owned()).collect()
    }

    /// The administrator of the naming context that holds the DN.
    pub fn administrator(&self, dn: &str) -> Administrator {
        let account = format!("cn=admin,{}", self.suffix_of(dn));
        Administrator { url: self.url(), account, password: ADMIN_PASSWORD }
    }

    fn suffix_of(&self, dn: &str) -> &str {
        let suffixes = [Some(SUFFIX), Some(PARTNERS), self.setup.extra_suffix.as_deref()];
        let holds = |suffix: &&str| {
            let (dn, suffix) = (dn.to_lowercase(), suffix.to_lowercase());
            dn == suffix || dn.ends_with(&format!(",{suffix}"))
        };
        match suffixes.into_iter().flatten().find(holds) {
            Some(suffix) => suffix,
            None => panic!("no naming context of the test's slapd holds {dn}"),
        }
    }

    fn prepare(&mut self) {
        let setup = &self.setup;
        let new: Vec<PathBuf> = setup.ldif.iter().filter(|file| !self.loaded.contains(file)).cloned().collect();
        let lines = setup.hidden.join("\n");
        let schema = match setup.schema {
            SchemaAccess::All => "",
            SchemaAccess::Nothing => "none",
            SchemaAccess::NoClasses => "no-classes",
            SchemaAccess::NoAttributes => "no-attributes",
            SchemaAccess::Unnamed => "unnamed",
        };
        let environment = [
            ("SLAPD_SCHEMA", schema),
            ("SLAPD_CERT", setup.certificate.word()),
            ("SLAPD_HIDDEN", lines.as_str()),
            ("SLAPD_LIMITS", setup.limits.as_deref().unwrap_or_default()),
            ("SLAPD_EXTRA_SUFFIX", setup.extra_suffix.as_deref().unwrap_or_default()),
            (
                "SLAPD_ROOT",
                if !setup.open_root {
                    ""
                } else if setup.root_refused {
                    "refused"
                } else {
                    "1"
                },
            ),
            ("SLAPD_GLOBAL", setup.global.as_str()),
            ("SLAPD_DATABASE", setup.database.as_str()),
            ("SLAPD_ACCESS", setup.access.as_str()),
            ("SLAPD_EXTRA_EMPTY", if setup.extra_empty { "1" } else { "" }),
        ];
        self.daemon.prepare(&self.port().to_string(), &new, &environment);
        self.loaded.extend(new);
    }

    /// Starts slapd and waits until it answers; the error is what it said.
    fn run(&mut self) -> Result<(), String> {
        let tls_port = Some(self.ldaps_port()).filter(|_| self.setup.certificate != Certificate::Missing);
        self.daemon.run(&self.port().to_string(), tls_port, &[("SLAPD_DEBUG", "256")])
    }
}

/// Two free ports in a row, below the range from which the kernel gives clients theirs: a server that was stopped
/// finds them free again.
pub fn free_ports() -> u16 {
    const FIRST: u16 = 20_000;
    const PAIRS: u32 = 6_000;
    // Each process begins somewhere else, and within a process no pair is given twice.
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(random() % PAIRS));
    for _ in 0..PAIRS {
        let pair = NEXT.fetch_add(1, Ordering::Relaxed) % PAIRS;
        let port = FIRST + 2 * pair as u16;
        let free = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
        if free(port) && free(port + 1) {
            return port;
        }
    }
    panic!("no two free ports in a row from {FIRST} on");
}
