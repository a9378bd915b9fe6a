//! Run profiles: which run of a connected system, and how it reads.

use super::names::wire_names;

wire_names! {
    /// Verb of a run.
    pub enum RunType {
        FullImport,
        DeltaImport,
        FullSynchronisation,
        DeltaSynchronisation,
        Export,
    }
}

/// Entries of an LDAP page unless the profile says otherwise.
pub const DEFAULT_PAGE_SIZE: i64 = 500;
pub const MAX_PAGE_SIZE: i64 = 10_000;

/// Name of the direction of use, setting 102 of the File connector.
const EXPORT_ONLY: &str = "Export Only";
const IMPORT_ONLY: &str = "Import Only";

impl RunType {
    /// Whether the run reads the outside system.
    pub fn is_import(self) -> bool {
        matches!(self, RunType::FullImport | RunType::DeltaImport)
    }

    /// Whether a file of this mode has such a run.
    pub fn fits_mode(self, mode: &str) -> bool {
        match self {
            RunType::FullImport => mode != EXPORT_ONLY,
            RunType::Export => mode != IMPORT_ONLY,
            _ => true,
        }
    }
}
