//! Certificate and key of the listener, read at start and reloaded on SIGHUP.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;
use time::OffsetDateTime;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{Error, ServerConfig};

use super::certificates_of;
use crate::security::certificate::Certificate;
use crate::security::private_file::{self, ReadError};

/// Size limit of a key or certificate chain.
const MAX_FILE: u64 = 1024 * 1024;

/// TLS configuration of the listener: TLS 1.2 and 1.3, HTTP/1.1 only.
pub struct ListenerTls {
    certificate: PathBuf,
    key: PathBuf,
    current: RwLock<Arc<ServerConfig>>,
}

impl fmt::Debug for ListenerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListenerTls({})", self.certificate.display())
    }
}

impl ListenerTls {
    /// Reads a certificate chain, the listener's own first, and its key, both in PEM form. An error is for the operator.
    pub fn load(certificate: &Path, key: &Path) -> Result<ListenerTls, String> {
        let current = RwLock::new(read(certificate, key)?);
        Ok(ListenerTls { certificate: certificate.to_owned(), key: key.to_owned(), current })
    }

    /// Reloads both files for new connections. An error changes nothing.
    pub fn reload(&self) -> Result<(), String> {
        let new = read(&self.certificate, &self.key)?;
        *self.current.write() = new;
        Ok(())
    }

    /// Configuration of a new connection.
    pub fn current(&self) -> Arc<ServerConfig> {
        self.current.read().clone()
    }
}

fn read(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let at = certificate.display();
    let meta = std::fs::metadata(certificate).map_err(|e| format!("cannot read the TLS certificate {at}: {e}"))?;
    if !meta.is_file() || meta.len() > MAX_FILE {
        return Err(format!("{at} is no file, or too long for a TLS certificate; name the right file"));
    }
    let chain = certificates_of(certificate, MAX_FILE)
        .ok_or_else(|| format!("the TLS certificate {at} holds no certificate in PEM form"))?;
    let text = private_file::read(key, "TLS key", MAX_FILE).map_err(|error| match error {
        ReadError::Missing => format!("the TLS key {} is missing", key.display()),
        ReadError::Wrong(text) => text,
    })?;
    let private = PrivateKeyDer::from_pem_slice(text.as_bytes())
        .map_err(|_| format!("the TLS key {} holds no private key in PEM form without a passphrase", key.display()))?;
    let own = chain.first().and_then(|own| Certificate::read(own));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&TLS13, &TLS12])
        .map_err(|e| e.to_string())?
        .with_no_client_auth()
        .with_single_cert(chain, private);
    let mut config = config.map_err(|error| match error {
        Error::InconsistentKeys(_) => {
            format!("the TLS key {} does not belong to the certificate {at}", key.display())
        }
        // The library's own texts are not written for operators.
        _ => format!("the TLS certificate {at} or its key {} is of a kind that cannot be used", key.display()),
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    log(&at.to_string(), own.as_ref());
    Ok(Arc::new(config))
}

/// Logs the validity. An expired certificate is used: clients can reject it, and not starting would be no better.
fn log(file: &str, own: Option<&Certificate>) {
    let Some(own) = own else { return };
    let (now, until) = (OffsetDateTime::now_utc(), own.valid_to);
    if now < own.valid_from || until < now {
        tracing::warn!(file, from = %own.valid_from, %until, "the TLS certificate of the listener is not valid now");
    } else {
        tracing::info!(file, subject = own.subject, %until, "TLS certificate of the listener read");
    }
}
