//! Certificates that lie in files: read again at each connection, because whoever may write the file decides whether
//! its certificate still counts. Never on an async thread, and never for long: a file may lie on another machine.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::stored::StoredCertificate;
use crate::security::certificate::encoding::only_certificate;

/// Reads a file of at most [`crate::security::certificate::encoding::MAX_BYTES`] by the path that a caller gave;
/// the error is a sentence that may be shown.
pub type Read = dyn Fn(&str) -> Result<Vec<u8>, String> + Send + Sync;

/// How long reading may take, waiting for a turn included.
const PATIENCE: Duration = Duration::from_secs(2);
/// Threads that read at the same time. One that hangs keeps its turn.
const AT_ONCE: usize = 4;
/// Files whose faults are told in the log, for each connection.
const MAX_TOLD: usize = 10;

/// Where certificates lie in files.
#[derive(Clone)]
pub struct CertificateFiles {
    read: Arc<Read>,
    turns: Arc<Semaphore>,
}

impl fmt::Debug for CertificateFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateFiles(..)")
    }
}

impl CertificateFiles {
    /// Files that are read in this way.
    pub fn new(read: Arc<Read>) -> CertificateFiles {
        CertificateFiles { read, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The one certificate in each of these files, in DER form.
    ///
    /// # Errors
    /// Of each file, a sentence that says why there is none.
    pub async fn certificates(&self, paths: Vec<String>) -> Vec<Result<Vec<u8>, String>> {
        let (count, done) = (paths.len(), Arc::new(Mutex::new(Vec::new())));
        let (read, results) = (self.read.clone(), done.clone());
        let reading = async {
            let Ok(turn) = self.turns.clone().acquire_owned().await else { return };
            let work = tokio::task::spawn_blocking(move || {
                let _turn = turn;
                for path in paths {
                    let result = read(&path).and_then(|bytes| only_certificate(&bytes));
                    results.lock().push(result);
                }
            });
            // Whatever it came to is looked at below.
            let _ = work.await;
        };
        let _ = tokio::time::timeout(PATIENCE, reading).await;
        let mut results = std::mem::take(&mut *done.lock());
        results.resize_with(count, || Err(format!("The file could not be read within {} s.", PATIENCE.as_secs())));
        results
    }
}

/// Which of the stored certificates count: all but those whose file does not hold them any more.
pub(super) async fn unchanged(files: Option<&CertificateFiles>, stored: &[StoredCertificate]) -> Vec<bool> {
    let paths: Vec<String> = stored.iter().filter_map(|s| s.file.clone()).collect();
    if paths.is_empty() {
        return vec![true; stored.len()];
    }
    let mut found = match files {
        Some(files) => files.certificates(paths).await,
        None => vec![Err("No connector files folder is configured.".to_owned()); paths.len()],
    }
    .into_iter();
    let mut faults = 0;
    let counting = stored.iter().map(|stored| {
        if stored.file.is_none() {
            return true;
        }
        let why = match found.next() {
            Some(Ok(der)) if *der == *stored.der => return true,
            Some(Ok(_)) => "The file holds a different certificate now.".to_owned(),
            Some(Err(why)) => why,
            None => return false,
        };
        faults += 1;
        if faults <= MAX_TOLD {
            tracing::warn!(certificate.id = %stored.id, "a certificate is not trusted, because of its file: {why}");
        }
        false
    });
    let counting = counting.collect();
    if faults > MAX_TOLD {
        tracing::warn!(count = faults - MAX_TOLD, "more certificates are not trusted, because of their files");
    }
    counting
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::sandbox::Certificate;

    fn stored(der: &[u8], file: Option<&str>) -> StoredCertificate {
        StoredCertificate {
            id: Uuid::new_v4(),
            der: Arc::from(der),
            valid_from: datetime!(2026-01-01 0:00 UTC),
            valid_to: datetime!(2026-02-01 0:00 UTC),
            is_authority: false,
            file: file.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn a_file_that_hangs_denies_its_certificate_and_those_behind_it() {
        let der = Certificate::for_names(&["a"]).expect("a certificate").der().to_vec();
        let (release, hang) = mpsc::channel::<()>();
        let (hang, bytes) = (Mutex::new(hang), der.clone());
        let files = CertificateFiles::new(Arc::new(move |path: &str| {
            if path == "hangs" {
                let _ = hang.lock().recv();
            }
            if path == "gone" { Err("Gone.".to_owned()) } else { Ok(bytes.clone()) }
        }));
        let list = |paths: &[Option<&str>]| paths.iter().map(|p| stored(&der, *p)).collect::<Vec<_>>();
        let plain = list(&[None, Some("a"), Some("gone"), Some("b")]);
        assert_eq!(unchanged(Some(&files), &plain).await, [true, true, false, true]);
        assert_eq!(unchanged(None, &plain).await, [true, false, false, false]);
        let other = [stored(b"other", Some("a")), stored(b"other", None)];
        assert_eq!(unchanged(Some(&files), &other).await, [false, true]);
        let hanging = list(&[None, Some("hangs"), Some("b")]);
        assert_eq!(unchanged(Some(&files), &hanging).await, [true, false, false]);
        drop(release);
    }
}
