//! Validation of every message of a directory before the LDAP library parses it: framing, nesting, size, shape.
//!
//! The library recurses over nested elements, which could overflow the stack, and panics on messages of the wrong
//! shape. Pure: no I/O, no clock, no allocation per message. Covers the responses to every request of RFC 4511.

#[cfg(test)]
mod tests;

use super::ber::{
    BOOLEAN, BerError, ENUMERATED, INTEGER, OCTET_STRING, Reader, SEQUENCE, SET, frame_length, text, unsigned,
    well_formed,
};
use crate::domain::dn::MAX_DN_BYTES;

/// Control of paged results (RFC 2696).
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

/// Requests (bind, search, modify, add, delete, modifyDN, compare, extended) with their final responses, which are all
/// an LDAPResult (RFC 4511, section 4.1.9).
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    /// An entry of a search, to forward.
    Entry,
    /// The final response to a request, to forward; its id is free again.
    Final,
    /// A malformed entry (RFC 4511 4.5.2), to drop and count.
    Skipped,
    /// A search reference (RFC 4511 4.5.3), never followed, to drop and count.
    Reference,
    /// An unrequested intermediate response (RFC 4511 4.13), to drop.
    Dropped,
    /// Notice of disconnection (RFC 4511 4.4.1).
    Disconnect,
}

/// Validator of one connection, with its outstanding requests.
#[derive(Debug, Default)]
pub struct Guard {
    /// Message id and operation of the final response.
    outstanding: Vec<(u32, u8)>,
}

impl Guard {
    pub fn waiting(&self) -> bool {
        !self.outstanding.is_empty()
    }

    /// Registers an outgoing request; on an error it must not be sent.
    pub fn sent(&mut self, frame: &[u8]) -> Result<(), BerError> {
        let mut message = Reader::new(Reader::new(frame).take(SEQUENCE)?);
        let id = unsigned(message.take(INTEGER)?)?;
        let (request, _) = message.element()?.ok_or(BerError::Operation)?;
        if request == UNBIND_REQUEST {
            return Ok(());
        }
        let (_, response) = RESPONSES.iter().find(|(known, _)| *known == request).ok_or(BerError::Operation)?;
        self.outstanding.push((id, *response));
        Ok(())
    }

    /// Validates a message of the length from [`frame_length`]. After an error the connection must be closed.
    pub fn check(&mut self, frame: &[u8]) -> Result<Passed, BerError> {
        well_formed(frame)?;
        let mut outer = Reader::new(frame);
        let mut message = Reader::new(outer.take(SEQUENCE)?);
        outer.end()?;
        let id = unsigned(message.take(INTEGER)?)?;
        let (operation, content) = message.element()?.ok_or(BerError::Shape)?;
        if id == 0 {
            // Active Directory puts the name of the notice where the controls belong, so the rest is not checked.
            return if operation == EXTENDED_RESPONSE { Ok(Passed::Disconnect) } else { Err(BerError::MessageId) };
        }
        let place = self.outstanding.iter().position(|(known, _)| *known == id).ok_or(BerError::MessageId)?;
        let (_, response) = self.outstanding.get(place).copied().ok_or(BerError::MessageId)?;
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
            _ if response != SEARCH_DONE => Err(BerError::Operation),
            SEARCH_ENTRY if check_entry(content).is_ok() => Ok(Passed::Entry),
            SEARCH_ENTRY => Ok(Passed::Skipped),
            SEARCH_REFERENCE => Ok(Passed::Reference),
            INTERMEDIATE_RESPONSE => Ok(Passed::Dropped),
            _ => Err(BerError::Operation),
        }
    }
}

/// Result of [`sift`] on the bytes of a read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sifted {
    /// Bytes at the start of the buffer that are complete messages to forward.
    pub keep: usize,
    /// Bytes checked; after them an incomplete message may begin.
    pub checked: usize,
    /// Entries to forward.
    pub entries: u64,
    /// Final responses to forward.
    pub finals: u64,
    pub skipped: u64,
    /// Search references, dropped.
    pub references: u64,
    /// Reason to close the connection.
    pub end: Option<Ended>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Disconnect,
    Refused(BerError),
}

