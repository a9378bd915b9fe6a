//! The script of one connection: injects the faults of binds and searches.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jim::domain::dn::{Dn, DnKey};
use jim::sandbox::{Answer, Done, Output, Point, Reply, Request, Script, Selection, Shown, Stop, ber, fixed_id};
use ldap3_proto::proto::{LdapFilter, LdapSearchScope};
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::broken::reference;
use super::faults::{Ending, Faults, Hang, Mischief, PagingFault};
use super::flood::Block;
use super::state::{Counted, State};

/// What the script knows of its connection.
pub struct Conversation {
    state: Arc<State>,
    number: u64,
    /// How the connection ends when the session closes it.
    ending: Arc<Mutex<Ending>>,
    search: Search,
    /// The cookie that the session gave out last, where the client got another one; `None` after the last page.
    cookie: Option<Vec<u8>>,
}

/// The search in progress.
#[derive(Default)]
struct Search {
    id: i32,
    base: String,
    suffix: Option<DnKey>,
    /// Whether one entry is read by itself.
    single: bool,
    selection: Option<Selection>,
    /// Entries sent in the whole search.
    sent: u64,
    /// The page, counted from 1.
    page: u64,
    /// Entries sent on this page.
    on_page: u64,
}

impl Conversation {
    pub fn new(state: Arc<State>, number: u64, ending: Arc<Mutex<Ending>>) -> Conversation {
        Conversation { state, number, ending, search: Search::default(), cookie: None }
    }

    fn faults(&self) -> Arc<Faults> {
        self.state.faults_for(self.number)
    }

    /// Closes the connection in this way.
    fn end(&self, how: Ending) -> Result<(), Stop> {
        *self.ending.lock() = how;
        Err(Stop::Close)
    }

