//! References after the last page: names that were freed or given, and attributes that vanished.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::batch::{NewReferences, name_of};
use super::compare::micros;
use super::missing::Covered;
use super::{Import, Shared, save};
use crate::db::Connection;
use crate::domain::connector_space::{ChangeType, ErrorType, Outcome, OutcomeKind, RowId, ShownChange, Status};
use crate::domain::dn::DnKey;
use crate::domain::dn::key_and_name;
use crate::domain::value::Value;
use crate::error::Result;
use crate::ops::run::frame::ProfileRun;
use crate::ops::shown_values::{MAX_SHOWN, text_of};
use crate::store::connector_space::{self as rows, Unresolved};
use crate::store::held_removals;

/// Unresolved references of one step.
const STEP: i64 = 2_000;
/// Waiting removals of one attribute from which they are held, if no object shows it (contract, 21).
const MIN_HELD: usize = 20;
/// Objects with unresolved references that get an item.
const MAX_OBJECTS: usize = 100_000;

/// References of this run that are kept with the name that led to them: 32 MiB of memory. The holders of others are
/// compared in full by the next run, if a name that they use was freed.
pub(super) const MAX_TRACKED: usize = 1_000_000;

/// Holder, attribute, target, and the name that led to the target.
pub(super) type Tracked = (RowId, RowId, RowId, i64);

/// Settles references, once all names are known.
pub(super) async fn settle(run: &ProfileRun, import: &Shared) -> Result<()> {
    vanished(run, import).await?;
    free(run, import).await?;
    resolve(run, import).await
}

/// Applies removals of attributes that waited, or holds them if no object showed the attribute.
async fn vanished(run: &ProfileRun, import: &Shared) -> Result<()> {
    let waiting = std::mem::take(&mut import.lock().vanishing);
    let mut by_attribute: BTreeMap<(RowId, RowId), Vec<(RowId, bool)>> = BTreeMap::new();
    for (object_type, object, attribute, updated) in waiting {
        by_attribute.entry((object_type, attribute)).or_default().push((object, updated));
    }
    for ((object_type, attribute), objects) in by_attribute {
        let shown = import.lock().shown.contains(&(object_type, attribute));
        let is_approved = |(object, _): &(RowId, bool)| {
            import.lock().held_attributes.get(&(*object, attribute)).copied().unwrap_or(false)
        };
        let (mut lost, counted): (Vec<_>, Vec<_>) = objects.into_iter().partition(is_approved);
        if !shown && counted.len() >= MIN_HELD && !run.queued.accept_removals {
            hold(run, import, object_type, attribute, &counted).await?;
        } else {
            lost.extend(counted);
        }
        for step in lost.chunks(STEP as usize) {
            let (step, shared) = (step.to_vec(), import.clone());
            let read = move |c: &Connection| {
                step.into_iter().try_for_each(|(object, updated)| shared.lock().lose(c, object, attribute, updated))
            };
            run.app.db.read(read).await?;
            save(run, import, false).await?;
        }
    }
    Ok(())
}

async fn hold(
    run: &ProfileRun,
    import: &Shared,
    object_type: RowId,
    attribute: RowId,
    objects: &[(RowId, bool)],
) -> Result<()> {
    let (system, activity) = (run.queued.system, run.queued.activity);
    let region = {
        let import = import.lock();
        let info = import.types.get(&object_type);
        let name = info.and_then(|info| info.attributes.get(&attribute)).map_or("", |(name, _)| name);
        format!("attribute {name} of {}", info.map_or("", |info| &info.name))
    };
    for step in objects.chunks(STEP as usize) {
        let (step, region) = (step.to_vec(), region.clone());
        let store = move |tx: &crate::db::Tx<'_>| {
            let hold = |(object, _): &(RowId, bool)| {
                held_removals::hold(tx, system, *object, Some(attribute), activity, &region)
            };
            step.iter().try_for_each(hold)
        };
        run.app.db.write(store).await?;
    }
    import.lock().braked.push(format!(
        "the removal of {region} from {} objects was held back: no object shows it any more, so that it may be \
         unreadable; if that is right, approve it (POST /api/v1/activities/{activity}/approve-removals) or run with \
         acceptRemovals=true",
        objects.len()
    ));
    Ok(())
}

