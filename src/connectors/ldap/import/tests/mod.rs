//! The reader against the sandbox, and against a directory that answers what a test says.

mod faults;
mod looked_up;
mod ranges;
mod sandbox;

use std::sync::Arc;

use super::*;
use crate::connectors::import::Progress;
use crate::connectors::ldap::Limits;
use crate::connectors::ldap::connect::{Target, Transport};
use crate::connectors::ldap::settings::LdapSettings;
use crate::domain::connector_space::{ReadItem, ReadObject, ScopeAttribute, ScopeContainer, ScopePartition, ScopeType};
use crate::domain::dn::DnKey;
use crate::domain::hierarchy::{EntryId, IdKind};
use crate::domain::schema::{DataType, Plurality};
use crate::sandbox::{Directory, Sandbox, Tree};
use crate::security::secret::Secret;
use crate::security::tls::ClientTrust;

/// A type whose attributes are numbered from its id times 100; the first is the external id, all are texts.
pub fn object_type(id: i64, name: &str, attributes: &[&str]) -> ScopeType {
    let attribute = |(at, name): (usize, &&str)| ScopeAttribute {
        id: id * 100 + at as i64,
        name: (*name).into(),
        data_type: DataType::String,
        plurality: Plurality::Multi,
        is_external_id: at == 0,
    };
    ScopeType { id, name: name.into(), attributes: attributes.iter().enumerate().map(attribute).collect() }
}

/// People by an own id, with a name and references.
fn people(id_attribute: &str) -> ScopeType {
    let mut person = object_type(1, "inetOrgPerson", &[id_attribute, "cn", "manager"]);
    person.attributes[0].data_type = if id_attribute == "uid" { DataType::String } else { DataType::Guid };
    person.attributes[2].data_type = DataType::Reference;
    person
}

/// Partition 1 with containers numbered from 1: `+` before those in scope, `-` before the others.
fn partition(dn: &str, containers: &[(&str, Option<EntryId>)]) -> ScopePartition {
    let containers = containers.iter().zip(1..).map(|((text, entry_id), id)| {
        let (selected, dn) = text.split_at(1);
        let key = DnKey::of_stored(dn);
        ScopeContainer { id, dn: dn.into(), key, entry_id: *entry_id, selected: selected == "+" }
    });
    ScopePartition { id: 1, dn: dn.into(), key: DnKey::of_stored(dn), containers: containers.collect() }
}

fn scope(partition: ScopePartition, object_type: ScopeType) -> ImportScope {
    ImportScope { types: vec![object_type], partitions: vec![partition], page_size: 2, ..ImportScope::default() }
}

fn access(port: u16, username: &str, password: &str) -> Access {
    let settings = LdapSettings {
        target: Target { host: "127.0.0.1".to_owned(), port, security: Transport::Plain, verify: true },
        username: username.to_owned(),
        connect_seconds: 10,
        total_seconds: 60,
        retries: 0,
        retry_delay_ms: 0,
        skip_hidden: true,
        auxiliary: false,
        placeholder: "cn=placeholder".to_owned(),
    };
    let trust = Arc::new(ClientTrust::load(None).expect("trust"));
    Access::new(settings, Secret::new(password.to_owned()), trust, Limits::default().of_objects())
}

/// A reading as a run sees it: on a task of its own, with all that it passed on.
async fn read_all(access: Access, scope: &ImportScope) -> (Result<Reading, Failure>, Vec<ReadItem>) {
    let (pages, mut receiver) = Pages::new(Progress::default());
    let scope = Arc::new(scope.clone());
    let reading = tokio::spawn(async move { import(&access, &scope, pages).await });
    let mut items = Vec::new();
    while let Some(page) = receiver.recv().await {
        items.extend(page);
    }
    (reading.await.expect("no panic"), items)
}

fn objects(items: &[ReadItem]) -> Vec<&ReadObject> {
    items
        .iter()
        .filter_map(|item| if let ReadItem::Object(object) = item { Some(object.as_ref()) } else { None })
        .collect()
}

/// DNs of the objects, ascending.
fn names(items: &[ReadItem]) -> Vec<&str> {
    let mut names: Vec<&str> = objects(items).iter().filter_map(|object| object.dn.as_deref()).collect();
    names.sort_unstable();
    names
}

/// A sandbox with people in three containers.
async fn company() -> Sandbox {
    let mut tree = Tree::new().suffix("dc=x");
    for dn in ["ou=a,dc=x", "ou=b,dc=x", "ou=c,ou=a,dc=x", "ou=d,ou=a,dc=x"] {
        tree = tree.ou(dn);
    }
    for (name, above) in [("1", "ou=a"), ("2", "ou=a"), ("3", "ou=c,ou=a"), ("4", "ou=d,ou=a"), ("5", "ou=b")] {
        tree = tree.entry(
            &format!("uid={name},{above},dc=x"),
            &[
                ("objectClass", &["top", "person", "organizationalPerson", "inetOrgPerson"]),
                ("cn", &[&format!("Person {name}")]),
                ("manager", &["uid=1,ou=a,dc=x"]),
            ],
        );
    }
    Sandbox::start(Directory::new(tree, "cn=jim,dc=x", "s3cret").expect("directory")).await.expect("sandbox")
}

fn access_to(sandbox: &Sandbox) -> Access {
    access(sandbox.addr().port(), sandbox.directory().bind_dn(), sandbox.directory().password())
}

fn id_of(sandbox: &Sandbox, dn: &str) -> Option<EntryId> {
    let value = sandbox.directory().tree().id_of(dn).expect("entry").into_bytes();
    Some(EntryId { kind: IdKind::EntryUuid, value })
}

/// The company with `ou=a` in scope but for `ou=d`.
fn part_of(sandbox: &Sandbox) -> ScopePartition {
    let of = |text: &'static str| (text, id_of(sandbox, &text[1..]));
    partition("dc=x", &[of("+ou=a,dc=x"), of("-ou=b,dc=x"), of("+ou=c,ou=a,dc=x"), of("-ou=d,ou=a,dc=x")])
}
