//! Searches page by page (RFC 2696). Entries are pulled, so that a slow reader holds up the directory, not the memory.

use ldap3::controls::PagedResults;
use ldap3::{DerefAliases, Ldap, LdapError, Scope, SearchOptions, SearchStream};

use super::{End, Session};
use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::failure::{EXCEEDS, NOT_UNDERSTOOD};
use crate::connectors::ldap::guard::{PAGED_RESULTS, paged_cookie};

/// Result code of an invalid filter, as in LDAP client libraries.
const FILTER_ERROR: u32 = 87;
/// Pages without entries in a row: a few are usual where a filter finds little.
const MAX_EMPTY_PAGES: u32 = 1_000;

/// Outcome of a search, whose entries were passed on as they arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchEnd {
    pub entries: u64,
    pub pages: u32,
    pub outcome: End,
    /// Malformed entries that were dropped.
    pub skipped: u64,
    /// Continuation references (RFC 4511, section 4.5.3), never followed.
    pub references: u64,
}

#[derive(Debug, Clone, Copy)]
pub struct Query<'q> {
    pub base: &'q str,
    pub scope: Scope,
    pub filter: &'q str,
    pub attributes: &'q [&'q str],
}

pub(super) type OnEntry<'a> = dyn FnMut(Entry) + Send + 'a;
type Stream<'q> = SearchStream<'q, &'q str, Vec<&'q str>>;

/// What a search brings next.
#[derive(Debug)]
pub enum Arrival {
    Entry(Entry),
    /// Its result arrived, and no request is outstanding.
    PageEnd,
}

/// A search in progress. Dropped before its end, it ends the session too.
pub struct Search<'s, 'q> {
    session: &'s mut Session,
    query: Query<'q>,
    page_size: Option<u32>,
    cookie: Vec<u8>,
    stream: Option<Stream<'q>>,
    /// Entries and malformed entries before the page in hand.
    before: (u64, u64),
    empty_pages: u32,
    /// `None` while entries may come.
    outcome: Option<End>,
    entries: u64,
    pages: u32,
    skipped: u64,
    references: u64,
}

impl Session {
    /// Starts a paged search, or an unpaged one with `page_size` `None`. The control is not critical, so a directory
    /// without paging answers in one page.
    pub fn search<'s, 'q>(&'s mut self, query: Query<'q>, page_size: Option<u32>) -> Search<'s, 'q> {
        let (skipped, references) = (self.flow.skipped(), self.flow.references());
        Search {
            outcome: self.searching.then_some(End::Lost),
            session: self,
            query,
            page_size,
            cookie: Vec::new(),
            stream: None,
            before: (0, 0),
            empty_pages: 0,
            entries: 0,
            pages: 0,
            skipped,
            references,
        }
    }

    /// A search whose entries are handed to `on_entry` without a pause.
    pub async fn search_paged(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
        page_size: Option<u32>,
        on_entry: &mut OnEntry<'_>,
    ) -> SearchEnd {
        let mut search = self.search(Query { base, scope, filter, attributes }, page_size);
        while let Some(arrival) = search.next().await {
            if let Arrival::Entry(entry) = arrival {
                on_entry(entry);
            }
        }
        search.end()
    }

    /// Reads one page, beside others on this connection.
    pub(super) async fn page(
        &self,
        ldap: &mut Ldap,
        query: Query<'_>,
        on_entry: &mut OnEntry<'_>,
    ) -> Result<(End, Vec<u8>), End> {
        let mut stream = match self.start_page(ldap, query).await {
            Ok(stream) => stream,
            Err(end @ End::Result { .. }) => return Ok((end, Vec::new())),
            Err(end) => return Err(end),
        };
        loop {
            match stream.next().await {
                Ok(Some(item)) => {
                    self.flow.consumed();
                    if let Some(entry) = Entry::from_tag(item.0) {
                        on_entry(entry);
                    }
                }
                Ok(None) => return self.finish_page(stream).await,
                Err(_) => return Err(self.end()),
            }
        }
    }

