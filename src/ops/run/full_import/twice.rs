//! Identities that several entries of a directory show: found by a first pass over the ids, before any object is compared.
//!
//! A file finds its own, and the directory's own ids are not given twice.

use std::collections::HashMap;
use std::sync::Arc;

use super::Import;
use crate::connectors::connector::{Connector, Verb};
use crate::connectors::import::{Pages, Progress};
use crate::domain::connector_space::{ImportScope, ReadItem, RowId};
use crate::error::{Error, Result};
use crate::ops::connector_of;
use crate::ops::run::frame::{ProfileRun, Subject};
use crate::ops::run::resources;
use crate::store::connected_systems as systems;

/// DNs that are named of one identity.
const MAX_NAMED: usize = 5;

/// DNs by identity, of those that occur more than once.
pub(super) async fn find(
    run: &ProfileRun,
    subject: &Subject,
    import: &Import,
) -> Result<HashMap<[u8; 16], Vec<String>>> {
    let Some(scope) = ids_only(import) else { return Ok(HashMap::new()) };
    run.progress.enter("Reading external ids");
    let system = subject.system.id;
    let stored = run.app.db.read(move |c| systems::settings(c, system)).await?;
    let definition = connector_of(&subject.system)?;
    let connector = Connector::configure(definition, Verb::Import, system, &stored, None, resources(&run.app))?;
    // Entries that are read twice are counted once.
    let (pages, mut received) = Pages::new(Progress::default());
    let reading = tokio::spawn(async move { connector.import(Arc::new(scope), pages, ()).await });
    let mut ids: Vec<([u8; 16], Box<str>)> = Vec::new();
    loop {
        let page = tokio::select! {
            page = received.recv() => page,
            () = run.cancel.cancelled() => None,
        };
        let Some(page) = page else { break };
        for item in page {
            if let ReadItem::Object(object) = item {
                let key = import.hasher.external_key(object.object_type, &object.external_id);
                ids.push((key, object.dn.unwrap_or_default()));
            }
        }
    }
    drop(received);
    reading.await.unwrap_or_else(|panic| Err(Error::internal("the reading of external ids panicked", panic)))?;
    ids.sort_unstable();
    let mut twice: HashMap<[u8; 16], Vec<String>> = HashMap::new();
    for same in ids.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        if let Some((key, _)) = same.first() {
            twice.insert(*key, same.iter().take(MAX_NAMED).map(|(_, dn)| dn.to_string()).collect());
        }
    }
    Ok(twice)
}

/// The scope with external ids only, of types whose id is not the directory's own; `None` without any.
fn ids_only(import: &Import) -> Option<ImportScope> {
    let mut scope = ImportScope::clone(&import.scope);
    let is_own = |id: &RowId| import.own_types.contains(id);
    scope.types.retain(|t| !is_own(&t.id));
    for object_type in &mut scope.types {
        object_type.attributes.retain(|attribute| attribute.is_external_id);
    }
    (!scope.types.is_empty() && !scope.partitions.is_empty()).then_some(scope)
}
