//! Stored certificates in files: read for each connection, because a certificate is trusted only while its file holds it.
//! On blocking threads and with a timeout, because a file may be on a network share.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::stored::StoredCertificate;
use crate::security::certificate::encoding::only_certificate;

/// Reads a file of at most [`crate::security::certificate::encoding::MAX_BYTES`] by a caller's path; the error is a
/// sentence for the caller.
pub type Read = dyn Fn(&str) -> Result<Vec<u8>, String> + Send + Sync;

/// Timeout of reading, including the wait for a permit.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Concurrent reads. One that hangs keeps its permit.
const MAX_READERS: usize = 4;
/// Files whose errors are logged, per connection.
const MAX_LOGGED: usize = 10;

#[derive(Clone)]
pub struct CertificateFiles {
    read: Arc<Read>,
    permits: Arc<Semaphore>,
}

impl fmt::Debug for CertificateFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateFiles(..)")
    }
}

impl CertificateFiles {
    pub fn new(read: Arc<Read>) -> CertificateFiles {
        CertificateFiles { read, permits: Arc::new(Semaphore::new(MAX_READERS)) }
    }

    /// The only certificate of each file, in DER form, or a sentence that says why there is none.
    pub async fn certificates(&self, paths: Vec<String>) -> Vec<Result<Vec<u8>, String>> {
        let (count, done) = (paths.len(), Arc::new(Mutex::new(Vec::new())));
        let (read, results) = (self.read.clone(), done.clone());
        let reading = async {
            let Ok(permit) = self.permits.clone().acquire_owned().await else { return };
            let work = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                for path in paths {
                    let result = read(&path).and_then(|bytes| only_certificate(&bytes));
                    results.lock().push(result);
                }
            });
            // The results so far are used below, also after a panic or timeout.
            let _ = work.await;
        };
        let _ = tokio::time::timeout(TIMEOUT, reading).await;
        let mut results = std::mem::take(&mut *done.lock());
        results.resize_with(count, || Err(format!("The file could not be read within {} s.", TIMEOUT.as_secs())));
        results
    }
}

/// Whether the file of each stored certificate, if any, still holds it.
pub(super) async fn still_held(files: Option<&CertificateFiles>, stored: &[StoredCertificate]) -> Vec<bool> {
    let paths: Vec<String> = stored.iter().filter_map(|s| s.file.clone()).collect();
    if paths.is_empty() {
        return vec![true; stored.len()];
    }
    let mut found = match files {
        Some(files) => files.certificates(paths).await,
        None => vec![Err("No connector files folder is configured.".to_owned()); paths.len()],
    }
    .into_iter();
    let mut errors = 0;
    let held = stored.iter().map(|stored| {
        if stored.file.is_none() {
            return true;
        }
        let why = match found.next() {
            Some(Ok(der)) if *der == *stored.der => return true,
            Some(Ok(_)) => "The file holds a different certificate now.".to_owned(),
            Some(Err(why)) => why,
            None => return false,
        };
        errors += 1;
        if errors <= MAX_LOGGED {
            tracing::warn!(certificate.id = %stored.id, "a certificate is not trusted because of its file: {why}");
        }
        false
    });
    let held = held.collect();
    if errors > MAX_LOGGED {
        tracing::warn!(count = errors - MAX_LOGGED, "more certificates are not trusted because of their files");
    }
    held
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::security::test_certificate::Certificate;

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
    async fn a_file_that_hangs_makes_its_certificate_and_later_ones_untrusted() {
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
        assert_eq!(still_held(Some(&files), &plain).await, [true, true, false, true]);
        assert_eq!(still_held(None, &plain).await, [true, false, false, false]);
        let other = [stored(b"other", Some("a")), stored(b"other", None)];
        assert_eq!(still_held(Some(&files), &other).await, [false, true]);
        let hanging = list(&[None, Some("hangs"), Some("b")]);
        assert_eq!(still_held(Some(&files), &hanging).await, [true, false, false]);
        drop(release);
    }
}
