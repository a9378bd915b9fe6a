//! Decoding of files to UTF-8, in a stream. Bytes that an encoding does not allow end the file as an error: no
//! replacement character ever stands for them.

use std::fmt;
use std::io::{self, ErrorKind, Read};

use crate::domain::text::UTF8_BOM;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Windows1252,
    /// Printable characters only: 0x80 to 0x9F are a sign of Windows-1252.
    Iso8859,
    /// By its byte-order mark, little endian without one.
    Utf16,
}

impl Encoding {
    const ALL: [Encoding; 4] = [Encoding::Utf8, Encoding::Windows1252, Encoding::Iso8859, Encoding::Utf16];

    /// Encoding of the setting; none means UTF-8.
    pub(super) fn named(name: &str) -> Option<Encoding> {
        if name.is_empty() { Some(Encoding::Utf8) } else { Self::ALL.into_iter().find(|e| e.name() == name) }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Windows1252 => "Windows-1252",
            Encoding::Iso8859 => "ISO-8859-1",
            Encoding::Utf16 => "UTF-16",
        }
    }
}

/// Bytes that are no character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadBytes {
    pub encoding: Encoding,
    pub bytes: Vec<u8>,
    /// Position of the first in the file, from 1.
    pub position: u64,
    /// The file ends within a character.
    pub cut_off: bool,
}

impl fmt::Display for BadBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.bytes {
            write!(f, "0x{byte:02X} ")?;
        }
        let end = if self.cut_off { ", where the file ends" } else { "" };
        write!(f, "at byte {} of the file{end}", self.position)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DecodeError {
    Bytes(BadBytes),
    /// The file begins as this encoding does, and another is set.
    Mark(Encoding),
}

/// Reader of UTF-8. After an error of kind `InvalidData`, [`Decoder::error`] says what it was.
pub(super) struct Decoder<R> {
    source: R,
    encoding: Encoding,
    big_endian: bool,
    begun: bool,
    ended: bool,
    /// Bytes of the file that are not decoded yet: a part of a character at most.
    raw: Vec<u8>,
    /// Bytes of the file before `raw`.
    decoded: u64,
    out: Vec<u8>,
    /// Bytes of `out` that were handed over.
    taken: usize,
    error: Option<DecodeError>,
}

/// What decoding used of its input: whole characters, then perhaps bytes that are none. The rest is a part of one.
struct Used {
    good: usize,
    bad: usize,
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(source: R, encoding: Encoding) -> Decoder<R> {
        let (raw, out) = (Vec::new(), Vec::new());
        Decoder {
            source,
            encoding,
            big_endian: false,
            begun: false,
            ended: false,
            raw,
            decoded: 0,
            out,
            taken: 0,
            error: None,
        }
    }

    pub(super) fn error(&self) -> Option<&DecodeError> {
        self.error.as_ref()
    }

    /// Reads the byte-order mark.
    fn begin(&mut self) -> io::Result<()> {
        self.begun = true;
        self.source.by_ref().take(UTF8_BOM.len() as u64).read_to_end(&mut self.raw)?;
        let found = match self.raw.as_slice() {
            UTF8_BOM => Some((Encoding::Utf8, 3)),
            [0xFF, 0xFE, ..] => Some((Encoding::Utf16, 2)),
            [0xFE, 0xFF, ..] => Some((Encoding::Utf16, 2)),
            _ => None,
        };
        let Some((found, length)) = found else { return Ok(()) };
        if found != self.encoding {
            self.error = Some(DecodeError::Mark(found));
            return Ok(());
        }
        self.big_endian = self.raw.starts_with(&[0xFE]);
        self.raw.drain(..length);
        self.decoded += length as u64;
        Ok(())
    }

