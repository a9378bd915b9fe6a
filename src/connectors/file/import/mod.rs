//! Full import of a file. It is read twice: first for everything that ends the run as a whole, then for its objects.
//!
//! `layout` finds columns, `row` makes objects, `ids` finds duplicates, `stamp` notices changes, `pulse` hanging file
//! systems. Memory: one row, one page, 16 bytes for each row of the first pass.

use std::io::Seek;
use std::path::Path;
use std::time::Duration;

use cap_std::fs::File;
use csv::StringRecord;

use super::header::Header;
use super::open::{self, OpenError};
use super::rows::{RowError, Rows, size};
use super::settings::FileSettings;
use crate::connectors::import::{Pages, Reading};
use crate::domain::connector_space::{ImportScope, ReadItem};

use ids::{Duplicates, Ids};
use layout::Layout;
pub(super) use pulse::Pulse;
use pulse::Watched;
use row::{Row, Skip, duplicate, identify, object};
use stamp::Stamp;
use tally::Tally;

mod ids;
mod layout;
mod pulse;
mod row;
#[cfg(test)]
mod sample;
mod stamp;
mod tally;

/// A file as a whole has no limit, and is never held: only its parts have one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Bytes up to the end of the header, of the text as UTF-8.
    header: u64,
    /// Bytes of each later row: a group of 500,000 members named in 60 characters.
    row: u64,
    /// Rows: 16 bytes each in the first pass.
    rows: u64,
    /// Bytes of rows after which a page is sent, full or not.
    page: u64,
    /// Age of the last change below which a writer may still be at work: the import waits for it.
    settled: Duration,
}

impl Limits {
    pub(super) const DEFAULT: Limits =
        Limits { header: 1 << 20, row: 32 << 20, rows: 10_000_000, page: 1 << 20, settled: Duration::from_millis(500) };
}

/// Rows between two looks at whether the run was cancelled.
const ROWS_BETWEEN_LOOKS: u64 = 1_000;

/// Why a file was not read to its end. Texts name the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The file or a setting has to be corrected.
    Refused(String),
    /// The same run may succeed later.
    Changed(String),
    /// The run takes no more items.
    Stopped,
}

/// An open file and what is selected of it.
pub(super) struct Import<'i> {
    root: &'i Path,
    settings: &'i FileSettings,
    scope: &'i ImportScope,
    limits: Limits,
    pulse: &'i Pulse,
    file: File,
    stamp: Stamp,
}

/// What the first pass found.
pub(super) struct Checked {
    /// `None` for a file without a header.
    layout: Option<Layout>,
    duplicates: Duplicates,
}

