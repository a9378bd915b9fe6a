//! One full import: searches partition by partition, and what each of them proves.

use std::sync::Arc;

use super::borders::{Borders, Place};
use super::locate::{guid_base, locate};
use super::object::{Draft, Parser, Taken};
use super::range;
use super::request::Request;
use crate::connectors::import::{Pages, Reading, Stopped};
use crate::connectors::ldap::Access;
use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::failure::{EXCEEDS, Failure, Stage, result_name};
use crate::connectors::ldap::hierarchy::{SMALL_PAGE_SIZE, remedy};
use crate::connectors::ldap::root_dse::{Kind, RootDse};
use crate::connectors::ldap::session::{Arrival, EVERY_ENTRY, End, Query, Scope, SearchEnd, Session};
use crate::domain::connector_space::{Complete, ImportScope, ReadingEnd, Region, ScopePartition};
use crate::domain::dn::{DnKey, key_and_name};
use crate::domain::text::{count, one_line};

/// Objects of a page whose ranges are read after it; more come only from a directory without paging.
const MAX_RANGED: usize = 10_000;
/// DNs named in a warning.
const MAX_NAMED: usize = 5;
/// Why the values of a range are missing.
const CONNECTION: &str = "the connection was lost before its ranges were read";
const HIDDEN: &str = "not found or not readable";
const TOO_MANY: &str = "too many objects of one page have ranges";

/// A full import in progress.
pub(super) struct Reader<'r> {
    pub access: &'r Access,
    pub root: &'r RootDse,
    pub scope: &'r ImportScope,
    pub pages: &'r mut Pages,
    pub parser: Parser<'r>,
    pub request: Request,
    /// `None` once the connection is lost.
    pub session: Option<Session>,
    pub reading: Reading,
    /// Of the first search that brought nothing.
    pub failure: Option<Failure>,
    /// A search brought something, if only its success.
    pub any_read: bool,
}

/// What a search saw beside its entries.
#[derive(Debug, Default)]
struct Seen {
    /// Entries with a malformed name or outside the base.
    unreadable: u64,
    /// Objects of which an attribute did not come whole.
    cut: u64,
}

