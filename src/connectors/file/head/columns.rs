//! The columns that a header names, and what their cells tell of them.

use std::collections::HashMap;
use std::sync::Arc;

use csv::StringRecord;

use crate::connectors::file::infer::Column;
use crate::connectors::file::settings::{FileSettings, MAX_NAME};
use crate::domain::schema::{SeenAttribute, Writability};
use crate::domain::text::count;

const MAX_COLUMNS: usize = 10_000;

/// The columns of a file, those of one name as one.
pub(super) struct Columns {
    /// For each field of a row the place of its column in `seen`.
    places: Vec<usize>,
    seen: Vec<(Arc<str>, Column)>,
}

impl Columns {
    /// Names are compared and kept without the blanks around them.
    pub(super) fn named(header: &StringRecord) -> Result<Columns, String> {
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

    /// The field of the one column of that name.
    pub(super) fn only(&self, name: &str) -> Result<usize, String> {
        let place = self.seen.iter().position(|(n, _)| n.as_ref() == name);
        let mut fields = self.places.iter().enumerate().filter(|(_, p)| Some(**p) == place).map(|(field, _)| field);
        match (fields.next(), fields.next()) {
            (Some(field), None) => Ok(field),
            (Some(_), Some(_)) => Err(format!(" has several columns {name:?}, so that none can be Object Type Column")),
            (None, _) => {
                let first: Vec<String> = self.seen.iter().take(5).map(|(n, _)| format!("{n:?}")).collect();
                let more = if self.seen.len() > first.len() { " and others" } else { "" };
                let hint = if self.places.len() == 1 { "; is Delimiter right?" } else { "" };
                let names = first.join(", ");
                Err(format!(" has no column {name:?} for Object Type Column, but {names}{more}{hint}"))
            }
        }
    }

    /// A header that was not split is one name, which holds what stands between the names.
    pub(super) fn doubt(&self) -> Option<String> {
        let (name, _) = self.seen.first().filter(|_| self.places.len() == 1)?;
        let held = name.chars().find(|c| matches!(c, ',' | ';' | '\t' | '|'))?;
        Some(format!(" has one column, whose name holds {held:?}; is Delimiter right?"))
    }

    /// A row has a cell for each column, or who knows which cell is whose.
    pub(super) fn check(&self, row: &StringRecord, number: u64) -> Result<(), String> {
        let (wanted, found) = (self.places.len(), row.len());
        if found == wanted {
            Ok(())
        } else {
            let found = count(found, "column");
            Err(format!(": row {number} has {found}, but the header has {wanted}"))
        }
    }

    /// Takes note of a row.
    pub(super) fn note(&mut self, row: &StringRecord, settings: &FileSettings) {
        for (place, cell) in self.places.iter().zip(row) {
            if let Some((_, column)) = self.seen.get_mut(*place) {
                column.note(cell, settings.value_delimiter.as_deref(), settings.culture);
            }
        }
    }

    /// What each column is, as far as its cells tell.
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
