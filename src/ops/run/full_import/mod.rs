//! Full import: reads the scope, compares each object with the stored one, writes the differences.
//!
//! The connector reads and parses in a task of its own and passes pages on. Each page is planned on a reading connection
//! and written in transactions of bounded size. What was not seen is looked at only after the last page, and only in
//! regions that were read completely.

mod batch;
mod compare;
mod conflicts;
mod index;
mod items;
mod missing;
mod references;
pub(super) mod scope;
mod twice;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::frame::{ProfileRun, Subject};
use super::{resources, shown};
use crate::connectors::connector::{Connector, Verb};
use crate::connectors::import::{Pages, Phase, Reading};
use crate::db::{Connection, Tx};
use crate::domain::connector_space::{ImportScope, ReadItem, ReadObject, RowId};
use crate::domain::service_setting::OutcomeLevel;
use crate::error::{Error, Result};
use crate::ops::connector_of;
use crate::store::activities::run::{RunEnd, RunStatus, Totals};
use crate::store::connected_systems as systems;
use crate::store::connector_space::{self as rows, Hasher, Head, Ids, Names, NewHead};
use crate::store::held_removals;
use crate::store::relocation;

use batch::{Batch, ItemCounts, LateHeads};
use index::Index;
use items::TypeInfo;

/// Retries of a transaction while the database is busy, and the pause before each.
const RETRIES: u32 = 12;
const PAUSE: Duration = Duration::from_secs(5);

/// State of an import between its transactions.
pub(super) struct Import {
    system: i64,
    activity: i64,
    scope: Arc<ImportScope>,
    types: HashMap<RowId, TypeInfo>,
    level: OutcomeLevel,
    hasher: Hasher,
    index: Index,
    ids: Ids,
    /// Loaded when the first object needs it.
    names: Option<Names>,
    late: LateHeads,
    batch: Batch,
    items: ItemCounts,
    /// Objects whose removal the brake holds.
    held: HashSet<RowId>,
    /// Removals of attributes that are held, by object and attribute, with whether an approval holds.
    held_attributes: HashMap<(RowId, RowId), bool>,
    /// Identities that several entries show, with the DNs of the first ones.
    twice: HashMap<[u8; 16], Vec<String>>,
    /// Objects that the run met under two names.
    met_twice: Vec<(RowId, ReadObject)>,
    /// Objects whose references were resolved in this run.
    resolved_anew: HashSet<RowId>,
    /// By which name each of these references was resolved, up to [`references::MAX_TRACKED`].
    tracked: Vec<references::Tracked>,
    /// Names that objects lost in this run, as text.
    freed: Vec<(RowId, String)>,
    /// Attributes that the run has seen on an object of each type.
    shown: HashSet<(RowId, RowId)>,
    /// Removals of attributes that wait until one object shows the attribute.
    vanishing: Vec<Vanishing>,
    /// Objects that became Obsolete in this run.
    gone: HashSet<RowId>,
    /// Types whose external id is the directory's own.
    own_types: HashSet<RowId>,
    /// References follow their objects, as in the Active Directory family; elsewhere they are text.
    links_follow: bool,
    totals: Totals,
    unchanged: u64,
    refused: u64,
    types_seen: HashSet<RowId>,
    /// Whether something was held back.
    braked: Vec<String>,
}

/// Type, object and attribute, and whether the object is counted as updated.
type Vanishing = (RowId, RowId, RowId, bool);

/// An import that several closures work on, one after the other.
type Shared = Arc<Mutex<Import>>;

/// Reads the scope of a run and writes the differences.
pub(super) async fn run(run: &ProfileRun, subject: Subject) -> Result<RunEnd> {
    let (mut import, connector) = begin(run, &subject).await?;
    import.twice = twice::find(run, &subject, &import).await?;
    let scope = import.scope.clone();
    let import = Arc::new(Mutex::new(import));
    run.progress.begin(Phase::Reading, "Reading");
    let (pages, mut received) = Pages::new(run.progress.clone());
    let reading = tokio::spawn(async move { connector.import(scope, pages, ()).await });
    let written = loop {
        let page = tokio::select! {
            page = received.recv() => page,
            () = run.cancel.cancelled() => None,
        };
        let Some(page) = page else { break Ok(()) };
        if let Err(e) = plan_page(run, &import, page).await {
            break Err(e);
        }
    };
    // Ends the reading, if it still goes on.
    drop(received);
    let reading =
        reading.await.unwrap_or_else(|panic| Err(Error::internal("the reading of an import panicked", panic)));
    let end = match (written, reading) {
        (Ok(()), Ok(reading)) if !run.is_cancelled() => conclude(run, &subject, &import, reading).await,
        (Ok(()), Ok(_)) => Ok(None),
        (Ok(()), Err(_)) if run.is_cancelled() => Ok(None),
        (Ok(()), Err(e)) | (Err(e), _) => Err(e),
    };
    // What was read so far is written and stays correct, whatever ended the run.
    let saved = save(run, &import, true).await;
    let import = &*import.lock();
    match (end, saved) {
        (Ok(Some(reading)), Ok(())) => import.end(&subject, reading),
        (Ok(None), Ok(())) => Ok(import.ended(RunStatus::Cancelled, "Cancelled; what was written before stays".into())),
        (Err(e), _) | (_, Err(e)) => {
            if let Error::Internal { .. } | Error::Damaged { .. } = &e {
                tracing::error!(error = e.chain(), "an import failed");
            }
            let failed = import.ended(RunStatus::FailedWithError, "Failed; what was written before stays".into());
            Ok(RunEnd { error: Some(shown(&e)), ..failed })
        }
    }
}

