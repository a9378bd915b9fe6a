//! Checks every message of a directory before the LDAP library sees it: framing, nesting, size, shape.
//!
//! The library recurses over nested elements, which could end the process, and panics on messages of the wrong shape.
//! Pure: no I/O, no clock, no allocation per message. The rules hold for the responses to every request of RFC 4511.

#[cfg(test)]
mod tests;

use super::ber::{
    BOOLEAN, ENUMERATED, Fault, INTEGER, OCTET_STRING, Reader, SEQUENCE, SET, frame_length, text, unsigned, well_formed,
};
use crate::domain::dn::MAX_DN_BYTES;

/// The control of paged results (RFC 2696).
pub const PAGED_RESULTS: &str = "1.2.840.113556.1.4.319";

const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_ENTRY: u8 = 0x64;
const SEARCH_DONE: u8 = 0x65;
const SEARCH_REFERENCE: u8 = 0x73;
const UNBIND_REQUEST: u8 = 0x42;
const EXTENDED_RESPONSE: u8 = 0x78;
const INTERMEDIATE_RESPONSE: u8 = 0x79;
const CONTROLS: u8 = 0xa0;
const REFERRAL: u8 = 0xa3;
const SASL_CREDENTIALS: u8 = 0x87;
const RESPONSE_NAME: u8 = 0x8a;
const RESPONSE_VALUE: u8 = 0x8b;

/// Requests (bind, search, modify, add, delete, modifyDN, compare, extended) and the response that ends each. All of
/// these are an LDAPResult (RFC 4511, section 4.1.9).
const RESPONSES: [(u8, u8); 8] = [
    (0x60, 0x61),
    (SEARCH_REQUEST, SEARCH_DONE),
    (0x66, 0x67),
    (0x68, 0x69),
    (0x4a, 0x6b),
    (0x6c, 0x6d),
    (0x6e, 0x6f),
    (0x77, EXTENDED_RESPONSE),
];

/// What a message that broke no rule is, and what is to be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// An entry of a search: hand it on.
    Entry,
    /// The final answer to a request: hand it on; its id is free again.
    Final,
    /// An entry that cannot be read (RFC 4511 4.5.2 broken inside it): drop it, and count that it was dropped.
    Skipped,
    /// A reference to another server, which is never followed, or an intermediate response (RFC 4511 4.13), which
    /// nothing here asks for: drop it.
    Dropped,
    /// The notice of disconnection (RFC 4511 4.4.1): the directory closes the connection.
    Disconnect,
}

/// Rules of one connection, with its outstanding requests.
#[derive(Debug, Default)]
pub struct Guard {
    /// Message id, and the operation of the response that ends the request.
    outstanding: Vec<(u32, u8)>,
}

impl Guard {
    /// A connection without requests.
    pub fn new() -> Self {
        Guard::default()
    }

    /// Whether a response is still to come.
    pub fn waiting(&self) -> bool {
        !self.outstanding.is_empty()
    }

    /// Registers a request of ours before it is sent, and with it the response that may come.
    ///
    /// # Errors
    /// A request without a response that is known; it must not be sent.
    pub fn sent(&mut self, frame: &[u8]) -> Result<(), Fault> {
        let mut message = Reader::new(Reader::new(frame).take(SEQUENCE)?);
        let id = unsigned(message.take(INTEGER)?)?;
        let (request, _) = message.element()?.ok_or(Fault::Operation)?;
        if request == UNBIND_REQUEST {
            return Ok(());
        }
        let (_, response) = RESPONSES.iter().find(|(known, _)| *known == request).ok_or(Fault::Operation)?;
        self.outstanding.push((id, *response));
        Ok(())
    }

    /// Judges one whole message of the directory: `frame` must be as long as [`frame_length`] said.
    ///
    /// # Errors
    /// The message broke a rule, and nothing that follows can be trusted: the connection must be closed.
    pub fn check(&mut self, frame: &[u8]) -> Result<Passed, Fault> {
        well_formed(frame)?;
        let mut outer = Reader::new(frame);
        let mut message = Reader::new(outer.take(SEQUENCE)?);
        outer.end()?;
        let id = unsigned(message.take(INTEGER)?)?;
        let (operation, content) = message.element()?.ok_or(Fault::Shape)?;
        if id == 0 {
            // Active Directory puts the name of the notice where the controls belong, so nothing more is asked of it.
            return if operation == EXTENDED_RESPONSE { Ok(Passed::Disconnect) } else { Err(Fault::MessageId) };
        }
        let place = self.outstanding.iter().position(|(known, _)| *known == id).ok_or(Fault::MessageId)?;
        let (_, response) = self.outstanding.get(place).copied().ok_or(Fault::MessageId)?;
        if let Some(controls) = message.optional(CONTROLS)? {
            check_controls(controls)?;
        }
        message.end()?;
        if operation == response {
            check_result(content)?;
            self.outstanding.swap_remove(place);
            return Ok(Passed::Final);
        }
        match operation {
            _ if response != SEARCH_DONE => Err(Fault::Operation),
            SEARCH_ENTRY if check_entry(content).is_ok() => Ok(Passed::Entry),
            SEARCH_ENTRY => Ok(Passed::Skipped),
            SEARCH_REFERENCE | INTERMEDIATE_RESPONSE => Ok(Passed::Dropped),
            _ => Err(Fault::Operation),
        }
    }
}

