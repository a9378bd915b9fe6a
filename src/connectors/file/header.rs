//! Header of a file: names of the columns, and whether a row fits them.

use std::collections::HashMap;
use std::sync::Arc;

use csv::StringRecord;

use super::settings::MAX_NAME;

const MAX_COLUMNS: usize = 10_000;

/// Columns by name; those of one name are one.
pub(super) struct Header {
    /// Index in `names` for each field of a row.
    places: Vec<usize>,
    names: Vec<Arc<str>>,
}

/// How the cells of a row fit the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Exact,
    Short,
    Wide,
    /// A line that a program wrote below the data: `(2 rows affected)`, `(2 rows)`, or 0x1A.
    Trailer,
}

fn is_trailer(line: &str) -> bool {
    let inner = line.strip_prefix('(').and_then(|l| l.strip_suffix(')')).and_then(|l| l.split_once(' '));
    let counts = inner.is_some_and(|(number, words)| {
        number.parse::<u64>().is_ok() && words.chars().all(|c| c.is_alphabetic() || c == ' ')
    });
    counts || line == "\u{1a}"
}

/// Error for a first row that a program writes above the header.
fn preamble_error(row: &StringRecord) -> Option<String> {
    let first = row.iter().next()?.trim_start();
    let starts = |text: &str| first.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
    if starts("#TYPE ") {
        return Some(format!(
            ": row 1 is {:?}, which PowerShell's Export-Csv writes above the header; export with -NoTypeInformation, or \
             remove that line",
            short(first)
        ));
    }
    // With the separator that it names as Delimiter, it splits into two cells.
    let named = row.len() == 1 && first.chars().count() <= "sep=;".len();
    let split = row.len() == 2 && first.len() == "sep=".len() && row.iter().nth(1).is_some_and(str::is_empty);
    (starts("sep=") && (named || split)).then(|| {
        format!(
            ": row 1 is {:?}, which only Excel reads; remove that line and set Delimiter to what it names",
            short(first)
        )
    })
}

fn short(text: &str) -> String {
    text.trim_end().chars().take(100).collect()
}

fn name_error(number: usize, name: &str) -> Option<String> {
    if name.is_empty() {
        return Some(format!(": column {number} has no name; the first row has to name every column"));
    }
    if name.chars().count() > MAX_NAME {
        return Some(format!(": the name of column {number} has more than {MAX_NAME} characters"));
    }
    if name.contains('\t') {
        return Some(format!(": the name of column {number}, {:?}, holds a tab; is Delimiter right?", short(name)));
    }
    name.contains(char::is_control)
        .then(|| format!(": the name of column {number} holds a control character; is Encoding right?"))
}

impl Header {
    /// Reads the first row; names are trimmed.
    pub(super) fn read(row: &StringRecord) -> Result<Header, String> {
        if let Some(why) = preamble_error(row) {
            return Err(why);
        }
        if row.len() > MAX_COLUMNS {
            return Err(format!(" has {} columns, but at most {MAX_COLUMNS} are read", row.len()));
        }
        let mut header = Header { places: Vec::with_capacity(row.len()), names: Vec::new() };
        let mut known = HashMap::new();
        for (n, name) in row.iter().map(str::trim).enumerate() {
            if let Some(why) = name_error(n + 1, name) {
                return Err(why);
            }
            let place = *known.entry(name).or_insert(header.names.len());
            if place == header.names.len() {
                header.names.push(Arc::from(name));
            }
            header.places.push(place);
        }
        Ok(header)
    }

    pub(super) fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Index in `names` for each field of a row.
    pub(super) fn places(&self) -> &[usize] {
        &self.places
    }

    /// Number of fields.
    pub(super) fn width(&self) -> usize {
        self.places.len()
    }

    /// Fields of the column at this index of `names`.
    pub(super) fn fields(&self, place: usize) -> Vec<usize> {
        self.places.iter().enumerate().filter(|(_, p)| **p == place).map(|(field, _)| field).collect()
    }

    /// Field of Object Type Column.
    pub(super) fn type_field(&self, name: &str) -> Result<usize, String> {
        let place = self.names.iter().position(|n| n.as_ref() == name);
        match place.map(|place| self.fields(place)).unwrap_or_default().as_slice() {
            [field] => Ok(*field),
            [] => {
                let hint = if self.width() == 1 { "; is Delimiter right?" } else { "" };
                Err(format!(" has no column {name:?} for Object Type Column, but {}{hint}", self.shown()))
            }
            _ => Err(format!(" has several columns {name:?}, so that none can be Object Type Column")),
        }
    }

    /// Warning that the first row may not be a header, with the remedy.
    pub(super) fn warning(&self) -> Option<String> {
        const SEPARATORS: [char; 3] = [',', ';', '|'];
        let shown = self.shown();
        if let (Some(name), 1) = (self.names.first(), self.width())
            && let Some(held) = name.chars().find(|c| SEPARATORS.contains(c))
        {
            // A header split at the wrong character is one name that holds the separators.
            return Some(format!(" has one column, {shown}, whose name holds {held:?}; is Delimiter right?"));
        }
        let name = self.names.iter().find(|name| name.contains('"'))?;
        Some(format!(
            ": the name {name:?} holds a quote; the header was read as {shown}; a quote stands only around a whole name, \
             directly behind Delimiter"
        ))
    }

    /// First names, for a message.
    pub(super) fn shown(&self) -> String {
        let first: Vec<String> = self.names.iter().take(5).map(|n| format!("{n:?}")).collect();
        let more = if self.names.len() > first.len() { " and others" } else { "" };
        format!("{}{more}", first.join(", "))
    }

    pub(super) fn shape(&self, row: &StringRecord) -> Shape {
        let only = row.iter().next().filter(|_| row.len() == 1);
        match row.len().cmp(&self.width()) {
            std::cmp::Ordering::Greater => Shape::Wide,
            _ if only.is_some_and(|only| is_trailer(only.trim())) => Shape::Trailer,
            std::cmp::Ordering::Less => Shape::Short,
            std::cmp::Ordering::Equal => Shape::Exact,
        }
    }
}
