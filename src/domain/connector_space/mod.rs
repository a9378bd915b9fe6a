//! Connector space: objects of outside systems as they were last read.

mod brake;
mod complete;
mod outcome;
mod scope;
mod values;

pub(crate) use brake::{Brake, Limits as BrakeLimits, RegionCount};
pub(crate) use complete::{Complete, ReadingEnd, Region};
pub(crate) use outcome::{ChangeType, Item, Outcome, OutcomeKind, ShownChange, summary};
pub(crate) use scope::{ImportScope, ScopeAttribute, ScopeContainer, ScopePartition, ScopeType};
pub(crate) use values::{AttributeChange, Values, ValuesBuilder};

use crate::domain::names::wire_names;

pub(crate) type RowId = i64;

wire_names! {
    /// Error of one object in a run (contract, 11 and 19).
    pub enum ErrorType {
        AmbiguousMatch,
        CouldNotMatchObjectType,
        CouldNotJoinDueToExistingJoin,
        DuplicateImportedAttributes,
        MissingExternalIdAttributeValue,
        UnexpectedAttribute,
        UnresolvedReference,
        UnsupportedExternalIdAttributeType,
        ExportNotConfirmed,
        ExportConfirmationFailed,
        CsoCreationFailed,
        DuplicateObject,
        InvalidGeneratedExternalId,
        UnhandledError,
        MultiValuedAttributeTruncated,
        DeltaImportFallbackToFullImport,
    }
}

/// Identity of an object in its system, which a rename does not change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ExternalId {
    /// As it is shown, trimmed.
    pub text: Box<str>,
    /// The directory's own immutable id, if that is the external id of the type: then the type is no part of the identity.
    pub own: Option<[u8; 16]>,
}

/// An object as a connector read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadObject {
    pub object_type: RowId,
    /// `None` for a file.
    pub partition: Option<RowId>,
    pub external_id: ExternalId,
    /// DN as received; `None` for a file.
    pub dn: Option<Box<str>>,
    /// All selected attributes but references.
    pub values: Values,
    /// Other objects by the text by which the system names them; ascending by attribute, each text once.
    pub references: Vec<(RowId, Vec<Box<str>>)>,
    /// Errors of single attributes; their stored values stay.
    pub errors: Vec<AttributeError>,
}

/// An attribute whose values could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AttributeError {
    pub attribute: RowId,
    pub error: ErrorType,
    /// With the name of the attribute, without its value.
    pub message: String,
}

/// An entry or row that is no object; a stored object of that identity or DN is not missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub error: ErrorType,
    /// With the DN, or the number of the line.
    pub message: String,
    pub object_type: Option<RowId>,
    pub external_id: Option<ExternalId>,
    pub dn: Option<Box<str>>,
}

/// One entry or row of a reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ReadItem {
    Object(Box<ReadObject>),
    Refused(Box<Refused>),
}

wire_names! {
    /// State of a stored object. The database stores its position in this order.
    pub(crate) enum Status {
        Normal,
        /// Gone outside; waits for a synchronisation.
        Obsolete,
        /// Made by a synchronisation, not seen outside yet.
        PendingProvisioning,
    }
}
