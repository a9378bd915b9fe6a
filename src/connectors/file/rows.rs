//! The rows of delimited text, read no further than a limit. Each file is taken for hostile: a line may never end, a
//! quote may never close, and bytes may be anything.

use std::io::{self, Cursor, ErrorKind, Read};

use csv::StringRecord;

/// How many bytes are read of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// To the end of the header.
    pub(super) header: u64,
    /// To the end of the rows that types are told from.
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
const UTF_8_MARK: &[u8] = b"\xEF\xBB\xBF";

type Source<R> = io::Chain<Cursor<Vec<u8>>, R>;

/// Rows one after another; blank lines are none.
pub(super) struct Rows<R> {
    csv: csv::Reader<Bounded<Source<R>>>,
    record: StringRecord,
    number: u64,
}

impl<R: Read> Rows<R> {
    /// Begins behind the byte-order mark.
    pub(super) fn new(mut file: R, delimiter: u8) -> Result<Rows<R>, Fault> {
        let mut start = Vec::new();
        file.by_ref().take(UTF_8_MARK.len() as u64).read_to_end(&mut start).map_err(|e| Fault::Io(e.kind()))?;
        if start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF") {
            return Err(Fault::Utf16);
        }
        if start == UTF_8_MARK {
            start.clear();
        }
        let bounded = Bounded { source: Cursor::new(start).chain(file), read: 0, until: 0, over: false, ended: false };
        let csv = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(bounded);
        Ok(Rows { csv, record: StringRecord::new(), number: 0 })
    }

    /// The next row, which has to end before that many bytes of the file; none at its end. Nothing follows a fault.
    pub(super) fn next(&mut self, until: u64) -> Result<Option<&StringRecord>, Fault> {
        self.csv.get_mut().until = until;
        self.number += 1;
        match self.csv.read_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(None),
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
                return Ok(None);
            }
            if last.ends_with(END) {
                return Err(Fault::OpenQuote);
            }
        }
        Ok(Some(&self.record))
    }

    /// The number of the row that was asked for last. The header is row 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The bytes of the file up to the end of that row.
    pub(super) fn position(&self) -> u64 {
        self.csv.position().byte()
    }
}

/// Fails where more is read than may be.
struct Bounded<R> {
    source: R,
    read: u64,
    until: u64,
    over: bool,
    ended: bool,
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
            return Ok(count);
        }
        self.ended = true;
        let Some(end) = into.get_mut(..END.len()) else { return Ok(0) };
        end.copy_from_slice(END);
        Ok(END.len())
    }
}
