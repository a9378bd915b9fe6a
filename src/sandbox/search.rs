//! Searches: the base, the scope, paging and limits, and what the faults do on the way.

use super::ber::{self, Attribute};
use super::entry;
use super::entry::Selection;
use super::faults::{Answer, Ending, Mischief, PagingFault};
use super::filter;
use super::output::Stop;
use super::session::Session;
use super::shared::Counted;
use super::tree::{Tree, parse};
use crate::domain::dn::DnKey;
use ldap3_proto::proto::{LdapSearchRequest, LdapSearchScope};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Semaphore;

/// A search between two pages.
#[derive(Debug, Default)]
pub struct Paged {
    cookie: Vec<u8>,
    walk: Walk,
}

/// How far a search has come. The entries are those found at its start; what vanishes in the meantime is left
/// out, and what is renamed appears under its new name.
#[derive(Debug, Default)]
struct Walk {
    ids: Vec<u64>,
    next: usize,
    /// Entries sent in the whole search.
    sent: u64,
    /// The page, counted from 1.
    page: u64,
    /// Entries sent on this page.
    on_page: u64,
    suffix: Option<DnKey>,
}

/// How a page ended.
enum Ended {
    /// With its last entry.
    Done,
    /// With this result.
    With(Answer),
    /// Without a result: the client lost interest, or the result was sent already.
    Silently,
}

