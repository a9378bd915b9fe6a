//! Bounded reader of delimited text. Files are untrusted: a line or a quote may never end, any byte may occur.

use std::io::{self, ErrorKind, Read};

use csv::StringRecord;

use super::encoding::{BadBytes, DecodeError, Decoder, Encoding};

/// Bytes, of the text as UTF-8.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Up to the end of the header.
    pub(super) header: u64,
    /// Up to the end of the rows from which types are inferred.
    pub(super) head: u64,
    /// Length of each later row.
    pub(super) row: u64,
    /// Up to the last row searched for object type names.
    pub(super) search: u64,
}

impl Limits {
    pub(super) const DEFAULT: Limits = Limits { header: 1 << 20, head: 8 << 20, row: 8 << 20, search: 64 << 20 };
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum RowError {
    /// The row does not end within the limit.
    Limit,
    /// Bytes that are no character, in this line.
    Bytes(BadBytes, u64),
    /// A byte-order mark of another encoding than the one that is set.
    Mark(Encoding),
    OpenQuote,
    Io(ErrorKind),
}

impl RowError {
    /// Text that continues the file's name; `too_long` continues `row 7`.
    pub(super) fn text(&self, row: u64, too_long: &str) -> String {
        match self {
            RowError::Limit => format!(": row {row}{too_long}"),
            RowError::Bytes(bad, line) => {
                let name = bad.encoding.name();
                let other = if bad.encoding == Encoding::Utf8 { "save the file as UTF-8 or set" } else { "check" };
                format!(": row {row} is not {name}: line {line} holds {bad}; {other} Encoding")
            }
            RowError::Mark(found) => {
                let name = found.name();
                let or = if *found == Encoding::Utf8 { "" } else { "save the file as UTF-8 or " };
                format!(": row 1 begins as {name} does; {or}set Encoding to {name}")
            }
            RowError::OpenQuote => format!(": row {row} opens a quote that is never closed"),
            RowError::Io(kind) => format!(" cannot be read: {kind}"),
        }
    }
}

/// `8 MiB`, or `300 bytes`.
pub(super) fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{bytes} bytes"),
        mebibytes => format!("{mebibytes} MiB"),
    }
}

/// Sentinel after the file: a row of its own, unless a quote was left open.
const END: &[u8] = b"\n\0";
const BUFFER: usize = 64 << 10;

/// Iterator over rows; blank lines are skipped.
pub(super) struct Rows<R> {
    csv: csv::Reader<Bounded<Decoder<R>>>,
    record: StringRecord,
}

impl<R: Read> Rows<R> {
    /// Nothing is read yet. A byte-order mark is skipped.
    pub(super) fn new(file: R, encoding: Encoding, delimiter: u8) -> Rows<R> {
        let bounded = Bounded {
            source: Decoder::new(file, encoding),
            read: 0,
            until: 0,
            exceeded: false,
            ended: false,
            last: b'\n',
            lines: Lines { line: 1, ..Lines::default() },
        };
        let csv = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .has_headers(false)
            .flexible(true)
            .buffer_capacity(BUFFER)
            .from_reader(bounded);
        Rows { csv, record: StringRecord::new() }
    }

    /// Next row, which must end before byte `until` of the file, with the number of its first line; `None` at the end.
    /// An error is final.
    pub(super) fn next(&mut self, until: u64) -> Result<Option<(&StringRecord, u64)>, (RowError, u64)> {
        let bounded = self.csv.get_mut();
        bounded.until = until;
        bounded.lines.first = None;
        let begun = bounded.lines.line;
        let read = self.read();
        let end = if read.is_ok() { self.position() } else { u64::MAX };
        let lines = &mut self.csv.get_mut().lines;
        lines.count_to(end);
        let (line, number) = (lines.line, lines.first.unwrap_or(begun));
        match read {
            Ok(there) => Ok(there.then_some((&self.record, number))),
            // Whatever came before the bad bytes was counted, and nothing behind them.
            Err(RowError::Bytes(bad, _)) => Err((RowError::Bytes(bad, line), lines.first.unwrap_or(line))),
            Err(error) => Err((error, number)),
        }
    }

    /// Reads the next row; `false` at the end of the file.
    fn read(&mut self) -> Result<bool, RowError> {
        match self.csv.read_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(e) => {
                let bounded = self.csv.get_ref();
                return Err(match (e.into_kind(), bounded.source.error()) {
                    _ if bounded.exceeded => RowError::Limit,
                    (_, Some(DecodeError::Bytes(bad))) => RowError::Bytes(bad.clone(), 0),
                    (_, Some(DecodeError::Mark(found))) => RowError::Mark(*found),
                    (csv::ErrorKind::Io(e), None) => RowError::Io(e.kind()),
                    _ => RowError::Io(ErrorKind::InvalidData),
                });
            }
        }
        if self.csv.get_ref().ended {
            let last = self.record.iter().next_back().unwrap_or_default().as_bytes();
            if self.record.len() == 1 && last == b"\0" {
                return Ok(false);
            }
            if last.ends_with(END) {
                return Err(RowError::OpenQuote);
            }
        }
        Ok(true)
    }

    /// Whether the last line ends with a line break. Without one, a file that was cut off looks the same.
    pub(super) fn ends_with_line_break(&self) -> bool {
        matches!(self.csv.get_ref().last, b'\n' | b'\r')
    }

    /// End of the last row, in bytes of the text as UTF-8.
    pub(super) fn position(&self) -> u64 {
        self.csv.position().byte()
    }
}

/// Line counter up to the rows read. The library consumes each chunk before it asks for more, so only the last is kept.
#[derive(Default)]
struct Lines {
    /// Line of the next byte.
    line: u64,
    after_return: bool,
    /// Line of the first byte of the row.
    first: Option<u64>,
    chunk: Vec<u8>,
    /// Bytes of the file before the chunk, and bytes counted in it.
    before: u64,
    counted: usize,
}

impl Lines {
    /// Counts up to this byte of the file, or to the end of the chunk.
    fn count_to(&mut self, until: u64) {
        let wanted = usize::try_from(until.saturating_sub(self.before)).unwrap_or(usize::MAX).min(self.chunk.len());
        for byte in self.chunk.get(self.counted..wanted).unwrap_or_default() {
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

    /// Replaces the chunk, which was consumed.
    fn push(&mut self, chunk: &[u8]) {
        self.count_to(u64::MAX);
        self.before += self.chunk.len() as u64;
        self.counted = 0;
        self.chunk.clear();
        self.chunk.extend_from_slice(chunk);
    }
}

/// Reader that fails beyond a limit.
struct Bounded<R> {
    source: R,
    read: u64,
    until: u64,
    exceeded: bool,
    ended: bool,
    /// Last byte of what was read.
    last: u8,
    lines: Lines,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        let left = usize::try_from(self.until.saturating_sub(self.read)).unwrap_or(usize::MAX);
        // At the limit, only one more byte distinguishes a longer file from the end.
        let max = into.len().min(left.max(1));
        let count = loop {
            match self.source.read(into.get_mut(..max).unwrap_or_default()) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        if count > left {
            self.exceeded = true;
            return Err(io::Error::from(ErrorKind::FileTooLarge));
        }
        self.read += count as u64;
        if let Some(last) = into.get(..count).and_then(<[u8]>::last) {
            self.last = *last;
            self.lines.push(into.get(..count).unwrap_or_default());
            return Ok(count);
        }
        self.ended = true;
        let Some(end) = into.get_mut(..END.len()) else { return Ok(0) };
        end.copy_from_slice(END);
        self.lines.push(END);
        Ok(END.len())
    }
}
