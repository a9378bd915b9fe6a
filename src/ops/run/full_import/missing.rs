//! Objects that an import did not show: counted by region, judged by the brake, looked up, and made Obsolete.
//!
//! Two sources of a removal exist: a region that was read completely, and our own deselection.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::batch::name_of;
use super::compare::{micros, recovered};
use super::{Import, Shared, save};
use crate::connectors::connector::{Connector, Verb};
use crate::connectors::import::{Absence, MissingObject, Reading};
use crate::db::{Connection, Tx};
use crate::domain::connector_space::{
    Brake, BrakeLimits, ChangeType, ImportScope, Outcome, OutcomeKind, RegionCount, RowId, Status,
};
use crate::domain::dn::DnKey;
use crate::error::Result;
use crate::ops::connector_of;
use crate::ops::run::frame::{ProfileRun, Subject};
use crate::ops::run::resources;
use crate::store::connected_systems as systems;
use crate::store::connector_space::{self as rows, StoredObject};
use crate::store::held_removals;

/// Objects of one step.
const STEP: usize = 1_000;
const LEFT_SCOPE: &str = "left the scope";

/// Why an object may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Its region was read completely, and it was not seen.
    NotSeen,
    /// Its partition, container or type is no longer selected.
    LeftScope,
}

/// Partition and object type.
type Region = (Option<RowId>, RowId);

/// Places that the selection covers, by DN.
pub(super) struct Covered {
    /// Containers of a partition by the key of their DN; without any, the whole partition is covered.
    partitions: HashMap<RowId, (DnKey, HashMap<String, bool>)>,
}

impl Covered {
    pub(super) fn new(scope: &ImportScope) -> Covered {
        let partition = |p: &crate::domain::connector_space::ScopePartition| {
            let containers = p.containers.iter().map(|c| (c.key.as_str().to_owned(), c.selected)).collect();
            (p.id, (p.key.clone(), containers))
        };
        Covered { partitions: scope.partitions.iter().map(partition).collect() }
    }

    /// Whether an entry of a partition lies in a selected container: the nearest stored one counts.
    pub(super) fn holds(&self, partition: RowId, dn: &DnKey) -> bool {
        let Some((_, containers)) = self.partitions.get(&partition) else { return false };
        if containers.is_empty() {
            return true;
        }
        std::iter::once(dn.as_str())
            .chain(dn.ancestors())
            .find_map(|place| containers.get(place))
            .copied()
            .unwrap_or(false)
    }

    /// Whether a DN lies in the scope, in whichever partition.
    pub(super) fn holds_any(&self, dn: &DnKey) -> bool {
        let below = |(id, (root, _)): (&RowId, &(DnKey, _))| {
            (dn == root || dn.is_below(root.as_str())).then_some((root.as_str().len(), *id))
        };
        let nearest = self.partitions.iter().filter_map(below).max();
        nearest.is_some_and(|(_, partition)| self.holds(partition, dn))
    }
}

/// Makes Obsolete what is gone, and holds back what the brake does not let pass.
pub(super) async fn apply(run: &ProfileRun, subject: &Subject, import: &Shared, reading: &mut Reading) -> Result<()> {
    let ids = import.lock().index.missing();
    if ids.is_empty() {
        return Ok(());
    }
    let complete: HashSet<Option<RowId>> = reading.complete.iter().map(|proof| proof.region().partition).collect();
    let covered = Covered::new(&import.lock().scope);
    let mut wanted: BTreeMap<Region, Vec<(RowId, Why)>> = BTreeMap::new();
    for step in ids.chunks(STEP) {
        let step = step.to_vec();
        let objects = run.app.db.read(move |c| read_all(c, &step)).await?;
        for object in &objects {
            if let Some(why) = reason(subject, &import.lock(), &covered, &complete, object) {
                wanted.entry((object.partition, object.object_type)).or_default().push((object.id, why));
            }
        }
    }
    let approvals = run.app.db.read({
        let system = subject.system.id;
        move |c| held_removals::held_objects(c, system)
    });
    let approved: HashMap<RowId, String> =
        approvals.await?.into_iter().filter_map(|(object, by)| by.map(|by| (object, by))).collect();
    let accepted = run.queued.accept_removals;
    for (region, candidates) in wanted {
        let (free, counted): (Vec<_>, Vec<_>) =
            candidates.into_iter().partition(|(object, _)| accepted || approved.contains_key(object));
        let held = judge(run, subject, region, counted.len() as u64).await?;
        if held == Brake::Released {
            let removed = remove(run, subject, import, &counted, reading, false).await?;
            count(run, subject, region, removed).await?;
        } else {
            hold(run, import, subject, region, &counted, held).await?;
        }
        remove(run, subject, import, &free, reading, accepted).await?;
        if run.is_cancelled() {
            break;
        }
    }
    if !approved.is_empty() {
        let mut names: Vec<&str> = approved.values().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        reading.notes.push(format!("{} held removals were approved by {}", approved.len(), names.join(", ")));
    }
    Ok(())
}