impl<'i> Import<'i> {
    pub(super) fn open(
        root: &'i Path,
        settings: &'i FileSettings,
        scope: &'i ImportScope,
        limits: Limits,
        pulse: &'i Pulse,
    ) -> Result<Import<'i>, Failure> {
        let refused = |why: &str| Failure::Refused(settings.message(why));
        let file = pulse.during(|| open::open(root, &settings.path)).map_err(|error| match error {
            OpenError::Missing(why) | OpenError::File(why) => refused(&why),
            OpenError::Folder(why) => Failure::Refused(why),
        })?;
        let stamp =
            pulse.during(|| Stamp::of(&file)).map_err(|e| refused(&format!(" cannot be read: {}", e.kind())))?;
        Ok(Import { root, settings, scope, limits, pulse, file, stamp })
    }

    /// First pass: everything that ends the run before it has changed anything. `pages` is empty, and stays so.
    pub(super) fn check(&mut self, pages: &mut Pages) -> Result<Checked, Failure> {
        pages.progress().enter(format!("Checking {}", self.settings.path));
        let checked = self.first_pass(pages);
        std::thread::sleep(self.stamp.until_settled(self.limits.settled));
        self.unless_changed(checked)
    }

    /// Second pass: sends the objects. Nothing is complete if it fails.
    pub(super) fn read(&mut self, checked: Checked, pages: &mut Pages) -> Result<Reading, Failure> {
        self.unchanged()?;
        pages.progress().enter(format!("Reading {}", self.settings.path));
        let Some(layout) = checked.layout else {
            let why = " is empty, without even a header";
            let reading = Tally::default().reading(&[], 0, true, |text| self.settings.message(text));
            return Ok(Reading { warnings: vec![self.settings.message(why)], notes: Vec::new(), ..reading });
        };
        let reading = self.second_pass(&layout, &checked.duplicates, pages);
        let reading = self.unless_changed(reading)?;
        pages.blocking_send().map_err(|_| Failure::Stopped)?;
        Ok(reading)
    }

    fn first_pass(&mut self, pages: &mut Pages) -> Result<Checked, Failure> {
        let mut ids = Ids::default();
        let layout = self.each_row(None, |layout, row, line, number| {
            if number % ROWS_BETWEEN_LOOKS == 0 {
                pages.blocking_send().map_err(|_| Failure::Stopped)?;
            }
            self.check_row(layout, row, line, &mut ids)
        })?;
        let duplicates = ids.duplicates();
        if let Some((line, others)) = duplicates.first().filter(|_| self.settings.stop) {
            return Err(self.first_error(&format!("the row in line {line} has the same external id as {others}")));
        }
        Ok(Checked { layout: layout.0, duplicates })
    }

    /// Notes the external id of a row. With Stop On First Error, every cell is read too.
    fn check_row(&self, layout: &Layout, row: &StringRecord, line: u64, ids: &mut Ids) -> Result<(), Failure> {
        let stop = self.settings.stop;
        match identify(layout, row, line) {
            Row::Skipped(Skip::Trailer) if stop => {
                let text = row.iter().next().unwrap_or_default().trim();
                return Err(self.first_error(&format!("the row in line {line} is {text:?}, which is not data")));
            }
            Row::Skipped(_) => {}
            Row::Refused(refused) if stop => return Err(self.first_error(&refused.message)),
            Row::Refused(refused) => {
                if let (Some(object_type), Some(id)) = (refused.object_type, refused.external_id) {
                    ids.add(object_type, &id.text, line);
                }
            }
            Row::Identified(object_type, id) => {
                ids.add(object_type.id, &id, line);
                let errors = if stop { object(layout, object_type, id, row, line).errors } else { Vec::new() };
                if let Some(error) = errors.first() {
                    return Err(self.first_error(&error.message));
                }
            }
        }
        Ok(())
    }

    fn second_pass(&mut self, layout: &Layout, duplicates: &Duplicates, pages: &mut Pages) -> Result<Reading, Failure> {
        let (mut tally, mut held) = (Tally::default(), 0);
        let (_, ends_with_line_break) = self.each_row(Some(layout), |_, row, line, _| {
            let Some(item) = item(layout, duplicates, row, line, &mut tally) else { return Ok(()) };
            pages.push(item);
            held += row.as_slice().len() as u64;
            if pages.is_full() || held >= self.limits.page {
                held = 0;
                self.unchanged()?;
                pages.blocking_send().map_err(|_| Failure::Stopped)?;
            }
            Ok(())
        })?;
        let message = |text: &str| self.settings.message(text);
        Ok(tally.reading(&layout.unselected, layout.unused_columns, ends_with_line_break, message))
    }

    /// Reads the file from its start: calls `each` with the row, its line and its number. Returns the layout, unless it
    /// was given or there is no header, and whether the last line ends with a line break.
    fn each_row(
        &self,
        known: Option<&Layout>,
        mut each: impl FnMut(&Layout, &StringRecord, u64, u64) -> Result<(), Failure>,
    ) -> Result<(Option<Layout>, bool), Failure> {
        let mut file = &self.file;
        let rewound = self.pulse.during(|| file.rewind());
        rewound.map_err(|e| self.refused(&format!(" cannot be read: {}", e.kind())))?;
        let watched = Watched { file, pulse: self.pulse };
        let mut rows = Rows::new(watched, self.settings.encoding, self.settings.delimiter);
        let error = |(error, line): (RowError, u64), limit: u64| {
            let too_long = format!(" is longer than {}; is a quote not closed?", size(limit));
            self.refused(&error.text(line, &too_long))
        };
        let Some((header, _)) = rows.next(self.limits.header).map_err(|e| error(e, self.limits.header))? else {
            return Ok((None, true));
        };
        let read = match known {
            Some(_) => None,
            None => Some(self.layout(header).map_err(|why| self.refused(&why))?),
        };
        let Some(layout) = known.or(read.as_ref()) else { return Ok((None, true)) };
        let mut number = 0;
        while let Some((row, line)) =
            rows.next(rows.position() + self.limits.row).map_err(|e| error(e, self.limits.row))?
        {
            number += 1;
            if number > self.limits.rows {
                return Err(self.refused(&format!(" has more than {} rows", self.limits.rows)));
            }
            each(layout, row, line, number)?;
        }
        let whole = rows.ends_with_line_break();
        Ok((read, whole))
    }

    fn layout(&self, header: &StringRecord) -> Result<Layout, String> {
        Layout::of(Header::read(header)?, self.settings, self.scope)
    }

    fn refused(&self, why: &str) -> Failure {
        Failure::Refused(self.settings.message(why))
    }

    fn first_error(&self, why: &str) -> Failure {
        self.refused(&format!(": {why}; with Stop On First Error off, the other rows are imported"))
    }

    /// Fails if the file is no longer the one that was opened.
    fn unchanged(&self) -> Result<(), Failure> {
        if self.pulse.during(|| self.stamp.holds(&self.file, self.root, &self.settings.path)) {
            return Ok(());
        }
        let why = " changed while it was read; run the import again when it is written, or replace it by renaming";
        Err(Failure::Changed(self.settings.message(why)))
    }

    /// A result, unless the file changed: then whatever was found in it may be due to that.
    fn unless_changed<T>(&self, result: Result<T, Failure>) -> Result<T, Failure> {
        if result.as_ref().err() != Some(&Failure::Stopped) {
            self.unchanged()?;
        }
        result
    }
}

/// Item of a row; `None` if it is no object and that is normal.
fn item(
    layout: &Layout,
    duplicates: &Duplicates,
    row: &StringRecord,
    line: u64,
    tally: &mut Tally,
) -> Option<ReadItem> {
    tally.add();
    match identify(layout, row, line) {
        Row::Skipped(skip) => {
            tally.skip(skip);
            None
        }
        Row::Refused(refused) => {
            // Of a row without a type too, any object may be the one.
            if refused.external_id.is_none() || refused.object_type.is_none() {
                tally.drop_row(line);
            }
            Some(ReadItem::Refused(Box::new(refused)))
        }
        Row::Identified(t, id) => Some(match duplicates.others(t.id, &id, line) {
            Some(others) => ReadItem::Refused(Box::new(duplicate(t.id, id, line, &others))),
            None => ReadItem::Object(Box::new(object(layout, t, id, row, line))),
        }),
    }
}

#[cfg(test)]
mod tests;
