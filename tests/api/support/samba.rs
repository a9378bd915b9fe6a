//! A real Samba Active Directory domain for the tests: `tests/directories/samba.sh` with its folder, its address, its
//! end. It needs root.
//!
//! A domain is full of containers of its own; what a test adds goes below the domain as organizational units, which
//! a new domain has one of. The tests of one process take turns at one shared domain, see [`super::server`].

use std::collections::HashSet;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;

use ldap3::controls::RawControl;
use ldap3::{Mod, Scope};

use super::administrator::Administrator;
use super::daemon::{Certificate, Daemon, random};

pub const BASE: &str = "DC=lab,DC=test";
/// An ordinary user.
pub const SERVICE_ACCOUNT: &str = "svc@lab.test";
pub const SERVICE_PASSWORD: &str = "Svc-Passw0rd1";
pub const SERVICE_DN: &str = "CN=svc,CN=Users,DC=lab,DC=test";
/// What lets the service account log on; what a test may change.
const ACCOUNT: [(&str, &[&str]); 5] = [
    ("userAccountControl", &["512"]),
    ("accountExpires", &["0"]),
    ("pwdLastSet", &["-1"]),
    ("logonHours", &[]),
    ("userWorkstations", &[]),
];
const ADMIN_ACCOUNT: &str = "Administrator@lab.test";
const ADMIN_DN: &str = "CN=Administrator,CN=Users,DC=lab,DC=test";
const ADMIN_PASSWORD: &str = "Passw0rd!lab";
/// The organizational unit that every domain has.
pub const STOCK_OU: &str = "OU=Domain Controllers,DC=lab,DC=test";

const PORT: u16 = 389;
const TLS_PORT: u16 = 636;

/// Asks for, or sets, the access list of a security descriptor and nothing else of it.
const ACCESS_LIST_ONLY: (&str, [u8; 5]) = ("1.2.840.113556.1.4.801", [0x30, 3, 2, 1, 4]);
const DESCRIPTOR: &str = "nTSecurityDescriptor";
/// Rights of an access list: List Contents, Read Property.
pub const LIST: u32 = 0x4;
pub const READ: u32 = 0x10;

/// Every right there is.
const EVERYTHING: u32 = 0x000F_01FF;
/// Flags of an entry of an access list: for the containers below, and for them only.
pub const BELOW_ONLY: u8 = 0x2 | 0x8;

/// To whom a right may be denied: the service account is one of each.
#[derive(Clone, Copy, Debug)]
pub enum Who {
    Service,
    DomainUsers,
    AuthenticatedUsers,
    Everyone,
}

/// A running domain controller (unless stopped).
pub struct Samba {
    daemon: Daemon,
    /// The access lists as they were before a test changed them.
    lists: Vec<(String, Vec<u8>)>,
}

impl Samba {
    pub fn start(certificate: Certificate, shared: bool) -> Samba {
        Samba::start_with(certificate, shared, None)
    }

    /// There is always a certificate: this Samba crashes when it is asked for StartTLS and has none. The file holds more entries of the domain, parents first.
    pub fn start_with(certificate: Certificate, shared: bool, ldif: Option<PathBuf>) -> Samba {
        Samba::start_as(certificate, shared, ldif, "")
    }

    /// With `all` no class of the schema is hidden by default.
    pub fn start_as(certificate: Certificate, shared: bool, ldif: Option<PathBuf>, classes: &str) -> Samba {
        for _ in 0..5 {
            let daemon = Daemon::new("samba.sh", free_address(), PORT, shared);
            let mut samba = Samba { daemon, lists: Vec::new() };
            // A domain takes five seconds to make, so there is one to copy from, for as long as the build folder lives.
            // Another domain in the script takes another number here.
            let template = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("samba-template-1");
            let files: Vec<PathBuf> = [template].into_iter().chain(ldif.clone()).collect();
            samba.daemon.prepare(
                &samba.place(),
                &files,
                &[("SAMBA_CERT", certificate.word()), ("SAMBA_CLASSES", classes)],
            );
            match samba.run() {
                Ok(()) => return samba,
                // Another process took the address meanwhile.
                Err(why) if why.contains("in use") || why.contains("ADDRESS_ALREADY") => continue,
                Err(why) => panic!("samba did not start: {why}"),
            }
        }
        panic!("samba found no free address in five attempts");
    }

    pub fn url(&self) -> String {
        format!("ldap://{}", self.daemon.address)
    }

    pub fn host(&self) -> String {
        self.place()
    }

    pub fn ca_pem(&self) -> PathBuf {
        self.daemon.folder().join("ca.pem")
    }

    /// Ends Samba; its data is kept.
    pub fn stop(&mut self) {
        self.daemon.stop();
    }

    /// Starts it again, at the same address with the same data.
    pub fn resume(&mut self) {
        assert!(!self.daemon.runs(), "samba was not stopped");
        if let Err(why) = self.run() {
            panic!("samba did not start again: {why}");
        }
    }

    pub fn administrator(&self) -> Administrator {
        Administrator { url: self.url(), account: ADMIN_ACCOUNT.to_owned(), password: ADMIN_PASSWORD }
    }

    /// Denies the service account these rights on an entry, before all that the entry grants.
    pub async fn deny(&mut self, dn: &str, rights: u32) {
        self.deny_to(Who::Service, dn, rights, 0).await;
    }