/// What a read from the network held, after [`sift`].
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sifted {
    /// Bytes at the start of the buffer that are whole messages to hand on.
    pub keep: usize,
    /// Bytes that were judged; what follows them is the start of a message whose end has not arrived.
    pub judged: usize,
    /// Entries among what is kept.
    pub entries: u64,
    /// Final answers among what is kept.
    pub finals: u64,
    /// Entries dropped.
    pub skipped: u64,
    /// Why nothing after `keep` may be read any more.
    pub end: Option<Ended>,
}

/// Why a connection must not be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The directory said that it closes the connection.
    Disconnect,
    /// A message was refused.
    Refused(Fault),
}

/// Judges all whole messages in `buffer` and moves those to hand on to its start, so that they leave in one write.
/// `limit` is the longest message in bytes.
pub fn sift(guard: &mut Guard, buffer: &mut [u8], limit: usize) -> Sifted {
    let mut sifted = Sifted::default();
    loop {
        let rest = buffer.get(sifted.judged..).unwrap_or_default();
        let passed = match frame_length(rest, limit) {
            Ok(Some(length)) => match rest.get(..length) {
                Some(frame) => guard.check(frame).map(|passed| (passed, length)),
                None => return sifted,
            },
            Ok(None) => return sifted,
            Err(fault) => Err(fault),
        };
        let length = match passed {
            Ok((Passed::Disconnect, _)) => {
                sifted.end = Some(Ended::Disconnect);
                return sifted;
            }
            Err(fault) => {
                sifted.end = Some(Ended::Refused(fault));
                return sifted;
            }
            Ok((passed, length)) => {
                match passed {
                    Passed::Entry => sifted.entries += 1,
                    Passed::Skipped => sifted.skipped += 1,
                    Passed::Final => sifted.finals += 1,
                    Passed::Dropped | Passed::Disconnect => {}
                }
                if matches!(passed, Passed::Entry | Passed::Final) {
                    if sifted.keep != sifted.judged {
                        buffer.copy_within(sifted.judged..sifted.judged + length, sifted.keep);
                    }
                    sifted.keep += length;
                }
                length
            }
        };
        sifted.judged += length;
    }
}

/// The cookie in the value of a paged-results control (RFC 2696, section 2).
///
/// # Errors
/// The value is not of that form.
pub fn paged_cookie(value: &[u8]) -> Result<&[u8], Fault> {
    let mut outer = Reader::new(value);
    let mut inner = Reader::new(outer.take(SEQUENCE)?);
    outer.end()?;
    // The server's estimate of the result size. Nothing depends on it, so a negative one is no reason to stop.
    if !(1..=8).contains(&inner.take(INTEGER)?.len()) {
        return Err(Fault::Shape);
    }
    let cookie = inner.take(OCTET_STRING)?;
    inner.end()?;
    Ok(cookie)
}

/// Code and text of an LDAPResult (RFC 4511, section 4.1.9), the content of a final answer that [`Guard::check`]
/// passed.
///
/// # Errors
/// It holds none.
pub fn result_of(frame: &[u8]) -> Result<(u32, &str), Fault> {
    let mut message = Reader::new(Reader::new(frame).take(SEQUENCE)?);
    message.take(INTEGER)?;
    let (_, content) = message.element()?.ok_or(Fault::Shape)?;
    let mut result = Reader::new(content);
    let code = unsigned(result.take(ENUMERATED)?)?;
    result.take(OCTET_STRING)?;
    Ok((code, text(result.take(OCTET_STRING)?)?))
}

/// An LDAPResult that the library reads without a panic: code, two texts, and of the elements that may follow, of which
/// it looks at the number only, each known one of its own class and kind.
fn check_result(content: &[u8]) -> Result<(), Fault> {
    let mut result = Reader::new(content);
    unsigned(result.take(ENUMERATED)?)?;
    text(result.take(OCTET_STRING)?)?;
    text(result.take(OCTET_STRING)?)?;
    while let Some((tag, content)) = result.element()? {
        match tag {
            REFERRAL => {
                let mut uris = Reader::new(content);
                while !uris.is_empty() {
                    text(uris.take(OCTET_STRING)?)?;
                }
            }
            RESPONSE_NAME => drop(text(content)?),
            SASL_CREDENTIALS | RESPONSE_VALUE => {}
            _ if matches!(tag & 0x1f, 3 | 7 | 10 | 11) => return Err(Fault::Shape),
            _ => {}
        }
    }
    Ok(())
}

fn check_controls(content: &[u8]) -> Result<(), Fault> {
    let mut controls = Reader::new(content);
    while !controls.is_empty() {
        let mut control = Reader::new(controls.take(SEQUENCE)?);
        let oid = text(control.take(OCTET_STRING)?)?;
        if control.optional(BOOLEAN)?.is_some_and(|flag| flag.len() != 1) {
            return Err(Fault::Shape);
        }
        let value = control.optional(OCTET_STRING)?;
        control.end()?;
        if oid == PAGED_RESULTS {
            paged_cookie(value.ok_or(Fault::Shape)?)?;
        }
    }
    Ok(())
}

fn check_entry(content: &[u8]) -> Result<(), Fault> {
    let mut entry = Reader::new(content);
    let dn = entry.take(OCTET_STRING)?;
    if dn.len() > MAX_DN_BYTES {
        return Err(Fault::TooLarge);
    }
    text(dn)?;
    let mut attributes = Reader::new(entry.take(SEQUENCE)?);
    while !attributes.is_empty() {
        let mut attribute = Reader::new(attributes.take(SEQUENCE)?);
        if text(attribute.take(OCTET_STRING)?)?.is_empty() {
            return Err(Fault::Shape);
        }
        let mut values = Reader::new(attribute.take(SET)?);
        while !values.is_empty() {
            values.take(OCTET_STRING)?;
        }
    }
    Ok(())
}
