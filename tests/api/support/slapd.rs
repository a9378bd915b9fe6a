//! A real OpenLDAP for one test: `tests/directories/slapd.sh` with its folder, its ports and its end.
//!
//! The directory holds two naming contexts with their root entries and the two accounts, and no container until a
//! test adds one. Changes are made as the administrator, whom neither limits nor access rules bind.
#![allow(dead_code)]

use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, Mod, Scope, SearchEntry};
use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

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
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Certificate {
    #[default]
    Good,
    WrongName,
    Expired,
}

#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub certificate: Certificate,
    /// A third naming context, for example `dc=third`.
    pub extra_suffix: Option<String>,
    /// The third naming context has no root entry.
    pub extra_empty: bool,
    /// Entries that no account may read, beside [`HIDDEN_DN`].
    pub hidden: Vec<String>,
    /// slapd's limits for [`LIMITED_DN`], for example `size.soft=50 size.hard=50`.
    pub limits: Option<String>,
    /// Loaded once, in this order; each file belongs to one naming context.
    pub ldif: Vec<PathBuf>,
}

/// A running slapd (unless stopped). It ends when this is dropped, and also when the test process is killed.
pub struct Slapd {
    setup: Setup,
    loaded: Vec<PathBuf>,
    folder: tempfile::TempDir,
    port: u16,
    child: Option<Child>,
}

impl Slapd {
    pub fn start() -> Slapd {
        Slapd::start_with(Setup::default())
    }

    pub fn start_with(setup: Setup) -> Slapd {
        let folder = tempfile::Builder::new().prefix("jim-slapd-").tempdir().expect("a temporary folder");
        let mut slapd = Slapd { setup, loaded: Vec::new(), folder, port: free_ports(), child: None };
        slapd.prepare();
        // Another process may take the ports between our look and slapd's; only a first start may choose again.
        for _ in 0..5 {
            match slapd.run() {
                Ok(()) => return slapd,
                Err(why) if why.contains("Address already in use") => slapd.port = free_ports(),
                Err(why) => panic!("slapd did not start: {why}"),
            }
        }
        panic!("slapd found no free ports in five attempts");
    }

    pub fn url(&self) -> String {
        format!("ldap://{}:{}", self.host(), self.port)
    }

