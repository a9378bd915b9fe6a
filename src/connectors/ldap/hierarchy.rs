//! Discovery of partitions and containers: one paged subtree search per naming context, never one per level.
//!
//! Each view says how complete it is; nothing is concluded from a missing entry here.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use futures_util::StreamExt;
use parking_lot::Mutex;

use super::Access;
use super::entry::Entry;
use super::failure::{EXCEEDS, Failure, Stage, result_name, result_text};
use super::ids::ids;
use super::partitions::Listed;
use super::progress::logged;
use super::root_dse::{Kind, RootDse};
use super::session::{EVERY_ENTRY, End, PAGE_SIZE, Scope, SearchEnd, Session};
use crate::domain::dn::{DnKey, key_and_name};
use crate::domain::hierarchy::{DnIndex, EntryIds, Remedies, Seen, SeenContainer, SeenPartition, View};

/// Classes of containers of all kinds of directories; unknown classes are harmless.
pub const CONTAINERS: &str = "(|(objectClass=organizationalUnit)(objectClass=container)(objectClass=organization)\
    (objectClass=locality)(objectClass=country)(objectClass=domain)(objectClass=builtinDomain)\
    (objectClass=lostAndFound)(objectClass=nsContainer))";

/// For servers that refuse [`PAGE_SIZE`].
pub const SMALL_PAGE_SIZE: u32 = 100;
/// Partitions read in parallel, each on its own connection.
const MAX_PARALLEL: usize = 4;

/// Characters of a stored description; the limit of Active Directory and OpenLDAP.
const MAX_DESCRIPTION: usize = 1_024;

const UNREADABLE_ROOT: &str = "root entry not found or not readable";
const NOT_HELD: &str = "listed but not held by this server";

pub struct Discovery {
    pub seen: Seen,
    /// Reusable connection, if any.
    pub session: Option<Session>,
}

struct PartitionRead {
    partition: SeenPartition,
    failure: Option<Failure>,
}

/// Reads every listed partition that the settings do not skip; stored ones are never skipped. Fails if none is readable
/// or a time limit is exceeded.
pub async fn discover(
    access: &Access,
    session: Session,
    root: &RootDse,
    listed: &[Listed],
    known: &DnIndex<'_>,
) -> Result<Discovery, Failure> {
    let mut seen = Seen { listed: listed.len(), remedies: remedies(root.kind), ..Seen::default() };
    let mut wanted = Vec::with_capacity(listed.len());
    for partition in listed {
        if known.has_partition(&partition.key) || (partition.held && !(partition.hidden && access.settings.skip_hidden))
        {
            wanted.push(partition);
        } else {
            seen.others.push(partition.key.clone());
            if !partition.held {
                seen.warnings.push(format!("{}: {NOT_HELD}, and not added", partition.dn));
            }
        }
    }
    let pool = Pool { access, idle: Mutex::new(vec![session]) };
    let reads: Vec<_> = wanted.into_iter().map(|listed| read_partition(&pool, root, listed, known)).collect();
    let mut reads = futures_util::stream::iter(reads).buffered(MAX_PARALLEL);
    let (mut first_failure, mut any_read) = (None, false);
    while let Some(read) = reads.next().await {
        let read = read?;
        any_read |= read.failure.is_none();
        first_failure = first_failure.or(read.failure);
        seen.partitions.push(read.partition);
    }
    drop(reads);
    match first_failure {
        Some(failure) if !any_read => Err(failure),
        _ => Ok(Discovery { seen, session: pool.take() }),
    }
}

/// Idle connections. OpenLDAP supports one paged search per connection at a time.
struct Pool<'a> {
    access: &'a Access,
    idle: Mutex<Vec<Session>>,
}

impl Pool<'_> {
    fn take(&self) -> Option<Session> {
        self.idle.lock().pop()
    }

    async fn acquire(&self) -> Result<Session, Failure> {
        match self.take() {
            Some(session) => Ok(session),
            None => self.access.open_another().await,
        }
    }

    fn release(&self, session: Session) {
        self.idle.lock().push(session);
    }
}

