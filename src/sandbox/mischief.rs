//! What the faults do in the middle of a search: at each point that it reaches, before an entry or before its result.
//! Which point that is, the search itself says.

use super::ber;
use super::entry::Selection;
use super::faults::{Ending, Mischief};
use super::output::Stop;
use super::search::{Ended, Walk};
use super::session::Session;
use super::shared::Counted;
use super::tree::parse;
use crate::domain::dn::DnKey;
use ldap3_proto::proto::{LdapSearchRequest, LdapSearchScope};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::sync::Semaphore;

/// What the faults of one point leave to do.
pub enum Point {
    Go,
    HangInEntry,
    End(Ended),
}

impl Session {
    /// Carries out the faults of the point that a search has reached: before an entry, or before the result.
    pub(super) async fn mischief(
        &mut self,
        id: i32,
        request: &LdapSearchRequest,
        selection: &Selection,
        walk: &Walk,
        at_end: bool,
    ) -> Result<Point, Stop> {
        let faults = self.faults();
        let base = if faults.searches.is_empty() { None } else { key(&request.base) };
        for fault in &faults.searches {
            let elsewhere = match (&fault.entry, request.scope == LdapSearchScope::Base) {
                (Some(dn), true) => key(dn) != base,
                (None, false) => fault.suffix.as_ref().is_some_and(|s| key(s) != walk.suffix),
                _ => true,
            };
            let here = match fault.page {
                Some(page) => page == walk.page && fault.after == walk.on_page,
                // Between two pages such a point would be met twice; it belongs to the later one.
                None => fault.after == walk.sent && !(at_end && walk.goes_on()),
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
    pub(super) async fn wait(&mut self, gate: &Arc<Semaphore>) -> Result<(), Stop> {
        self.out.flush().await?;
        let _waiting = Counted::new(&self.shared.counters.waiting);
        if let Ok(permit) = gate.acquire().await {
            permit.forget();
        }
        Ok(())
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
}

fn key(dn: &str) -> Option<DnKey> {
    parse(dn).ok().map(|dn| dn.key())
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
