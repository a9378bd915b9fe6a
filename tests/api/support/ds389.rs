//! A real 389 Directory Server for the tests: `tests/directories/ds389.sh` with its folder, its ports, its end.
//!
//! The directory holds one naming context with its root entry and two accounts, and no container until a test adds
//! one. The tests of one process take turns at one shared server, see [`super::server`].

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use ldap3::{Mod, Scope};

use super::administrator::Administrator;
use super::daemon::{Certificate, Daemon};
use super::slapd::free_ports;

pub const BASE: &str = "dc=ds389,dc=test";
/// An ordinary account that may read everything but passwords and access rules.
pub const SERVICE_DN: &str = "cn=svc,dc=ds389,dc=test";
pub const SERVICE_PASSWORD: &str = "Svc-Passw0rd1";
/// An account with the rights that every account has.
pub const WEAK_DN: &str = "cn=weak,dc=ds389,dc=test";
pub const WEAK_PASSWORD: &str = "Weak-Passw0rd1";
/// The limits that a test may set.
pub const LIMITS: [&str; 3] = ["nsSizeLimit", "nsLookThroughLimit", "nsPagedLookThroughLimit"];
const ADMIN_PASSWORD: &str = "admin-password";

/// A running 389 Directory Server (unless stopped).
pub struct Ds389 {
    daemon: Daemon,
    certificate: Certificate,
    /// Entries and the access rules that a test added to them.
    rules: Vec<(String, String)>,
    /// Naming contexts that a test added.
    contexts: Vec<String>,
}

impl Ds389 {
    pub fn start(certificate: Certificate, shared: bool) -> Ds389 {
        Ds389::start_with(certificate, shared, None)
    }

    /// The file holds more entries of the naming context, parents first.
    pub fn start_with(certificate: Certificate, shared: bool, ldif: Option<PathBuf>) -> Ds389 {
        let daemon = Daemon::new("ds389.sh", Ipv4Addr::LOCALHOST, free_ports(), shared);
        let mut server = Ds389 { daemon, certificate, rules: Vec::new(), contexts: Vec::new() };
        // Another process may take the ports between our look and the server's.
        for _ in 0..5 {
            let files: Vec<PathBuf> = ldif.iter().cloned().collect();
            server.daemon.prepare(&server.place(), &files, &[("DS389_CERT", certificate.word())]);
            match server.run() {
                Ok(()) => return server,
                Err(why) if why.contains("in use") => server.daemon.port = free_ports(),
                Err(why) => panic!("ns-slapd did not start: {why} {}", server.errors()),
            }
        }
        panic!("ns-slapd found no free ports in five attempts");
    }

    pub fn url(&self) -> String {
        format!("ldap://{}:{}", self.daemon.address, self.daemon.port)
    }

    pub fn port(&self) -> u16 {
        self.daemon.port
    }

    pub fn ldaps_port(&self) -> u16 {
        self.daemon.port + 1
    }

    pub fn ca_pem(&self) -> PathBuf {
        self.daemon.folder().join("ca.pem")
    }

    /// Ends the server; its data is kept.
    pub fn stop(&mut self) {
        self.daemon.stop();
    }

    /// Starts it again, on the same ports with the same data.
    pub fn resume(&mut self) {
        assert!(!self.daemon.runs(), "ns-slapd was not stopped");
        if let Err(why) = self.run() {
            panic!("ns-slapd did not start again: {why} {}", self.errors());
        }
    }

    pub fn administrator(&self) -> Administrator {
        Administrator { url: self.url(), account: "cn=Directory Manager".to_owned(), password: ADMIN_PASSWORD }
    }

    /// Hides an entry from the service account: alone, or with all below it.
    pub async fn hide(&mut self, dn: &str, alone: bool) {
        // A rule holds for all below its entry, unless it names what only the entry has.
        let only = match dn.split(',').next() {
            Some(rdn) if alone => format!("(targetfilter=\"({rdn})\")"),
            _ => String::new(),
        };
        let who = format!("userdn=\"ldap:///{SERVICE_DN}\"");
        let rule = format!("(targetattr=\"*\"){only}(version 3.0; acl \"hidden\"; deny (all) {who};)");
        self.administrator().modify(dn, Mod::Add("aci", HashSet::from([rule.as_str()])), Vec::new()).await;
        self.rules.push((dn.to_owned(), rule));
        self.shows(dn, false).await;
    }

    /// Shows again what was hidden.
    pub async fn unhide(&mut self) {
        while let Some((dn, rule)) = self.rules.pop() {
            self.administrator().modify(&dn, Mod::Delete("aci", HashSet::from([rule.as_str()])), Vec::new()).await;
            self.shows(&dn, true).await;
        }
    }

