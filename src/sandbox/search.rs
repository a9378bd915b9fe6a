//! Searches with scope, paging and size limit.

use super::ber::{self, Answer, Attribute};
use super::directory::Directory;
use super::entry::Selection;
use super::filter;
use super::root_dse::special;
use super::tree::parse;
use ldap3_proto::proto::{LdapSearchRequest, LdapSearchScope};

pub struct Request {
    pub id: i32,
    pub search: LdapSearchRequest,
    pub paged: Option<Paged>,
}

/// Paging control of a request (RFC 2696).
pub struct Paged {
    /// Maximum entries of the page.
    pub size: usize,
    /// Empty, or the cookie from the previous page.
    pub cookie: Vec<u8>,
}

pub enum Reply {
    Entry(Shown),
    Done(Done),
}

pub struct Shown {
    pub dn: String,
    pub attributes: Vec<Attribute>,
}

pub struct Done {
    pub answer: Answer,
    /// Cookie of the paging control: empty after the last page. `None` sends no control.
    pub cookie: Option<Vec<u8>>,
}

impl Reply {
    pub fn encode(&self, id: i32) -> Vec<u8> {
        match self {
            Reply::Entry(shown) => ber::entry(id, shown.dn.as_bytes(), &shown.attributes),
            Reply::Done(done) => {
                let control = done.cookie.as_ref().map(|cookie| ber::paged_control(cookie));
                ber::result(id, ber::SEARCH_DONE, &done.answer, control.as_slice())
            }
        }
    }
}

/// A search over all its pages. It returns the entries found at the start, without those removed since.
#[derive(Default)]
pub(super) struct Search {
    special: Option<Shown>,
    pub ids: Vec<u64>,
    next: usize,
    sent: usize,
}

impl Search {
    pub fn find(directory: &Directory, bound: bool, request: &LdapSearchRequest) -> Result<Search, Answer> {
        let key = parse(&request.base)?.key();
        if request.scope == LdapSearchScope::Base
            && let Some(entry) = special(directory, key.as_str())
        {
            let selection = Selection::new(&request.attrs, request.typesonly);
            let shown = filter::matches(&request.filter, &entry.user, &entry.operational).then(|| Shown {
                dn: entry.dn.to_owned(),
                attributes: selection.choose(&entry.user, &entry.operational),
            });
            return Ok(Search { special: shown, ..Search::default() });
        }
        if !bound {
            return Err(Answer::new(32, ""));
        }
        let tree = directory.tree();
        let base = tree.find_visible(&request.base)?;
        let (below, with_base) = match request.scope {
            LdapSearchScope::Base => (0, true),
            LdapSearchScope::OneLevel => (1, false),
            LdapSearchScope::Subtree => (usize::MAX, true),
            LdapSearchScope::Children => (usize::MAX, false),
        };
        let mut ids = tree.scope(base, below, with_base);
        let deep = filter::needs_operational(&request.filter);
        ids.retain(|id| {
            let Some(entry) = tree.entries.get(id) else { return false };
            let operational = if deep { entry.operational(directory.bind_dn()) } else { Vec::new() };
            filter::matches(&request.filter, &entry.attributes, &operational)
        });
        Ok(Search { ids, ..Search::default() })
    }

    fn has_more(&self) -> bool {
        self.special.is_some() || self.next < self.ids.len()
    }

    fn advance(&mut self, directory: &Directory, selection: &Selection) -> Option<Shown> {
        if let Some(shown) = self.special.take() {
            return Some(shown);
        }
        let tree = directory.tree();
        while let Some(id) = self.ids.get(self.next).copied() {
            self.next += 1;
            if let Some(entry) = tree.entries.get(&id).filter(|_| tree.visible(id)) {
                let operational =
                    if selection.wants_operational() { entry.operational(directory.bind_dn()) } else { Vec::new() };
                let attributes = selection.choose(&entry.attributes, &operational);
                return Some(Shown { dn: entry.dn.clone(), attributes });
            }
        }
        None
    }
}

/// Replies of one page; an unpaged search is one page.
pub(super) struct Page<'a> {
    directory: &'a Directory,
    selection: Selection,
    search: Search,
    /// Maximum entries of the whole search.
    limit: usize,
    /// Page size of a paged search.
    size: Option<usize>,
    /// Entries that still fit on the page.
    room: usize,
    cookie: Vec<u8>,
    done: bool,
    goes_on: bool,
}

impl<'a> Page<'a> {
    /// The first or next page of a search; `cookie` is for the page after it.
    pub fn new(directory: &'a Directory, request: &Request, search: Search, cookie: Vec<u8>) -> Page<'a> {
        let LdapSearchRequest { attrs, typesonly, sizelimit, .. } = &request.search;
        let limit = usize::try_from(*sizelimit).ok().filter(|limit| *limit > 0);
        let size = request.paged.as_ref().map(|paged| paged.size);
        Page {
            directory,
            selection: Selection::new(attrs, *typesonly),
            search,
            limit: limit.unwrap_or(usize::MAX),
            size,
            room: size.unwrap_or(usize::MAX),
            cookie,
            done: false,
            goes_on: false,
        }
    }

    pub fn end(&mut self, answer: Answer) -> Reply {
        (self.done, self.goes_on) = (true, false);
        Reply::Done(Done { answer, cookie: self.size.map(|_| Vec::new()) })
    }

    /// The search and the cookie of its next page, if there is one.
    pub fn rest(self) -> Option<(Vec<u8>, Search)> {
        self.goes_on.then_some((self.cookie, self.search))
    }

    /// Ends the page; a size of 0 abandons the search.
    fn end_page(&mut self) -> Reply {
        self.done = true;
        self.goes_on = self.size.is_some_and(|size| size > 0) && self.search.has_more();
        let next = if self.goes_on { self.cookie.clone() } else { Vec::new() };
        Reply::Done(Done { answer: Answer::default(), cookie: self.size.map(|_| next) })
    }
}

impl Iterator for Page<'_> {
    type Item = Reply;

    fn next(&mut self) -> Option<Reply> {
        if self.done {
            return None;
        }
        let full = self.room == 0;
        let entry = if full { None } else { self.search.advance(self.directory, &self.selection) };
        let Some(shown) = entry else { return Some(self.end_page()) };
        if self.search.sent >= self.limit {
            return Some(self.end(Answer::new(4, "")));
        }
        self.room -= 1;
        self.search.sent += 1;
        Some(Reply::Entry(shown))
    }
}
