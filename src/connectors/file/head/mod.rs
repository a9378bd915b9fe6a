//! From the first rows of a file to a schema: names from the header, types from the values, and where a column names
//! the object types, those from as many rows as are looked at.

use std::collections::BTreeSet;
use std::io::Read;

use csv::StringRecord;

use super::rows::{Fault, Limits, Rows};
use super::settings::{FileSettings, Types};
use crate::domain::schema::{SeenSchema, SeenType};

use columns::{BadRows, Columns};
use type_names::TypeNames;

mod columns;
mod type_names;

/// Rows from which types are inferred.
const ROWS: u64 = 50;

/// Reads header, first rows and, if need be, the names of types behind them. Faults and warnings are to be read behind
/// the file's name.
pub(super) fn read(file: impl Read, settings: &FileSettings, limits: &Limits) -> Result<SeenSchema, String> {
    let mut rows = Rows::new(file, settings.delimiter).map_err(|fault| fault_text(&fault, 1, limits.header))?;
    let (header, _) = next(&mut rows, limits.header)?.ok_or(" is empty, but its first row has to name the columns")?;
    let mut columns = Columns::named(header)?;
    let mut types = match &settings.types {
        Types::Fixed(_) => None,
        Types::Column(name) => Some(TypeNames::new(columns.only(name)?, name)),
    };
    let mut seen = SeenSchema { complete: true, ..SeenSchema::default() };
    seen.warnings.extend(columns.doubt().map(|doubt| settings.fault(&doubt)));
    let (mut bad, mut good, mut ended) = (BadRows::default(), 0, false);
    for _ in 0..ROWS {
        let Some((row, number)) = next(&mut rows, limits.head)? else {
            ended = true;
            break;
        };
        if let Some(misfit) = columns.misfit(row) {
            bad.note(misfit, number, settings)?;
            continue;
        }
        good += 1;
        columns.note(row, settings);
        if let Some(types) = &mut types {
            types.note(row, number)?;
        }
    }
    if let Some(types) = &mut types
        && !ended
        && let Some(stop) = search(&mut rows, &columns, types, &mut bad, settings, limits)?
    {
        seen.complete = false;
        seen.warnings.push(settings.fault(&stop));
    }
    if let Some(skipped) = columns.skipped(&bad) {
        // A header that no row fits may be none, and what it lacks is not known to be gone.
        seen.complete &= good > 0;
        seen.warnings.push(settings.fault(&skipped));
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

/// Looks on for names of types. Returns the warning if it stops before the end. Fails only
/// on a bad row that ends the import.
fn search<R: Read>(
    rows: &mut Rows<R>,
    columns: &Columns,
    types: &mut TypeNames,
    bad: &mut BadRows,
    settings: &FileSettings,
    limits: &Limits,
) -> Result<Option<String>, String> {
    const UNSEEN: &str = "object types that only later rows name were not seen";
    loop {
        let until = limits.search.min(rows.position() + limits.row);
        let stop = match rows.next(until) {
            Ok(None) => return Ok(None),
            Ok(Some((row, number))) => {
                match columns.misfit(row) {
                    Some(misfit) => bad.note(misfit, number, settings)?,
                    None => types.note(row, number)?,
                }
                continue;
            }
            Err((Fault::Limit, _)) if until == limits.search => {
                return Ok(Some(format!(" was read as far as {}; {UNSEEN}", size(until))));
            }
            Err((Fault::Limit, number)) => format!(": row {number} is longer than {}", size(limits.row)),
            Err((fault, number)) => fault_text(&fault, number, until),
        };
        return Ok(Some(format!("{stop}; {UNSEEN}")));
    }
}

fn next<R: Read>(rows: &mut Rows<R>, until: u64) -> Result<Option<(&StringRecord, u64)>, String> {
    rows.next(until).map_err(|(fault, number)| fault_text(&fault, number, until))
}

fn fault_text(fault: &Fault, row: u64, until: u64) -> String {
    match fault {
        Fault::Limit => {
            format!(": row {row} does not end within the first {}; is a quote not closed?", size(until))
        }
        Fault::Encoding => format!(": row {row} is not UTF-8; save the file as UTF-8"),
        Fault::Utf16 => ": row 1 begins as UTF-16 does; save the file as UTF-8".to_owned(),
        Fault::OpenQuote => format!(": row {row} opens a quote that is never closed"),
        Fault::Io(kind) => format!(" cannot be read: {kind}"),
    }
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{bytes} bytes"),
        mebibytes => format!("{mebibytes} MiB"),
    }
}

#[cfg(test)]
mod tests;