/// Counts removals without an approval, for the limits of a day.
async fn count(run: &ProfileRun, subject: &Subject, (partition, object_type): Region, removed: u64) -> Result<()> {
    let system = subject.system.id;
    if removed == 0 {
        return Ok(());
    }
    run.app.db.write(move |tx| held_removals::add_applied(tx, system, partition, object_type, removed)).await
}

fn read_all(c: &Connection, ids: &[RowId]) -> Result<Vec<StoredObject>> {
    ids.iter().filter_map(|id| rows::get(c, *id).transpose()).collect()
}

fn reason(
    subject: &Subject,
    import: &Import,
    covered: &Covered,
    complete: &HashSet<Option<RowId>>,
    object: &StoredObject,
) -> Option<Why> {
    if object.status != Status::Normal {
        return None;
    }
    let only = subject.profile.partition;
    if only.is_some() && object.partition != only {
        return None;
    }
    let key = object.secondary_id.as_deref().map(DnKey::of_stored);
    let in_scope = import.types.contains_key(&object.object_type)
        && object.partition.is_none_or(|id| key.as_ref().is_some_and(|key| covered.holds(id, key)));
    if !in_scope {
        return only.is_none().then_some(Why::LeftScope);
    }
    complete.contains(&object.partition).then_some(Why::NotSeen)
}

async fn judge(run: &ProfileRun, subject: &Subject, (partition, object_type): Region, wanted: u64) -> Result<Brake> {
    let settings = run.app.settings.now();
    let limits = BrakeLimits {
        minimum: settings.removal_minimum.into(),
        percent: settings.removal_percent.into(),
        maximum: settings.removal_maximum.into(),
    };
    let system = subject.system.id;
    let region = run.app.db.read(move |c| {
        let size = rows::count_of_region(c, system, partition, object_type)?;
        let applied = held_removals::applied(c, system, partition, object_type)?;
        Ok(RegionCount { size, applied, wanted })
    });
    Ok(Brake::judge(region.await?, limits))
}

/// Stores removals that the brake holds back.
async fn hold(
    run: &ProfileRun,
    import: &Shared,
    subject: &Subject,
    region: Region,
    held: &[(RowId, Why)],
    brake: Brake,
) -> Result<()> {
    let name = region_name(import, region);
    let why = if brake == Brake::HeldEmpty { "it would be empty" } else { "more than the limits allow" };
    for step in held.chunks(STEP) {
        let (ids, name, shared) = (step.to_vec(), name.clone(), import.clone());
        let (system, activity) = (subject.system.id, run.queued.activity);
        let store = move |tx: &Tx<'_>| {
            let mut import = shared.lock();
            for (id, _) in &ids {
                held_removals::hold(tx, system, *id, None, activity, &name)?;
                if let Some(object) = rows::get(tx, *id)? {
                    let outcomes = vec![Outcome::once(OutcomeKind::HeldBack)];
                    let item = import.new_item(&object, ChangeType::NoChange, outcomes);
                    import.batch.items.push(item);
                }
            }
            Ok(())
        };
        run.app.db.write(store).await?;
        save(run, import, false).await?;
    }
    import.lock().braked.push(format!(
        "{} removals of {name} were held back, because {why}; if they are right, approve them \
         (POST /api/v1/activities/{}/approve-removals) or run with acceptRemovals=true",
        held.len(),
        run.queued.activity
    ));
    Ok(())
}

fn region_name(import: &Shared, (partition, object_type): Region) -> String {
    let import = import.lock();
    let object_type = import.types.get(&object_type).map_or("a deselected type", |info| &info.name);
    let dn = partition.and_then(|id| import.scope.partitions.iter().find(|p| p.id == id)).map(|p| p.dn.clone());
    match (partition, dn) {
        (_, Some(dn)) => format!("{object_type} in {dn}"),
        (Some(_), None) => format!("{object_type} in a deselected partition"),
        (None, None) => object_type.to_owned(),
    }
}