    fn bind(&mut self, answer: &Answer) -> Result<(), Stop> {
        let (counters, faults) = (&self.state.counters, self.faults());
        counters.bind_attempts.fetch_add(1, Ordering::SeqCst);
        if faults.hang == Some(Hang::Bind) {
            return self.end(Ending::Silence);
        }
        if let Some(answer) = &faults.bind {
            return Err(Stop::Answer(answer.clone()));
        }
        if answer.code == 0 {
            counters.binds.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    }

    async fn start<W: AsyncWrite + Unpin>(&mut self, request: &mut Request, out: &mut Output<W>) -> Result<(), Stop> {
        self.state.counters.searches.fetch_add(1, Ordering::SeqCst);
        let faults = self.faults();
        if request.paged.is_some() && faults.no_paging {
            return Err(Answer::new(12, "critical extension is not recognized").into());
        }
        let base = key(&request.search.base);
        let scope = &request.search.scope;
        if *scope == LdapSearchScope::Base
            && let Some((_, answer)) = faults.base_reads.iter().find(|(dn, _)| base.is_some() && key(dn) == base)
        {
            return Err(answer.clone().into());
        }
        if *scope == LdapSearchScope::Subtree {
            if let Some(pause) = faults.page_delay {
                sleep(pause).await;
            }
            if let Some(gate) = &faults.gate {
                self.wait(gate, out).await?;
            }
        }
        if let Some(limit) = self.state.size_limit {
            let asked = Some(request.search.sizelimit).filter(|asked| *asked > 0);
            request.search.sizelimit = asked.map_or(limit, |asked| asked.min(limit));
        }
        let before = std::mem::take(&mut self.search);
        self.search = Search {
            id: request.id,
            base: request.search.base.clone(),
            suffix: base.and_then(|key| self.state.directory.tree().suffix_of(&key).cloned()),
            single: *scope == LdapSearchScope::Base,
            selection: Some(Selection::new(&request.search.attrs, request.search.typesonly)),
            sent: 0,
            page: 1,
            on_page: 0,
        };
        if let Some(paged) = &mut request.paged {
            paged.size = paged.size.min(faults.page_size.unwrap_or(usize::MAX));
            if !paged.cookie.is_empty() {
                (self.search.sent, self.search.page) = (before.sent, before.page + 1);
                match (faults.paging, self.cookie.take()) {
                    (None, _) => {}
                    (Some(PagingFault::SamePage), _) => {
                        self.search.sent = 0;
                        paged.cookie.clear();
                    }
                    (Some(_), Some(cookie)) => paged.cookie = cookie,
                    // After the last page nothing matches any more.
                    (Some(_), None) => {
                        paged.cookie.clear();
                        request.search.filter = LdapFilter::Or(Vec::new());
                    }
                }
            }
        }
        Ok(())
    }

    async fn entry<W: AsyncWrite + Unpin>(&mut self, reply: &mut Reply, out: &mut Output<W>) -> Result<(), Stop> {
        let faults = self.faults();
        if let Reply::Entry(shown) = reply {
            if !self.state.ids.load(Ordering::SeqCst) {
                // An id that a test gave to the entry stays.
                let own = self.state.directory.tree().id_of(&shown.dn).unwrap_or_default().to_string().into_bytes();
                shown.attributes.retain(|(name, values)| name != "entryUUID" || !values.contains(&own));
            }
            if shown.dn.is_empty() {
                change_root(shown, &faults);
            }
        }
        self.mischief(reply, out).await?;
        if faults.duplicates {
            out.send(&reply.encode(self.search.id)).await?;
        }
        self.search.sent += 1;
        self.search.on_page += 1;
        Ok(())
    }

    async fn result<W: AsyncWrite + Unpin>(&mut self, reply: &mut Reply, out: &mut Output<W>) -> Result<(), Stop> {
        if matches!(reply, Reply::Done(done) if done.answer.code != 0) {
            return Ok(());
        }
        self.mischief(reply, out).await?;
        let Reply::Done(Done { cookie: Some(cookie), .. }) = reply else { return Ok(()) };
        self.cookie = Some(cookie.clone()).filter(|cookie| !cookie.is_empty());
        match self.faults().paging {
            Some(PagingFault::SameCookie | PagingFault::SamePage) => *cookie = vec![7; 8],
            Some(PagingFault::NeverEnds) if cookie.is_empty() => {
                *cookie = [b"over", self.search.page.to_le_bytes().as_slice()].concat();
            }
            _ => {}
        }
        Ok(())
    }

    /// Injects the faults of the point that a search has reached: before an entry, or before the result.
    async fn mischief<W: AsyncWrite + Unpin>(&mut self, next: &Reply, out: &mut Output<W>) -> Result<(), Stop> {
        let faults = self.faults();
        let search = &self.search;
        let base = key(&search.base);
        // Between two pages a point counted over all pages would be reached twice; it belongs to the later one.
        let page_ends = matches!(next, Reply::Done(Done { cookie: Some(cookie), .. }) if !cookie.is_empty());
        for fault in &faults.searches {
            let elsewhere = match (&fault.entry, search.single) {
                (Some(dn), true) => key(dn) != base,
                (None, false) => fault.suffix.as_ref().is_some_and(|s| key(s) != search.suffix),
                _ => true,
            };
            let here = match fault.page {
                Some(page) => page == search.page && fault.after == search.on_page,
                None => fault.after == search.sent && !page_ends,
            };
            if !elsewhere && here {
                self.inject(&fault.what, next, out).await?;
            }
        }
        Ok(())
    }

    async fn inject<W: AsyncWrite + Unpin>(
        &self,
        what: &Mischief,
        next: &Reply,
        out: &mut Output<W>,
    ) -> Result<(), Stop> {
        let id = self.search.id;
        match what {
            Mischief::Answer(answer) => return Err(answer.clone().into()),
            Mischief::Hang => return self.end(Ending::Silence),
            Mischief::HangInEntry => {
                if matches!(next, Reply::Entry(_)) {
                    let bytes = next.encode(id);
                    out.send(&bytes[..bytes.len() / 2]).await?;
                }
                return self.end(Ending::Silence);
            }
            Mischief::End(how) => return self.end(*how),
            Mischief::Raw(bytes) => out.send(bytes).await?,
            Mischief::Broken(broken) => {
                let (bytes, filler) = broken.bytes(id);
                out.send(&bytes).await?;
                let chunk = [b'x'; 8 * 1024];
                let mut left = filler;
                while left > 0 {
                    let now = chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    out.send(&chunk[..now]).await?;
                    left -= now as u64;
                }
                if broken.ends_search() {
                    return Err(Stop::Answered);
                }
            }
            Mischief::References(urls) => out.send(&reference(id, urls)).await?,
            Mischief::Entry(dn) => out.send(&self.invented(dn)).await?,
            Mischief::Flood(count) => self.flood(&self.search.base, *count, out).await?,
            Mischief::FloodBelow(name, count) => self.flood(name, *count, out).await?,
            Mischief::Trickle(every) => {
                for number in 0_u64.. {
                    out.send(&self.invented(&format!("ou=trickle{number},{}", self.search.base))).await?;
                    out.flush().await?;
                    sleep(*every).await;
                }
            }
            Mischief::Wait(gate) => self.wait(gate, out).await?,
            Mischief::Pause(pause) => {
                out.flush().await?;
                sleep(*pause).await;
            }
        }
        Ok(())
    }

    /// Waits at a gate until a test opens it.
    async fn wait<W: AsyncWrite + Unpin>(&self, gate: &Semaphore, out: &mut Output<W>) -> Result<(), Stop> {
        out.flush().await?;
        let _waiting = Counted::new(&self.state.counters.waiting);
        if let Ok(permit) = gate.acquire().await {
            permit.forget();
        }
        Ok(())
    }

    /// Sends many entries that are not in the tree.
    async fn flood<W: AsyncWrite + Unpin>(&self, below: &str, count: u64, out: &mut Output<W>) -> Result<(), Stop> {
        let mut block = Block::new(self.invented(&Block::first(below)));
        for number in 0..count {
            out.send(block.entry(number)).await?;
        }
        Ok(())
    }

    /// An entry that is not in the tree.
    fn invented(&self, dn: &str) -> Vec<u8> {
        let parsed = Dn::parse(dn).ok();
        let name = parsed.as_ref().map(|dn| dn.name()).unwrap_or_default();
        let user = [
            ("objectClass".to_owned(), vec![b"top".to_vec(), b"organizationalUnit".to_vec()]),
            ("ou".to_owned(), vec![name.into_bytes()]),
        ];
        let mut operational = Vec::new();
        if self.state.ids.load(Ordering::SeqCst) {
            let uuid = parsed.map(|dn| fixed_id(&dn.key())).unwrap_or_default();
            operational.push(("entryUUID".to_owned(), vec![uuid.hyphenated().to_string().into_bytes()]));
        }
        let chosen = self.search.selection.as_ref().map(|s| s.choose(&user, &operational)).unwrap_or_default();
        ber::entry(self.search.id, dn.as_bytes(), &chosen)
    }
}

impl Script for Conversation {
    async fn before<W: AsyncWrite + Unpin + Send>(
        &mut self,
        point: Point<'_>,
        out: &mut Output<W>,
    ) -> Result<(), Stop> {
        match point {
            Point::Bind(answer) => self.bind(answer),
            Point::Search(request) => self.start(request, out).await,
            Point::Found(ids) => {
                self.faults().order.arrange(ids);
                Ok(())
            }
            Point::Reply(reply @ Reply::Entry(_)) => self.entry(reply, out).await,
            Point::Reply(reply) => self.result(reply, out).await,
        }
    }
}

/// Changes the root DSE as the faults say.
fn change_root(root: &mut Shown, faults: &Faults) {
    for (name, values) in &mut root.attributes {
        match name.as_str() {
            "namingContexts" => {
                values.retain(|suffix| !faults.unlisted.iter().any(|u| u.as_bytes() == suffix));
                values.extend(faults.listed.iter().map(|dn| dn.clone().into_bytes()));
            }
            "supportedControl" if faults.no_paging => values.retain(|oid| oid != ber::PAGED_RESULTS.as_bytes()),
            _ => {}
        }
    }
    root.attributes.retain(|(_, values)| !values.is_empty());
}

fn key(dn: &str) -> Option<DnKey> {
    Dn::parse(dn).ok().map(|dn| dn.key())
}
