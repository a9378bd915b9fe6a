//! Columns of a file: names from the header, types from the cells.

use std::collections::HashMap;
use std::sync::Arc;

use csv::StringRecord;

use crate::connectors::file::infer::Column;
use crate::connectors::file::settings::{FileSettings, MAX_NAME};
use crate::domain::schema::{SeenAttribute, Writability};
use crate::domain::text::count;

const MAX_COLUMNS: usize = 10_000;

/// Columns of a file; those of one name are merged.
pub(super) struct Columns {
    /// Index in `seen` for each field of a row.
    places: Vec<usize>,
    seen: Vec<(Arc<str>, Column)>,
}

/// Reason why a row is not data.
pub(super) enum BadRow {
    /// More cells than the header has columns.
    TooWide(String),
    /// Written by a program below the data.
    Trailer(String),
}

#[derive(Default)]
pub(super) struct SkippedRows {
    count: usize,
    too_wide: bool,
    first: Option<String>,
}

impl SkippedRows {
    /// Counts a bad row; fails if the first one ends the import.
    pub(super) fn add(&mut self, row: BadRow, number: u64, settings: &FileSettings) -> Result<(), String> {
        let (too_wide, why) = match row {
            BadRow::TooWide(why) => (true, why),
            BadRow::Trailer(why) => (false, why),
        };
        let why = format!("row {number} {why}");
        if settings.stop {
            return Err(format!(": {why}; with Stop On First Error off, such rows are skipped"));
        }
        self.count += 1;
        self.too_wide |= too_wide;
        self.first.get_or_insert(why);
        Ok(())
    }
}

/// Whether a line is a trailer of a database client or an old system: `(2 rows affected)`, `(2 rows)`, or 0x1A.
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

impl Columns {
    /// Reads the header; names are trimmed.
    pub(super) fn named(header: &StringRecord) -> Result<Columns, String> {
        if let Some(why) = preamble_error(header) {
            return Err(why);
        }
        if header.len() > MAX_COLUMNS {
            return Err(format!(" has {} columns, but at most {MAX_COLUMNS} are read", header.len()));
        }
        let mut columns = Columns { places: Vec::with_capacity(header.len()), seen: Vec::new() };
        let mut known = HashMap::new();
        for (number, name) in header.iter().map(str::trim).enumerate().map(|(n, name)| (n + 1, name)) {
            if name.is_empty() {
                return Err(format!(": column {number} has no name; the first row has to name every column"));
            }
            if name.chars().count() > MAX_NAME {
                return Err(format!(": the name of column {number} has more than {MAX_NAME} characters"));
            }
            if name.contains('\t') {
                return Err(format!(
                    ": the name of column {number}, {:?}, holds a tab; is Delimiter right?",
                    short(name)
                ));
            }
            if name.contains(char::is_control) {
                return Err(format!(": the name of column {number} holds a control character; save the file as UTF-8"));
            }
            let place = *known.entry(name).or_insert(columns.seen.len());
            match columns.seen.get_mut(place) {
                Some((_, column)) => column.repeat(),
                None => columns.seen.push((Arc::from(name), Column::new())),
            }
            columns.places.push(place);
        }
        Ok(columns)
    }

    /// Field index of the only column of this name.
    pub(super) fn unique(&self, name: &str) -> Result<usize, String> {
        let place = self.seen.iter().position(|(n, _)| n.as_ref() == name);
        let mut fields = self.places.iter().enumerate().filter(|(_, p)| Some(**p) == place).map(|(field, _)| field);
        match (fields.next(), fields.next()) {
            (Some(field), None) => Ok(field),
            (Some(_), Some(_)) => Err(format!(" has several columns {name:?}, so that none can be Object Type Column")),
            (None, _) => {
                let hint = if self.places.len() == 1 { "; is Delimiter right?" } else { "" };
                Err(format!(" has no column {name:?} for Object Type Column, but {}{hint}", self.header()))
            }
        }
    }

    /// Warning that the first row may not be a header, with the remedy.
    pub(super) fn header_warning(&self) -> Option<String> {
        const SEPARATORS: [char; 3] = [',', ';', '|'];
        let header = self.header();
        if let (Some((name, _)), 1) = (self.seen.first(), self.places.len())
            && let Some(held) = name.chars().find(|c| SEPARATORS.contains(c))
        {
            // A header split at the wrong character is one name that holds the separators.
            return Some(format!(" has one column, {header}, whose name holds {held:?}; is Delimiter right?"));
        }
        let (name, _) = self.seen.iter().find(|(name, _)| name.contains('"'))?;
        Some(format!(
            ": the name {name:?} holds a quote; the header was read as {header}; a quote stands only around a whole name, \
             directly behind Delimiter"
        ))
    }

    /// First names of the header, for a message.
    fn header(&self) -> String {
        let first: Vec<String> = self.seen.iter().take(5).map(|(n, _)| format!("{n:?}")).collect();
        let more = if self.seen.len() > first.len() { " and others" } else { "" };
        format!("{}{more}", first.join(", "))
    }

    /// Checks whether a row is data. A short row has empty cells at its end.
    pub(super) fn check(&self, row: &StringRecord) -> Option<BadRow> {
        let (wanted, found) = (self.places.len(), row.len());
        if found > wanted {
            return Some(BadRow::TooWide(format!("has {}, but the header has {wanted}", count(found, "column"))));
        }
        let (Some(only), 1) = (row.iter().next(), found) else { return None };
        is_trailer(only.trim()).then(|| BadRow::Trailer(format!("is {:?}, which is not data", only.trim())))
    }

    /// Warning about skipped rows.
    pub(super) fn skipped(&self, bad: &SkippedRows) -> Option<String> {
        let first = bad.first.as_ref()?;
        let (rows, were) = (count(bad.count, "row"), if bad.count == 1 { "was" } else { "were" });
        let header = if bad.too_wide {
            format!("; the header was read as {}: is the first row the header, and is Delimiter right?", self.header())
        } else {
            String::new()
        };
        Some(format!(": {rows} {were} skipped, the first since {first}{header}"))
    }

    pub(super) fn add(&mut self, row: &StringRecord, settings: &FileSettings) {
        for (place, cell) in self.places.iter().zip(row) {
            if let Some((_, column)) = self.seen.get_mut(*place) {
                column.add(cell, settings.value_delimiter.as_deref(), settings.culture);
            }
        }
    }

    pub(super) fn attributes(self) -> Vec<SeenAttribute> {
        let attribute = |(name, column): (Arc<str>, Column)| SeenAttribute {
            name,
            description: None,
            class_name: None,
            data_type: column.data_type(),
            plurality: column.plurality(),
            writability: Writability::ReadWrite,
        };
        self.seen.into_iter().map(attribute).collect()
    }
}