/// Looks up the objects that were not seen, and makes Obsolete those that are gone. Returns their number.
async fn remove(
    run: &ProfileRun,
    subject: &Subject,
    import: &Shared,
    candidates: &[(RowId, Why)],
    reading: &mut Reading,
    accepted: bool,
) -> Result<u64> {
    let (mut removed, mut unread) = (0, 0);
    let mut kept: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for step in candidates.chunks(STEP) {
        if run.is_cancelled() {
            break;
        }
        let ids: Vec<RowId> = step.iter().map(|(id, _)| *id).collect();
        let objects = run.app.db.read(move |c| read_all(c, &ids)).await?;
        let whys: HashMap<RowId, Why> = step.iter().copied().collect();
        let asked: Vec<&StoredObject> =
            objects.iter().filter(|object| whys.get(&object.id) == Some(&Why::NotSeen)).collect();
        let answers = look_up(run, subject, import, &asked).await?;
        for object in &objects {
            let detail = match whys.get(&object.id) {
                Some(Why::LeftScope) => Some(LEFT_SCOPE),
                _ => match answers.get(&object.id) {
                    Some(Absence::Gone) => None,
                    Some(Absence::OutOfScope) => Some(LEFT_SCOPE),
                    Some(Absence::InScope) => {
                        unread += 1;
                        continue;
                    }
                    Some(Absence::Unprovable) if accepted => None,
                    Some(Absence::Unprovable) => {
                        let why = "not seen, and neither shown nor proved gone; if they are gone, run with \
                                   acceptRemovals=true";
                        kept.entry(why).or_default().push(shown_name(object));
                        continue;
                    }
                    Some(Absence::Failed) | None => {
                        let why = "not seen, but the look-up that would prove it failed; run again";
                        kept.entry(why).or_default().push(shown_name(object));
                        continue;
                    }
                },
            };
            import.lock().obsolete(object, detail);
            removed += 1;
        }
        save(run, import, false).await?;
    }
    if unread > 0 {
        // Renamed, or left out by the directory, while the run read.
        reading.notes.push(format!("{unread} answer but were not shown; they stay, and the next run compares them"));
    }
    for (why, names) in kept {
        let more = names.len().saturating_sub(5);
        let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
        let first: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
        reading.warnings.push(format!("{} objects kept: {why}: {}{tail}", names.len(), first.join("; ")));
    }
    Ok(removed)
}

fn shown_name(object: &StoredObject) -> String {
    object.secondary_id.clone().unwrap_or_else(|| object.external_id.clone())
}

async fn look_up(
    run: &ProfileRun,
    subject: &Subject,
    import: &Shared,
    objects: &[&StoredObject],
) -> Result<HashMap<RowId, Absence>> {
    if objects.is_empty() {
        return Ok(HashMap::new());
    }
    let (system, scope, own) = {
        let import = import.lock();
        (subject.system.id, import.scope.clone(), import.own_types.clone())
    };
    let missing: Vec<MissingObject> = objects
        .iter()
        .map(|object| MissingObject {
            object: object.id,
            partition: object.partition,
            dn: object.secondary_id.as_deref().map(Box::from),
            own: rows::own_id(&object.external_id).filter(|_| own.contains(&object.object_type)),
        })
        .collect();
    let stored = run.app.db.read(move |c| systems::settings(c, system)).await?;
    let definition = connector_of(&subject.system)?;
    let connector = Connector::configure(definition, Verb::Import, system, &stored, None, resources(&run.app))?;
    let answers = connector.look_up(&scope, &missing).await?;
    Ok(missing.iter().map(|m| m.object).zip(answers).collect())
}

impl Import {
    fn obsolete(&mut self, object: &StoredObject, detail: Option<&str>) {
        let own = self.own_types.contains(&object.object_type);
        let head = recovered(&self.hasher, object, own).head;
        self.batch.hashes.push((head.key, 0));
        let name = name_of(&self.hasher, &object.external_id, object.secondary_id.as_deref());
        self.batch.names_freed.push((name, object.id));
        if let Some(names) = &mut self.names {
            names.remove(name, object.id);
        }
        self.freed.push((object.id, shown_name(object)));
        self.gone.insert(object.id);
        self.batch.counts.add(object.partition, object.object_type, object.status, -1);
        self.batch.counts.add(object.partition, object.object_type, Status::Obsolete, 1);
        let outcome = Outcome { detail: detail.map(str::to_owned), ..Outcome::once(OutcomeKind::DeletionDetected) };
        let item = self.new_item(object, ChangeType::Deleted, vec![outcome]);
        self.batch.items.push(item);
        let updated = Some(micros());
        self.batch.objects.push(StoredObject { status: Status::Obsolete, updated, ..object.clone() });
        self.batch.released.push(object.id);
        self.totals.deleted += 1;
    }
}
