//! Changes to a directory over LDAP, as an account that neither limits nor access rules bind.

use std::collections::HashSet;
use std::hash::Hash;
use std::time::Duration;

use ldap3::controls::RawControl;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapResult, Mod, Scope, SearchEntry};

/// Samba answers no other request while it deletes a large tree.
const PATIENCE: Duration = Duration::from_secs(120);

/// Active Directory's control that deletes an entry with all below it.
const TREE_DELETE: &str = "1.2.840.113556.1.4.805";

/// Treat referrals as the entries they are. No directory minds being asked.
fn as_entries() -> RawControl {
    RawControl { ctype: "2.16.840.1.113730.3.4.2".to_owned(), crit: false, val: None }
}

/// An account of a directory. Each call connects anew: nothing stays open when the directory is stopped.
pub struct Administrator {
    pub url: String,
    pub account: String,
    pub password: &'static str,
}

/// DN of an entry and its attributes with their values.
pub type NewEntry<'a> = (String, Vec<(&'a str, Vec<&'a str>)>);

impl Administrator {
    pub async fn connect(&self) -> Ldap {
        let settings = LdapConnSettings::new().set_conn_timeout(PATIENCE);
        let (connection, mut ldap) = match LdapConnAsync::with_settings(settings, &self.url).await {
            Ok(connected) => connected,
            Err(why) => panic!("connect to {}: {why}", self.url),
        };
        ldap3::drive!(connection);
        let result = ldap.with_timeout(PATIENCE).simple_bind(&self.account, self.password).await;
        done("bind", &self.account, result);
        ldap.with_timeout(PATIENCE);
        ldap
    }

    pub async fn add(&self, dn: &str, attributes: &[(&str, &[&str])]) {
        done("add", dn, self.connect().await.with_controls(as_entries()).add(dn, values_of(attributes)).await);
    }

    /// Adds entries one after the other over one connection.
    pub async fn add_all(&self, entries: &[NewEntry<'_>]) {
        let mut ldap = self.connect().await;
        for (dn, attributes) in entries {
            let values = attributes.iter().map(|(name, values)| (*name, values.iter().copied().collect())).collect();
            done("add", dn, ldap.with_timeout(PATIENCE).add(dn, values).await);
        }
    }

    /// Adds organizational units one after the other.
    pub async fn add_ous(&self, dns: &[String]) {
        let mut ldap = self.connect().await;
        for dn in dns {
            let attributes = vec![("objectClass", HashSet::from(["organizationalUnit"]))];
            let name = dn.split_once('=').and_then(|(_, rest)| rest.split(',').next()).unwrap_or_default();
            let attributes = attributes.into_iter().chain([("ou", HashSet::from([name]))]).collect();
            done("add", dn, ldap.with_timeout(PATIENCE).add(dn, attributes).await);
        }
    }

    /// Replaces the attribute's values; without any it is removed.
    pub async fn set(&self, dn: &str, attribute: &str, values: &[&str]) {
        self.modify(dn, Mod::Replace(attribute, values.iter().copied().collect()), Vec::new()).await;
    }

    pub async fn modify<V: AsRef<[u8]> + Eq + Hash>(&self, dn: &str, change: Mod<V>, controls: Vec<RawControl>) {
        done("modify", dn, self.connect().await.with_controls(controls).modify(dn, vec![change]).await);
    }

    /// Deletes one entry, which must have none below it.
    pub async fn delete(&self, dn: &str) {
        done("delete", dn, self.connect().await.with_controls(as_entries()).delete(dn).await);
    }

    /// Deletes an entry and all below it, in Active Directory.
    pub async fn delete_tree(&self, dn: &str) {
        let control = RawControl { ctype: TREE_DELETE.to_owned(), crit: true, val: None };
        done("delete tree", dn, self.connect().await.with_controls(vec![control]).delete(dn).await);
    }

    /// Deletes these entries, children before their parents.
    pub async fn delete_all(&self, mut dns: Vec<String>) {
        let mut ldap = self.connect().await;
        // A child's DN is longer than its parent's.
        dns.sort_by_key(|dn| std::cmp::Reverse(dn.len()));
        for dn in &dns {
            done("delete", dn, ldap.with_timeout(PATIENCE).with_controls(as_entries()).delete(dn).await);
        }
    }

    /// Renames the entry, and moves it with all below it if a new superior is given. The old name is dropped.
    pub async fn rename(&self, dn: &str, new_rdn: &str, new_superior: Option<&str>) {
        done("rename", dn, self.connect().await.modifydn(dn, new_rdn, true, new_superior).await);
    }

    /// The DNs of the entries that are found, as the server writes them.
    pub async fn search(&self, base: &str, scope: Scope, filter: &str) -> Vec<String> {
        let found = self.read(base, scope, filter, "1.1", vec![as_entries()]).await;
        found.into_iter().map(|entry| entry.dn).collect()
    }

    /// The values of an attribute of an entry, operational ones such as entryUUID too; none if the entry lacks it.
    pub async fn values(&self, dn: &str, attribute: &str, controls: Vec<RawControl>) -> Vec<Vec<u8>> {
        let Some(entry) = self.read(dn, Scope::Base, "(objectClass=*)", attribute, controls).await.pop() else {
            panic!("no entry {dn}");
        };
        let text = entry.attrs.into_values().flatten().map(String::into_bytes);
        text.chain(entry.bin_attrs.into_values().flatten()).collect()
    }

    async fn read(
        &self,
        base: &str,
        scope: Scope,
        filter: &str,
        attribute: &str,
        controls: Vec<RawControl>,
    ) -> Vec<SearchEntry> {
        let mut ldap = self.connect().await;
        let result = ldap.with_controls(controls).search(base, scope, filter, vec![attribute]).await;
        match result.map(|result| (result.0, result.1)) {
            // Continuations to other servers come among the entries.
            Ok((entries, end)) if matches!(end.rc, 0 | 10) => {
                entries.into_iter().filter(|e| !e.is_ref()).map(SearchEntry::construct).collect()
            }
            Ok((_, end)) => panic!("search {filter} at {base}: {end}"),
            Err(why) => panic!("search {filter} at {base}: {why}"),
        }
    }
}

fn values_of<'a>(attributes: &[(&'a str, &[&'a str])]) -> Vec<(&'a str, HashSet<&'a str>)> {
    attributes.iter().map(|&(name, values)| (name, values.iter().copied().collect())).collect()
}

fn done(verb: &str, dn: &str, result: ldap3::result::Result<LdapResult>) {
    if let Err(why) = result.and_then(|result| result.success()) {
        panic!("{verb} {dn}: {why}");
    }
}
