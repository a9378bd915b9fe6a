//! A directory of any kind, with the changes that all of them know: what the table of situations runs over.
//!
//! DNs are written in one way, `ou=...` with the naming context left out or as `@`, and read as each directory
//! writes them. Samba and 389 Directory Server are started once for a test process; the tests take turns, and each
//! finds them as new.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use ldap3::Scope;
use serde_json::{Value, json};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};

use super::administrator::Administrator;
use super::daemon::Certificate;
use super::directory::{Options, Sandbox, Tree};
use super::ds389::{self, Ds389};
use super::samba::{self, Samba};
use super::sandbox_settings;
use super::slapd::{self, Slapd};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    OpenLdap,
    Samba,
    Ds389,
    Sandbox,
}

/// A server of one's own, or one's turn at the shared one.
pub enum Held<T: 'static> {
    Own(Box<T>),
    Turn(MappedMutexGuard<'static, T>),
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Held::Own(own) => own,
            Held::Turn(turn) => turn,
        }
    }
}

impl<T> DerefMut for Held<T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Held::Own(own) => own,
            Held::Turn(turn) => turn,
        }
    }
}

/// A directory as new, and shared with no other test for as long as this lives.
#[allow(clippy::large_enum_variant, reason = "a test has one of them")]
pub enum Server {
    OpenLdap(Slapd),
    Samba(Held<Samba>),
    Ds389(Held<Ds389>),
    Sandbox(Sandbox),
}

/// The naming context that comes and goes.
pub const OTHER: &str = "dc=other";

static SAMBA: Mutex<Option<Samba>> = Mutex::const_new(None);
static DS389: Mutex<Option<Ds389>> = Mutex::const_new(None);

impl Server {
    pub async fn start(kind: Kind) -> Server {
        match kind {
            Kind::OpenLdap => Server::OpenLdap(Slapd::start()),
            Kind::Samba => {
                let shared = SAMBA.lock().await;
                let start = || Samba::start(Certificate::Good, true);
                let mut samba = MutexGuard::map(shared, |samba| samba.get_or_insert_with(start));
                samba.restore().await;
                Server::Samba(Held::Turn(samba))
            }
            Kind::Ds389 => {
                let shared = DS389.lock().await;
                let start = || Ds389::start(Certificate::Good, true);
                let mut server = MutexGuard::map(shared, |server| server.get_or_insert_with(start));
                server.restore().await;
                Server::Ds389(Held::Turn(server))
            }
            Kind::Sandbox => {
                let options = Options::with_tree(Tree::new().suffix("dc=x"));
                Server::Sandbox(Sandbox::start(options).await.expect("the sandbox starts"))
            }
        }
    }

    /// A real server of one's own that shows this certificate.
    pub fn with_certificate(kind: Kind, certificate: Certificate) -> Server {
        match kind {
            Kind::OpenLdap => {
                Server::OpenLdap(Slapd::start_with(slapd::Setup { certificate, ..slapd::Setup::default() }))
            }
            Kind::Samba => Server::Samba(Held::Own(Box::new(Samba::start(certificate, false)))),
            Kind::Ds389 => Server::Ds389(Held::Own(Box::new(Ds389::start(certificate, false)))),
            Kind::Sandbox => panic!("a sandbox is given its certificate"),
        }
    }