    /// Reads at most `max` bytes and decodes what is whole.
    fn fill(&mut self, max: usize) -> io::Result<()> {
        let kept = self.raw.len();
        self.raw.resize(kept + max, 0);
        let read = self.source.read(self.raw.get_mut(kept..).unwrap_or_default());
        self.raw.truncate(kept + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        self.decode();
        Ok(())
    }

    fn decode(&mut self) {
        let used = match self.encoding {
            Encoding::Utf8 => utf8(&self.raw, &mut self.out),
            Encoding::Windows1252 => single_bytes(&self.raw, windows_1252, &mut self.out),
            Encoding::Iso8859 => single_bytes(&self.raw, iso_8859_1, &mut self.out),
            Encoding::Utf16 => utf16(&self.raw, self.big_endian, &mut self.out),
        };
        self.raw.drain(..used.good);
        self.decoded += used.good as u64;
        let cut_off = self.ended && used.bad == 0;
        let bad = if cut_off { self.raw.len() } else { used.bad };
        if bad > 0 {
            let bytes = self.raw.get(..bad).unwrap_or_default().to_vec();
            let position = self.decoded + 1;
            self.error = Some(DecodeError::Bytes(BadBytes { encoding: self.encoding, bytes, position, cut_off }));
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        while self.taken == self.out.len() {
            if self.error.is_some() {
                return Err(io::Error::from(ErrorKind::InvalidData));
            }
            if self.ended {
                return Ok(0);
            }
            self.out.clear();
            self.taken = 0;
            if self.begun { self.fill(into.len())? } else { self.begin()? }
        }
        let count = self.out.get(self.taken..).unwrap_or_default().read(into)?;
        self.taken += count;
        Ok(count)
    }
}

fn utf8(raw: &[u8], out: &mut Vec<u8>) -> Used {
    let (good, bad) = match std::str::from_utf8(raw) {
        Ok(text) => (text.len(), 0),
        Err(e) => (e.valid_up_to(), e.error_len().unwrap_or(0)),
    };
    out.extend_from_slice(raw.get(..good).unwrap_or_default());
    Used { good, bad }
}

fn single_bytes(raw: &[u8], character: impl Fn(u8) -> Option<char>, out: &mut Vec<u8>) -> Used {
    for (good, byte) in raw.iter().enumerate() {
        match character(*byte) {
            Some(c) => push(c, out),
            None => return Used { good, bad: 1 },
        }
    }
    Used { good: raw.len(), bad: 0 }
}

fn push(c: char, out: &mut Vec<u8>) {
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
}

fn iso_8859_1(byte: u8) -> Option<char> {
    (!(0x80..=0x9F).contains(&byte)).then_some(char::from(byte))
}

fn windows_1252(byte: u8) -> Option<char> {
    /// 0x80 to 0x9F; a blank where no character is assigned.
    const TABLE: [char; 32] = [
        '€', ' ', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', ' ', 'Ž', ' ', //
        ' ', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', ' ', 'ž', 'Ÿ',
    ];
    let special = byte.checked_sub(0x80).and_then(|n| TABLE.get(usize::from(n)));
    special.map_or(Some(char::from(byte)), |c| Some(*c).filter(|c| *c != ' '))
}

fn utf16(raw: &[u8], big_endian: bool, out: &mut Vec<u8>) -> Used {
    let unit = |at: usize| {
        let pair: [u8; 2] = raw.get(at..at + 2)?.try_into().ok()?;
        Some(if big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) })
    };
    let mut good = 0;
    while let Some(first) = unit(good) {
        let second = if (0xD800..0xDC00).contains(&first) { unit(good + 2) } else { None };
        if second.is_none() && (0xD800..0xDC00).contains(&first) {
            // The other half of the character follows with the next bytes.
            break;
        }
        let units = std::iter::once(first).chain(second);
        match char::decode_utf16(units).next() {
            Some(Ok(c)) => {
                push(c, out);
                good += 2 * c.len_utf16();
            }
            _ => return Used { good, bad: 2 },
        }
    }
    Used { good, bad: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads in steps of so many bytes, as slowly as a network might.
    fn decoded(bytes: &[u8], encoding: Encoding, step: usize) -> Result<String, DecodeError> {
        let mut decoder = Decoder::new(bytes, encoding);
        let (mut all, mut part) = (Vec::new(), vec![0; step]);
        loop {
            match decoder.read(&mut part) {
                Ok(0) => return Ok(String::from_utf8(all).expect("UTF-8")),
                Ok(n) => all.extend_from_slice(&part[..n]),
                Err(_) => return Err(decoder.error().expect("an error").clone()),
            }
        }
    }

    fn bytes_of(text: &str, unit: impl Fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    const STEPS: [usize; 6] = [1, 2, 3, 4, 7, 65_536];

    #[test]
    fn texts_are_the_same_in_every_encoding() {
        let text = "id,größe\r\n1,Zoë 東京 😀\n";
        let marked = |text: &str| format!("\u{feff}{text}");
        for (bytes, encoding) in [
            (text.as_bytes().to_vec(), Encoding::Utf8),
            (marked(text).into_bytes(), Encoding::Utf8),
            (bytes_of(text, u16::to_le_bytes), Encoding::Utf16),
            (bytes_of(&marked(text), u16::to_le_bytes), Encoding::Utf16),
            (bytes_of(&marked(text), u16::to_be_bytes), Encoding::Utf16),
        ] {
            for step in STEPS {
                assert_eq!(decoded(&bytes, encoding, step).as_deref(), Ok(text), "{encoding:?} by {step}");
            }
        }
        for step in STEPS {
            let windows = decoded(b"M\xFCller \x80 \x96 \x9F", Encoding::Windows1252, step);
            assert_eq!(windows.as_deref(), Ok("Müller € – Ÿ"));
            assert_eq!(decoded(b"M\xFCller \xA0\xFF", Encoding::Iso8859, step).as_deref(), Ok("Müller \u{a0}ÿ"));
            for encoding in Encoding::ALL {
                assert_eq!(decoded(b"", encoding, step).as_deref(), Ok(""));
            }
        }
    }

    #[test]
    fn bytes_that_are_no_character_are_named_with_their_position() {
        let surrogates = [0x61, 0, 0x00, 0xDC, 0x62, 0];
        for (bytes, encoding, bad, position, cut_off) in [
            (&b"M\xFCller"[..], Encoding::Utf8, &b"\xFC"[..], 2, false),
            (b"\xEF\xBB\xBFab\xE2\x28", Encoding::Utf8, b"\xE2", 6, false),
            (b"ab\xC3,\xBC", Encoding::Utf8, b"\xC3", 3, false),
            (b"ab\xF0\x9F\x98", Encoding::Utf8, b"\xF0\x9F\x98", 3, true),
            (b"\xED\xA0\x80", Encoding::Utf8, b"\xED", 1, false),
            (b"ab\x81", Encoding::Windows1252, b"\x81", 3, false),
            (b"\x9D", Encoding::Windows1252, b"\x9D", 1, false),
            (b"5 \x80", Encoding::Iso8859, b"\x80", 3, false),
            (&surrogates, Encoding::Utf16, b"\x00\xDC", 3, false),
            (b"\xFF\xFE\x00\xD8\x61\x00", Encoding::Utf16, b"\x00\xD8", 3, false),
            (b"a\0b", Encoding::Utf16, b"b", 3, true),
            (b"a\0\x3D\xD8", Encoding::Utf16, b"\x3D\xD8", 3, true),
        ] {
            for step in STEPS {
                let error = decoded(bytes, encoding, step).expect_err("bad");
                let wanted = BadBytes { encoding, bytes: bad.to_vec(), position, cut_off };
                assert_eq!(error, DecodeError::Bytes(wanted), "{bytes:?} by {step}");
            }
        }
    }

    #[test]
    fn a_mark_of_another_encoding_is_an_error() {
        for encoding in Encoding::ALL {
            for (mark, of) in [
                (&b"\xEF\xBB\xBFid"[..], Encoding::Utf8),
                (b"\xFF\xFEi\0", Encoding::Utf16),
                (b"\xFE\xFF\0i", Encoding::Utf16),
            ] {
                let found = decoded(mark, encoding, 64);
                assert_eq!(found.is_ok(), of == encoding, "{mark:?} as {encoding:?}");
                assert!(found.is_ok() || found == Err(DecodeError::Mark(of)), "{mark:?} as {encoding:?}");
            }
            assert_eq!(Encoding::named(encoding.name()), Some(encoding));
        }
        assert_eq!(Encoding::named(""), Some(Encoding::Utf8));
        assert_eq!(Encoding::named("utf-7"), None);
    }

    #[test]
    fn what_comes_before_bad_bytes_is_read_first() {
        let mut decoder = Decoder::new(&b"good\xFF"[..], Encoding::Utf8);
        let mut into = [0; 64];
        assert_eq!(decoder.read(&mut into).expect("good bytes"), 4);
        assert_eq!(decoder.read(&mut into).expect_err("bad byte").kind(), ErrorKind::InvalidData);
    }
}
