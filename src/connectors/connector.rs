//! The connectors: one variant each, one method per verb of a run.
//!
//! A new connector is a variant of [`ConnectorKind`](definitions::ConnectorKind) and of [`Connector`]; the compiler
//! then lists what it needs.

use super::definitions::{self, ConnectorKind as Kind, Definition};
use super::file::FileSource;
use super::ldap::directory::Directory;
use super::ldap::source::{LdapSource, Tested};
use super::resources::Resources;
use crate::domain::connected_system::Settings;
use crate::domain::schema::SeenSchema;
use crate::domain::setting::SettingErrors;
use crate::error::{Error, Result};
use crate::security::secret::Secret;

const HIERARCHY: &str = "hierarchy";
const TEST: &str = "connection to test";

/// What a run asks of a connector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Hierarchy,
    Schema,
    Test,
}

/// A connected system with checked settings. Nothing is opened yet.
pub(crate) enum Connector {
    Ldap(Box<LdapSource>),
    File(FileSource),
}

impl Connector {
    /// Checks the settings of the system `id`. A password that was `sent` along is used instead of the stored one.
    ///
    /// # Errors
    /// The connector does not do this, or its settings are invalid.
    pub fn configure(
        definition: &'static Definition,
        verb: Verb,
        id: i64,
        stored: &Settings,
        sent: Option<Secret>,
        resources: Resources,
    ) -> Result<Connector> {
        Ok(match (definition.kind, verb) {
            (Kind::Ldap, Verb::Hierarchy | Verb::Schema | Verb::Test) => {
                Connector::Ldap(Box::new(LdapSource::configure(id, stored, sent, resources)?))
            }
            (Kind::File, Verb::Schema) => Connector::File(FileSource::configure(stored, resources)?),
            (Kind::File, Verb::Hierarchy) => return Err(lacks(Kind::File, HIERARCHY)),
            (Kind::File, Verb::Test) => return Err(lacks(Kind::File, TEST)),
        })
    }

    /// Errors of settings that a run would end with before it opens anything.
    pub fn setting_errors(definition: &Definition, stored: &Settings, resources: &Resources) -> SettingErrors {
        match definition.kind {
            Kind::Ldap => LdapSource::errors(stored, resources),
            Kind::File => FileSource::errors(stored, resources),
        }
    }

    /// Connects to read partitions and containers.
    pub async fn hierarchy(self) -> Result<Directory> {
        match self {
            Connector::Ldap(ldap) => ldap.hierarchy().await,
            Connector::File(_) => Err(lacks(Kind::File, HIERARCHY)),
        }
    }

    /// Reads the declared object types. `held` is dropped when the outside system is no longer used, which for a file
    /// system that hangs is later than the answer.
    pub async fn schema(self, held: impl Send + 'static) -> Result<SeenSchema> {
        match self {
            Connector::Ldap(ldap) => ldap.schema().await,
            Connector::File(file) => file.schema(held).await,
        }
    }

    /// Tries the settings out, stage by stage.
    pub async fn test(self) -> Result<Tested> {
        match self {
            Connector::Ldap(ldap) => ldap.test().await,
            Connector::File(_) => Err(lacks(Kind::File, TEST)),
        }
    }
}

fn lacks(kind: Kind, what: &str) -> Error {
    let name = definitions::ALL.iter().find(|d| d.kind == kind).map_or("", |d| d.name);
    Error::BadRequest(format!("the connector {name} has no {what}"))
}
