//! The file connector: delimited text files below the connector files folder.
//!
//! `settings` checks what a system is set to, `open` finds the file and never leaves the folder, `rows` reads it
//! under limits, `head` makes a schema of its first rows with `infer`, `culture` and `date`. Nothing here ever
//! writes, and no text names the folder's own path.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::domain::schema::{SeenSchema, SeenType};

pub use settings::FileSettings;
pub(crate) use source::FileSource;

mod culture;
mod date;
mod head;
mod infer;
mod open;
mod rows;
mod settings;
mod source;

/// Reads the schema that the head of a file shows. Blocking.
///
/// # Errors
/// A sentence that says what is wrong with the settings or with the file, without the path of the folder.
pub fn schema(root: &Path, settings: &FileSettings) -> Result<SeenSchema, String> {
    match open::open(root, &settings.path) {
        Ok(file) => head::read(file, settings, &rows::Limits::DEFAULT).map_err(|why| settings.fault(&why)),
        Err(open::Fault::Missing(_)) if settings.mode == settings::Mode::ExportOnly => Ok(unwritten(settings)),
        Err(open::Fault::Missing(why) | open::Fault::File(why)) => Err(settings.fault(&why)),
        Err(open::Fault::Folder(why)) => Err(why),
    }
}

/// Reads a whole file of at most `most` bytes: a certificate may lie below the folder too. Blocking.
///
/// # Errors
/// A sentence that says why it is not read, without the path of the folder.
pub fn whole(root: &Path, path: &str, most: usize) -> Result<Vec<u8>, String> {
    let file = open::open(root, path).map_err(|fault| match fault {
        open::Fault::Missing(why) | open::Fault::File(why) => format!("The file{why}."),
        open::Fault::Folder(why) => format!("This cannot be read now: {why}."),
    })?;
    let mut bytes = Vec::new();
    // One byte more tells a file that is too large.
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|e| format!("The file cannot be read: {}.", e.kind()))?;
    if bytes.len() > most { Err(format!("The file is larger than {most} bytes.")) } else { Ok(bytes) }
}

/// What is known of a file that the first export will make: its type, where one is set, and none of its attributes.
fn unwritten(settings: &FileSettings) -> SeenSchema {
    let mut seen = SeenSchema::default();
    match &settings.types {
        settings::Types::Fixed(name) => {
            seen.types.push(SeenType { name: Arc::from(name.as_str()), attributes: Vec::new() });
            seen.complete = true;
        }
        settings::Types::Column(column) => seen.warnings.push(settings.fault(&format!(
            " does not exist yet, and Object Type Column {column:?} alone names no object types; Object Type would"
        ))),
    }
    seen
}

#[cfg(test)]
mod tests;