    /// A server of one's own with these organizational units in it, by far the fastest way to many.
    pub async fn filled(kind: Kind, names: &[String]) -> Server {
        let unit = |dn: String| format!("dn: {dn}\nobjectClass: organizationalUnit\n\n");
        let file = tempfile::NamedTempFile::with_suffix(".ldif").expect("a file");
        let write = |base: &str| {
            let text: String = names.iter().map(|name| unit(format!("ou={name},{base}"))).collect();
            std::fs::write(file.path(), text).expect("written");
            file.path().to_owned()
        };
        match kind {
            Kind::OpenLdap => {
                let ldif = vec![write(slapd::SUFFIX)];
                Server::OpenLdap(Slapd::start_with(slapd::Setup { ldif, ..slapd::Setup::default() }))
            }
            Kind::Ds389 => {
                let ldif = write(ds389::BASE);
                Server::Ds389(Held::Own(Box::new(Ds389::start_with(Certificate::Good, false, Some(ldif)))))
            }
            Kind::Samba => {
                let server = Samba::start_with(Certificate::Good, false, Some(write(samba::BASE)));
                Server::Samba(Held::Own(Box::new(server)))
            }
            Kind::Sandbox => {
                let tree =
                    names.iter().fold(Tree::new().suffix("dc=x"), |tree, name| tree.ou(&format!("ou={name},dc=x")));
                Server::Sandbox(Sandbox::start(Options::with_tree(tree)).await.expect("the sandbox starts"))
            }
        }
    }

    pub fn kind(&self) -> Kind {
        match self {
            Server::OpenLdap(_) => Kind::OpenLdap,
            Server::Samba(_) => Kind::Samba,
            Server::Ds389(_) => Kind::Ds389,
            Server::Sandbox(_) => Kind::Sandbox,
        }
    }