fn remedies(kind: Kind) -> Remedies {
    let (see_all, read_ids) = match kind {
        Kind::ActiveDirectory | Kind::AdLds | Kind::SambaAd => {
            ("grant the account List Contents on the parent entries", "grant the account read on objectGUID")
        }
        Kind::Ds389 => {
            ("grant the account read on all attributes of the parent entries", "grant the account read on nsUniqueId")
        }
        Kind::OpenLdap => ("grant the account read on the parent entries", "grant the account read on entryUUID"),
        Kind::Generic => {
            ("grant the account read on the parent entries", "grant the account read on entryUUID, if it is kept")
        }
    };
    Remedies { see_all, read_ids }
}

/// Reads a partition; fails only if a time limit is exceeded.
async fn read_partition(
    pool: &Pool<'_>,
    root: &RootDse,
    listed: &Listed,
    known: &DnIndex<'_>,
) -> Result<PartitionRead, Failure> {
    let (access, dn) = (pool.access, &*listed.dn);
    let mut partition = SeenPartition {
        external_id: listed.dn.clone(),
        key: listed.key.clone(),
        ids: EntryIds::default(),
        hidden: listed.hidden,
        view: View::Complete,
        containers: Vec::new(),
    };
    if !listed.held {
        let failure = Failure::new(Stage::Containers, &access.label(), format!("{dn}: {NOT_HELD}"));
        return Ok(PartitionRead::failed(partition, NOT_HELD.to_owned(), failure));
    }
    let mut session = match pool.acquire().await {
        Ok(session) => session,
        Err(failure) => return fatal_or_failed(partition, failure),
    };
    session.enter(Stage::Containers);
    let own = match access.within(Stage::Containers, session.read(dn, EVERY_ENTRY, id_attributes(root.kind))).await {
        Ok(own) => own,
        Err(failure) => return fatal_or_failed(partition, failure),
    };
    match own.entry {
        Some(entry) if own.code == 0 => partition.ids = ids(&entry),
        _ => {
            let why = match own.code {
                0 | 32 => UNREADABLE_ROOT.to_owned(),
                _ => format!("{UNREADABLE_ROOT}: {}", own.result()),
            };
            let failure = Failure::new(Stage::Containers, session.label(), format!("{dn}: {why}"));
            pool.release(session);
            return Ok(PartitionRead::failed(partition, why, failure));
        }
    }
    let (end, unreadable) = search(access, &mut session, root, dn, known, &mut partition.containers).await?;
    let failure = session.failure(&end.outcome);
    if matches!(end.outcome, End::Result { .. }) {
        pool.release(session);
    }
    match view(&end, unreadable, root.kind) {
        Ok(view) => {
            partition.view = view;
            Ok(PartitionRead { partition, failure: None })
        }
        Err(why) => Ok(PartitionRead::failed(partition, why, failure)),
    }
}

impl PartitionRead {
    fn failed(mut partition: SeenPartition, why: String, failure: Failure) -> Self {
        partition.containers = Vec::new();
        partition.view = View::Failed(why);
        PartitionRead { partition, failure: Some(failure) }
    }
}

/// An exceeded time limit fails the import, other failures only this partition.
fn fatal_or_failed(partition: SeenPartition, failure: Failure) -> Result<PartitionRead, Failure> {
    if failure.timed_out {
        return Err(failure);
    }
    Ok(PartitionRead::failed(partition, failure.reason.clone(), failure))
}