impl Reader<'_> {
    pub async fn partition(&mut self, partition: &ScopePartition) -> Result<(), Stopped> {
        let contexts = self.root.contexts.iter().map(|(_, key)| key.clone());
        let others = self.scope.partitions.iter().map(|other| other.key.clone());
        let mut borders = Borders::new(partition, contexts.chain(others));
        let located = match self.locate(partition, &mut borders).await {
            Ok(all_found) => all_found,
            Err(failure) => {
                self.warn(&partition.dn, &failure.reason);
                self.failure.get_or_insert(failure);
                return Ok(());
            }
        };
        let mut ends = Vec::new();
        for base in borders.bases() {
            ends.push(self.base(partition, &borders, &base).await?);
        }
        let region = Region { partition: Some(partition.id) };
        self.reading.complete.extend(Complete::proved(region, &ends).filter(|_| located));
        Ok(())
    }

    /// Looks up the containers that matter; `false` if not all were found.
    async fn locate(&mut self, partition: &ScopePartition, borders: &mut Borders) -> Result<bool, Failure> {
        if borders.with_id().is_empty() {
            return Ok(true);
        }
        self.pages.progress().enter(format!("Looking up containers of {}", partition.dn));
        let mut session = self.session().await?;
        session.enter(Stage::Containers);
        // After a failure the session is gone.
        let located = locate(&mut session, self.root.kind, &partition.dn, borders).await?;
        self.session = Some(session);
        let missing = borders.found(&located.names);
        for (row, before, now) in borders.renamed() {
            self.reading.notes.push(format!("{} is now {}", one_line(&before), one_line(&now)));
            self.reading.renamed.push((row, now));
        }
        if !missing.is_empty() {
            self.reading.warnings.push(not_found(&missing, located.refusal.as_deref()));
        }
        Ok(missing.is_empty())
    }

    /// Reads everything below one DN.
    async fn base(&mut self, partition: &ScopePartition, borders: &Borders, base: &str) -> Result<ReadingEnd, Stopped> {
        const FAILED: ReadingEnd = ReadingEnd { success: false, dropped: 0, referrals: 0 };
        self.pages.progress().enter(format!("Reading {base}"));
        let mut sizes = self.page_sizes().into_iter().peekable();
        while let Some(size) = sizes.next() {
            let mut session = match self.readable(base).await {
                Ok(session) => session,
                Err(failure) => {
                    self.warn(base, &failure.reason);
                    self.failure.get_or_insert(failure);
                    return Ok(FAILED);
                }
            };
            let mut seen = Seen::default();
            let end = self.search(&mut session, partition, borders, base, size, &mut seen).await?;
            let refused_size = matches!(end.outcome, End::Result { code: 11, .. }) && end.entries == 0;
            let failure = session.failure(&end.outcome);
            self.session = matches!(end.outcome, End::Result { .. }).then_some(session);
            if !refused_size || sizes.peek().is_none() {
                return Ok(self.judge(base, &end, &seen, failure));
            }
        }
        Ok(FAILED)
    }

    /// Session for a base that answers. 389 Directory Server answers with success and no entry about what an account may
    /// not see: a search from there would succeed and bring nothing.
    async fn readable(&mut self, base: &str) -> Result<Session, Failure> {
        let mut session = self.session().await?;
        session.enter(Stage::Containers);
        let answer = session.read(base, EVERY_ENTRY, &["1.1"]).await?;
        // Any other answer is that of the search too.
        if answer.code == 0 && answer.entry.is_none() && !answer.skipped {
            self.session = Some(session);
            return Err(Failure::new(Stage::Containers, &self.access.label(), HIDDEN));
        }
        Ok(session)
    }

    fn judge(&mut self, base: &str, end: &SearchEnd, seen: &Seen, failure: Failure) -> ReadingEnd {
        let success = matches!(end.outcome, End::Result { code: 0, .. });
        self.any_read |= success || end.entries > 0;
        // There a reference leads to another partition, never to entries of this one (MS-ADTS 3.1.1.3.1.3.6).
        let referrals = if self.root.kind.is_ad_family() { 0 } else { end.references };
        let unreadable = end.skipped + seen.unreadable;
        if !success {
            self.warn(base, &reason(end, self.root.kind));
            if end.entries == 0 {
                self.failure.get_or_insert(failure);
            }
        }
        for (n, what) in [
            (unreadable, "entries that could not be read"),
            (referrals, "continuation references, which are not followed"),
            (seen.cut, "objects with attributes that did not come whole"),
        ] {
            if n > 0 {
                self.warn(base, &format!("{what}: {n}"));
            }
        }
        ReadingEnd { success, dropped: unreadable + seen.cut, referrals }
    }

    async fn search(
        &mut self,
        session: &mut Session,
        partition: &ScopePartition,
        borders: &Borders,
        base: &str,
        size: Option<u32>,
        seen: &mut Seen,
    ) -> Result<SearchEnd, Stopped> {
        let own = key_and_name(base).map(|(key, _)| key).ok();
        let attributes = self.request.attributes.clone();
        let attributes: Vec<&str> = attributes.iter().map(|name| &**name).collect();
        let filter = self.request.filter.clone();
        let query = Query { base, scope: Scope::Subtree, filter: &filter, attributes: &attributes };
        let mut search = session.search(query, size);
        let mut ranged: Vec<Draft> = Vec::new();
        while let Some(arrival) = search.next().await {
            match arrival {
                Arrival::Entry(entry) => match self.place(&entry, borders, own.as_ref()) {
                    None => seen.unreadable += 1,
                    Some(Place::In) => self.take(entry, partition, &mut ranged, seen).await?,
                    Some(Place::Out | Place::Unknown) => {}
                },
                Arrival::PageEnd => {
                    if !ranged.is_empty()
                        && let Some(session) = search.session()
                    {
                        self.ranges(session, std::mem::take(&mut ranged), seen).await?;
                    }
                    self.pages.send().await?;
                }
            }
        }
        for draft in ranged {
            self.fail(draft, CONNECTION, seen).await?;
        }
        self.pages.send().await?;
        Ok(search.end())
    }

    /// Place of an entry; `None` if its name is malformed or outside the base.
    fn place(&self, entry: &Entry, borders: &Borders, base: Option<&DnKey>) -> Option<Place> {
        let (key, _) = key_and_name(&entry.dn).ok()?;
        let base = base?;
        if key != *base && !key.is_below(base.as_str()) {
            return None;
        }
        // Entries of a naming context inside belong to that.
        Some(if borders.contains(&key) { borders.place(&key) } else { Place::Out })
    }

    async fn take(
        &mut self,
        entry: Entry,
        partition: &ScopePartition,
        ranged: &mut Vec<Draft>,
        seen: &mut Seen,
    ) -> Result<(), Stopped> {
        match self.parser.take(entry, partition.id) {
            Taken::Other => Ok(()),
            Taken::Ranged(draft) if ranged.len() < MAX_RANGED => {
                ranged.push(*draft);
                Ok(())
            }
            Taken::Ranged(draft) => self.fail(*draft, TOO_MANY, seen).await,
            Taken::Item(item) => {
                self.pages.push(item);
                if self.pages.is_full() { self.pages.send().await } else { Ok(()) }
            }
        }
    }

    /// Reads what came in ranges, between two pages: the connection is free, and the cookie stays good.
    async fn ranges(&mut self, session: &mut Session, drafts: Vec<Draft>, seen: &mut Seen) -> Result<(), Stopped> {
        let mut lost = false;
        for mut draft in drafts {
            if lost {
                self.fail(draft, CONNECTION, seen).await?;
                continue;
            }
            let guid = draft.guid.as_deref().and_then(|v| <[u8; 16]>::try_from(v).ok());
            let base = guid.map_or_else(|| draft.dn.clone(), |v| guid_base(uuid::Uuid::from_bytes_le(v).into_bytes()));
            for (at, name) in std::mem::take(&mut draft.ranged) {
                let why = match range::read(session, &base, &name).await {
                    _ if lost => CONNECTION,
                    Ok(Ok(values)) => {
                        draft.add(at, values);
                        continue;
                    }
                    Ok(Err(why)) => why,
                    Err(_) => {
                        lost = true;
                        CONNECTION
                    }
                };
                draft.fail(at, self.scope, why);
                seen.cut += 1;
            }
            self.push(draft).await?;
        }
        Ok(())
    }

    /// An object without the attributes that came in ranges, whose stored values stay.
    async fn fail(&mut self, mut draft: Draft, why: &str, seen: &mut Seen) -> Result<(), Stopped> {
        for (at, _) in std::mem::take(&mut draft.ranged) {
            draft.fail(at, self.scope, why);
        }
        seen.cut += 1;
        self.push(draft).await
    }

    async fn push(&mut self, draft: Draft) -> Result<(), Stopped> {
        self.pages.push(self.parser.finish(draft));
        if self.pages.is_full() { self.pages.send().await } else { Ok(()) }
    }

    async fn session(&mut self) -> Result<Session, Failure> {
        match self.session.take() {
            Some(session) => Ok(session),
            None => self.access.open_another().await,
        }
    }

    /// Page sizes to try, smaller ones after a refusal.
    fn page_sizes(&self) -> Vec<Option<u32>> {
        let size = self.scope.page_size.max(1);
        match (self.root.paging, size > SMALL_PAGE_SIZE) {
            (false, _) => vec![None],
            (true, true) => vec![Some(size), Some(SMALL_PAGE_SIZE), None],
            (true, false) => vec![Some(size), None],
        }
    }

    fn warn(&mut self, place: &str, why: &str) {
        let warning = format!("{}: {why}; nothing that is missing there is removed", one_line(place));
        if self.reading.warnings.len() < super::MAX_WARNINGS {
            self.reading.warnings.push(warning);
        }
    }
}