/// Moves references on names that were freed to unresolved, unless their holder was read in this run.
async fn free(run: &ProfileRun, import: &Shared) -> Result<()> {
    let system = run.queued.system;
    if import.lock().freed.is_empty() {
        return Ok(());
    }
    let freed: HashMap<RowId, String> = {
        let mut import = import.lock();
        let (gone, follows) = (std::mem::take(&mut import.gone), import.links_follow);
        std::mem::take(&mut import.freed).into_iter().filter(|(id, _)| !follows || gone.contains(id)).collect()
    };
    let targets: HashSet<RowId> = freed.keys().copied().collect();
    let holders = run.app.db.read(move |c| rows::holders_of(c, system, &targets)).await?;
    let mut by_holder: BTreeMap<(RowId, RowId), Vec<RowId>> = BTreeMap::new();
    let mut unsure = HashSet::new();
    {
        let import = import.lock();
        let stale = import.stale(&freed);
        for [holder, attribute, target] in holders {
            let anew = import.resolved_anew.contains(&holder);
            if !anew || stale.contains(&(holder, attribute, target)) {
                by_holder.entry((holder, attribute)).or_default().push(target);
            } else if import.tracked.len() >= MAX_TRACKED {
                unsure.insert(holder);
            }
        }
    }
    if !unsure.is_empty() {
        run.app.db.write(move |tx| rows::clear_hashes(tx, system, &unsure)).await?;
    }
    for ((holder, attribute), targets) in by_holder {
        let mut ids =
            run.app.db.read(move |c| rows::references(c, holder)).await?.remove(&attribute).unwrap_or_default();
        ids.retain(|id| !targets.contains(id));
        {
            let mut import = import.lock();
            import.batch.references.push(NewReferences { object: holder, attribute, ids });
            for name in targets.iter().filter_map(|id| freed.get(id)).cloned() {
                let name_hash = import.hash_of_name(&name);
                import.batch.unresolved.push(Unresolved { name_hash, object: holder, attribute, name });
            }
        }
        if import.lock().batch.is_full() {
            save(run, import, false).await?;
        }
    }
    save(run, import, false).await?;
    run.app.db.write(move |tx| rows::forget_freed(tx, system)).await
}

/// Compares value by value the holders of references that a run which was stopped did not settle.
pub(super) async fn distrust_unsettled(run: &ProfileRun) -> Result<()> {
    let system = run.queued.system;
    let freed = run.app.db.read(move |c| rows::freed(c, system)).await?;
    if freed.is_empty() {
        return Ok(());
    }
    let holders = run.app.db.read(move |c| rows::holders_of(c, system, &freed)).await?;
    let holders: HashSet<RowId> = holders.into_iter().map(|[holder, ..]| holder).collect();
    let clear = move |tx: &crate::db::Tx<'_>| {
        rows::clear_hashes(tx, system, &holders)?;
        rows::forget_freed(tx, system)
    };
    run.app.db.write(clear).await
}

/// Resolves references whose name an object has now, and makes an item for each object with others inside the scope.
async fn resolve(run: &ProfileRun, import: &Shared) -> Result<()> {
    let system = run.queued.system;
    let covered = Covered::new(&import.lock().scope);
    let mut open: BTreeMap<RowId, (u64, String)> = BTreeMap::new();
    let mut after: Option<Unresolved> = None;
    loop {
        let (last, shared) = (after.clone(), import.clone());
        let step = run.app.db.read(move |c| {
            // Loads the names, if no object needed them.
            shared.lock().names(c)?;
            rows::unresolved_of_system(c, system, last.as_ref(), STEP)
        });
        let step = step.await?;
        let Some(last) = step.last().cloned() else { break };
        after = Some(last);
        let mut found: BTreeMap<(RowId, RowId), Vec<RowId>> = BTreeMap::new();
        for reference in step {
            let mut import = import.lock();
            match import.names.as_ref().and_then(|names| names.get(reference.name_hash)) {
                Some(target) => {
                    found.entry((reference.object, reference.attribute)).or_default().push(target);
                    import.batch.resolved.push(reference);
                }
                None if import.is_inside(&covered, &reference.name) && open.len() < MAX_OBJECTS => {
                    open.entry(reference.object).or_insert((0, reference.name)).0 += 1;
                }
                None => {}
            }
        }
        for ((object, attribute), targets) in found {
            let mut ids =
                run.app.db.read(move |c| rows::references(c, object)).await?.remove(&attribute).unwrap_or_default();
            ids.extend(targets);
            ids.sort_unstable();
            ids.dedup();
            import.lock().batch.references.push(NewReferences { object, attribute, ids });
        }
        save(run, import, false).await?;
        if run.is_cancelled() {
            return Ok(());
        }
    }
    for (object, (count, name)) in open {
        let stored = run.app.db.read(move |c| rows::get(c, object)).await?;
        // An object that is gone waits for a synchronisation and has no errors any more.
        let Some(stored) = stored.filter(|object| object.status == Status::Normal) else { continue };
        let mut item = import.lock().new_item(&stored, ChangeType::NoChange, Vec::new());
        item.error = Some(ErrorType::UnresolvedReference);
        item.message = Some(format!("{count} references lead to no object of the connector space, such as {name}"));
        import.lock().batch.items.push(item);
        if import.lock().batch.is_full() {
            save(run, import, false).await?;
        }
    }
    save(run, import, false).await
}

