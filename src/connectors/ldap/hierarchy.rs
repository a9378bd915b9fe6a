//! Discovering partitions and containers: one paged subtree search per naming context, never one per level.
//!
//! What was not read completely is said to be so; nothing here concludes anything from an absence.

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
use super::session::{EVERY_ENTRY, End, PAGE, Scope, SearchEnd, Session};
use crate::domain::dn::{DnKey, key_and_name};
use crate::domain::hierarchy::{DnIndex, EntryIds, Remedies, Seen, SeenContainer, SeenPartition, View};

/// Every class that is a container somewhere; classes that a server does not know do no harm.
pub const CONTAINERS: &str = "(|(objectClass=organizationalUnit)(objectClass=container)(objectClass=organization)\
    (objectClass=locality)(objectClass=country)(objectClass=domain)(objectClass=builtinDomain)\
    (objectClass=lostAndFound)(objectClass=nsContainer))";

/// For those who refuse [`PAGE`].
const SMALL_PAGE: u32 = 100;
/// Partitions that are read at the same time, each on a connection of its own.
const AT_ONCE: usize = 4;

/// Characters of a description that are kept; Active Directory and OpenLDAP allow as many.
const MAX_DESCRIPTION: usize = 1_024;

const UNREADABLE_ROOT: &str = "root entry not found or not readable";
const NOT_HELD: &str = "listed but not held by this server";

/// What one import saw, and the connection to go on with, if it is still good.
pub struct Discovery {
    /// Partitions and containers.
    pub seen: Seen,
    /// The main connection.
    pub session: Option<Session>,
}

struct PartitionRead {
    partition: SeenPartition,
    failure: Option<Failure>,
}

/// Reads every listed partition that is not left out. Partitions that are stored are read even if they are technical.
///
/// # Errors
/// No partition could be read at all, or a time limit is over.
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
    let mut reads = futures_util::stream::iter(reads).buffered(AT_ONCE);
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

/// Connections on which nothing is going on. Each reads one partition at a time and is used again for the next:
/// OpenLDAP knows one paged search of a connection at a time.
struct Pool<'a> {
    access: &'a Access,
    idle: Mutex<Vec<Session>>,
}

impl Pool<'_> {
    fn take(&self) -> Option<Session> {
        self.idle.lock().pop()
    }

    async fn connection(&self) -> Result<Session, Failure> {
        match self.take() {
            Some(session) => Ok(session),
            None => self.access.another().await,
        }
    }

    fn give_back(&self, session: Session) {
        self.idle.lock().push(session);
    }
}

/// What an administrator can do on this kind of directory where it does not show enough.
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

