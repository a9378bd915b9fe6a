//! Parts of the server that connectors use.

use std::path::Path;
use std::sync::Arc;

use super::ldap::limits::Limits;
use crate::security::secret::Keyring;
use crate::security::tls::ClientTrust;

#[derive(Clone)]
pub(crate) struct Resources {
    pub keyring: Arc<Keyring>,
    /// Certificates that directories may present.
    pub trust: Arc<ClientTrust>,
    pub ldap_limits: Limits,
    /// Folder that file connectors may read below, if there is one.
    pub files_root: Option<Arc<Path>>,
}