/// Validates all complete messages in `buffer` and moves those to forward to its start, for a single write. `limit` is
/// the longest message in bytes.
pub fn sift(guard: &mut Guard, buffer: &mut [u8], limit: usize) -> Sifted {
    let mut sifted = Sifted::default();
    loop {
        let rest = buffer.get(sifted.checked..).unwrap_or_default();
        let passed = frame_length(rest, limit).and_then(|length| {
            let Some(frame) = length.and_then(|length| rest.get(..length)) else { return Ok(None) };
            Ok(Some((guard.check(frame)?, frame.len())))
        });
        let (passed, length) = match passed {
            Ok(Some(passed)) => passed,
            Ok(None) => return sifted,
            Err(error) => return Sifted { end: Some(Ended::Refused(error)), ..sifted },
        };
        match passed {
            Passed::Entry => sifted.entries += 1,
            Passed::Final => sifted.finals += 1,
            Passed::Skipped => sifted.skipped += 1,
            Passed::Reference => sifted.references += 1,
            Passed::Dropped => {}
            Passed::Disconnect => return Sifted { end: Some(Ended::Disconnect), ..sifted },
        }
        if matches!(passed, Passed::Entry | Passed::Final) {
            if sifted.keep != sifted.checked {
                buffer.copy_within(sifted.checked..sifted.checked + length, sifted.keep);
            }
            sifted.keep += length;
        }
        sifted.checked += length;
    }
}

/// Cookie in the value of a paged-results control (RFC 2696, section 2).
pub fn paged_cookie(value: &[u8]) -> Result<&[u8], BerError> {
    let mut outer = Reader::new(value);
    let mut inner = Reader::new(outer.take(SEQUENCE)?);
    outer.end()?;
    // The server's estimate of the result size is not used, so a negative one is no error.
    if !(1..=8).contains(&inner.take(INTEGER)?.len()) {
        return Err(BerError::Shape);
    }
    let cookie = inner.take(OCTET_STRING)?;
    inner.end()?;
    Ok(cookie)
}

/// Code and diagnostic of an LDAPResult (RFC 4511, section 4.1.9) in a final response that [`Guard::check`] passed.
pub fn result_of(frame: &[u8]) -> Result<(u32, &str), BerError> {
    let mut message = Reader::new(Reader::new(frame).take(SEQUENCE)?);
    message.take(INTEGER)?;
    let (_, content) = message.element()?.ok_or(BerError::Shape)?;
    let mut result = Reader::new(content);
    let code = unsigned(result.take(ENUMERATED)?)?;
    result.take(OCTET_STRING)?;
    Ok((code, text(result.take(OCTET_STRING)?)?))
}

/// Checks an LDAPResult: code, two texts, optional elements. The library identifies the latter by tag number only and
/// panics on a known number of another class or kind.
fn check_result(content: &[u8]) -> Result<(), BerError> {
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
            _ if matches!(tag & 0x1f, 3 | 7 | 10 | 11) => return Err(BerError::Shape),
            _ => {}
        }
    }
    Ok(())
}

fn check_controls(content: &[u8]) -> Result<(), BerError> {
    let mut controls = Reader::new(content);
    while !controls.is_empty() {
        let mut control = Reader::new(controls.take(SEQUENCE)?);
        let oid = text(control.take(OCTET_STRING)?)?;
        if control.optional(BOOLEAN)?.is_some_and(|flag| flag.len() != 1) {
            return Err(BerError::Shape);
        }
        let value = control.optional(OCTET_STRING)?;
        control.end()?;
        if oid == PAGED_RESULTS {
            paged_cookie(value.ok_or(BerError::Shape)?)?;
        }
    }
    Ok(())
}

fn check_entry(content: &[u8]) -> Result<(), BerError> {
    let mut entry = Reader::new(content);
    let dn = entry.take(OCTET_STRING)?;
    if dn.len() > MAX_DN_BYTES {
        return Err(BerError::TooLarge);
    }
    text(dn)?;
    let mut attributes = Reader::new(entry.take(SEQUENCE)?);
    while !attributes.is_empty() {
        let mut attribute = Reader::new(attributes.take(SEQUENCE)?);
        if text(attribute.take(OCTET_STRING)?)?.is_empty() {
            return Err(BerError::Shape);
        }
        let mut values = Reader::new(attribute.take(SET)?);
        while !values.is_empty() {
            values.take(OCTET_STRING)?;
        }
    }
    Ok(())
}