async fn begin(run: &ProfileRun, subject: &Subject) -> Result<(Import, Connector)> {
    let (system, profile, activity) = (subject.system.id, subject.profile.clone(), run.activity);
    let level = run.app.settings.now().outcome_level;
    let load = move |c: &Connection| {
        let (scope, ids) = scope::load(c, &profile)?;
        let types = scope.types.iter().map(|t| (t.id, TypeInfo::new(t))).collect();
        let import = Import {
            system,
            activity,
            scope: Arc::new(scope),
            types,
            level,
            hasher: Hasher::load(c)?,
            index: Index::default(),
            ids: rows::ids(c, system)?,
            names: None,
            late: LateHeads::default(),
            batch: Batch::default(),
            items: ItemCounts::default(),
            held: held_removals::held_objects(c, system)?.into_iter().map(|(object, _)| object).collect(),
            held_attributes: held_removals::held_attributes(c, system)?
                .into_iter()
                .map(|(o, a, by)| ((o, a), by))
                .collect(),
            twice: HashMap::new(),
            met_twice: Vec::new(),
            resolved_anew: HashSet::new(),
            tracked: Vec::new(),
            freed: Vec::new(),
            shown: HashSet::new(),
            vanishing: Vec::new(),
            gone: HashSet::new(),
            own_types: ids.own_types,
            links_follow: ids.links_follow,
            totals: Totals::default(),
            unchanged: 0,
            refused: 0,
            types_seen: HashSet::new(),
            braked: Vec::new(),
        };
        let lost = rows::unindexed(c, system, import.ids.indexed_to)?;
        Ok((systems::settings(c, system)?, import, lost))
    };
    let (stored, mut import, lost) = run.app.db.read(load).await?;
    let definition = connector_of(&subject.system)?;
    let connector = Connector::configure(definition, Verb::Import, system, &stored, None, resources(&run.app))?;
    if !lost.is_empty() {
        // A stop lost the heads of the last objects; they are compared value by value.
        let hasher = import.hasher.clone();
        let mut heads: Vec<NewHead> = lost
            .iter()
            .map(|object| compare::recovered(&hasher, object, import.own_types.contains(&object.object_type)))
            .collect();
        import.ids.indexed_to = lost.last().map_or(import.ids.indexed_to, |object| object.id);
        import.ids.next = import.ids.next.max(import.ids.indexed_to + 1);
        let ids = import.ids;
        run.app.db.write(move |tx| rows::add_heads(tx, system, &mut heads, ids)).await?;
    }
    references::distrust_unsettled(run).await?;
    import.index = Index::new(run.app.db.read(move |c| rows::heads(c, system)).await?);
    Ok((import, connector))
}

/// Compares a page with what is stored, and writes once enough has changed.
async fn plan_page(run: &ProfileRun, import: &Shared, page: Vec<ReadItem>) -> Result<()> {
    let shared = import.clone();
    let plan = move |c: &Connection| page.into_iter().try_for_each(|item| shared.lock().item(c, item));
    run.app.db.read(plan).await?;
    let full = import.lock().batch.is_full();
    if full { save(run, import, false).await } else { Ok(()) }
}

/// Writes the changes in hand; with `last` also the heads of new objects.
async fn save(run: &ProfileRun, import: &Shared, last: bool) -> Result<()> {
    let pending = {
        let import = import.lock();
        !import.batch.is_empty() || (last && !import.late.new.is_empty()) || import.late.is_full()
    };
    if !pending {
        return Ok(());
    }
    let begun = Instant::now();
    for retry in 0.. {
        let shared = import.clone();
        match run.app.db.write(move |tx| shared.lock().write(tx, last)).await {
            Err(Error::Unavailable { .. }) if retry < RETRIES && !run.is_cancelled() => tokio::time::sleep(PAUSE).await,
            Err(e) => return Err(e),
            Ok(()) => break,
        }
    }
    import.lock().written();
    run.progress.wrote(begun.elapsed());
    Ok(())
}