impl Import {
    /// Notes by which names the references of an object were resolved. Before a first import no name can be freed.
    pub(super) fn track(&mut self, holder: RowId, by_name: &[(RowId, RowId, i64)]) {
        if !self.index.was_empty() {
            let room = MAX_TRACKED.saturating_sub(self.tracked.len());
            let tracked =
                by_name.iter().take(room).map(|(attribute, target, name)| (holder, *attribute, *target, *name));
            self.tracked.extend(tracked);
        }
    }

    /// References of this run that were resolved by a name which their target lost later.
    fn stale(&self, freed: &HashMap<RowId, String>) -> HashSet<(RowId, RowId, RowId)> {
        let lost: HashMap<RowId, i64> = freed.iter().map(|(id, name)| (*id, self.hash_of_name(name))).collect();
        let stale = self.tracked.iter().filter(|(_, _, target, name)| lost.get(target) == Some(name));
        stale.map(|(holder, attribute, target, _)| (*holder, *attribute, *target)).collect()
    }

    fn hash_of_name(&self, name: &str) -> i64 {
        if self.scope.partitions.is_empty() { self.hasher.text(name) } else { name_of(&self.hasher, "", Some(name)) }
    }

    /// Whether the target of a reference would lie inside the scope. In a file every target does.
    fn is_inside(&self, covered: &Covered, name: &str) -> bool {
        let inside = |(key, _): (DnKey, String)| covered.holds_any(&key);
        self.scope.partitions.is_empty() || key_and_name(name).is_ok_and(inside)
    }

    /// Removes all values of an attribute from an object.
    fn lose(&mut self, c: &Connection, object: RowId, attribute: RowId, updated: bool) -> Result<()> {
        let Some(before) = rows::get(c, object)? else { return Ok(()) };
        let mut after = before.clone();
        after.values = before.values.clone().without(attribute);
        let ids = rows::references(c, object)?.remove(&attribute).unwrap_or_default();
        let open: Vec<Unresolved> =
            rows::unresolved_of_object(c, object)?.into_iter().filter(|u| u.attribute == attribute).collect();
        let info = self.types.get(&before.object_type).and_then(|info| info.attributes.get(&attribute)).cloned();
        let values = before.values.of(attribute);
        let before_count = (values.len() + ids.len() + open.len()) as u64;
        let mut item = self.new_item(&before, ChangeType::Updated, vec![Outcome::once(OutcomeKind::CsoUpdated)]);
        if let Some((name, data_type)) = info {
            let decoded = values.iter().take(MAX_SHOWN).filter_map(|v| Value::decode(data_type, v));
            let texts = decoded.map(|v| text_of(&v)).chain(open.iter().map(|u| u.name.clone())).take(MAX_SHOWN);
            let (before, after, after_count) = (texts.collect(), Vec::new(), 0);
            item.changes.push(ShownChange { attribute: name, before, after, before_count, after_count });
        }
        if !ids.is_empty() {
            self.batch.references.push(NewReferences { object, attribute, ids: Vec::new() });
        }
        self.batch.resolved.extend(open);
        self.batch.items.push(item);
        self.batch.released.push(object);
        after.updated = Some(micros());
        self.batch.objects.push(after);
        if !updated {
            self.totals.updated += 1;
            self.unchanged = self.unchanged.saturating_sub(1);
        }
        Ok(())
    }
}
