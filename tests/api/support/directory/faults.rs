//! Faults: one structure, all of it off by default. [`Conversation`](super::conversation::Conversation) injects those of
//! binds and searches, [`Outlet`](super::connection::Outlet) those of the byte stream.

use super::broken::Broken;
use jim::sandbox::Answer;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The faults of a sandbox. They apply from the moment they are set, to open connections too.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// The connections concerned, counted from 0 since the faults were set; `None` for all, open ones included.
    pub connections: Option<Range<u64>>,
    /// Where a connection stops answering for good.
    pub hang: Option<Hang>,
    /// How slowly everything is sent.
    pub pace: Option<Pace>,
    /// Where the whole output of a connection ends.
    pub cut: Option<Cut>,
    /// Bytes of a connection's output that are changed: their offset, and the bits that are flipped.
    pub spoiled: Vec<(u64, u8)>,
    /// Bytes in the clear right after the response to StartTLS, as an attacker in the middle might insert them.
    pub before_tls: Vec<u8>,
    /// The answer to every bind, whatever the credentials.
    pub bind: Option<Answer>,
    /// The answer to the base read of a DN; the empty DN stands for the root DSE.
    pub base_reads: Vec<(String, Answer)>,
    /// Naming contexts that the root DSE does not list, although they are served.
    pub unlisted: Vec<String>,
    /// Naming contexts that the root DSE lists although there are none.
    pub listed: Arc<Vec<String>>,
    /// What happens in searches, and in reads of single entries that it names. Several at one point happen in the order given.
    pub searches: Vec<SearchFault>,
    /// What is wrong with the paging cookie.
    pub paging: Option<PagingFault>,
    /// The most entries of a page, whatever the client asks for.
    pub page_size: Option<usize>,
    /// The directory does not support paging: not offered, refused when critical. The codec does not report criticality,
    /// so every paged search is refused with result 12.
    pub no_paging: bool,
    /// The order in which entries are returned.
    pub order: Order,
    /// Every entry is sent twice in a row.
    pub duplicates: bool,
    /// How long every page (or unpaged search) of a subtree search waits before its first entry.
    pub page_delay: Option<Duration>,
    /// A gate before every page (or unpaged search) of a subtree search: each takes one permit for good. Closing
    /// the semaphore opens the gate for ever.
    pub gate: Option<Arc<Semaphore>>,
}

/// Where a connection stops answering. The socket stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hang {
    /// Accepted, then nothing is written; what the client sends is swallowed.
    Connect,
    /// In the TLS handshake, be it at once or after StartTLS.
    Tls,
    /// At the bind request.
    Bind,
}

/// Output in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The bytes of a piece.
    pub bytes: usize,
    /// The pause before each piece; none sends every piece by itself, but without waiting.
    pub every: Duration,
}

impl Pace {
    /// One byte per interval.
    pub fn drip(every: Duration) -> Pace {
        Pace { bytes: 1, every }
    }

    /// Everything in writes of one byte.
    pub fn slices() -> Pace {
        Pace { bytes: 1, every: Duration::ZERO }
    }
}

/// The end of a connection's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// After how much output.
    pub at: CutAt,
    /// What then happens.
    pub how: Ending,
}

/// A measure of a connection's whole output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutAt {
    /// This many LDAP messages.
    Messages(u64),
    /// This many bytes (inside TLS: of the plain text).
    Bytes(u64),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ending {
    /// Closed in the ordinary way.
    #[default]
    Close,
    /// The sending direction is closed; requests are still read, and ignored.
    HalfClose,
    /// Reset (RST).
    Reset,
    /// Left open and silent.
    Silence,
}

/// A referral result (10) to an address.
pub fn referral_to(url: &str) -> Answer {
    Answer { code: 10, referrals: vec![url.to_owned()], ..Answer::default() }
}

