//! Dispatch to the connectors: one variant each, one method per verb of a run.

use std::sync::Arc;

use super::definitions::{self, ConnectorKind as Kind, Definition};
use super::file::FileSource;
use super::import::{Absence, MissingObject, Pages, Reading};
use super::ldap::directory::Directory;
use super::ldap::source::{LdapSource, Tested};
use super::resources::Resources;
use crate::domain::connected_system::Settings;
use crate::domain::connector_space::ImportScope;
use crate::domain::schema::SeenSchema;
use crate::domain::setting::SettingErrors;
use crate::error::{Error, Result};
use crate::security::secret::Secret;

const HIERARCHY: &str = "hierarchy";
const TEST: &str = "connection to test";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Hierarchy,
    Schema,
    Import,
    Test,
}

/// A connected system with validated settings, nothing opened yet.
pub(crate) enum Connector {
    Ldap(Box<LdapSource>),
    File(FileSource),
}

impl Connector {
    /// Validates the settings of the system `id`. A `sent` password replaces the stored one.
    pub fn configure(
        definition: &'static Definition,
        verb: Verb,
        id: i64,
        stored: &Settings,
        sent: Option<Secret>,
        resources: Resources,
    ) -> Result<Connector> {
        Ok(match (definition.kind, verb) {
            (Kind::Ldap, Verb::Hierarchy | Verb::Schema | Verb::Import | Verb::Test) => {
                Connector::Ldap(Box::new(LdapSource::configure(id, stored, sent, resources)?))
            }
            (Kind::File, Verb::Schema | Verb::Import) => Connector::File(FileSource::configure(stored, resources)?),
            (Kind::File, Verb::Hierarchy) => return Err(unsupported(Kind::File, HIERARCHY)),
            (Kind::File, Verb::Test) => return Err(unsupported(Kind::File, TEST)),
        })
    }

    /// Errors of settings that a run would end with before it opens anything.
    pub fn setting_errors(definition: &Definition, stored: &Settings, resources: &Resources) -> SettingErrors {
        match definition.kind {
            Kind::Ldap => LdapSource::errors(stored, resources),
            Kind::File => FileSource::errors(stored, resources),
        }
    }

    pub async fn hierarchy(self) -> Result<Directory> {
        match self {
            Connector::Ldap(ldap) => ldap.hierarchy().await,
            Connector::File(_) => Err(unsupported(Kind::File, HIERARCHY)),
        }
    }

    /// Reads the declared object types. `guard` is dropped when the connected system is no longer in use: after a
    /// timeout on a hanging file system, later than this returns.
    pub async fn schema(self, guard: impl Send + 'static) -> Result<SeenSchema> {
        match self {
            Connector::Ldap(ldap) => ldap.schema().await,
            Connector::File(file) => file.schema(guard).await,
        }
    }

    /// Reads the objects of a scope into `pages`. `guard` is dropped when the connected system is no longer in use.
    pub async fn import(self, scope: Arc<ImportScope>, pages: Pages, guard: impl Send + 'static) -> Result<Reading> {
        match self {
            Connector::Ldap(ldap) => {
                let reading = ldap.import(&scope, pages).await;
                drop(guard);
                reading
            }
            Connector::File(file) => file.import(scope, pages, guard).await,
        }
    }

    /// Looks up objects that a complete reading did not show; the answers are in their order.
    pub async fn look_up(&self, scope: &ImportScope, missing: &[MissingObject]) -> Result<Vec<Absence>> {
        match self {
            Connector::Ldap(ldap) => ldap.look_up(scope, missing).await,
            // A file that was read to its end has nothing hidden.
            Connector::File(_) => Ok(vec![Absence::Gone; missing.len()]),
        }
    }

    /// Whether each DN answers with its immutable id; the answers are in their order.
    pub async fn holders(&self, names: &[(String, [u8; 16])]) -> Result<Vec<bool>> {
        match self {
            Connector::Ldap(ldap) => ldap.holders(names).await,
            Connector::File(_) => Ok(vec![true; names.len()]),
        }
    }

    pub async fn test(self) -> Result<Tested> {
        match self {
            Connector::Ldap(ldap) => ldap.test().await,
            Connector::File(_) => Err(unsupported(Kind::File, TEST)),
        }
    }
}

fn unsupported(kind: Kind, what: &str) -> Error {
    let name = definitions::ALL.iter().find(|d| d.kind == kind).map_or("", |d| d.name);
    Error::BadRequest(format!("the connector {name} has no {what}"))
}
