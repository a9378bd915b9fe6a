//! External ids of a file that occur more than once, found in 16 bytes a row.

use sha2::{Digest, Sha256};

use crate::domain::connector_space::RowId;
use crate::domain::text::fold;

/// Lines that a message names.
const MAX_LINES: usize = 5;

/// 96 bits: among 10,000,000 rows, two ids share a digest once in 10^15 files.
type IdDigest = [u8; 12];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    digest: IdDigest,
    line: u32,
}

/// The ids of a file, in the order of its rows.
#[derive(Debug, Default)]
pub(super) struct Ids(Vec<Entry>);

/// Ids that several rows have, sorted.
#[derive(Debug, Default)]
pub(super) struct Duplicates(Vec<Entry>);

fn digest(object_type: RowId, id: &str) -> IdDigest {
    let hash = Sha256::new().chain_update(object_type.to_be_bytes()).chain_update(fold(id)).finalize();
    let mut digest = IdDigest::default();
    digest.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    digest
}

fn short(line: u64) -> u32 {
    u32::try_from(line).unwrap_or(u32::MAX)
}

impl Ids {
    pub(super) fn add(&mut self, object_type: RowId, id: &str, line: u64) {
        self.0.push(Entry { digest: digest(object_type, id), line: short(line) });
    }

    pub(super) fn duplicates(self) -> Duplicates {
        let mut entries = self.0;
        entries.sort_unstable();
        let groups = entries.chunk_by(|a, b| a.digest == b.digest);
        Duplicates(groups.filter(|group| group.len() > 1).flatten().copied().collect())
    }
}

impl Duplicates {
    /// The first row whose id another row has too, with what [`Self::others`] says of it.
    pub(super) fn first(&self) -> Option<(u64, String)> {
        let first = self.0.iter().min_by_key(|entry| entry.line)?;
        Some((u64::from(first.line), self.others_of(*first)?))
    }

    /// `line 9`, or `lines 9, 12 and 3 more`: the other rows with this id; `None` if there are none.
    pub(super) fn others(&self, object_type: RowId, id: &str, line: u64) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.others_of(Entry { digest: digest(object_type, id), line: short(line) })
    }

    fn others_of(&self, own: Entry) -> Option<String> {
        let from = self.0.partition_point(|entry| entry.digest < own.digest);
        let same = self.0.get(from..)?.iter().take_while(|entry| entry.digest == own.digest);
        let others: Vec<u32> = same.map(|entry| entry.line).filter(|line| *line != own.line).collect();
        let named: Vec<String> = others.iter().take(MAX_LINES).map(u32::to_string).collect();
        match (named.as_slice(), others.len().saturating_sub(MAX_LINES)) {
            ([], _) => None,
            ([only], _) => Some(format!("line {only}")),
            ([start @ .., last], 0) => Some(format!("lines {} and {last}", start.join(", "))),
            (all, more) => Some(format!("lines {} and {more} more", all.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_ids_of_one_type_are_found_whatever_their_case() {
        let mut ids = Ids::default();
        for (n, (object_type, id)) in
            [(1, "e1"), (1, "E1"), (2, "e1"), (1, "straße"), (1, "x"), (1, "STRASSE"), (1, "e1"), (1, "007"), (1, "7")]
                .into_iter()
                .enumerate()
        {
            ids.add(object_type, id, n as u64 + 2);
        }
        let found = ids.duplicates();
        let others = |object_type, id, line| found.others(object_type, id, line);
        assert_eq!(others(1, "e1", 2).as_deref(), Some("lines 3 and 8"));
        assert_eq!(others(1, "E1", 3).as_deref(), Some("lines 2 and 8"));
        assert_eq!(others(1, "Straße", 5).as_deref(), Some("line 7"));
        for (object_type, id, line) in [(2, "e1", 4), (1, "x", 6), (1, "007", 9), (1, "7", 10), (1, "other", 11)] {
            assert_eq!(others(object_type, id, line), None, "{object_type} {id}");
        }
        assert_eq!(found.first(), Some((2, "lines 3 and 8".to_owned())));
        assert_eq!(Ids::default().duplicates().first(), None);
    }

    #[test]
    fn only_the_first_lines_are_named() {
        let mut ids = Ids::default();
        (2..=9).for_each(|line| ids.add(1, "a", line));
        let found = ids.duplicates();
        assert_eq!(found.others(1, "a", 9).as_deref(), Some("lines 2, 3, 4, 5, 6 and 2 more"));
        assert_eq!(size_of::<Entry>(), 16);
    }
}
