//! Values of one object as a blob: equal sets of values have equal bytes.
//!
//! A format byte; then per attribute, ascending: its id, the number of values, and each value's length and bytes, sorted.
//! Numbers are varints. References are not in it.

use std::collections::BTreeMap;

use super::RowId;
use crate::domain::value::{read_varint, write_varint};

const FORMAT: u8 = 1;

/// Values of an object by attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Values(Vec<u8>);

impl Default for Values {
    fn default() -> Self {
        Values(vec![FORMAT])
    }
}

/// Values by attribute, encoded, in any order.
#[derive(Debug, Default)]
pub(crate) struct ValuesBuilder(BTreeMap<RowId, Vec<Vec<u8>>>);

impl ValuesBuilder {
    /// Adds a value; one that is there already is not added again.
    pub(crate) fn push(&mut self, attribute: RowId, encoded: Vec<u8>) {
        self.0.entry(attribute).or_default().push(encoded);
    }

    pub(crate) fn build(self) -> Values {
        let mut bytes = vec![FORMAT];
        for (attribute, mut values) in self.0 {
            values.sort_unstable();
            values.dedup();
            write_attribute(attribute, values.iter().map(Vec::as_slice), values.len(), &mut bytes);
        }
        Values(bytes)
    }
}

fn write_attribute<'v>(attribute: RowId, values: impl Iterator<Item = &'v [u8]>, count: usize, into: &mut Vec<u8>) {
    if count == 0 {
        return;
    }
    write_varint(attribute.unsigned_abs(), into);
    write_varint(count as u64, into);
    for value in values {
        write_varint(value.len() as u64, into);
        into.extend_from_slice(value);
    }
}

/// Values of one attribute that an object gained and lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AttributeChange {
    pub attribute: RowId,
    pub added: Vec<Vec<u8>>,
    pub removed: Vec<Vec<u8>>,
}

impl Values {
    /// Stored blob; `None` if it is not of this format.
    pub(crate) fn of_stored(bytes: Vec<u8>) -> Option<Values> {
        (bytes.first() == Some(&FORMAT)).then_some(Values(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Attributes in the order of their ids, each with its values. Ends early at a damaged place.
    pub(crate) fn attributes(&self) -> Attributes<'_> {
        Attributes { rest: self.0.get(1..).unwrap_or_default() }
    }

    pub(crate) fn of(&self, attribute: RowId) -> Vec<&[u8]> {
        self.attributes().find(|(id, _)| *id == attribute).map(|(_, values)| values).unwrap_or_default()
    }

    /// These values with those of some attributes taken from another object.
    pub(crate) fn with_kept(self, kept: &[RowId], stored: &Values) -> Values {
        if kept.is_empty() {
            return self;
        }
        let mut all: BTreeMap<RowId, Vec<&[u8]>> = self.attributes().filter(|(id, _)| !kept.contains(id)).collect();
        all.extend(stored.attributes().filter(|(id, _)| kept.contains(id)));
        let mut bytes = vec![FORMAT];
        for (attribute, values) in all {
            write_attribute(attribute, values.iter().copied(), values.len(), &mut bytes);
        }
        Values(bytes)
    }

    /// These values but for those of one attribute.
    pub(crate) fn without(self, attribute: RowId) -> Values {
        self.with_kept(&[attribute], &Values::default())
    }

    /// Set difference by attribute; attributes without a difference are left out.
    pub(crate) fn changes_from(&self, before: &Values) -> Vec<AttributeChange> {
        if self == before {
            return Vec::new();
        }
        let mut both: BTreeMap<RowId, [Vec<&[u8]>; 2]> = BTreeMap::new();
        for (id, values) in before.attributes() {
            both.entry(id).or_default()[0] = values;
        }
        for (id, values) in self.attributes() {
            both.entry(id).or_default()[1] = values;
        }
        let change = |(attribute, [before, after]): (RowId, [Vec<&[u8]>; 2])| {
            let only = |these: &[&[u8]], others: &[&[u8]]| -> Vec<Vec<u8>> {
                these.iter().filter(|v| others.binary_search(v).is_err()).map(|v| v.to_vec()).collect()
            };
            let change = AttributeChange { attribute, added: only(&after, &before), removed: only(&before, &after) };
            (!change.added.is_empty() || !change.removed.is_empty()).then_some(change)
        };
        both.into_iter().filter_map(change).collect()
    }
}

/// Iterator over the attributes of a blob.
pub(crate) struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (RowId, Vec<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let attribute = i64::try_from(read_varint(&mut self.rest)?).ok()?;
        let count = read_varint(&mut self.rest)?;
        // A damaged count must not reserve memory: each value takes at least a byte.
        let mut values = Vec::with_capacity(usize::try_from(count).ok()?.min(self.rest.len()));
        for _ in 0..count {
            let length = usize::try_from(read_varint(&mut self.rest)?).ok()?;
            let (value, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest;
            values.push(value);
        }
        Some((attribute, values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(of: &[(RowId, &[&str])]) -> Values {
        let mut builder = ValuesBuilder::default();
        for (attribute, texts) in of {
            for text in *texts {
                builder.push(*attribute, text.as_bytes().to_vec());
            }
        }
        builder.build()
    }

    #[test]
    fn order_and_repetition_of_values_do_not_matter() {
        let one = values(&[(2, &["b", "a"]), (1, &["x", "x"])]);
        assert_eq!(one, values(&[(1, &["x"]), (2, &["a", "b", "a"])]));
        assert_eq!(one.of(2), [b"a", b"b"]);
        assert!(one.of(3).is_empty());
        assert_eq!(Values::of_stored(one.as_bytes().to_vec()), Some(one));
    }

    #[test]
    fn a_difference_names_what_was_gained_and_lost() {
        let (before, after) = (values(&[(1, &["a", "b"]), (2, &["x"])]), values(&[(1, &["b", "c"]), (3, &["y"])]));
        let text =
            |values: &[Vec<u8>]| values.iter().map(|v| String::from_utf8_lossy(v).into()).collect::<Vec<String>>();
        let changes: Vec<_> =
            after.changes_from(&before).iter().map(|c| (c.attribute, text(&c.added), text(&c.removed))).collect();
        assert_eq!(
            changes,
            [(1, vec!["c".into()], vec!["a".into()]), (2, vec![], vec!["x".to_owned()]), (3, vec!["y".into()], vec![]),]
        );
        assert!(after.changes_from(&after).is_empty());
    }

    #[test]
    fn kept_attributes_come_from_the_stored_object() {
        let (stored, read) = (values(&[(1, &["old"]), (2, &["x"])]), values(&[(1, &["new"]), (3, &["y"])]));
        assert_eq!(read.clone().with_kept(&[1], &stored), values(&[(1, &["old"]), (3, &["y"])]));
        assert_eq!(read.clone().with_kept(&[3], &stored), values(&[(1, &["new"])]));
    }

    #[test]
    fn damaged_blobs_end_without_a_panic() {
        let whole = values(&[(1, &["abc"]), (300, &["d", "e"])]);
        for cut in 0..whole.as_bytes().len() {
            let part = Values(whole.as_bytes()[..cut].to_vec());
            assert!(part.attributes().count() <= 2);
        }
        assert_eq!(Values(vec![FORMAT, 1, 0xff, 0xff, 0xff, 0xff, 0x0f]).attributes().count(), 0);
        assert_eq!(Values::of_stored(vec![9]), None);
    }
}
