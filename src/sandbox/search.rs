//! Searches: the base, the scope, paging and limits. What the faults do on the way is told elsewhere.

use super::ber::{self, Attribute};
use super::entry;
use super::entry::Selection;
use super::faults::{Answer, Ending, PagingFault};
use super::filter;
use super::mischief::Point;
use super::output::Stop;
use super::session::Session;
use super::tree::parse;
use crate::domain::dn::DnKey;
use ldap3_proto::proto::{LdapSearchRequest, LdapSearchScope};
use std::sync::atomic::Ordering;

/// A search between two pages.
#[derive(Debug, Default)]
pub struct Paged {
    cookie: Vec<u8>,
    walk: Walk,
}

/// How far a search has come. The entries are those found at its start; what vanishes in the meantime is left
/// out, and what is renamed appears under its new name.
#[derive(Debug, Default)]
pub struct Walk {
    ids: Vec<u64>,
    next: usize,
    /// Entries sent in the whole search.
    pub(super) sent: u64,
    /// The page, counted from 1.
    pub(super) page: u64,
    /// Entries sent on this page.
    pub(super) on_page: u64,
    pub(super) suffix: Option<DnKey>,
}

impl Walk {
    /// Whether there are entries that were not sent yet.
    pub(super) fn goes_on(&self) -> bool {
        self.next < self.ids.len()
    }
}

/// How a page ended.
pub enum Ended {
    /// With its last entry.
    Done,
    /// With this result.
    With(Answer),
    /// Without a result: the client lost interest, or the result was sent already.
    Silently,
}

impl Session {
    /// Answers a search request.
    pub(super) async fn search(
        &mut self,
        id: i32,
        request: &LdapSearchRequest,
        paged: Option<(i64, Vec<u8>)>,
    ) -> Result<(), Stop> {
        self.shared.counters.searches.fetch_add(1, Ordering::SeqCst);
        let faults = self.faults();
        if paged.is_some() && faults.no_paging {
            return self.done(id, &Answer::new(12, "critical extension is not recognized"), &[]).await;
        }
        let selection = Selection::new(&request.attrs, request.typesonly);
        let key = match parse(&request.base) {
            Ok(dn) => dn.key(),
            Err(answer) => return self.done(id, &answer, &[]).await,
        };
        if request.scope == LdapSearchScope::Base {
            let fault = faults.base_reads.iter().find(|(dn, _)| parse(dn).is_ok_and(|dn| dn.key() == key));
            if let Some((_, answer)) = fault {
                return self.done(id, answer, &[]).await;
            }
        }
        if request.scope == LdapSearchScope::Subtree {
            if let Some(pause) = faults.page_delay {
                tokio::time::sleep(pause).await;
            }
            if let Some(gate) = &faults.gate {
                self.wait(gate).await?;
            }
        }
        let walk = match self.start_walk(request, &key, paged.as_ref().map(|(_, cookie)| cookie.as_slice())) {
            Ok(walk) => walk,
            Err(answer) => return self.done(id, &answer, &[]).await,
        };
        self.page(id, request, &selection, walk, paged).await
    }

    /// The entries for a new search, or the search that a cookie belongs to.
    fn start_walk(&mut self, request: &LdapSearchRequest, key: &DnKey, cookie: Option<&[u8]>) -> Result<Walk, Answer> {
        if let Some(cookie) = cookie.filter(|c| !c.is_empty()) {
            let paged = self.paged.take().filter(|p| p.cookie == cookie && self.bound);
            return paged.map(|p| p.walk).ok_or_else(|| Answer::new(53, "paged results cookie is invalid or old"));
        }
        self.paged = None;
        if request.scope == LdapSearchScope::Base
            && let Some((found, entry)) = self.special(key.as_str())
        {
            let shown = filter::matches(&request.filter, &entry.user, &entry.operational);
            return Ok(Walk { ids: shown.then_some(found).into_iter().collect(), ..Walk::default() });
        }
        if !self.bound {
            return Err(Answer::new(32, ""));
        }
        let tree = self.shared.tree();
        let base = tree.find_visible(&request.base)?;
        let (below, with_base) = match request.scope {
            LdapSearchScope::Base => (0, true),
            LdapSearchScope::OneLevel => (1, false),
            LdapSearchScope::Subtree => (usize::MAX, true),
            LdapSearchScope::Children => (usize::MAX, false),
        };
        let mut ids = self.faults().order.arrange(tree.scope(base, below, with_base));
        let deep = filter::needs_operational(&request.filter);
        ids.retain(|id| {
            let Some(entry) = tree.entries.get(id) else { return false };
            let operational = if deep { self.operational(entry) } else { Vec::new() };
            filter::matches(&request.filter, &entry.attributes, &operational)
        });
        Ok(Walk { ids, suffix: tree.suffix_of(key).cloned(), ..Walk::default() })
    }

