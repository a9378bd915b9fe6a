//! The settings of the service in memory, so that requests do not read them from the database.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{Mutex, MutexGuard};

use crate::domain::service_setting::ServiceSettings;

/// The current settings, replaced as a whole before a change is answered.
pub struct InForce {
    current: RwLock<Arc<ServiceSettings>>,
    /// Serialises changes, so that the last commit is published last.
    changing: Mutex<()>,
}

/// Exclusive right to change the settings, from before the transaction until [`SettingsChange::publish`].
pub(crate) struct SettingsChange<'a> {
    settings: &'a InForce,
    _guard: MutexGuard<'a, ()>,
}

impl InForce {
    pub(crate) fn new(overrides: BTreeMap<String, String>) -> Self {
        InForce { current: RwLock::new(Arc::new(ServiceSettings::new(overrides))), changing: Mutex::new(()) }
    }

    pub fn now(&self) -> Arc<ServiceSettings> {
        self.current.read().clone()
    }

    pub(crate) async fn begin_change(&self) -> SettingsChange<'_> {
        SettingsChange { settings: self, _guard: self.changing.lock().await }
    }
}

impl SettingsChange<'_> {
    pub(crate) fn publish(self, overrides: BTreeMap<String, String>) -> Arc<ServiceSettings> {
        let settings = Arc::new(ServiceSettings::new(overrides));
        *self.settings.current.write() = settings.clone();
        settings
    }
}