    /// Waits until the service account is shown the entry, or no more: the server answers before a changed rule holds,
    /// and a rename in between would carry the old one along.
    async fn shows(&self, dn: &str, shown: bool) {
        let account = Administrator { url: self.url(), account: SERVICE_DN.to_owned(), password: SERVICE_PASSWORD };
        for _ in 0..500 {
            if account.search(dn, Scope::Base, "(objectClass=*)").await.is_empty() != shown {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{dn} is {} shown", if shown { "not" } else { "still" });
    }

    /// Sets a limit of the service account, for example `nsSizeLimit`; -1 is none, and without a number the server's own holds.
    pub async fn limit(&self, attribute: &str, entries: Option<i32>) {
        let text = entries.map(|n| n.to_string());
        let values: Vec<&str> = text.iter().map(String::as_str).collect();
        self.administrator().set(SERVICE_DN, attribute, &values).await;
    }

    /// Adds a naming context, without any entry, that the service account will be able to read.
    pub async fn add_context(&mut self, suffix: &str) {
        let name = format!("context{}", self.contexts.len());
        let administrator = self.administrator();
        let backend: &[&str] = &["top", "extensibleObject", "nsBackendInstance"];
        let mapping: &[&str] = &["top", "extensibleObject", "nsMappingTree"];
        let attributes: &[(&str, &[&str])] =
            &[("objectClass", backend), ("nsslapd-suffix", &[suffix]), ("cn", &[&name])];
        administrator.add(&backend_dn(&name), attributes).await;
        let attributes: &[(&str, &[&str])] = &[
            ("objectClass", mapping),
            ("cn", &[suffix]),
            ("nsslapd-state", &["backend"]),
            ("nsslapd-backend", &[&name]),
        ];
        administrator.add(&mapping_dn(suffix), attributes).await;
        self.contexts.push(suffix.to_owned());
    }

    /// Adds the root entry of a naming context that was added, with the rule that lets the service account read.
    pub async fn add_root(&self, suffix: &str) {
        let name = suffix.split(['=', ',']).nth(1).unwrap_or_default();
        let who = format!("userdn=\"ldap:///{SERVICE_DN}\"");
        let rule = format!("(targetattr!=\"aci\")(version 3.0; acl \"svc\"; allow (read, search, compare) {who};)");
        let attributes: &[(&str, &[&str])] = &[("objectClass", &["domain"]), ("dc", &[name]), ("aci", &[&rule])];
        self.administrator().add(suffix, attributes).await;
    }

    /// Takes the naming context that was added last away, with all that is in it.
    pub async fn remove_context(&mut self) {
        let Some(suffix) = self.contexts.pop() else { return };
        let administrator = self.administrator();
        let name = backend_dn(&format!("context{}", self.contexts.len()));
        administrator.delete(&mapping_dn(&suffix)).await;
        administrator.delete_all(administrator.search(&name, Scope::Subtree, "(objectClass=*)").await).await;
    }

    /// As new: no entry, rule or naming context of a test is left.
    pub async fn restore(&mut self) {
        if !self.daemon.runs() {
            self.resume();
        }
        while !self.contexts.is_empty() {
            self.remove_context().await;
        }
        let administrator = self.administrator();
        // The rules of the root entry are not gone with what is below it.
        self.rules.retain(|(dn, _)| dn == BASE);
        self.unhide().await;
        for limit in LIMITS {
            self.limit(limit, None).await;
        }
        // A referral is an entry too, to a search for its class.
        let mut left = administrator.search(BASE, Scope::Subtree, "(|(objectClass=*)(objectClass=ldapSubEntry))").await;
        left.retain(|dn| ![BASE, SERVICE_DN, WEAK_DN].contains(&dn.as_str()));
        administrator.delete_all(left).await;
    }

    fn errors(&self) -> String {
        std::fs::read_to_string(self.daemon.folder().join("log/errors")).unwrap_or_default()
    }

    fn place(&self) -> String {
        self.daemon.port.to_string()
    }

    fn run(&mut self) -> Result<(), String> {
        let tls_port = Some(self.ldaps_port()).filter(|_| self.certificate != Certificate::Missing);
        self.daemon.run(&self.place(), tls_port, &[])
    }
}

fn backend_dn(name: &str) -> String {
    format!("cn={name},cn=ldbm database,cn=plugins,cn=config")
}

fn mapping_dn(suffix: &str) -> String {
    format!("cn=\"{suffix}\",cn=mapping tree,cn=config")
}