    /// Sends one page (the whole search if it is not paged) and its result.
    async fn page(
        &mut self,
        id: i32,
        request: &LdapSearchRequest,
        selection: &Selection,
        mut walk: Walk,
        paged: Option<(i64, Vec<u8>)>,
    ) -> Result<(), Stop> {
        let size = paged.as_ref().map(|(size, _)| usize::try_from(*size).unwrap_or_default());
        if size == Some(0) {
            // Size 0 gives a paged search up, or asks for nothing but an estimate.
            let estimate = u32::try_from(walk.ids.len()).unwrap_or(u32::MAX);
            return self.done(id, &Answer::default(), &[ber::paged_control(estimate, &[])]).await;
        }
        walk.page += 1;
        walk.on_page = 0;
        let most = self.faults().page_size.unwrap_or(usize::MAX);
        let room = size.map_or(usize::MAX, |size| size.min(most));
        let ended = self.entries(id, request, selection, &mut walk, room).await?;
        let answer = match ended {
            Ended::Silently => return Ok(()),
            Ended::With(answer) => answer,
            Ended::Done => {
                let control = size.map(|_| self.next_cookie(walk));
                return self.done(id, &Answer::default(), control.as_slice()).await;
            }
        };
        let control = size.map(|_| ber::paged_control(0, &[]));
        self.done(id, &answer, control.as_slice()).await
    }

    async fn entries(
        &mut self,
        id: i32,
        request: &LdapSearchRequest,
        selection: &Selection,
        walk: &mut Walk,
        size: usize,
    ) -> Result<Ended, Stop> {
        let asked = usize::try_from(request.sizelimit).ok().filter(|limit| *limit > 0);
        let allowed = self.shared.size_limit;
        let limit = asked.into_iter().chain(allowed).min().map(|limit| limit as u64);
        let size = size as u64;
        while walk.on_page < size {
            let Some(&found) = walk.ids.get(walk.next) else { break };
            let Some(bytes) = self.encode(found, id, selection) else {
                walk.next += 1;
                continue;
            };
            if limit.is_some_and(|limit| walk.sent >= limit) {
                return Ok(Ended::With(Answer::new(4, "")));
            }
            match self.mischief(id, request, selection, walk, false).await? {
                Point::Go => {}
                Point::End(ended) => return Ok(ended),
                Point::HangInEntry => {
                    self.out.put(bytes.get(..bytes.len() / 2).unwrap_or_default()).await?;
                    return Err(Stop::End(Ending::Silence));
                }
            }
            if self.abandoned(id) {
                return Ok(Ended::Silently);
            }
            self.out.message(&bytes).await?;
            if self.faults().duplicates {
                self.out.message(&bytes).await?;
            }
            walk.next += 1;
            walk.sent += 1;
            walk.on_page += 1;
        }
        match self.mischief(id, request, selection, walk, true).await? {
            Point::Go => Ok(Ended::Done),
            Point::End(ended) => Ok(ended),
            Point::HangInEntry => Err(Stop::End(Ending::Silence)),
        }
    }

    /// The paging control at the end of a page; keeps the search if it is not over.
    fn next_cookie(&mut self, mut walk: Walk) -> Vec<u8> {
        self.cookies += 1;
        let fresh = self.cookies.to_le_bytes().to_vec();
        let over = !walk.goes_on();
        let cookie = match self.faults().paging {
            Some(PagingFault::SameCookie) => vec![7; 8],
            Some(PagingFault::SamePage) => {
                walk.next = 0;
                walk.sent = 0;
                vec![7; 8]
            }
            None if over => Vec::new(),
            Some(PagingFault::NeverEnds) | None => fresh,
        };
        let control = ber::paged_control(0, &cookie);
        if !cookie.is_empty() {
            self.paged = Some(Paged { cookie, walk });
        }
        control
    }

    async fn done(&mut self, id: i32, answer: &Answer, controls: &[Vec<u8>]) -> Result<(), Stop> {
        self.out.message(&ber::result(id, ber::SEARCH_DONE, answer, controls)).await
    }

    fn operational(&self, entry: &entry::Entry) -> Vec<Attribute> {
        entry.operational(self.shared.ids.load(Ordering::SeqCst), &self.shared.account)
    }

    fn encode(&self, found: u64, id: i32, selection: &Selection) -> Option<Vec<u8>> {
        if let Some(special) = self.special_by_id(found) {
            let chosen = selection.choose(&special.user, &special.operational);
            return Some(ber::entry(id, special.dn.as_bytes(), &chosen));
        }
        let tree = self.shared.tree();
        let entry = tree.entries.get(&found).filter(|_| tree.visible(found))?;
        let operational = if selection.wants_operational() { self.operational(entry) } else { Vec::new() };
        Some(ber::entry(id, entry.dn.as_bytes(), &selection.choose(&entry.attributes, &operational)))
    }
}