fn not_found(missing: &[Arc<str>], refusal: Option<&str>) -> String {
    let names: Vec<_> = missing.iter().take(MAX_NAMED).map(|dn| one_line(dn)).collect();
    let more = missing.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let why = refusal.map_or_else(|| "not found by its id".to_owned(), |why| format!("not looked up by its id: {why}"));
    format!(
        "{} {why}: {}{more}; nothing below is added or removed; import the hierarchy",
        count(missing.len(), "container"),
        names.join("; ")
    )
}

/// Why a search did not bring everything, with what helps.
fn reason(end: &SearchEnd, kind: Kind) -> String {
    let k = end.entries;
    match &end.outcome {
        End::Result { code, diagnostic, .. } => {
            let said = if diagnostic.is_empty() { String::new() } else { format!(": {diagnostic}") };
            format!("{} after {k} entries{said}{}", result_name(*code), remedy(*code, kind))
        }
        End::Lost => format!("connection lost after {k} entries"),
        End::Guard(EXCEEDS) => {
            let most = super::MAX_MESSAGE / (1024 * 1024);
            format!("{EXCEEDS} after {k} entries: one entry may have {most} MiB")
        }
        End::Guard(reason) => format!("{reason} after {k} entries"),
        End::Idle(seconds) => format!("timed out after {seconds} s and {k} entries"),
    }
}
