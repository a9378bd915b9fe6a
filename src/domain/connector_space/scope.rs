//! What an import reads: the selection as it is when the run starts.

use std::sync::Arc;

use super::RowId;
use crate::domain::dn::DnKey;
use crate::domain::hierarchy::EntryId;
use crate::domain::schema::{DataType, Plurality};

/// Selection of a run: partitions and containers, object types and attributes.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImportScope {
    /// Selected types only, with their selected attributes.
    pub types: Vec<ScopeType>,
    /// Partitions that the run reads. Empty for a file.
    pub partitions: Vec<ScopePartition>,
    /// All declared types, selected or not, by name: for entries of a class that is not selected.
    pub other_types: Vec<Box<str>>,
    /// Entries of an LDAP page.
    pub page_size: u32,
    /// File that is read instead of that of the settings.
    pub file_path: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct ScopeType {
    pub id: RowId,
    pub name: Box<str>,
    pub attributes: Vec<ScopeAttribute>,
}

#[derive(Debug, Clone)]
pub(crate) struct ScopeAttribute {
    pub id: RowId,
    pub name: Box<str>,
    pub data_type: DataType,
    pub plurality: Plurality,
    pub is_external_id: bool,
}

/// A selected partition of a directory.
#[derive(Debug, Clone)]
pub(crate) struct ScopePartition {
    pub id: RowId,
    pub dn: Arc<str>,
    pub key: DnKey,
    /// All stored containers, parents before children. Without any, the partition is read whole.
    pub containers: Vec<ScopeContainer>,
}

/// A stored container; `selected` is the effective answer.
#[derive(Debug, Clone)]
pub(crate) struct ScopeContainer {
    pub id: RowId,
    pub dn: Arc<str>,
    pub key: DnKey,
    pub entry_id: Option<EntryId>,
    pub selected: bool,
}

impl ScopeType {
    pub(crate) fn external_id(&self) -> Option<&ScopeAttribute> {
        self.attributes.iter().find(|a| a.is_external_id)
    }
}
