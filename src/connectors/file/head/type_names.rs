//! Object type names from a column.

use std::collections::BTreeSet;

use csv::StringRecord;

use crate::connectors::file::settings::{FileSettings, MAX_NAME};
use crate::domain::schema::SeenSchema;

const MAX_TYPES: usize = 1_000;
/// Each type has every column.
const MAX_ATTRIBUTES: usize = 100_000;

pub(super) struct TypeNames<'a> {
    field: usize,
    column: &'a str,
    found: BTreeSet<String>,
    empty: u64,
}

impl<'a> TypeNames<'a> {
    pub(super) fn new(field: usize, column: &'a str) -> TypeNames<'a> {
        TypeNames { field, column, found: BTreeSet::new(), empty: 0 }
    }

    pub(super) fn add(&mut self, row: &StringRecord, number: u64) -> Result<(), String> {
        let name = row.get(self.field).unwrap_or_default().trim();
        if name.is_empty() {
            self.empty += 1;
        } else if !self.found.contains(name) {
            if name.chars().count() > MAX_NAME {
                return Err(self.wrong_column(&format!("a value of more than {MAX_NAME} characters in row {number}")));
            }
            if name.contains(char::is_control) {
                return Err(self.wrong_column(&format!("a control character in row {number}")));
            }
            if self.found.len() == MAX_TYPES {
                return Err(self.wrong_column(&format!("more than {MAX_TYPES} different values")));
            }
            self.found.insert(name.to_owned());
        }
        Ok(())
    }

    fn wrong_column(&self, what: &str) -> String {
        format!(": Object Type Column {:?} holds {what}; is it the right column?", self.column)
    }

    /// The names found; adds warnings to `seen`.
    pub(super) fn names(
        self,
        settings: &FileSettings,
        attributes: usize,
        seen: &mut SeenSchema,
    ) -> Result<BTreeSet<String>, String> {
        if self.found.len() * attributes > MAX_ATTRIBUTES {
            return Err(self.wrong_column(&format!(
                "{} different values, each a type with {attributes} attributes, but at most {MAX_ATTRIBUTES} attributes \
                 are kept",
                self.found.len()
            )));
        }
        if self.empty > 0 {
            let rows = if self.empty == 1 { "1 row names".to_owned() } else { format!("{} rows name", self.empty) };
            seen.warnings
                .push(settings.message(&format!(": {rows} no object type in column {:?}; skipped", self.column)));
        }
        if self.found.is_empty() {
            // A feed that is empty for a day must not remove the known types.
            seen.complete = false;
            seen.warnings.push(settings.message(&format!(
                " names no object types in column {:?}; those that are known are left as they are",
                self.column
            )));
        }
        Ok(self.found)
    }
}
