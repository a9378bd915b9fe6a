//! The file connector: delimited text files below the connector files folder.

use std::path::Path;

use crate::domain::schema::SeenSchema;
use crate::domain::setting::Values;

/// Reads the schema that the head of a file shows. Blocking.
///
/// # Errors
/// A sentence that says what is wrong with the settings or with the file, without the path of the folder.
pub fn schema(_root: &Path, _settings: &FileSettings) -> Result<SeenSchema, String> {
    Err("no schema".to_owned())
}

/// Settings that an import can start with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSettings {}

impl FileSettings {
    /// Checks the values of a system.
    ///
    /// # Errors
    /// A sentence that names the settings at fault.
    pub fn read(_values: &Values) -> Result<FileSettings, String> {
        Ok(FileSettings {})
    }
}
