//! A configured file: settings validated, not opened yet.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::FileSettings;
use super::import::{Failure, Import, Limits, Pulse};
use super::settings::Mode;
use crate::connectors::definitions::file_setting;
use crate::connectors::import::{Pages, Reading};
use crate::connectors::invalid_settings;
use crate::connectors::resources::Resources;
use crate::domain::connected_system::Settings;
use crate::domain::connector_space::ImportScope;
use crate::domain::schema::SeenSchema;
use crate::domain::setting::SettingErrors;
use crate::error::{Error, Result};

/// Timeout for reading the head of a file, which may be on a network file system.
const SCHEMA_SECONDS: u64 = 60;
/// Timeout of a single call into the file system during an import, which may take as long as it needs.
const CALL_SECONDS: u64 = 60;
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

    /// Reads all objects on a blocking thread, which keeps `guard` if the file system hangs. The file of the run profile
    /// is read instead of that of the settings. A run that was cancelled gets an empty reading.
    pub async fn import(
        &self,
        scope: Arc<ImportScope>,
        mut pages: Pages,
        guard: impl Send + 'static,
    ) -> Result<Reading> {
        if self.settings.mode == Mode::ExportOnly {
            return Err(Error::BadRequest("a file of the mode Export Only is not imported".to_owned()));
        }
        let (root, mut settings) = (Arc::clone(&self.root), self.settings.clone());
        if let Some(path) = scope.file_path.as_ref().filter(|path| !path.is_empty()) {
            settings.path.clone_from(path);
        }
        let pulse = Pulse::default();
        let theirs = pulse.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let _guard = guard;
            let mut import = Import::open(&root, &settings, &scope, Limits::DEFAULT, &theirs)?;
            let checked = import.check(&mut pages)?;
            import.read(checked, &mut pages)
        });
        match pulse.watch(reading, Duration::from_secs(CALL_SECONDS)).await {
            Some(Ok(Ok(reading))) => Ok(reading),
            Some(Ok(Err(Failure::Refused(why)))) => Err(Error::BadRequest(why)),
            Some(Ok(Err(Failure::Changed(why)))) => Err(Error::External(why)),
            Some(Ok(Err(Failure::Stopped))) => Ok(Reading::default()),
            Some(Err(panic)) => Err(Error::internal("reading a file panicked", panic)),
            None => {
                let why = "Connection to the external store failed: the file system did not answer within";
                Err(Error::External(format!("{why} {CALL_SECONDS} s")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    use super::*;
    use crate::connectors::definitions::file_setting as id;
    use crate::connectors::file::tests::values;
    use crate::connectors::import::Progress;
    use crate::domain::connector_space::{ReadItem, ScopeAttribute, ScopeType};
    use crate::domain::schema::{DataType, Plurality};

    fn source(root: &Path, changes: &[(i64, &str)]) -> FileSource {
        FileSource { root: root.into(), settings: FileSettings::read(&values(changes)).expect("good settings") }
    }

    fn scope(file_path: Option<&str>) -> Arc<ImportScope> {
        let id = ScopeAttribute {
            id: 10,
            name: "id".into(),
            data_type: DataType::String,
            plurality: Plurality::Single,
            is_external_id: true,
        };
        let types = vec![ScopeType { id: 1, name: "person".into(), attributes: vec![id] }];
        Arc::new(ImportScope { types, file_path: file_path.map(str::to_owned), ..ImportScope::default() })
    }

    /// External ids of the objects.
    async fn ids(source: &FileSource, file_path: Option<&str>) -> Result<Vec<String>> {
        let (pages, mut receiver) = Pages::new(Progress::default());
        source.import(scope(file_path), pages, ()).await?;
        let mut ids = Vec::new();
        while let Some(page) = receiver.recv().await {
            for item in page {
                let ReadItem::Object(object) = item else { panic!("{item:?}") };
                ids.push(object.external_id.text.into_string());
            }
        }
        Ok(ids)
    }

    #[tokio::test]
    async fn the_file_of_the_profile_is_read_below_the_same_folder() {
        let root = tempfile::tempdir().expect("folder");
        fs::write(root.path().join("people.csv"), "id\n1\n").expect("file");
        fs::write(root.path().join("new.csv"), "id\n2\n").expect("file");
        let source = source(root.path(), &[]);
        for (path, wanted) in [(None, "1"), (Some(""), "1"), (Some("new.csv"), "2"), (Some("/new.csv"), "2")] {
            assert_eq!(ids(&source, path).await.expect("an import"), [wanted], "{path:?}");
        }
        for (path, wanted) in
            [("../people.csv", "leads out of the connector files folder"), ("no.csv", "does not exist")]
        {
            let Err(Error::BadRequest(why)) = ids(&source, Some(path)).await else { panic!("{path}") };
            assert!(why.starts_with(&format!("File Path {path:?} ")) && why.contains(wanted), "{why}");
        }
    }

    #[tokio::test]
    async fn a_cancelled_run_gets_an_empty_reading_and_frees_the_system() {
        struct Guard(Arc<AtomicBool>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.store(true, Relaxed);
            }
        }
        let root = tempfile::tempdir().expect("folder");
        fs::write(root.path().join("people.csv"), "id\n1\n").expect("file");
        let (pages, receiver) = Pages::new(Progress::default());
        drop(receiver);
        let freed = Arc::new(AtomicBool::new(false));
        let reading = source(root.path(), &[]).import(scope(None), pages, Guard(Arc::clone(&freed))).await;
        assert!(reading.is_ok_and(|reading| reading.complete.is_empty()));
        assert!(freed.load(Relaxed));
    }

    #[tokio::test]
    async fn a_file_that_is_only_exported_is_not_imported() {
        let root = tempfile::tempdir().expect("folder");
        let source = source(root.path(), &[(id::MODE, "Export Only")]);
        let Err(Error::BadRequest(why)) = ids(&source, None).await else { panic!("imported") };
        assert!(why.contains("Export Only"), "{why}");
    }
}