    pub fn host(&self) -> &'static str {
        "127.0.0.1"
    }

    /// LDAP, and StartTLS.
    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn ldaps_port(&self) -> u16 {
        self.port + 1
    }

    /// The file with the CA that issued the server's certificate. It stays the same over restarts.
    pub fn ca_pem(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What slapd has said: one line for each connection, operation and result, with the account and the search.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.log_path()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Ends slapd; its ports refuse connections afterwards and its data is kept.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // mdb needs no goodbye: what was answered is in its file.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it again, on the same ports with the same data.
    pub fn resume(&mut self) {
        assert!(self.child.is_none(), "slapd was not stopped");
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
        let name = dn.split_once('=').and_then(|(_, rest)| rest.split(',').next()).unwrap_or_default();
        self.add(dn, &[("objectClass", &["organizationalUnit"]), ("ou", &[name])]).await;
    }

    pub async fn add(&self, dn: &str, attributes: &[(&str, &[&str])]) {
        let attributes = attributes.iter().map(|&(name, values)| (name, values.iter().copied().collect())).collect();
        let result = self.administrator(dn).await.add(dn, attributes).await;
        done("add", dn, result);
    }

    /// Replaces the attribute's values; without any it is removed.
    pub async fn set(&self, dn: &str, attribute: &str, values: &[&str]) {
        let values: HashSet<&str> = values.iter().copied().collect();
        let result = self.administrator(dn).await.modify(dn, vec![Mod::Replace(attribute, values)]).await;
        done("modify", dn, result);
    }

    /// Deletes one entry, which must have none below it.
    pub async fn delete(&self, dn: &str) {
        let result = self.administrator(dn).await.delete(dn).await;
        done("delete", dn, result);
    }

    /// Renames the entry, and moves it with all below it if a new superior is given. The old name is dropped.
    pub async fn rename(&self, dn: &str, new_rdn: &str, new_superior: Option<&str>) {
        let result = self.administrator(dn).await.modifydn(dn, new_rdn, true, new_superior).await;
        done("rename", dn, result);
    }

    /// The DNs of the entries at and below the base, as the server writes them.
    pub async fn search(&self, base: &str, filter: &str) -> Vec<String> {
        let found = self.read(base, Scope::Subtree, filter, "1.1").await;
        found.into_iter().map(|entry| entry.dn).collect()
    }

    /// The values of an attribute, operational ones such as entryUUID too; none if the entry lacks it.
    pub async fn values(&self, dn: &str, attribute: &str) -> Vec<String> {
        let Some(entry) = self.read(dn, Scope::Base, "(objectClass=*)", attribute).await.pop() else {
            panic!("slapd: no entry {dn}");
        };
        let text = entry.attrs.into_values().flatten();
        let other = entry.bin_attrs.into_values().flatten();
        text.chain(other.map(|value| String::from_utf8_lossy(&value).into_owned())).collect()
    }

    async fn read(&self, base: &str, scope: Scope, filter: &str, attribute: &str) -> Vec<SearchEntry> {
        let result = self.administrator(base).await.search(base, scope, filter, vec![attribute]).await;
        match result.and_then(|result| result.success()) {
            Ok((entries, _)) => entries.into_iter().map(SearchEntry::construct).collect(),
            Err(why) => panic!("slapd: search {filter} at {base}: {why}"),
        }
    }

    /// A connection of its own for each call: the fixture has nothing to keep open when slapd is stopped.
    async fn administrator(&self, dn: &str) -> Ldap {
        let settings = LdapConnSettings::new().set_conn_timeout(PATIENCE);
        let (connection, mut ldap) = match LdapConnAsync::with_settings(settings, &self.url()).await {
            Ok(connected) => connected,
            Err(why) => panic!("slapd: connect to {}: {why}", self.url()),
        };
        ldap3::drive!(connection);
        let account = format!("cn=admin,{}", self.suffix_of(dn));
        let result = ldap.with_timeout(PATIENCE).simple_bind(&account, ADMIN_PASSWORD).await;
        done("bind", &account, result);
        ldap.with_timeout(PATIENCE);
        ldap
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
        let certificate = match setup.certificate {
            Certificate::Good => "good",
            Certificate::WrongName => "wrong-name",
            Certificate::Expired => "expired",
        };
        let mut command = self.script("prepare");
        command.args(&new).stdin(Stdio::null());
        command.env("SLAPD_CERT", certificate).env("SLAPD_HIDDEN", setup.hidden.join("\n"));
        command.env("SLAPD_LIMITS", setup.limits.as_deref().unwrap_or_default());
        command.env("SLAPD_EXTRA_SUFFIX", setup.extra_suffix.as_deref().unwrap_or_default());
        command.env("SLAPD_EXTRA_EMPTY", if setup.extra_empty { "1" } else { "" });
        let output = match command.output() {
            Ok(output) => output,
            Err(why) => panic!("cannot run tests/directories/slapd.sh: {why}"),
        };
        // The script's own text says what is missing, and that tests/run.sh installs it.
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        self.loaded.extend(new);
    }

    /// Starts slapd and waits until it answers; the error is the end of what it said.
    fn run(&mut self) -> Result<(), String> {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path()).expect("slapd's log file");
        let said_before = log.metadata().map_or(0, |file| file.len());
        let mut command = self.script("start");
        // The pipe is the watch: it closes when this process ends, whatever ends it.
        command.arg("--until-eof").env("SLAPD_DEBUG", "256").stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(log);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(why) => return Err(format!("cannot run tests/directories/slapd.sh: {why}")),
        };
        let begun = Instant::now();
        while !answers(self.port) || !listens(self.port + 1) {
            let ended = child.try_wait().map_or(true, |status| status.is_some());
            if ended || begun.elapsed() > PATIENCE {
                let _ = child.kill();
                let _ = child.wait();
                return Err(self.log().get(said_before as usize..).unwrap_or_default().to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        // Somebody else may have answered while ours failed to get the port.
        if !matches!(child.try_wait(), Ok(None)) {
            return Err(format!("Address already in use: {}", self.port));
        }
        self.child = Some(child);
        Ok(())
    }

    fn script(&self, verb: &str) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/directories/slapd.sh");
        let mut command = Command::new("bash");
        command.arg(script).arg(verb).arg(self.folder.path()).arg(self.port.to_string());
        command
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Slapd {
    fn drop(&mut self) {
        self.stop();
    }
}

fn done(verb: &str, dn: &str, result: ldap3::result::Result<ldap3::LdapResult>) {
    if let Err(why) = result.and_then(|result| result.success()) {
        panic!("slapd: {verb} {dn}: {why}");
    }
}

/// Two free ports in a row, below the range from which the kernel gives clients theirs: a stopped slapd finds them
/// free again.
fn free_ports() -> u16 {
    const FIRST: u16 = 20_000;
    const PAIRS: u32 = 6_000;
    // Each process begins somewhere else, and within a process no pair is given twice.
    static NEXT: LazyLock<AtomicU32> = LazyLock::new(|| AtomicU32::new(random()));
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

fn random() -> u32 {
    let mut bytes = [0; 2];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).expect("random bytes");
    u16::from_ne_bytes(bytes).into()
}

fn listens(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// slapd accepts connections before it has read its databases, so the sign is an answer, to an anonymous bind.
fn answers(port: u16) -> bool {
    const ANONYMOUS_BIND: [u8; 14] = [0x30, 12, 2, 1, 1, 0x60, 7, 2, 1, 3, 4, 0, 0x80, 0];
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let ask = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(&ANONYMOUS_BIND)?;
        stream.read_exact(&mut [0])
    };
    ask().is_ok()
}