    async fn start_page<'q>(&self, ldap: &mut Ldap, query: Query<'q>) -> Result<Stream<'q>, End> {
        let options = SearchOptions::new().deref(DerefAliases::Never).typesonly(false).timelimit(0).sizelimit(0);
        let Query { base, scope, filter, attributes } = query;
        match ldap.with_search_options(options).streaming_search(base, scope, filter, attributes.to_vec()).await {
            Ok(stream) => Ok(stream),
            Err(LdapError::FilterParsing) => {
                tracing::error!(filter, "invalid search filter");
                Err(End::Result { code: FILTER_ERROR, matched: String::new(), diagnostic: String::new() })
            }
            Err(_) => Err(self.end()),
        }
    }

    /// Result of a page and the cookie of the next. Only the result proves that all entries arrived, not the end of the
    /// stream.
    async fn finish_page(&self, mut stream: Stream<'_>) -> Result<(End, Vec<u8>), End> {
        let result = stream.finish().await;
        let paged = result.ctrls.iter().find(|control| control.1.ctype == PAGED_RESULTS);
        let cookie = match paged.and_then(|control| control.1.val.as_deref()).map(paged_cookie) {
            None => Vec::new(),
            Some(Ok(cookie)) => cookie.to_vec(),
            Some(Err(_)) => return Err(End::Guard(NOT_UNDERSTOOD)),
        };
        let diagnostic = self.diagnostic(result.rc, &result.text);
        Ok((End::Result { code: result.rc, matched: result.matched, diagnostic }, cookie))
    }
}

impl<'q> Search<'_, 'q> {
    /// Next entry or end of a page; `None` after the last page, or when the search failed.
    pub async fn next(&mut self) -> Option<Arrival> {
        loop {
            if self.outcome.is_some() {
                return None;
            }
            let mut stream = match self.stream.take() {
                Some(stream) => stream,
                None => self.open_page().await?,
            };
            match stream.next().await {
                Ok(Some(item)) => {
                    self.session.flow.consumed();
                    self.stream = Some(stream);
                    if let Some(entry) = Entry::from_tag(item.0) {
                        self.entries += 1;
                        return Some(Arrival::Entry(entry));
                    }
                }
                Ok(None) => return self.close_page(stream).await,
                Err(_) => return self.stop(self.session.end()),
            }
        }
    }

    /// The session between two pages; `None` while entries of one arrive or after a failure.
    pub fn session(&mut self) -> Option<&mut Session> {
        (!self.session.searching).then_some(&mut *self.session)
    }

    pub fn end(self) -> SearchEnd {
        SearchEnd {
            entries: self.entries,
            pages: self.pages,
            // Without an outcome the caller stopped early.
            outcome: self.outcome.unwrap_or(End::Lost),
            skipped: self.session.flow.skipped() - self.skipped,
            references: self.session.flow.references() - self.references,
        }
    }

    fn stop(&mut self, end: End) -> Option<Arrival> {
        self.outcome = Some(end);
        None
    }

    async fn open_page(&mut self) -> Option<Stream<'q>> {
        if self.pages >= self.session.limits.pages {
            self.stop(End::Guard(EXCEEDS));
            return None;
        }
        let mut ldap = self.session.ldap.clone();
        if let Some(size) = self.page_size {
            let size = i32::try_from(size).unwrap_or(i32::MAX);
            ldap.with_controls(PagedResults { size, cookie: self.cookie.clone() });
        }
        self.before = (self.entries, self.session.flow.skipped());
        self.session.searching = true;
        match self.session.start_page(&mut ldap, self.query).await {
            Ok(stream) => Some(stream),
            Err(end) => {
                self.session.searching = !matches!(end, End::Result { .. });
                self.stop(end);
                None
            }
        }
    }

    async fn close_page(&mut self, stream: Stream<'q>) -> Option<Arrival> {
        let (result, next) = match self.session.finish_page(stream).await {
            Ok(done) => done,
            Err(stopped) => return self.stop(stopped),
        };
        self.session.searching = false;
        self.pages += 1;
        let empty = self.before == (self.entries, self.session.flow.skipped());
        self.empty_pages = if empty { self.empty_pages + 1 } else { 0 };
        let failed = matches!(result, End::Result { code, .. } if code != 0);
        if failed || self.page_size.is_none() || next.is_empty() {
            self.outcome = Some(result);
        } else if empty && (next == self.cookie || self.empty_pages > MAX_EMPTY_PAGES) {
            // The same empty page again would never end.
            self.outcome = Some(End::Guard(EXCEEDS));
        } else {
            self.cookie = next;
        }
        Some(Arrival::PageEnd)
    }
}
