//! Columns of a file: names from the header, types from the cells.

use std::sync::Arc;

use csv::StringRecord;

use crate::connectors::file::header::{Header, Shape};
use crate::connectors::file::infer::Column;
use crate::connectors::file::settings::FileSettings;
use crate::domain::schema::{SeenAttribute, Writability};
use crate::domain::text::count;

pub(super) struct Columns {
    header: Header,
    /// In the order of the header's names.
    columns: Vec<Column>,
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

impl Columns {
    pub(super) fn of(header: Header) -> Columns {
        let repeated = |place| header.fields(place).len() > 1;
        let columns = (0..header.names().len()).map(|place| Column::new(repeated(place))).collect();
        Columns { header, columns }
    }

    /// Checks whether a row is data. A short row has empty cells at its end.
    pub(super) fn check(&self, row: &StringRecord) -> Option<BadRow> {
        match self.header.shape(row) {
            Shape::Exact | Shape::Short => None,
            Shape::Wide => {
                let (found, wanted) = (count(row.len(), "column"), self.header.width());
                Some(BadRow::TooWide(format!("has {found}, but the header has {wanted}")))
            }
            Shape::Trailer => {
                let line = row.iter().next().unwrap_or_default().trim();
                Some(BadRow::Trailer(format!("is {line:?}, which is not data")))
            }
        }
    }

    /// Warning about skipped rows.
    pub(super) fn skipped(&self, bad: &SkippedRows) -> Option<String> {
        let first = bad.first.as_ref()?;
        let (rows, were) = (count(bad.count, "row"), if bad.count == 1 { "was" } else { "were" });
        let shown = self.header.shown();
        let header = if bad.too_wide {
            format!("; the header was read as {shown}: is the first row the header, and is Delimiter right?")
        } else {
            String::new()
        };
        Some(format!(": {rows} {were} skipped, the first since {first}{header}"))
    }

    pub(super) fn add(&mut self, row: &StringRecord, settings: &FileSettings) {
        for (place, cell) in self.header.places().iter().zip(row) {
            if let Some(column) = self.columns.get_mut(*place) {
                column.add(cell, settings.value_delimiter.as_deref(), settings.culture);
            }
        }
    }

    pub(super) fn attributes(&self) -> Vec<SeenAttribute> {
        let attribute = |(name, column): (&Arc<str>, &Column)| SeenAttribute {
            name: name.clone(),
            description: None,
            class_name: None,
            data_type: column.data_type(),
            plurality: column.plurality(),
            writability: Writability::ReadWrite,
        };
        self.header.names().iter().zip(&self.columns).map(attribute).collect()
    }
}
