//! The file connector: delimited text files below the connector files folder.
//!
//! `settings` validates, `open` finds the file and never leaves the folder, `encoding` decodes it, `rows` reads it under
//! limits. `cells` reads values with `culture` and `date`; `head` infers a schema with `infer`; `import` reads objects.
//! Files are only read, and no message names the folder's path.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use crate::domain::schema::{SeenSchema, SeenType};

use open::OpenError;
pub use settings::FileSettings;
pub(crate) use source::FileSource;

mod cells;
mod culture;
mod date;
mod encoding;
mod head;
mod header;
mod import;
mod infer;
mod open;
mod rows;
mod settings;
mod source;

/// Infers the schema of a file from its first rows. Blocking.
pub fn schema(root: &Path, settings: &FileSettings) -> Result<SeenSchema, String> {
    match open::open(root, &settings.path) {
        Ok(file) => head::read(file, settings, &rows::Limits::DEFAULT).map_err(|why| settings.message(&why)),
        Err(OpenError::Missing(_)) if settings.mode == settings::Mode::ExportOnly => Ok(before_export(settings)),
        Err(OpenError::Missing(why) | OpenError::File(why)) => Err(settings.message(&why)),
        Err(OpenError::Folder(why)) => Err(why),
    }
}

/// Reads a file of at most `max` bytes, such as a certificate. Blocking.
pub fn read_file(root: &Path, path: &str, max: usize) -> Result<Vec<u8>, String> {
    let file = open::open(root, path).map_err(|error| match error {
        OpenError::Missing(why) | OpenError::File(why) => format!("The file{why}."),
        OpenError::Folder(why) => format!("This cannot be read now: {why}."),
    })?;
    let mut bytes = Vec::new();
    // One byte more reveals a file that is too large.
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|e| format!("The file cannot be read: {}.", e.kind()))?;
    if bytes.len() > max { Err(format!("The file is larger than {max} bytes.")) } else { Ok(bytes) }
}

/// Schema of a file that the first export will create: the configured type, attributes unknown.
fn before_export(settings: &FileSettings) -> SeenSchema {
    let mut seen = SeenSchema::default();
    match &settings.types {
        settings::Types::Fixed(name) => {
            seen.types.push(SeenType { name: Arc::from(name.as_str()), attributes: Vec::new() });
            seen.complete = true;
        }
        settings::Types::Column(column) => seen.warnings.push(settings.message(&format!(
            " does not exist yet, and Object Type Column {column:?} alone names no object types; Object Type would"
        ))),
    }
    seen
}

#[cfg(test)]
mod tests;
