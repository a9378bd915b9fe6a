//! Schema of a file from its first rows: names from the header, data types from the values. Where a column names the
//! object types, further rows are searched for them.

use std::collections::BTreeSet;
use std::io::Read;

use csv::StringRecord;

use super::header::Header;
use super::rows::{Limits, RowError, Rows, size};
use super::settings::{FileSettings, Types};
use crate::domain::schema::{SeenSchema, SeenType};

use columns::{Columns, SkippedRows};
use type_names::TypeNames;

mod columns;
mod type_names;

/// Rows from which data types are inferred.
const ROWS: u64 = 50;

/// Reads the header, the first rows and, if needed, further rows for type names. Errors continue the file's name.
pub(super) fn read(file: impl Read, settings: &FileSettings, limits: &Limits) -> Result<SeenSchema, String> {
    let mut rows = Rows::new(file, settings.encoding, settings.delimiter);
    let (header, _) = next(&mut rows, limits.header)?.ok_or(" is empty, but its first row has to name the columns")?;
    let header = Header::read(header)?;
    let mut types = match &settings.types {
        Types::Fixed(_) => None,
        Types::Column(name) => Some(TypeNames::new(header.type_field(name)?, name)),
    };
    let mut seen = SeenSchema { complete: true, ..SeenSchema::default() };
    seen.warnings.extend(header.warning().map(|warning| settings.message(&warning)));
    let mut columns = Columns::of(header);
    let (mut skipped, mut good, mut ended) = (SkippedRows::default(), 0, false);
    for _ in 0..ROWS {
        let Some((row, number)) = next(&mut rows, limits.head)? else {
            ended = true;
            break;
        };
        if let Some(bad) = columns.check(row) {
            skipped.add(bad, number, settings)?;
            continue;
        }
        good += 1;
        columns.add(row, settings);
        if let Some(types) = &mut types {
            types.add(row, number)?;
        }
    }
    if let Some(types) = &mut types
        && !ended
        && let Some(stop) = search(&mut rows, &columns, types, &mut skipped, settings, limits)?
    {
        seen.complete = false;
        seen.warnings.push(settings.message(&stop));
    }
    if let Some(skipped) = columns.skipped(&skipped) {
        // A header that no row fits may not be one: the schema is then not complete.
        seen.complete &= good > 0;
        seen.warnings.push(settings.message(&skipped));
    }
    let attributes = columns.attributes();
    let names = match (&settings.types, types) {
        (Types::Fixed(name), _) => BTreeSet::from([name.clone()]),
        (_, types) => {
            types.map(|types| types.names(settings, attributes.len(), &mut seen)).transpose()?.unwrap_or_default()
        }
    };
    seen.types = names.into_iter().map(|name| SeenType { name: name.into(), attributes: attributes.clone() }).collect();
    Ok(seen)
}

/// Searches further rows for type names. Returns a warning if it stops early; fails only on a bad row.
fn search<R: Read>(
    rows: &mut Rows<R>,
    columns: &Columns,
    types: &mut TypeNames,
    skipped: &mut SkippedRows,
    settings: &FileSettings,
    limits: &Limits,
) -> Result<Option<String>, String> {
    const UNSEEN: &str = "object types that only later rows name were not seen";
    loop {
        let until = limits.search.min(rows.position() + limits.row);
        let stop = match rows.next(until) {
            Ok(None) => return Ok(None),
            Ok(Some((row, number))) => {
                match columns.check(row) {
                    Some(bad) => skipped.add(bad, number, settings)?,
                    None => types.add(row, number)?,
                }
                continue;
            }
            Err((RowError::Limit, _)) if until == limits.search => {
                return Ok(Some(format!(" was read as far as {}; {UNSEEN}", size(until))));
            }
            Err((RowError::Limit, number)) => format!(": row {number} is longer than {}", size(limits.row)),
            Err((error, number)) => error_text(&error, number, until),
        };
        return Ok(Some(format!("{stop}; {UNSEEN}")));
    }
}

fn next<R: Read>(rows: &mut Rows<R>, until: u64) -> Result<Option<(&StringRecord, u64)>, String> {
    rows.next(until).map_err(|(error, number)| error_text(&error, number, until))
}

fn error_text(error: &RowError, row: u64, until: u64) -> String {
    error.text(row, &format!(" does not end within the first {}; is a quote not closed?", size(until)))
}

#[cfg(test)]
mod tests;
