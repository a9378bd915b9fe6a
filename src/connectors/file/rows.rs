//! The rows of delimited text, read no further than a limit. Each file is taken for hostile: a line may never end, a
//! quote may never close, and bytes may be anything.

use std::io::{self, Cursor, ErrorKind, Read};

use csv::StringRecord;

use crate::domain::text::UTF8_BOM;

/// How many bytes are read of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// To the end of the header.
    pub(super) header: u64,
    /// To the end of the rows from which types are inferred.
    pub(super) head: u64,
    /// Of each row behind these.
    pub(super) row: u64,
    /// To the last row that is looked at for the name of an object type.
    pub(super) search: u64,
}

impl Limits {
    pub(super) const DEFAULT: Limits = Limits { header: 1 << 20, head: 8 << 20, row: 8 << 20, search: 64 << 20 };
}

/// Why the next row cannot be had.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It does not end within the limit.
    Limit,
    /// It is not UTF-8.
    Encoding,
    /// The file begins as UTF-16 does.
    Utf16,
    /// A quote was opened in it that the rest of the file does not close.
    OpenQuote,
    /// The system refuses.
    Io(ErrorKind),
}

/// What the file is followed by. It would stand in a row of its own, unless a quote was left open.
const END: &[u8] = b"\n\0";
const BUFFER: usize = 64 << 10;

type Source<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// Rows one after another; blank lines are none.
pub(super) struct Rows<R> {
    csv: csv::Reader<Bounded<Source<R>>>,
    record: StringRecord,
}

impl<R: Read> Rows<R> {
    /// Begins behind the byte-order mark.
    pub(super) fn new(mut file: R, delimiter: u8) -> Result<Rows<R>, Fault> {
        let mut start = Vec::new();
        file.by_ref().take(UTF8_BOM.len() as u64).read_to_end(&mut start).map_err(|e| Fault::Io(e.kind()))?;
        if start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF") {
            return Err(Fault::Utf16);
        }
        if start == UTF8_BOM {
            start.clear();
        }
        let source = Cursor::new(start).chain(file);
        let bounded = Bounded { source, read: 0, until: 0, over: false, ended: false, lines: Lines::default() };
        let csv = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(bounded);
        Ok(Rows { csv, record: StringRecord::new() })
    }

    /// The next row, which has to end before that many bytes of the file, with its number; none at its end. The number is
    /// that of the line in which the row begins. Nothing follows a fault.
    pub(super) fn next(&mut self, until: u64) -> Result<Option<(&StringRecord, u64)>, (Fault, u64)> {
        let bounded = self.csv.get_mut();
        bounded.until = until;
        bounded.lines.first = None;
        let begun = bounded.lines.line;
        let read = self.read();
        let end = if read.is_ok() { self.position() } else { u64::MAX };
        let lines = &mut self.csv.get_mut().lines;
        lines.pass(end);
        let number = lines.first.unwrap_or(begun);
        match read {
            Ok(there) => Ok(there.then_some((&self.record, number))),
            Err(fault) => Err((fault, number)),
        }
    }

    /// Reads the next row; false at the end of the file.
    fn read(&mut self) -> Result<bool, Fault> {
        match self.csv.read_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(e) => {
                return Err(match e.into_kind() {
                    csv::ErrorKind::Io(_) if self.csv.get_ref().over => Fault::Limit,
                    csv::ErrorKind::Io(e) => Fault::Io(e.kind()),
                    csv::ErrorKind::Utf8 { .. } => Fault::Encoding,
                    _ => Fault::Io(ErrorKind::InvalidData),
                });
            }
        }
        if self.csv.get_ref().ended {
            let last = self.record.iter().next_back().unwrap_or_default().as_bytes();
            if self.record.len() == 1 && last == b"\0" {
                return Ok(false);
            }
            if last.ends_with(END) {
                return Err(Fault::OpenQuote);
            }
        }
        Ok(true)
    }

    /// The bytes of the file up to the end of the last row.
    pub(super) fn position(&self) -> u64 {
        self.csv.position().byte()
    }
}

/// Counts lines as far as rows were read. The library takes what it was given before it asks for more, so that only the
/// last piece has to be kept.
struct Lines {
    /// The line of the next byte.
    line: u64,
    after_return: bool,
    /// The line of the first byte of the row.
    first: Option<u64>,
    piece: Vec<u8>,
    /// Bytes of the file before the piece, and of the piece that were counted.
    before: u64,
    counted: usize,
}

impl Default for Lines {
    fn default() -> Lines {
        Lines { line: 1, after_return: false, first: None, piece: Vec::new(), before: 0, counted: 0 }
    }
}

impl Lines {
    /// Counts as far as this byte of the file, or to the end of the piece.
    fn pass(&mut self, until: u64) {
        let wanted = usize::try_from(until.saturating_sub(self.before)).unwrap_or(usize::MAX).min(self.piece.len());
        for byte in self.piece.get(self.counted..wanted).unwrap_or_default() {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.line += 1;
                    self.after_return = *byte == b'\r';
                }
                _ => {
                    self.after_return = false;
                    self.first.get_or_insert(self.line);
                }
            }
        }
        self.counted = self.counted.max(wanted);
    }

    /// Takes the next piece, once everything before it was read.
    fn take(&mut self, piece: &[u8]) {
        self.pass(u64::MAX);
        self.before += self.piece.len() as u64;
        self.counted = 0;
        self.piece.clear();
        self.piece.extend_from_slice(piece);
    }
}

/// Fails where more is read than may be.
struct Bounded<R> {
    source: R,
    read: u64,
    until: u64,
    over: bool,
    ended: bool,
    lines: Lines,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        let left = usize::try_from(self.until.saturating_sub(self.read)).unwrap_or(usize::MAX);
        // At the limit the file may still be at its end, which only a byte more can tell.
        let most = into.len().min(left.max(1));
        let count = loop {
            match self.source.read(into.get_mut(..most).unwrap_or_default()) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if count > left {
            self.over = true;
            return Err(io::Error::from(ErrorKind::FileTooLarge));
        }
        self.read += count as u64;
        if count > 0 {
            self.lines.take(into.get(..count).unwrap_or_default());
            return Ok(count);
        }
        self.ended = true;
        let Some(end) = into.get_mut(..END.len()) else { return Ok(0) };
        end.copy_from_slice(END);
        self.lines.take(END);
        Ok(END.len())
    }
}