/// Looks at what was not seen and at references, after the last page.
async fn conclude(
    run: &ProfileRun,
    subject: &Subject,
    import: &Shared,
    mut reading: Reading,
) -> Result<Option<Reading>> {
    save(run, import, false).await?;
    correct_hierarchy(run, &mut reading).await?;
    conflicts::settle(run, subject, import).await?;
    run.progress.begin(Phase::LookingUp, "Looking up what was not seen");
    missing::apply(run, subject, import, &mut reading).await?;
    if run.is_cancelled() {
        return Ok(None);
    }
    run.progress.begin(Phase::References, "Resolving references");
    references::settle(run, import).await?;
    Ok((!run.is_cancelled()).then_some(reading))
}

/// Stores the DNs under which containers were found.
async fn correct_hierarchy(run: &ProfileRun, reading: &mut Reading) -> Result<()> {
    let system = run.queued.system;
    for (container, dn) in std::mem::take(&mut reading.renamed) {
        let found = dn.clone();
        if !run.app.db.write(move |tx| relocation::relocate(tx, system, container, &found)).await? {
            reading.notes.push(format!("{dn} is a container in a place that is not stored; import the hierarchy"));
        }
    }
    Ok(())
}

impl Import {
    /// Names of the system's objects.
    fn names(&mut self, c: &Connection) -> Result<&mut Names> {
        if self.names.is_none() {
            self.names = Some(rows::names(c, self.system)?);
        }
        Ok(self.names.get_or_insert_default())
    }

    /// Writes the batch in hand. The state stays, so that a busy database can be tried again.
    fn write(&mut self, tx: &Tx<'_>, last: bool) -> Result<()> {
        // A failed attempt must not count its items.
        let mut items = self.items;
        let record = self.level != OutcomeLevel::None;
        self.batch.apply(tx, self.system, self.activity, record, &mut items)?;
        let mut ids = self.ids;
        if last || self.late.is_full() {
            ids.indexed_to = ids.next - 1;
            rows::add_heads(tx, self.system, &mut self.late.new, ids)?;
        } else {
            rows::set_ids(tx, self.system, ids)?;
        }
        self.batch.items_after = Some((items, ids));
        Ok(())
    }

    /// Forgets what was written.
    fn written(&mut self) {
        if let Some((items, ids)) = self.batch.items_after.take() {
            self.items = items;
            if ids.indexed_to != self.ids.indexed_to {
                self.late.new.clear();
            }
            self.ids = ids;
        }
        self.batch = Batch::default();
    }

    /// Appends the head of a new object, which is written later.
    fn add_head(&mut self, head: Head, name: i64) {
        self.late.new.push(NewHead { head, name });
        self.index.add(head.key, head.object);
    }

    fn ended(&self, status: RunStatus, message: String) -> RunEnd {
        let totals = Totals {
            processed: self.totals.added + self.totals.updated + self.unchanged + self.refused,
            unchanged: self.unchanged,
            errors: self.items.errors,
            object_types: self.types_seen.len() as u64,
            ..self.totals
        };
        RunEnd { status, message, warning: None, error: None, totals }
    }

    /// End of a run that did all its work.
    fn end(&self, subject: &Subject, reading: Reading) -> Result<RunEnd> {
        let (totals, items) = (&self.totals, &self.items);
        let read = totals.added + totals.updated + self.unchanged + self.refused;
        let mut parts = vec![format!(
            "{read} read: {} added, {} updated, {} unchanged; {} removed",
            totals.added, totals.updated, self.unchanged, totals.deleted
        )];
        if self.refused > 0 {
            parts.push(format!("{} refused", self.refused));
        }
        parts.extend(self.braked.iter().cloned());
        parts.extend(reading.notes);
        if items.left_out > 0 {
            parts.push(format!("{} further items are counted but not kept", items.left_out));
        }
        let all_failed = self.refused > 0 && read == self.refused;
        let status = if all_failed {
            RunStatus::FailedWithError
        } else if items.unhandled > 0 || !self.braked.is_empty() {
            RunStatus::CompleteWithError
        } else if items.errors > 0 || !reading.warnings.is_empty() {
            RunStatus::CompleteWithWarning
        } else {
            RunStatus::Complete
        };
        for warning in &reading.warnings {
            let warning = &*crate::domain::text::one_line(warning);
            tracing::warn!(connected_system.id = subject.system.id, warning, "warning of an import");
        }
        let warning = (!reading.warnings.is_empty()).then(|| reading.warnings.join("\n"));
        let error = all_failed.then(|| "every object failed; the items say why".to_owned());
        Ok(RunEnd { warning, error, ..self.ended(status, parts.join("; ")) })
    }
}