/// Searches the subtree, with smaller pages and then unpaged if the server refuses the size. Also returns the number of
/// entries whose name is malformed or outside the base.
async fn search(
    access: &Access,
    session: &mut Session,
    root: &RootDse,
    base: &str,
    known: &DnIndex<'_>,
    containers: &mut Vec<SeenContainer>,
) -> Result<(SearchEnd, u64), Failure> {
    let sizes: &[Option<u32>] = if root.paging { &[Some(PAGE_SIZE), Some(SMALL_PAGE_SIZE), None] } else { &[None] };
    let attributes = container_attributes(root.kind);
    let mut unreadable = 0;
    let own = key_and_name(base).map(|(key, _)| key).ok();
    let inside = |key: &DnKey| own.as_ref().is_some_and(|own| key == own || key.is_below(own.as_str()));
    let mut sizes = sizes.iter().copied().peekable();
    loop {
        let size = sizes.next().flatten();
        let mut too_much = false;
        let entries = AtomicU64::new(0);
        let mut take = |entry: Entry| {
            entries.fetch_add(1, Relaxed);
            match container(entry, known) {
                Some(c) if !inside(&c.key) => unreadable += 1,
                Some(c) if access.budget.keep(kept_bytes(&c)) => containers.push(c),
                // Over the budget, further entries are only counted until the search ends.
                Some(_) => too_much = true,
                None => unreadable += 1,
            }
        };
        let searched = async {
            let end = session.search_paged(base, Scope::Subtree, CONTAINERS, attributes, size, &mut take).await;
            match end.outcome {
                End::Idle(_) => Err(session.failure(&end.outcome)),
                _ => Ok(end),
            }
        };
        let mut end = access.within(Stage::Containers, logged(base, &entries, searched)).await?;
        if too_much {
            end.outcome = End::Guard(EXCEEDS);
        }
        let refused_size = matches!(end.outcome, End::Result { code: 11, .. }) && end.entries == 0;
        if !refused_size || sizes.peek().is_none() {
            return Ok((end, unreadable));
        }
    }
}

/// Page size that the directory accepts from this account, tried on one entry; `None` if it refuses paging. The inner
/// error is the result if the entry cannot be searched at all.
pub async fn page_size(session: &mut Session, base: &str) -> Result<Result<Option<u32>, String>, Failure> {
    for size in [Some(PAGE_SIZE), Some(SMALL_PAGE_SIZE), None] {
        let end = session.search_paged(base, Scope::Base, EVERY_ENTRY, &["1.1"], size, &mut |_| {}).await;
        match end.outcome {
            End::Result { code: 11, .. } if size.is_some() => {}
            // Whether the entry is readable does not matter here.
            End::Result { code: 0 | 32, .. } => return Ok(Ok(size)),
            End::Result { code, diagnostic, .. } => return Ok(Err(result_text(code, &diagnostic))),
            ref other => return Err(session.failure(other)),
        }
    }
    Ok(Ok(None))
}

/// View that follows from the end of a search, or the reason why there is none.
fn view(end: &SearchEnd, unreadable: u64, kind: Kind) -> Result<View, String> {
    let dropped = end.skipped + unreadable;
    let k = end.entries;
    match &end.outcome {
        End::Result { code: 0, .. } if dropped == 0 => Ok(View::Complete),
        End::Result { code: 0, .. } => Ok(View::Incomplete(format!("{dropped} entries could not be read, {k} could"))),
        End::Result { code, diagnostic, .. } => {
            let said = if diagnostic.is_empty() { String::new() } else { format!(": {diagnostic}") };
            let result = format!("{} after {k} entries{said}", result_name(*code));
            let incomplete = matches!(code, 3 | 4 | 11 | 51 | 52) && k > 0;
            if incomplete { Ok(View::Incomplete(result + remedy(*code, kind))) } else { Err(result) }
        }
        End::Lost if end.pages > 0 => Ok(View::Incomplete(format!("connection lost after {k} entries"))),
        End::Lost => Err(format!("connection lost after {k} entries")),
        End::Guard(reason) => Err(format!("{reason} after {k} entries")),
        End::Idle(seconds) => Err(format!("timed out after {seconds} s")),
    }
}

