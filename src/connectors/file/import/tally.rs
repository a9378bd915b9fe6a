//! What the rows of a file add up to.

use super::row::Skip;
use crate::connectors::import::Reading;
use crate::domain::connector_space::{Complete, ReadingEnd, Region};
use crate::domain::text::count;

/// Lines that a warning names.
const MAX_LINES: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Tally {
    rows: u64,
    blank: usize,
    trailers: usize,
    /// The last row was a trailer: the program that wrote the file came to its end.
    closed: bool,
    /// By index of the type.
    unselected: Vec<usize>,
    /// Rows that may be any object, and the lines of the first.
    dropped: usize,
    dropped_lines: Vec<u64>,
}

impl Tally {
    /// Counts a row, before what it is.
    pub(super) fn add(&mut self) {
        self.rows += 1;
        self.closed = false;
    }

    pub(super) fn skip(&mut self, skip: Skip) {
        match skip {
            Skip::Blank => self.blank += 1,
            Skip::Trailer => {
                self.trailers += 1;
                self.closed = true;
            }
            Skip::Unselected(n) => {
                self.unselected.resize(self.unselected.len().max(n + 1), 0);
                if let Some(rows) = self.unselected.get_mut(n) {
                    *rows += 1;
                }
            }
        }
    }

    /// A row whose object is not known.
    pub(super) fn drop_row(&mut self, line: u64) {
        self.dropped += 1;
        if self.dropped_lines.len() < MAX_LINES {
            self.dropped_lines.push(line);
        }
    }

    /// What is normal, each with its number.
    fn notes(&self, types: &[Box<str>]) -> Vec<String> {
        let mut notes = Vec::new();
        let row = |n: usize| (count(n, "row"), if n == 1 { "is" } else { "are" });
        for (name, n) in types.iter().zip(&self.unselected).filter(|(_, n)| **n > 0) {
            let (rows, are) = row(*n);
            notes.push(format!("{rows} of {name} {are} not selected"));
        }
        if self.blank > 0 {
            let (rows, are) = row(self.blank);
            notes.push(format!("{rows} {are} without any text"));
        }
        if self.trailers > 0 {
            notes.push(format!("{} below the data skipped", count(self.trailers, "line")));
        }
        notes
    }

    /// Why objects that were not seen cannot be said to be gone.
    fn doubts(&self, ended: bool) -> Vec<String> {
        let mut doubts = Vec::new();
        if self.dropped > 0 {
            let lines: Vec<String> = self.dropped_lines.iter().map(u64::to_string).collect();
            let more = self.dropped - lines.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let (rows, line) = match self.dropped {
                1 => ("a row does not say which object it is".to_owned(), "line"),
                n => (format!("{n} rows do not say which objects they are"), "lines"),
            };
            doubts.push(format!(
                ": {rows}, in {line} {}{more}; nothing is removed by this run: correct them",
                lines.join(", ")
            ));
        }
        if !ended {
            doubts.push(
                ": the last line does not end with a line break, as in a file that was cut off; nothing is removed by \
                 this run: end the last line with a line break"
                    .to_owned(),
            );
        }
        doubts
    }

    /// End of a reading to the end of the file. `message` puts the file's name before a text.
    pub(super) fn reading(
        &self,
        types: &[Box<str>],
        unused_columns: usize,
        ends_with_line_break: bool,
        message: impl Fn(&str) -> String,
    ) -> Reading {
        let mut notes = self.notes(types);
        if unused_columns > 0 {
            let are = if unused_columns == 1 { "is" } else { "are" };
            notes.push(format!("{} {are} not selected", count(unused_columns, "column")));
        }
        if self.rows == 0 {
            notes.push("the file has a header and no rows".to_owned());
        }
        let ended = ends_with_line_break || self.closed;
        let warnings = self.doubts(ended).iter().map(|doubt| message(doubt)).collect();
        let end = ReadingEnd { success: ended, dropped: self.dropped as u64, referrals: 0 };
        let complete = Complete::proved(Region { partition: None }, &[end]).into_iter().collect();
        Reading { complete, warnings, notes, ..Reading::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_normal_is_counted_and_what_is_doubtful_is_a_warning() {
        let types = ["room".into(), "desk".into()];
        let mut tally = Tally::default();
        let skips = [Skip::Unselected(1), Skip::Blank, Skip::Trailer, Skip::Unselected(1)];
        skips.into_iter().for_each(|skip| tally.skip(skip));
        tally.closed = false;
        let reading = tally.reading(&types, 1, true, |text| format!("F{text}"));
        let notes = [
            "2 rows of desk are not selected",
            "1 row is without any text",
            "1 line below the data skipped",
            "1 column is not selected",
            "the file has a header and no rows",
        ];
        assert_eq!((reading.notes, reading.warnings), (notes.map(str::to_owned).to_vec(), Vec::new()));
        assert_eq!(reading.complete.len(), 1);

        assert_eq!(tally.reading(&types, 0, false, str::to_owned).complete, []);
        tally.skip(Skip::Trailer);
        assert_eq!(tally.reading(&types, 0, false, str::to_owned).complete.len(), 1, "a trailer ends a file too");
        tally.add();
        (2..=9).for_each(|line| tally.drop_row(line));
        let reading = tally.reading(&types, 0, false, |text| format!("F{text}"));
        assert!(reading.complete.is_empty());
        let [rows, end] = reading.warnings.as_slice() else { panic!("{:?}", reading.warnings) };
        assert!(
            rows.starts_with("F: 8 rows do not say which objects they are, in lines 2, 3, 4, 5, 6 and 3 more; "),
            "{rows}"
        );
        assert!(end.starts_with("F: the last line does not end with a line break, "), "{end}");
    }
}