    /// The naming context.
    pub fn base(&self) -> &'static str {
        match self {
            Server::OpenLdap(_) => slapd::SUFFIX,
            Server::Samba(_) => samba::BASE,
            Server::Ds389(_) => ds389::BASE,
            Server::Sandbox(_) => "dc=x",
        }
    }

    /// Settings of an ordinary account.
    pub fn settings(&self) -> Value {
        let (url, account, password) = match self {
            Server::OpenLdap(s) => (s.url(), slapd::SERVICE_DN, slapd::SERVICE_PASSWORD),
            Server::Samba(s) => (s.url(), samba::SERVICE_ACCOUNT, samba::SERVICE_PASSWORD),
            Server::Ds389(s) => (s.url(), ds389::SERVICE_DN, ds389::SERVICE_PASSWORD),
            Server::Sandbox(s) => return sandbox_settings(s),
        };
        json!({ "1": { "stringValue": url }, "2": { "stringValue": account }, "3": { "stringValue": password } })
    }

    /// Text as this directory writes it: `@` is the naming context, and Active Directory writes `OU`.
    pub fn text(&self, short: &str) -> String {
        let text = short.replace('@', self.base());
        match self.kind() {
            Kind::Samba => text.replace("ou=", "OU="),
            _ => text,
        }
    }

    /// The DN of a name in the naming context; an empty one is the naming context itself.
    pub fn dn(&self, name: &str) -> String {
        if name.is_empty() { self.base().to_owned() } else { self.text(&format!("{name},@")) }
    }

    /// Whether a line of a tree or of what is told is about something of the tests': a domain has containers of its
    /// own, and OpenLDAP has a second naming context.
    pub fn is_ours(&self, line: &str) -> bool {
        let Server::Samba(_) = self else { return !line.ends_with(slapd::PARTNERS) };
        if !line.starts_with([' ', '+', '-', '~', '>']) {
            return true; // a partition
        }
        let stock = ["CN=", "OU=Domain Controllers"];
        let dn = line.trim_start_matches([' ', '+', '-', '~', '>']).split(" *").next().unwrap_or_default();
        let dn = dn.trim_end_matches(" h");
        match dn.strip_suffix(&format!(",{}", samba::BASE)) {
            Some(rdns) => !stock.iter().any(|s| rdns.rsplit(',').next().is_some_and(|last| last.starts_with(s))),
            None => true,
        }
    }

    /// Adds organizational units, parents first; names that need no escaping.
    pub async fn grow(&self, names: &[&str]) {
        let dns: Vec<String> = names.iter().map(|name| self.dn(name)).collect();
        match self {
            Server::Sandbox(s) => dns.iter().for_each(|dn| s.add_ou(dn).expect("added")),
            _ => self.administrator().add_ous(&dns).await,
        }
    }

    pub async fn add(&self, name: &str, attributes: &[(&str, &[&str])]) {
        match self {
            Server::Sandbox(s) => s.add(&self.dn(name), attributes).expect("added"),
            _ => self.administrator().add(&self.dn(name), attributes).await,
        }
    }

    /// Sets the entry's description, or takes it away.
    pub async fn describe(&self, name: &str, text: Option<&str>) {
        let values: Vec<&str> = text.into_iter().collect();
        match self {
            Server::Sandbox(s) => s.set_attribute(&self.dn(name), "description", &values).expect("set"),
            _ => self.administrator().set(&self.dn(name), "description", &values).await,
        }
    }

    /// Renames the entry; a new superior also moves it, an empty one to the naming context.
    pub async fn rename(&self, name: &str, new_rdn: &str, new_superior: Option<&str>) {
        let (dn, new_rdn, superior) = (self.dn(name), self.text(new_rdn), new_superior.map(|name| self.dn(name)));
        match self {
            Server::Sandbox(s) => s.rename(&dn, &new_rdn, superior.as_deref()).expect("renamed"),
            _ => self.administrator().rename(&dn, &new_rdn, superior.as_deref()).await,
        }
    }

    /// Deletes the entry and all below it.
    pub async fn delete(&self, name: &str) {
        let dn = self.dn(name);
        match self {
            Server::Sandbox(s) => s.remove(&dn).expect("removed"),
            Server::Samba(s) => s.administrator().delete_tree(&dn).await,
            _ => {
                let administrator = self.administrator();
                administrator.delete_all(administrator.search(&dn, Scope::Subtree, "(objectClass=*)").await).await;
            }
        }
    }

    /// Hides an entry from the ordinary account, alone where the directory can, else with all below it.
    pub async fn hide(&mut self, name: &str) {
        let dn = self.dn(name);
        match self {
            Server::OpenLdap(s) => s.restart_hiding(&[&dn]),
            Server::Samba(s) => s.deny(&dn, samba::LIST | samba::READ).await,
            Server::Ds389(s) => s.hide(&dn, true).await,
            Server::Sandbox(s) => s.hide_alone(&dn).expect("hidden"),
        }
    }

    /// Hides an entry with all below it.
    pub async fn hide_tree(&mut self, name: &str) {
        let dn = self.dn(name);
        match self {
            Server::OpenLdap(s) => {
                let all = s.search(&dn, "(objectClass=*)").await;
                s.restart_hiding(&all.iter().map(String::as_str).collect::<Vec<_>>());
            }
            Server::Samba(s) => s.deny(&dn, samba::LIST | samba::READ).await,
            Server::Ds389(s) => s.hide(&dn, false).await,
            Server::Sandbox(s) => s.hide(&dn).expect("hidden"),
        }
    }

    /// Shows again what was hidden; for the sandbox this entry.
    pub async fn unhide(&mut self, name: &str) {
        let dn = self.dn(name);
        match self {
            Server::OpenLdap(s) => s.restart_hiding(&[]),
            Server::Samba(s) => s.allow_again().await,
            Server::Ds389(s) => s.unhide().await,
            Server::Sandbox(s) => s.unhide(&dn).expect("unhidden"),
        }
    }

    /// Adds the naming context [`OTHER`], which the account may read, with its root entry or empty.
    pub async fn add_context(&mut self, with_root: bool) {
        match self {
            Server::OpenLdap(s) => {
                s.restart(|setup| (setup.extra_suffix, setup.extra_empty) = (Some(OTHER.to_owned()), !with_root));
            }
            Server::Ds389(s) => {
                s.add_context(OTHER).await;
                if with_root {
                    s.add_root(OTHER).await;
                }
            }
            Server::Sandbox(s) => {
                s.add_suffix(OTHER).expect("added");
                if with_root {
                    s.add(OTHER, &[]).expect("its root entry");
                }
            }
            Server::Samba(_) => panic!("a domain's partitions are what they are"),
        }
    }

    /// Adds the root entry of [`OTHER`].
    pub async fn add_root(&self) {
        match self {
            Server::OpenLdap(s) => s.add(OTHER, &[("objectClass", &["domain"]), ("dc", &["other"])]).await,
            Server::Ds389(s) => s.add_root(OTHER).await,
            Server::Sandbox(s) => s.add(OTHER, &[]).expect("its root entry"),
            Server::Samba(_) => panic!("a domain's partitions are what they are"),
        }
    }

    /// Adds organizational units by their whole DNs, in [`OTHER`].
    pub async fn grow_other(&self, dns: &[&str]) {
        match self {
            Server::OpenLdap(s) => {
                for dn in dns {
                    s.add_ou(dn).await;
                }
            }
            Server::Sandbox(s) => dns.iter().for_each(|dn| s.add_ou(dn).expect("added")),
            _ => self.administrator().add_ous(&dns.iter().map(|&dn| dn.to_owned()).collect::<Vec<_>>()).await,
        }
    }

    /// Deletes an entry of [`OTHER`] by its DN.
    pub async fn delete_other(&self, dn: &str) {
        match self {
            Server::OpenLdap(s) => s.delete(dn).await,
            Server::Sandbox(s) => s.remove(dn).expect("removed"),
            _ => self.administrator().delete(dn).await,
        }
    }

    pub async fn remove_context(&mut self) {
        match self {
            Server::OpenLdap(s) => s.restart_without_suffix(),
            Server::Ds389(s) => s.remove_context().await,
            Server::Sandbox(s) => s.remove_suffix(OTHER).expect("removed"),
            Server::Samba(_) => panic!("a domain's partitions are what they are"),
        }
    }

    /// Where it listens for LDAP with StartTLS, and for LDAPS, by a name that the certificate covers.
    pub fn secured_at(&self) -> [String; 2] {
        match self {
            Server::OpenLdap(s) => [s.port(), s.ldaps_port()].map(|port| format!("localhost:{port}")),
            Server::Ds389(s) => [s.port(), s.ldaps_port()].map(|port| format!("localhost:{port}")),
            Server::Samba(s) => [389, 636].map(|port| format!("{}:{port}", s.host())),
            Server::Sandbox(s) => [(); 2].map(|()| format!("localhost:{}", s.addr().port())),
        }
    }

    /// Ends it; its data is kept.
    pub fn stop(&mut self) {
        match self {
            Server::OpenLdap(s) => s.stop(),
            Server::Samba(s) => s.stop(),
            Server::Ds389(s) => s.stop(),
            Server::Sandbox(_) => panic!("a sandbox has no files"),
        }
    }

    /// Starts it again at the same address.
    pub fn resume(&mut self) {
        match self {
            Server::OpenLdap(s) => s.resume(),
            Server::Samba(s) => s.resume(),
            Server::Ds389(s) => s.resume(),
            Server::Sandbox(_) => panic!("a sandbox has no files"),
        }
    }

    /// The CA of the server's certificate.
    pub fn ca_pem(&self) -> PathBuf {
        match self {
            Server::OpenLdap(s) => s.ca_pem(),
            Server::Samba(s) => s.ca_pem(),
            Server::Ds389(s) => s.ca_pem(),
            Server::Sandbox(_) => panic!("a sandbox keeps its certificate in memory"),
        }
    }

    /// The account that changes the real ones.
    pub fn administrator(&self) -> Administrator {
        match self {
            Server::OpenLdap(s) => s.administrator(slapd::SUFFIX),
            Server::Samba(s) => s.administrator(),
            Server::Ds389(s) => s.administrator(),
            Server::Sandbox(_) => panic!("a sandbox is changed from within"),
        }
    }
}