/// Change on the directory that makes the next view complete.
pub fn remedy(code: u32, kind: Kind) -> &'static str {
    match (code, kind) {
        (4, Kind::OpenLdap) => "; raise the size limit of the bind account (size.soft, size.hard, size.prtotal)",
        (4, Kind::Ds389) => "; raise the size limit of the bind account (nsSizeLimit)",
        (4, _) => "; raise the size limit of the bind account",
        (3, Kind::OpenLdap) => "; raise the time limit of the bind account (time.soft, time.hard)",
        (3, Kind::Ds389) => "; raise the time limit of the bind account (nsTimeLimit)",
        (3, _) => "; raise the time limit of the bind account",
        (11, Kind::OpenLdap) => "; raise the page size that the bind account may ask for (size.pr)",
        (11, Kind::Ds389) => "; raise the look-through limit of the bind account (nsLookThroughLimit)",
        (11, _) => "; raise the limits of the bind account",
        _ => "",
    }
}

fn id_attributes(kind: Kind) -> &'static [&'static str] {
    if kind.is_ad_family() { &["objectGUID"] } else { &["entryUUID", "nsUniqueId"] }
}

fn container_attributes(kind: Kind) -> &'static [&'static str] {
    if kind.is_ad_family() {
        &["objectGUID", "description", "showInAdvancedViewOnly"]
    } else {
        &["entryUUID", "nsUniqueId", "description"]
    }
}

/// Memory of a container during the import.
fn kept_bytes(c: &SeenContainer) -> u64 {
    let text = c.external_id.len() + c.key.as_str().len() + c.name.len();
    (text + c.description.as_ref().map_or(0, |d| d.len())) as u64
}

/// Stored description: the first value in byte order, truncated.
fn description(entry: &Entry) -> Option<Box<str>> {
    let text = std::str::from_utf8(entry.get("description").iter().min()?).ok()?;
    let end = text.char_indices().nth(MAX_DESCRIPTION).map_or(text.len(), |(at, _)| at);
    text.get(..end).map(Box::from)
}

/// `None` for an entry with a malformed name.
fn container(entry: Entry, known: &DnIndex<'_>) -> Option<SeenContainer> {
    let (key, name) = match key_and_name(&entry.dn) {
        Ok((key, name)) if !key.as_str().is_empty() => (key, name),
        Ok(_) => return None,
        Err(error) => {
            tracing::debug!(%error, "an entry is skipped");
            return None;
        }
    };
    let (external_id, name) = match known.container(&entry.dn) {
        Some(row) if *row.name == *name => (row.external_id.clone(), row.name.clone()),
        _ => (Arc::from(entry.dn.as_str()), Arc::from(name)),
    };
    Some(SeenContainer {
        external_id,
        key,
        name,
        ids: ids(&entry),
        description: description(&entry),
        hidden: entry.first_text("showInAdvancedViewOnly").is_some_and(|v| v.eq_ignore_ascii_case("TRUE")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_success_is_a_complete_view() {
        let result = |code| End::Result { code, matched: String::new(), diagnostic: String::new() };
        let view_of = |outcome, entries, pages, unreadable| {
            let end = SearchEnd { entries, pages, outcome, skipped: 0, references: 0 };
            view(&end, unreadable, Kind::OpenLdap)
        };
        assert_eq!(view_of(result(0), 5, 1, 0), Ok(View::Complete));
        assert!(matches!(view_of(result(0), 5, 1, 1), Ok(View::Incomplete(_))));
        for code in [3, 4, 11, 51, 52] {
            assert!(matches!(view_of(result(code), 5, 1, 0), Ok(View::Incomplete(_))), "{code}");
            assert!(view_of(result(code), 0, 1, 0).is_err(), "{code}");
        }
        for code in [1, 10, 32, 50, 53, 80] {
            assert!(view_of(result(code), 5, 1, 0).is_err(), "{code}");
        }
        assert!(matches!(view_of(End::Lost, 5, 1, 0), Ok(View::Incomplete(_))));
        assert!(view_of(End::Lost, 5, 0, 0).is_err());
        assert!(view_of(End::Guard("answer not understood"), 5, 1, 0).is_err());
    }
}
