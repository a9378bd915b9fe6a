//! Changing the settings of the service, and knowing them without asking the database.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

use super::Caller;
use crate::app::App;
use crate::domain::service_setting::{Definition, ServiceSettings};
use crate::error::Result;
use crate::store::activities::{self, Operation, Outcome, Target};
use crate::store::service_settings;

/// The settings in force. They are replaced as a whole before a change is answered.
pub struct InForce {
    now: RwLock<Arc<ServiceSettings>>,
    /// One change at a time, so that what is in force is what was committed last.
    turn: Mutex<()>,
}

impl InForce {
    /// With what is stored.
    pub fn new(overrides: BTreeMap<String, String>) -> Self {
        InForce { now: RwLock::new(Arc::new(ServiceSettings::new(overrides))), turn: Mutex::new(()) }
    }

    /// All settings as they are now.
    pub fn now(&self) -> Arc<ServiceSettings> {
        self.now.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// How a setting changes.
pub enum Change {
    /// To this acceptable value, or without one to its default.
    Update(Option<String>),
    /// Back to its default.
    Revert,
}

/// Changes a setting. Returns all of them as they are afterwards.
pub async fn change(
    app: &App,
    definition: &'static Definition,
    change: Change,
    caller: &Caller,
) -> Result<Arc<ServiceSettings>> {
    let by = caller.initiator();
    let (operation, value) = match change {
        Change::Update(value) => (Operation::Update, value),
        Change::Revert => (Operation::Revert, None),
    };
    let message = match &value {
        Some(value) => format!("{} is now {value}", definition.key),
        None => format!("{} is now at its default, {}", definition.key, definition.default),
    };
    let _turn = app.settings.turn.lock().await;
    let overrides = app
        .db
        .write(move |tx| {
            service_settings::store(tx, definition.key, value.as_deref())?;
            let target = Target::ServiceSetting(definition.display_name);
            activities::record(tx, operation, target, &by, &Outcome::done(message))?;
            service_settings::overrides(tx)
        })
        .await?;
    let settings = Arc::new(ServiceSettings::new(overrides));
    *app.settings.now.write().unwrap_or_else(PoisonError::into_inner) = settings.clone();
    Ok(settings)
}