/// What the faults of one point leave to do.
enum Point {
    Go,
    HangInEntry,
    End(Ended),
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
            if let Some((user, operational)) = self.special(key.as_str()) {
                if filter::matches(&request.filter, &user, &operational) {
                    let dn = if key.as_str().is_empty() { "" } else { "cn=Subschema" };
                    let chosen = selection.choose(&user, &operational);
                    self.out.message(&ber::entry(id, dn.as_bytes(), &chosen)).await?;
                }
                return self.done(id, &Answer::default(), &[]).await;
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
            let Some(bytes) = self.encode(&self.shared.tree(), found, id, selection) else {
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

    /// Carries out the faults of the point that a search has reached: before an entry, or before the result.
    async fn mischief(
        &mut self,
        id: i32,
        request: &LdapSearchRequest,
        selection: &Selection,
        walk: &Walk,
        at_end: bool,
    ) -> Result<Point, Stop> {
        if request.scope == LdapSearchScope::Base {
            return Ok(Point::Go);
        }
        let faults = self.faults();
        for fault in &faults.searches {
            let elsewhere = fault.suffix.as_ref().is_some_and(|s| parse(s).ok().map(|s| s.key()) != walk.suffix);
            let here = match fault.page {
                Some(page) => page == walk.page && fault.after == walk.on_page,
                // Between two pages such a point would be met twice; it belongs to the later one.
                None => fault.after == walk.sent && !(at_end && walk.next < walk.ids.len()),
            };
            if elsewhere || !here {
                continue;
            }
            match &fault.what {
                Mischief::Answer(answer) => return Ok(Point::End(Ended::With(answer.clone()))),
                Mischief::Hang => return Err(Stop::End(Ending::Silence)),
                Mischief::HangInEntry => return Ok(Point::HangInEntry),
                Mischief::End(how) => return Err(Stop::End(*how)),
                Mischief::Raw(bytes) => self.out.message(bytes).await?,
                Mischief::Broken(broken) => {
                    let (bytes, filler) = broken.bytes(id);
                    self.out.whole(&bytes, filler).await?;
                    if broken.ends_search() {
                        return Ok(Point::End(Ended::Silently));
                    }
                }
                Mischief::References(urls) => self.out.message(&ber::reference(id, urls)).await?,
                Mischief::Entry(dn) => self.out.message(&self.invented(id, dn, selection)).await?,
                Mischief::Flood(count) => self.flood(id, &request.base, *count, selection).await?,
                Mischief::FloodBelow(name, count) => self.flood(id, name, *count, selection).await?,
                Mischief::Trickle(every) => {
                    let mut number = 0u64;
                    while !self.abandoned(id) {
                        let dn = format!("ou=trickle{number},{}", request.base);
                        self.out.message(&self.invented(id, &dn, selection)).await?;
                        self.out.flush().await?;
                        number += 1;
                        tokio::time::sleep(*every).await;
                    }
                    return Ok(Point::End(Ended::Silently));
                }
                Mischief::Wait(gate) => self.wait(gate).await?,
                Mischief::Pause(pause) => {
                    self.out.flush().await?;
                    tokio::time::sleep(*pause).await;
                }
            }
        }
        Ok(Point::Go)
    }

    /// Waits at a gate until a test opens it.
    async fn wait(&mut self, gate: &Arc<Semaphore>) -> Result<(), Stop> {
        self.out.flush().await?;
        let _waiting = Counted::new(&self.shared.counters.waiting);
        if let Ok(permit) = gate.acquire().await {
            permit.forget();
        }
        Ok(())
    }

    /// The paging control at the end of a page; keeps the search if it is not over.
    fn next_cookie(&mut self, mut walk: Walk) -> Vec<u8> {
        self.cookies += 1;
        let fresh = self.cookies.to_le_bytes().to_vec();
        let over = walk.next >= walk.ids.len();
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

    /// So many entries that are not in the tree.
    async fn flood(&mut self, id: i32, below: &str, count: u64, selection: &Selection) -> Result<(), Stop> {
        let mut block = Block::new(self.invented(id, &Block::first(below), selection));
        for number in 0..count {
            self.out.message(block.entry(number)).await?;
        }
        Ok(())
    }

    /// An entry that is not in the tree.
    fn invented(&self, id: i32, dn: &str, selection: &Selection) -> Vec<u8> {
        let parsed = parse(dn);
        let name = parsed.as_ref().map(|dn| dn.name()).unwrap_or_default();
        let user = [
            ("objectClass".to_owned(), vec![b"top".to_vec(), b"organizationalUnit".to_vec()]),
            ("ou".to_owned(), vec![name.into_bytes()]),
        ];
        let mut operational = Vec::new();
        if self.shared.ids.load(Ordering::SeqCst) {
            let uuid = parsed.map(|dn| super::tree::fixed_id(&dn.key())).unwrap_or_default();
            operational.push(("entryUUID".to_owned(), vec![uuid.hyphenated().to_string().into_bytes()]));
        }
        ber::entry(id, dn.as_bytes(), &selection.choose(&user, &operational))
    }

    fn encode(&self, tree: &Tree, found: u64, id: i32, selection: &Selection) -> Option<Vec<u8>> {
        let entry = tree.entries.get(&found).filter(|_| tree.visible(found))?;
        let operational = if selection.wants_operational() { self.operational(entry) } else { Vec::new() };
        Some(ber::entry(id, entry.dn.as_bytes(), &selection.choose(&entry.attributes, &operational)))
    }
}

/// A message whose number can be changed in place, so that millions of entries cost no more than their bytes.
struct Block {
    bytes: Vec<u8>,
    /// Where the last digits of the number stand.
    ends: Vec<usize>,
}

impl Block {
    const NUMBER: &'static str = "flood000000000";

    /// The DN of the first entry.
    fn first(base: &str) -> String {
        format!("ou={},{base}", Block::NUMBER)
    }

    fn new(bytes: Vec<u8>) -> Block {
        let ends = |text: &[u8]| {
            let found = bytes.windows(text.len()).enumerate().filter(|(_, w)| *w == text);
            found.map(|(at, w)| at + w.len()).collect::<Vec<_>>()
        };
        let mut all = ends(Block::NUMBER.as_bytes());
        // The value of entryUUID is the last in the message, and its last group has twelve digits.
        if !ends(b"entryUUID").is_empty() {
            all.push(bytes.len());
        }
        Block { ends: all, bytes }
    }

    fn entry(&mut self, number: u64) -> &[u8] {
        for end in &self.ends {
            let mut left = number;
            for place in (end.saturating_sub(9)..*end).rev() {
                if let Some(digit) = self.bytes.get_mut(place) {
                    *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
                }
                left /= 10;
            }
        }
        &self.bytes
    }
}
