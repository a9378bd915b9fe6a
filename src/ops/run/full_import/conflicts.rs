//! Identities that a run met twice: both names are looked up after the last page (contract, 21).
//!
//! If one of them answers, the entry was renamed while the run read; if both do, the identity belongs to two entries.

use super::{Import, Shared, save};
use crate::connectors::connector::{Connector, Verb};
use crate::db::Connection;
use crate::domain::connector_space::{ChangeType, ErrorType, Item, ReadObject, RowId};
use crate::error::Result;
use crate::ops::connector_of;
use crate::ops::run::frame::{ProfileRun, Subject};
use crate::ops::run::resources;
use crate::store::connected_systems as systems;
use crate::store::connector_space::{self as rows, Head};

/// Objects that wait for a look-up of their names; more are refused at once.
const MAX_WAITING: usize = 1_000;

/// Looks up both names of each object that the run met twice, and stores what is right.
pub(super) async fn settle(run: &ProfileRun, subject: &Subject, import: &Shared) -> Result<()> {
    let waiting = std::mem::take(&mut import.lock().met_twice);
    if waiting.is_empty() {
        return Ok(());
    }
    let system = subject.system.id;
    let stored = run.app.db.read(move |c| systems::settings(c, system)).await?;
    let definition = connector_of(&subject.system)?;
    let connector = Connector::configure(definition, Verb::Import, system, &stored, None, resources(&run.app))?;
    let mut names = Vec::new();
    for (id, object) in &waiting {
        let id = *id;
        let first = run.app.db.read(move |c| rows::get(c, id)).await?.and_then(|o| o.secondary_id).unwrap_or_default();
        let own = rows::own_id(&object.external_id.text).unwrap_or_default();
        names.push((first, own));
        names.push((object.dn.as_deref().unwrap_or_default().to_owned(), own));
    }
    let answers = connector.holders(&names).await?;
    for ((id, object), both) in waiting.into_iter().zip(answers.chunks(2)) {
        let (first, second) = (both.first() == Some(&true), both.get(1) == Some(&true));
        let shared = import.clone();
        let plan = move |c: &Connection| match (first, second) {
            (false, true) => shared.lock().renamed_meanwhile(c, id, object),
            (true, true) => shared.lock().duplicate(c, id, &object),
            // The name that was met first still holds, or both are gone by now.
            _ => {
                shared.lock().unchanged += 1;
                Ok(())
            }
        };
        run.app.db.read(plan).await?;
    }
    save(run, import, false).await
}

impl Import {
    /// An identity that occurs again: the directory's own waits for a look-up of both names.
    pub(super) fn met_again(&mut self, c: &Connection, id: RowId, object: ReadObject) -> Result<()> {
        if object.external_id.own.is_some() && self.met_twice.len() < MAX_WAITING {
            self.met_twice.push((id, object));
            return Ok(());
        }
        self.duplicate(c, id, &object)
    }

    fn renamed_meanwhile(&mut self, c: &Connection, id: RowId, object: ReadObject) -> Result<()> {
        let key = self.hasher.external_key(object.object_type, &object.external_id);
        self.compare(c, Head { key, object: id, hash: 0 }, object)
    }

    /// An identity that occurs again in one run: the stored object stays as it is.
    fn duplicate(&mut self, c: &Connection, id: RowId, object: &ReadObject) -> Result<()> {
        let stored = rows::get(c, id)?;
        let other = stored.as_ref().and_then(|o| o.secondary_id.clone()).unwrap_or_default();
        let place = object.dn.as_deref().unwrap_or_default();
        let message = format!("the external id {} occurs twice: at {other} and at {place}", object.external_id.text);
        self.refused += 1;
        self.batch.items.push(Item {
            object: Some(id),
            change: ChangeType::NoChange,
            error: Some(ErrorType::DuplicateObject),
            external_id: Some(object.external_id.text.to_string()),
            display_name: stored.map(|o| o.display_name),
            type_name: self.types.get(&object.object_type).map(|info| info.name.clone()),
            message: Some(message),
            outcomes: Vec::new(),
            changes: Vec::new(),
        });
        Ok(())
    }
}
