//! A configured file: settings validated, not opened yet.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::FileSettings;
use crate::connectors::definitions::file_setting;
use crate::connectors::invalid_settings;
use crate::connectors::resources::Resources;
use crate::domain::connected_system::Settings;
use crate::domain::schema::SeenSchema;
use crate::domain::setting::SettingErrors;
use crate::error::{Error, Result};

/// Timeout for reading the head of a file, which may be on a network file system.
const SCHEMA_SECONDS: u64 = 60;
const NO_FOLDER: &str = "no connector files folder is configured; set [files] root in jim.toml";

pub(crate) struct FileSource {
    root: Arc<Path>,
    settings: FileSettings,
}

impl FileSource {
    pub fn configure(stored: &Settings, resources: Resources) -> Result<Self> {
        let settings = FileSettings::read(&stored.values()).map_err(invalid_settings)?;
        let root = resources.files_root.ok_or_else(|| Error::BadRequest(NO_FOLDER.to_owned()))?;
        Ok(FileSource { root, settings })
    }

    /// Errors that an import would end with before it opens the file.
    pub fn errors(stored: &Settings, resources: &Resources) -> SettingErrors {
        let mut errors = FileSettings::read(&stored.values()).err().unwrap_or_default();
        if resources.files_root.is_none() {
            errors.add(file_setting::FILE_PATH, NO_FOLDER);
        }
        errors
    }

    /// Reads the head of the file on a blocking thread. If the file system hangs, the thread keeps `guard`.
    pub async fn schema(self, guard: impl Send + 'static) -> Result<SeenSchema> {
        let reading = tokio::task::spawn_blocking(move || {
            let _guard = guard;
            super::schema(&self.root, &self.settings)
        });
        match tokio::time::timeout(Duration::from_secs(SCHEMA_SECONDS), reading).await {
            Ok(Ok(read)) => read.map_err(Error::BadRequest),
            Ok(Err(panic)) => Err(Error::internal("reading a file panicked", panic)),
            Err(_) => {
                let why = "Connection to the external store failed: the file could not be read within";
                Err(Error::External(format!("{why} {SCHEMA_SECONDS} s")))
            }
        }
    }
}
