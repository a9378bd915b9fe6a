//! Finds items of a list by something that is in them, without holding it a second time: a tree of half a million
//! containers would pay for every copy of its names.
//!
//! Open addressing with linear probing; nothing is ever taken out. Hashes are keyed at random, so that a directory
//! cannot contrive names that meet.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hash};

/// Marks a slot without an item.
const FREE: u32 = u32::MAX;

/// Positions in a list, by the hash of what is looked for. What a position holds is the caller's to compare.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// A part of the hash, so that most comparisons are spared, and the position.
    slots: Vec<(u32, u32)>,
    hasher: RandomState,
    held: usize,
}

impl Index {
    /// For at most so many items.
    pub fn for_items(count: usize) -> Self {
        let slots = (count.saturating_mul(3) / 2 + 8).next_power_of_two();
        Index { slots: vec![(0, FREE); slots], hasher: RandomState::new(), held: 0 }
    }

    /// The position of the item with this key; `is` says whether one at a position has it.
    pub fn find<K: Hash + ?Sized>(&self, key: &K, is: impl FnMut(usize) -> bool) -> Option<usize> {
        let (slot, _) = self.slot(key, is);
        let (_, position) = self.slots[slot];
        (position != FREE).then_some(position as usize)
    }

    /// Puts an item in unless there is one with the same key, whose position is then the answer.
    pub fn put_first<K: Hash + ?Sized>(
        &mut self,
        key: &K,
        position: usize,
        is: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        let (slot, tag) = self.slot(key, is);
        let (_, there) = self.slots[slot];
        if there != FREE {
            return Some(there as usize);
        }
        self.fill(slot, tag, position);
        None
    }

    /// Puts an item in; one with the same key that is there already is replaced.
    pub fn put<K: Hash + ?Sized>(&mut self, key: &K, position: usize, is: impl FnMut(usize) -> bool) {
        let (slot, tag) = self.slot(key, is);
        self.fill(slot, tag, position);
    }

    fn fill(&mut self, slot: usize, tag: u32, position: usize) {
        if self.slots[slot].1 == FREE {
            self.held += 1;
            // Without a free slot no search for something absent would end.
            assert!(self.held < self.slots.len(), "an index holds no more than it was made for");
        }
        self.slots[slot] = (tag, position as u32);
    }

    /// The slot that holds the key, or the free one where it would go, and the part of the hash that goes there.
    fn slot<K: Hash + ?Sized>(&self, key: &K, mut is: impl FnMut(usize) -> bool) -> (usize, u32) {
        let hash = self.hasher.hash_one(key);
        let (mask, tag) = (self.slots.len() - 1, (hash >> 32) as u32);
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                (_, FREE) => return (slot, tag),
                (t, position) if t == tag && is(position as usize) => return (slot, tag),
                _ => slot = (slot + 1) & mask,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_found_and_nothing_else() {
        let words: Vec<String> = (0..10_000).map(|n| format!("word {n}")).collect();
        let mut index = Index::for_items(words.len());
        for (i, word) in words.iter().enumerate() {
            assert_eq!(index.find(word.as_str(), |p| words[p] == *word), None);
            index.put(word.as_str(), i, |p| words[p] == *word);
        }
        for (i, word) in words.iter().enumerate() {
            assert_eq!(index.find(word.as_str(), |p| words[p] == *word), Some(i));
        }
        assert_eq!(index.find("elsewhere", |p| words[p] == "elsewhere"), None);
        let same = ["a", "b", "a"];
        let mut index = Index::for_items(3);
        (0..3).for_each(|i| index.put(same[i], i, |p| same[p] == same[i]));
        assert_eq!(index.find("a", |p| same[p] == "a"), Some(2));
        assert_eq!(index.put_first("a", 0, |p| same[p] == "a"), Some(2));
        assert_eq!(index.put_first("c", 1, |p| same[p] == "c"), None);
        assert_eq!(Index::for_items(0).find("a", |_| true), None);
    }

    #[test]
    fn few_things_are_compared_and_little_room_is_taken() {
        let words: Vec<String> = (0..1_000).map(|n| format!("word {n}")).collect();
        let mut index = Index::for_items(words.len());
        let mut compared = 0;
        for (i, word) in words.iter().enumerate() {
            index.put(word.as_str(), i, |p| {
                compared += 1;
                words[p] == *word
            });
        }
        assert_eq!(compared, 0, "what is not there is known by its hash");
        for word in &words {
            index.find(word.as_str(), |p| {
                compared += 1;
                words[p] == *word
            });
        }
        assert_eq!(compared, words.len());
        for items in [0, 1, 5, 1_000, 100_000] {
            let slots = Index::for_items(items).slots.len();
            assert!((items * 3 / 2 + 8..items * 3 + 17).contains(&slots), "{slots} for {items}");
        }
    }

    #[test]
    fn what_is_replaced_takes_no_more_room() {
        let mut index = Index::for_items(0);
        (0..100).for_each(|i| index.put("same", i, |_| true));
        assert_eq!(index.find("same", |_| true), Some(99));
    }

    #[test]
    #[should_panic(expected = "no more than it was made for")]
    fn a_full_one_says_so() {
        let mut index = Index::for_items(0);
        (0..8).for_each(|i| index.put(&i, i, |p| p == i));
    }
}
