//! Reader of untrusted BER as LDAP uses it (RFC 4511, section 5.1): headers, exact nesting, integers.
//!
//! Never allocates, recurses or trusts a claimed length.

/// Nesting of constructed elements in a message, its outer SEQUENCE included.
pub const MAX_DEPTH: usize = 16;

pub const BOOLEAN: u8 = 0x01;
pub const INTEGER: u8 = 0x02;
pub const OCTET_STRING: u8 = 0x04;
pub const ENUMERATED: u8 = 0x0a;
pub const SEQUENCE: u8 = 0x30;
pub const SET: u8 = 0x31;

/// Bit of constructed elements.
const CONSTRUCTED: u8 = 0x20;
/// Announces a tag of several octets, which LDAP does not use.
const HIGH_TAG: u8 = 0x1f;

/// Protocol error of a directory. The bytes themselves are never part of the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BerError {
    #[error("not an LDAP message")]
    NotLdap,
    #[error("a tag of several octets")]
    Tag,
    /// An indefinite length, or one of more than four octets.
    #[error("a length of a form that LDAP does not use")]
    LengthForm,
    #[error("an element longer than what holds it")]
    Length,
    /// Nested deeper than [`MAX_DEPTH`].
    #[error("nested too deep")]
    TooDeep,
    #[error("a message longer than the limit")]
    TooLarge,
    /// An element missing, of the wrong kind or of an impossible value.
    #[error("an element missing or of the wrong kind")]
    Shape,
    #[error("text that is not UTF-8")]
    NotUtf8,
    #[error("a message id without a request")]
    MessageId,
    #[error("an operation that does not answer the request")]
    Operation,
}

impl BerError {
    /// Whether a limit was exceeded, rather than the protocol violated.
    pub fn is_limit(self) -> bool {
        self == BerError::TooLarge
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub tag: u8,
    /// Octets of the header itself.
    pub size: usize,
    /// Octets of the content, as claimed.
    pub length: usize,
}

/// Parses the header at the start of `bytes`; `None` if incomplete. Lengths need not be minimal: Active Directory
/// always writes four octets.
pub fn header(bytes: &[u8]) -> Result<Option<Header>, BerError> {
    let Some((&tag, after)) = bytes.split_first() else { return Ok(None) };
    if tag & HIGH_TAG == HIGH_TAG {
        return Err(BerError::Tag);
    }
    let Some((&first, after)) = after.split_first() else { return Ok(None) };
    if first < 0x80 {
        return Ok(Some(Header { tag, size: 2, length: usize::from(first) }));
    }
    let octets = usize::from(first & 0x7f);
    if !(1..=4).contains(&octets) {
        return Err(BerError::LengthForm);
    }
    let Some(claimed) = after.get(..octets) else { return Ok(None) };
    let length = claimed.iter().fold(0usize, |sum, &b| sum * 256 + usize::from(b));
    Ok(Some(Header { tag, size: 2 + octets, length }))
}

/// Length of the message that starts with `head`, header included; `None` if not known yet. Limit in bytes.
pub fn frame_length(head: &[u8], limit: usize) -> Result<Option<usize>, BerError> {
    if head.first().is_some_and(|&tag| tag != SEQUENCE) {
        return Err(BerError::NotLdap);
    }
    let Some(outer) = header(head)? else { return Ok(None) };
    match outer.size.checked_add(outer.length) {
        Some(total) if total <= limit => Ok(Some(total)),
        _ => Err(BerError::TooLarge),
    }
}

/// Checks that every element fits exactly into its parent and no nesting exceeds [`MAX_DEPTH`]. Iterative, so that a
/// hostile frame cannot exhaust the stack.
pub fn well_formed(frame: &[u8]) -> Result<(), BerError> {
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
            end = outer_ends.get(depth).copied().ok_or(BerError::TooDeep)?;
        }
        let element = header(frame.get(at..end).ok_or(BerError::Length)?)?.ok_or(BerError::Length)?;
        let content = at + element.size;
        let stop = content.checked_add(element.length).filter(|&stop| stop <= end).ok_or(BerError::Length)?;
        if element.tag & CONSTRUCTED == 0 {
            at = stop;
        } else {
            *outer_ends.get_mut(depth).ok_or(BerError::TooDeep)? = end;
            depth += 1;
            end = stop;
            at = content;
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Tag and content of the next element; `None` at the end.
    pub fn element(&mut self) -> Result<Option<(u8, &'a [u8])>, BerError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let element = header(self.rest)?.ok_or(BerError::Length)?;
        let (_, after) = self.rest.split_at_checked(element.size).ok_or(BerError::Length)?;
        let (content, rest) = after.split_at_checked(element.length).ok_or(BerError::Length)?;
        self.rest = rest;
        Ok(Some((element.tag, content)))
    }

    /// Content of the next element, which must have this tag.
    pub fn take(&mut self, tag: u8) -> Result<&'a [u8], BerError> {
        match self.element()? {
            Some((found, content)) if found == tag => Ok(content),
            _ => Err(BerError::Shape),
        }
    }

    /// Content of the next element if it has this tag; otherwise the reader does not advance.
    pub fn optional(&mut self, tag: u8) -> Result<Option<&'a [u8]>, BerError> {
        if self.rest.first() == Some(&tag) { self.take(tag).map(Some) } else { Ok(None) }
    }

    /// Fails if an element follows.
    pub fn end(self) -> Result<(), BerError> {
        if self.rest.is_empty() { Ok(()) } else { Err(BerError::Shape) }
    }
}

/// Value of a non-negative INTEGER or ENUMERATED of at most four octets.
pub fn unsigned(content: &[u8]) -> Result<u32, BerError> {
    match content {
        [first, ..] if content.len() <= 4 && first & 0x80 == 0 => {
            Ok(content.iter().fold(0, |sum, &b| sum * 256 + u32::from(b)))
        }
        _ => Err(BerError::Shape),
    }
}

pub fn text(content: &[u8]) -> Result<&str, BerError> {
    std::str::from_utf8(content).map_err(|_| BerError::NotUtf8)
}
