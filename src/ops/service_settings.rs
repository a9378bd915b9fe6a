//! Changes of the settings of the service, with their activities.

use std::sync::Arc;

use super::Caller;
use crate::app::App;
use crate::domain::service_setting::{Definition, ServiceSettings};
use crate::error::Result;
use crate::store::activities::{self, Operation, Outcome, Target};
use crate::store::service_settings;

/// SettingChange of one setting.
pub enum SettingChange {
    /// To this valid value, or to the default if there is none.
    Update(Option<String>),
    /// Back to the default.
    Revert,
}

/// Changes a setting and returns all of them afterwards.
pub async fn change(
    app: &App,
    definition: &'static Definition,
    change: SettingChange,
    caller: &Caller,
) -> Result<Arc<ServiceSettings>> {
    let by = caller.initiator();
    let (operation, value) = match change {
        SettingChange::Update(value) => (Operation::Update, value),
        SettingChange::Revert => (Operation::Revert, None),
    };
    let message = match &value {
        Some(value) => format!("{} is now {value}", definition.key),
        None => format!("{} is now at its default, {}", definition.key, definition.default),
    };
    let in_turn = app.settings.begin_change().await;
    let overrides = app
        .db
        .write(move |tx| {
            service_settings::store(tx, definition.key, value.as_deref())?;
            let target = Target::ServiceSetting(definition.display_name);
            activities::record(tx, operation, target, &by, &Outcome::done(message))?;
            service_settings::overrides(tx)
        })
        .await?;
    Ok(in_turn.publish(overrides))
}
