//! The part of BER that LDAP uses (RFC 4511, section 5.1), read without trust: headers, exact nesting, integers.
//!
//! Nothing here allocates, recurses or believes a claimed length. What the elements mean belongs to `guard`.

use std::fmt;

/// The deepest nesting of constructed elements in one message, its outer SEQUENCE included.
pub const MAX_DEPTH: usize = 16;

/// Universal BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// Universal INTEGER.
pub const INTEGER: u8 = 0x02;
/// Universal OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// Universal ENUMERATED.
pub const ENUMERATED: u8 = 0x0a;
/// Universal SEQUENCE, constructed.
pub const SEQUENCE: u8 = 0x30;
/// Universal SET, constructed.
pub const SET: u8 = 0x31;

/// The bit of a tag octet that marks a constructed element.
const CONSTRUCTED: u8 = 0x20;
/// The tag number that announces a tag of several octets; LDAP has none.
const HIGH_TAG: u8 = 0x1f;

/// Why bytes of a directory were refused. The bytes themselves are never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The message does not start as an LDAP message does.
    NotLdap,
    /// A tag of several octets.
    Tag,
    /// An indefinite length, or one of more than four octets.
    LengthForm,
    /// An element longer than what it lies in.
    Length,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
    /// A message longer than the limit.
    TooLarge,
    /// An element missing, of the wrong kind or of an impossible value.
    Shape,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A message id that nothing was asked with.
    MessageId,
    /// An operation that is no answer to what was asked with this id.
    Operation,
}

impl Fault {
    /// Whether a limit was passed, rather than a rule of the protocol broken.
    pub fn is_limit(self) -> bool {
        self == Fault::TooLarge
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::NotLdap => "not an LDAP message",
            Fault::Tag => "a tag of several octets",
            Fault::LengthForm => "a length of a form that LDAP does not use",
            Fault::Length => "an element longer than what holds it",
            Fault::TooDeep => "nested too deep",
            Fault::TooLarge => "a message longer than the limit",
            Fault::Shape => "an element missing or of the wrong kind",
            Fault::NotUtf8 => "text that is not UTF-8",
            Fault::MessageId => "a message id that nothing was asked with",
            Fault::Operation => "an operation that does not answer the request",
        })
    }
}

/// Tag and length of one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The tag octet: class, constructed bit, number.
    pub tag: u8,
    /// Octets of the header itself.
    pub size: usize,
    /// Octets of the content, as claimed.
    pub length: usize,
}

/// Reads the header at the start of `bytes`; `None` if its end has not arrived yet.
///
/// Lengths need not be minimal: Active Directory always writes four octets.
///
/// # Errors
/// [`Fault::Tag`] and [`Fault::LengthForm`].
pub fn header(bytes: &[u8]) -> Result<Option<Header>, Fault> {
    let Some((&tag, after)) = bytes.split_first() else { return Ok(None) };
    if tag & HIGH_TAG == HIGH_TAG {
        return Err(Fault::Tag);
    }
    let Some((&first, after)) = after.split_first() else { return Ok(None) };
    if first < 0x80 {
        return Ok(Some(Header { tag, size: 2, length: usize::from(first) }));
    }
    let octets = usize::from(first & 0x7f);
    if !(1..=4).contains(&octets) {
        return Err(Fault::LengthForm);
    }
    let Some(claimed) = after.get(..octets) else { return Ok(None) };
    let length = claimed.iter().fold(0usize, |sum, &b| sum * 256 + usize::from(b));
    Ok(Some(Header { tag, size: 2 + octets, length }))
}

/// The length in bytes of the message that starts with `head`, its header included; `None` while that cannot be
/// told yet. Allocates nothing, whatever the peer claims.
///
/// # Errors
/// [`Fault::NotLdap`] if this is no SEQUENCE, [`Fault::TooLarge`] if it is longer than `limit` bytes, and those of
/// [`header`].
pub fn frame_length(head: &[u8], limit: usize) -> Result<Option<usize>, Fault> {
    if head.first().is_some_and(|&tag| tag != SEQUENCE) {
        return Err(Fault::NotLdap);
    }
    let Some(outer) = header(head)? else { return Ok(None) };
    match outer.size.checked_add(outer.length) {
        Some(total) if total <= limit => Ok(Some(total)),
        _ => Err(Fault::TooLarge),
    }
}

/// Checks that `frame` is elements all the way down: every length fits exactly into what holds it, no nesting
/// beyond [`MAX_DEPTH`]. A loop, not a recursion, so that a hostile frame cannot use up the stack.
///
/// # Errors
/// [`Fault::Length`], [`Fault::TooDeep`] and those of [`header`].
pub fn well_formed(frame: &[u8]) -> Result<(), Fault> {
    let mut outer_ends = [0usize; MAX_DEPTH];
    let mut depth = 0;
    let mut end = frame.len();
    let mut at = 0;
    loop {
        while at == end {
            if depth == 0 {
                return Ok(());
            }
            depth -= 1;
            end = outer_ends.get(depth).copied().ok_or(Fault::TooDeep)?;
        }
        let element = header(frame.get(at..end).ok_or(Fault::Length)?)?.ok_or(Fault::Length)?;
        let content = at + element.size;
        let stop = content.checked_add(element.length).filter(|&stop| stop <= end).ok_or(Fault::Length)?;
        if element.tag & CONSTRUCTED == 0 {
            at = stop;
        } else {
            *outer_ends.get_mut(depth).ok_or(Fault::TooDeep)? = end;
            depth += 1;
            end = stop;
            at = content;
        }
    }
}

/// Reads elements one after another.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    /// Whether no element follows.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next element's tag and content; `None` at the end.
    ///
    /// # Errors
    /// [`Fault::Length`] if the element is cut, and those of [`header`].
    pub fn element(&mut self) -> Result<Option<(u8, &'a [u8])>, Fault> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let element = header(self.rest)?.ok_or(Fault::Length)?;
        let (_, after) = self.rest.split_at_checked(element.size).ok_or(Fault::Length)?;
        let (content, rest) = after.split_at_checked(element.length).ok_or(Fault::Length)?;
        self.rest = rest;
        Ok(Some((element.tag, content)))
    }

    /// The content of the next element, which must have this tag.
    ///
    /// # Errors
    /// [`Fault::Shape`] if it has another tag or is missing.
    pub fn take(&mut self, tag: u8) -> Result<&'a [u8], Fault> {
        match self.element()? {
            Some((found, content)) if found == tag => Ok(content),
            _ => Err(Fault::Shape),
        }
    }

    /// The content of the next element if it has this tag; else nothing is read.
    ///
    /// # Errors
    /// Those of [`Reader::element`].
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, Fault> {
        if self.rest.first() == Some(&tag) { self.take(tag).map(Some) } else { Ok(None) }
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// [`Fault::Shape`] if something does.
    pub fn end(self) -> Result<(), Fault> {
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::Shape) }
    }
}

/// The value of a non-negative INTEGER or ENUMERATED of at most four octets, thus at most 2^31-1.
///
/// # Errors
/// [`Fault::Shape`] for none, more octets or a negative value.
pub fn unsigned(content: &[u8]) -> Result<u32, Fault> {
    match content {
        [first, ..] if content.len() <= 4 && first & 0x80 == 0 => {
            Ok(content.iter().fold(0, |sum, &b| sum * 256 + u32::from(b)))
        }
        _ => Err(Fault::Shape),
    }
}

/// The content as text.
///
/// # Errors
/// [`Fault::NotUtf8`].
pub fn text(content: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(content).map_err(|_| Fault::NotUtf8)
}