/// Reads one partition. Fails only where the whole import has to: when a time limit is over.
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
    let mut session = match pool.connection().await {
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
            pool.give_back(session);
            return Ok(PartitionRead::failed(partition, why, failure));
        }
    }
    let (end, unreadable) = search(access, &mut session, root, dn, known, &mut partition.containers).await?;
    let failure = session.failure(&end.outcome);
    if matches!(end.outcome, End::Result { .. }) {
        pool.give_back(session);
    }
    match judge(&end, unreadable, root.kind) {
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

/// A time limit ends the import; anything else only this partition.
fn fatal_or_failed(partition: SeenPartition, failure: Failure) -> Result<PartitionRead, Failure> {
    if failure.late {
        return Err(failure);
    }
    Ok(PartitionRead::failed(partition, failure.reason.clone(), failure))
}

/// The subtree search, with smaller pages and then none where the server refuses the size. Returns with it how many
/// entries had a name that cannot be read, or one that is not below the base.
async fn search(
    access: &Access,
    session: &mut Session,
    root: &RootDse,
    base: &str,
    known: &DnIndex<'_>,
    containers: &mut Vec<SeenContainer>,
) -> Result<(SearchEnd, u64), Failure> {
    let sizes: &[Option<u32>] = if root.paging { &[Some(PAGE), Some(SMALL_PAGE), None] } else { &[None] };
    let attributes = container_attributes(root.kind);
    let mut unreadable = 0;
    let own = key_and_name(base).map(|(key, _)| key).ok();
    let inside = |key: &DnKey| own.as_ref().is_some_and(|own| key == own || key.is_below(own.as_str()));
    let mut sizes = sizes.iter().copied().peekable();
    loop {
        let size = sizes.next().flatten();
        let mut too_much = false;
        let entries = AtomicU64::new(0);
        let come = |entry| {
            entries.fetch_add(1, Relaxed);
            container(entry, known)
        };
        let mut take = |entry: Entry| match come(entry) {
            // Once there is too much, the rest is only counted until the answer ends.
            Some(c) if inside(&c.key) => {
                if access.budget.keep(kept_bytes(&c)) {
                    containers.push(c)
                } else {
                    too_much = true
                }
            }
            _ => unreadable += 1,
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

/// The size of the pages that the directory gives this account, tried on one entry; `None` if it refuses every one. The
/// inner error is the result with which the entry cannot be searched at all.
///
/// # Errors
/// The connection was lost.
pub async fn page_size(session: &mut Session, base: &str) -> Result<Result<Option<u32>, String>, Failure> {
    for size in [Some(PAGE), Some(SMALL_PAGE), None] {
        let end = session.search_paged(base, Scope::Base, EVERY_ENTRY, &["1.1"], size, &mut |_| {}).await;
        match end.outcome {
            End::Result { code: 11, .. } if size.is_some() => {}
            // Whether the entry itself can be read is another question.
            End::Result { code: 0 | 32, .. } => return Ok(Ok(size)),
            End::Result { code, diagnostic, .. } => return Ok(Err(result_text(code, &diagnostic))),
            ref other => return Err(session.failure(other)),
        }
    }
    Ok(Ok(None))
}

/// What may be concluded from how a search ended: a view, or why there is none.
fn judge(end: &SearchEnd, unreadable: u64, kind: Kind) -> Result<View, String> {
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

/// What to change on the directory so that the next view is complete.
fn remedy(code: u32, kind: Kind) -> &'static str {
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

/// What a container costs as long as the import lasts: names can be long, and so can a million short ones.
fn kept_bytes(c: &SeenContainer) -> u64 {
    let text = c.external_id.len() + c.key.as_str().len() + c.name.len();
    (text + c.description.as_ref().map_or(0, |d| d.len())) as u64
}

/// A description as it is kept: the first value in byte order, at most [`MAX_DESCRIPTION`] characters of it.
fn description(entry: &Entry) -> Option<Box<str>> {
    let text = std::str::from_utf8(entry.get("description").iter().min()?).ok()?;
    let end = text.char_indices().nth(MAX_DESCRIPTION).map_or(text.len(), |(at, _)| at);
    text.get(..end).map(Box::from)
}

/// `None` for an entry whose name cannot be read.
fn container(entry: Entry, known: &DnIndex<'_>) -> Option<SeenContainer> {
    let (key, name) = match key_and_name(&entry.dn) {
        Ok((key, name)) if !key.as_str().is_empty() => (key, name),
        Ok(_) => return None,
        Err(fault) => {
            tracing::debug!(%fault, "an entry is left out");
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
        let judged = |outcome, entries, pages, unreadable| {
            let end = SearchEnd { entries, pages, outcome, skipped: 0 };
            judge(&end, unreadable, Kind::OpenLdap)
        };
        assert_eq!(judged(result(0), 5, 1, 0), Ok(View::Complete));
        assert!(matches!(judged(result(0), 5, 1, 1), Ok(View::Incomplete(_))));
        for code in [3, 4, 11, 51, 52] {
            assert!(matches!(judged(result(code), 5, 1, 0), Ok(View::Incomplete(_))), "{code}");
            assert!(judged(result(code), 0, 1, 0).is_err(), "{code}");
        }
        for code in [1, 10, 32, 50, 53, 80] {
            assert!(judged(result(code), 5, 1, 0).is_err(), "{code}");
        }
        assert!(matches!(judged(End::Lost, 5, 1, 0), Ok(View::Incomplete(_))));
        assert!(judged(End::Lost, 5, 0, 0).is_err());
        assert!(judged(End::Guard("answer not understood"), 5, 1, 0).is_err());
    }
}