/// Invalid credentials as Active Directory reports them; `data` is its sub-code, such as `52e`.
pub fn active_directory_bind(data: &str) -> Answer {
    Answer::new(
        49,
        &format!("80090308: LdapErr: DSID-0C090439, comment: AcceptSecurityContext error, data {data}, v4563\0"),
    )
}

/// Something that happens at one point of a one-level or subtree search, or when one entry is read.
#[derive(Debug, Clone)]
pub struct SearchFault {
    /// Only in searches under this naming context; `None` for all.
    pub suffix: Option<String>,
    /// Only when the entry of this DN is read by itself; `None` for all searches that are no such reads. The empty DN
    /// stands for the root DSE.
    pub entry: Option<String>,
    /// Only on this page, counted from 1 (an unpaged search is page 1); `None` counts entries over all pages.
    pub page: Option<u64>,
    /// After this many entries: of the page if one is named, of the whole search otherwise. Never if there are
    /// fewer.
    pub after: u64,
    /// What happens.
    pub what: Mischief,
}

impl SearchFault {
    /// A fault before the first entry of every search.
    pub fn new(what: Mischief) -> SearchFault {
        SearchFault { suffix: None, entry: None, page: None, after: 0, what }
    }

    /// Only under this naming context.
    pub fn under(mut self, suffix: &str) -> SearchFault {
        self.suffix = Some(suffix.to_owned());
        self
    }

    /// Only when this entry is read by itself: before it, or [after](SearchFault::after) it.
    pub fn reading(mut self, dn: &str) -> SearchFault {
        self.entry = Some(dn.to_owned());
        self
    }

    /// Only on this page, counted from 1.
    pub fn on_page(mut self, page: u64) -> SearchFault {
        self.page = Some(page);
        self
    }

    /// After this many entries.
    pub fn after(mut self, entries: u64) -> SearchFault {
        self.after = entries;
        self
    }
}

/// What can happen in a search.
#[derive(Debug, Clone)]
pub enum Mischief {
    /// The search ends with this result.
    Answer(Answer),
    /// Silence from here on, the connection stays open.
    Hang,
    /// Half the bytes of the next entry, then silence.
    HangInEntry,
    /// Invented entries for ever, one per interval.
    Trickle(Duration),
    /// This many tiny invented entries, then the search goes on.
    Flood(u64),
    /// The connection ends.
    End(Ending),
    /// These bytes, then the search goes on.
    Raw(Vec<u8>),
    /// A malformed message, then the search goes on unless the message was its result.
    Broken(Broken),
    /// The same, each below this name instead of the base of the search.
    FloodBelow(String, u64),
    /// Search references to these addresses, then the search goes on.
    References(Vec<String>),
    /// An entry of this DN, whether or not it lies below the base, then the search goes on.
    Entry(String),
    /// The search waits for one permit, which it keeps, then goes on.
    Wait(Arc<Semaphore>),
    /// The search pauses, then goes on.
    Pause(Duration),
}

/// What is wrong with paging.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PagingFault {
    /// The same cookie at every page; the entries go on, and after the last come empty pages for ever.
    SameCookie,
    /// The first page for ever, with the same cookie.
    SamePage,
    /// After the last entry come empty pages for ever, each with a fresh cookie.
    NeverEnds,
}

/// The order of search results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    /// In the order of creation, but never a child before its parent.
    #[default]
    ParentsFirst,
    /// In the order of creation, as OpenLDAP has it: a moved entry may come before its new parent.
    Created,
    /// Children before parents.
    Reversed,
    /// Shuffled, the same way for the same number.
    Shuffled(u64),
}

impl Order {
    /// Brings entries into this order; they come parents first.
    pub fn arrange(self, found: &mut [u64]) {
        match self {
            Order::ParentsFirst => {}
            Order::Created => found.sort_unstable(),
            Order::Reversed => found.reverse(),
            Order::Shuffled(seed) => found.sort_unstable_by_key(|id| scatter(seed ^ scatter(*id))),
        }
    }
}

/// A fixed mixing of bits (splitmix64), so that a shuffle can be repeated.
fn scatter(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