    /// Denies rights on an entry, with these flags in the entry of the access list.
    pub async fn deny_to(&mut self, who: Who, dn: &str, rights: u32, flags: u8) {
        let account = self.sid(who).await;
        let before = self.access_list(dn).await;
        self.set_access_list(dn, with_entry(&before, &entry(1, flags, rights, &account), true)).await;
        self.lists.push((dn.to_owned(), before));
    }

    /// Grants everything on an entry to the administrator, and nothing to other accounts.
    pub async fn grant_only_administrator(&mut self, dn: &str) {
        let administrators = self.administrator().values(ADMIN_DN, "objectSid", Vec::new()).await.remove(0);
        let before = self.access_list(dn).await;
        self.set_access_list(dn, with_entry(&before, &entry(0, 0, EVERYTHING, &administrators), false)).await;
        self.lists.push((dn.to_owned(), before));
    }

    async fn sid(&self, who: Who) -> Vec<u8> {
        let mut account = self.administrator().values(SERVICE_DN, "objectSid", Vec::new()).await.remove(0);
        match who {
            Who::Service => account,
            Who::DomainUsers => {
                let last = account.len() - 4;
                account[last..].copy_from_slice(&513_u32.to_le_bytes());
                account
            }
            Who::AuthenticatedUsers => vec![1, 1, 0, 0, 0, 0, 0, 5, 11, 0, 0, 0],
            Who::Everyone => vec![1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
        }
    }

    /// Takes back what was denied.
    pub async fn allow_again(&mut self) {
        while let Some((dn, list)) = self.lists.pop() {
            self.set_access_list(&dn, list).await;
        }
    }

    /// As new: no entry of a test is left and nothing is denied.
    pub async fn restore(&mut self) {
        if !self.daemon.runs() {
            self.resume();
        }
        let administrator = self.administrator();
        let units = "(|(objectClass=organizationalUnit)(objectClass=locality))";
        for dn in administrator.search(BASE, Scope::OneLevel, units).await.iter().filter(|dn| *dn != STOCK_OU) {
            self.lists.retain(|(changed, _)| !changed.ends_with(dn));
            administrator.delete_tree(dn).await;
        }
        self.allow_again().await;
        self.admit().await;
    }

    /// Lets the service account log on, as a new one may.
    pub async fn admit(&self) {
        for (attribute, value) in ACCOUNT {
            self.administrator().set(SERVICE_DN, attribute, value).await;
        }
    }

    async fn access_list(&self, dn: &str) -> Vec<u8> {
        self.administrator().values(dn, DESCRIPTOR, vec![access_list_only()]).await.remove(0)
    }

    async fn set_access_list(&self, dn: &str, list: Vec<u8>) {
        let change = Mod::Replace(DESCRIPTOR.as_bytes().to_vec(), HashSet::from([list]));
        self.administrator().modify(dn, change, vec![access_list_only()]).await;
    }

    fn place(&self) -> String {
        self.daemon.address.to_string()
    }

    fn run(&mut self) -> Result<(), String> {
        self.daemon.run(&self.place(), Some(TLS_PORT), &[])
    }
}

fn access_list_only() -> RawControl {
    let (oid, value) = ACCESS_LIST_ONLY;
    RawControl { ctype: oid.to_owned(), crit: true, val: Some(value.to_vec()) }
}

/// An entry of an access list: granted (0) or denied (1) to an account [MS-DTYP 2.4.4].
fn entry(kind: u8, flags: u8, rights: u32, account: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, flags];
    bytes.extend((8 + account.len() as u16).to_le_bytes());
    bytes.extend(rights.to_le_bytes());
    bytes.extend(account);
    bytes
}

/// A security descriptor of an access list alone, with this entry before the others, or instead of them
/// [MS-DTYP 2.4.6]. Without them it is protected, or the entry above would grant them anew.
fn with_entry(descriptor: &[u8], entry: &[u8], others: bool) -> Vec<u8> {
    let number = |at: usize, bytes: usize| {
        descriptor[at..at + bytes].iter().rev().fold(0_usize, |all, byte| all << 8 | usize::from(*byte))
    };
    let list = number(16, 4);
    let kept = if others { &descriptor[list + 8..list + number(list + 2, 2)] } else { &[] };
    let count = if others { number(list + 4, 2) + 1 } else { 1 };
    let protected = if others { 0 } else { 0x10 };
    let mut new = vec![descriptor[0], descriptor[1], descriptor[2], descriptor[3] | protected];
    new.extend([[0; 4], [0; 4], [0; 4], 20_u32.to_le_bytes()].concat());
    new.extend(&descriptor[list..list + 2]);
    new.extend((8 + (entry.len() + kept.len()) as u16).to_le_bytes());
    new.extend((count as u16).to_le_bytes());
    new.extend([0, 0]);
    new.extend(entry);
    new.extend(kept);
    new
}

/// An address of this machine for one domain alone: Samba cannot choose its ports.
fn free_address() -> Ipv4Addr {
    let mut last = None;
    for _ in 0..20 {
        let [a, b, c, _] = random().to_ne_bytes();
        let address = Ipv4Addr::new(127, 64 + a % 64, b, 1 + c % 254);
        match TcpListener::bind((address, PORT)).and_then(|_| TcpListener::bind((address, TLS_PORT))) {
            Ok(_) => return address,
            Err(why) if why.kind() == ErrorKind::PermissionDenied => {
                panic!("Samba takes root: it serves on port {PORT} and has no setting for another");
            }
            Err(why) => last = Some(why),
        }
    }
    panic!(
        "port {PORT} or {TLS_PORT} is taken on every loopback address, perhaps by a server on all of them: {last:?}"
    );
}
