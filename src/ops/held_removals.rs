//! Removals that the brake held back: list and approval.

use uuid::Uuid;

use super::Caller;
use crate::app::App;
use crate::db::Connection;
use crate::error::{Error, Result};
use crate::store::activities::list as activities;
use crate::store::connected_systems as systems;
use crate::store::connector_space as rows;
use crate::store::guid::Guids;
use crate::store::held_removals::{self as store, HeldRemoval};
use crate::store::page::{Found, Page};

/// Page of the held removals of a system, each with the GUID of its object.
pub(crate) async fn list(app: &App, system: i64, page: Page<()>) -> Result<Found<(Uuid, HeldRemoval)>> {
    let read = move |c: &Connection| {
        systems::require(c, system)?;
        let (guids, found) = (Guids::load(c)?, store::list(c, system, &page)?);
        let items = found.items.into_iter().map(|row| (rows::guid_of(guids, row.object), row)).collect();
        Ok(Found { items, total: found.total })
    };
    app.db.read(read).await
}

/// Approves exactly the removals that an activity held. Returns their number.
///
/// # Errors
/// There is no such activity, or it holds nothing.
pub(crate) async fn approve(app: &App, activity: Uuid, caller: &Caller) -> Result<usize> {
    let by = caller.key.name.clone();
    let approve = move |tx: &crate::db::Tx<'_>| {
        activities::get(tx, activity)?;
        match store::approve(tx, activity, &by)? {
            0 => Err(Error::BadRequest("this activity holds no removals back".to_owned())),
            n => Ok(n),
        }
    };
    app.db.write(approve).await
}
