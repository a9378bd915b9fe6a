//! Inference of a column's data type from its first values.

use super::cells;
use super::culture::Culture;
use crate::domain::schema::{DataType, Plurality};

/// Candidates from narrowest to widest; the first that fits every value is taken, else text.
const LADDER: [DataType; 5] =
    [DataType::Integer, DataType::LongNumber, DataType::Boolean, DataType::Guid, DataType::DateTime];

/// A column, or several of one name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    fits: [bool; LADDER.len()],
    has_values: bool,
    multi: bool,
}

impl Column {
    /// `repeated` if the header names it more than once.
    pub(super) fn new(repeated: bool) -> Column {
        Column { fits: [true; LADDER.len()], has_values: false, multi: repeated }
    }

    /// Narrows the data type by a cell. Values are trimmed, empty ones ignored.
    pub(super) fn add(&mut self, cell: &str, value_delimiter: Option<&str>, culture: Culture) {
        match value_delimiter {
            Some(delimiter) if cell.contains(delimiter) => {
                self.multi = true;
                cell.split(delimiter).for_each(|value| self.add_value(value.trim(), culture));
            }
            _ => self.add_value(cell.trim(), culture),
        }
    }

    fn add_value(&mut self, value: &str, culture: Culture) {
        if value.is_empty() {
            return;
        }
        self.has_values = true;
        for (still, data_type) in self.fits.iter_mut().zip(LADDER) {
            *still = *still && cells::value(value, data_type, culture).is_some();
        }
    }

    pub(super) fn data_type(&self) -> DataType {
        let fitting = self.fits.iter().zip(LADDER).find(|(fits, _)| **fits && self.has_values);
        fitting.map_or(DataType::String, |(_, data_type)| data_type)
    }

    pub(super) fn plurality(&self) -> Plurality {
        if self.multi { Plurality::Multi } else { Plurality::Single }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(cells: &[&str]) -> (DataType, Plurality) {
        let mut column = Column::new(false);
        cells.iter().for_each(|cell| column.add(cell, Some("|"), Culture::INVARIANT));
        (column.data_type(), column.plurality())
    }

    #[test]
    fn the_first_type_that_fits_every_value_is_taken() {
        use DataType::{Boolean, DateTime, Guid, Integer, LongNumber, String};
        const ID: &str = "0F8FAD5B-d9cb-469f-a165-70867728950e";
        let braced = format!("{{{ID}}}");
        for (cells, wanted) in [
            (&[][..], String),
            (&["", "  "], String),
            (&["1", "", "-20", " 3 "], Integer),
            (&["0"], Integer),
            (&["2147483647", "-2147483648"], Integer),
            (&["1", "2147483648"], LongNumber),
            (&["-2147483649"], LongNumber),
            (&["9223372036854775807"], LongNumber),
            (&["9223372036854775808"], String),
            (&["00123"], String),
            (&["1", "007"], String),
            (&["+4930123456"], String),
            (&["-0"], String),
            (&["-05"], String),
            (&["-"], String),
            (&["1.5"], String),
            (&["1,000"], String),
            (&["1e3"], String),
            (&["0x1F"], String),
            (&["٣"], String),
            (&["true", "FALSE", "False", ""], Boolean),
            (&["true", "1"], String),
            (&["yes"], String),
            (&[ID, &braced], Guid),
            (&["0f8fad5bd9cb469fa16570867728950e"], String),
            (&["{0f8fad5bd9cb469fa16570867728950e}"], String),
            (&["urn:uuid:0f8fad5b-d9cb-469f-a165-70867728950e"], String),
            (&["{0f8fad5b-d9cb-469f-a165-70867728950e"], String),
            (&["0f8fad5b-d9cb-469f-a165-70867728950g"], String),
            (&["2026-11-21", "11/21/2026", "2026-11-21T08:30:00Z"], DateTime),
            (&["2026-11-21", "31/12/2026"], String),
            (&["2026-11-21", "5"], String),
            (&["x"], String),
        ] {
            assert_eq!(of(cells), (wanted, Plurality::Single), "{cells:?}");
        }
    }

    #[test]
    fn a_delimiter_within_a_cell_separates_values() {
        use DataType::{DateTime, Integer, String};
        for (cells, wanted) in [
            (&["1|2|3"][..], Integer),
            (&["1", "2| 3 ||"], Integer),
            (&["|"], String),
            (&["a|b"], String),
            (&["2026-11-21|11/21/2026"], DateTime),
            (&["1|02"], String),
        ] {
            assert_eq!(of(cells), (wanted, Plurality::Multi), "{cells:?}");
        }
        let mut column = Column::new(false);
        column.add("1|2", None, Culture::INVARIANT);
        assert_eq!((column.data_type(), column.plurality()), (String, Plurality::Single));
        column.add("a//b", Some("//"), Culture::INVARIANT);
        assert_eq!(column.plurality(), Plurality::Multi);
    }
}
