//! Whether what callers saw of a register can be explained: an order of its operations in which each comes between
//! its beginning and its end, and every read shows the last write before it.
//!
//! The search is that of Wing and Gong. An operation can be the next one of an order exactly if none that is left had
//! ended before it began, so that trying each of those at every step tries every order that time allows; nothing is
//! left out. Two things keep it short, and neither changes the answer. What can follow depends only on which
//! operations are done and on the value that is there, so a state is looked at once. And a read that may be next and
//! shows what is there is taken at once: an order that has it later is one too with it here, because a read changes
//! nothing.
//!
//! A write of which it is not known whether it happened has no end: it may come at any time from its beginning on, or
//! never. Registers are independent of each other: a history of many is linearizable if that of each is.

use std::collections::{BTreeSet, HashSet};

/// Each write has a value of its own; this one is there before the first.
pub const AT_FIRST: u64 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Write(u64),
    Read(u64),
}

/// What a caller did, with the times of one clock.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub what: What,
    pub begun: u64,
    /// `None` if no answer came.
    pub ended: Option<u64>,
}

impl Operation {
    fn end(&self) -> u64 {
        self.ended.unwrap_or(u64::MAX)
    }

    fn is_read_of(&self, value: u64) -> bool {
        self.what == What::Read(value)
    }
}

/// How far an order has come: all before `done`, these beyond it, and the value that is there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    done: usize,
    beyond: BTreeSet<usize>,
    value: u64,
}

impl State {
    fn with(&self, next: usize, value: u64) -> State {
        let mut state = State { value, ..self.clone() };
        state.beyond.insert(next);
        while state.beyond.remove(&state.done) {
            state.done += 1;
        }
        state
    }

    fn count(&self) -> usize {
        self.done + self.beyond.len()
    }
}

/// An order of these operations of one register exists. If not, says how far the longest one came.
pub fn check(history: &[Operation]) -> Result<(), String> {
    // A write that may never have happened and that no read saw explains nothing: an order with it is one without it.
    let seen = |o: &Operation| match o.what {
        What::Write(value) => o.ended.is_some() || history.iter().any(|r| r.is_read_of(value)),
        What::Read(_) => o.ended.is_some(),
    };
    let mut all: Vec<Operation> = history.iter().copied().filter(seen).collect();
    all.sort_by_key(|o| o.begun);
    let mut open = vec![State { done: 0, beyond: BTreeSet::new(), value: AT_FIRST }];
    let (mut known, mut longest) = (HashSet::new(), open[0].clone());
    while let Some(state) = open.pop() {
        let left = || (state.done..all.len()).filter(|n| !state.beyond.contains(n));
        if left().all(|n| all[n].ended.is_none()) {
            return Ok(());
        }
        if state.count() > longest.count() {
            longest = state.clone();
        }
        let first_end = left().map(|n| all[n].end()).min().unwrap_or(u64::MAX);
        let may_be_next: Vec<usize> = left().take_while(|n| all[*n].begun <= first_end).collect();
        let next = match may_be_next.iter().find(|n| all[**n].is_read_of(state.value)) {
            Some(read) => vec![state.with(*read, state.value)],
            None => may_be_next
                .iter()
                .filter_map(|n| match all[*n].what {
                    What::Write(value) => Some(state.with(*n, value)),
                    What::Read(_) => None,
                })
                .collect(),
        };
        open.extend(next.into_iter().filter(|state| known.insert(state.clone())));
    }
    let left: Vec<&Operation> = all
        .iter()
        .enumerate()
        .filter(|(n, _)| *n >= longest.done && !longest.beyond.contains(n))
        .map(|o| o.1)
        .collect();
    Err(format!(
        "after {} of {} operations {} is there, and none of {:?} fits",
        longest.count(),
        all.len(),
        longest.value,
        &left[..left.len().min(6)]
    ))
}

/// The same history with one read that shows what was certainly overwritten by then; `None` if it has no such place.
pub fn bent(history: &[Operation]) -> Option<Vec<Operation>> {
    let writes = || history.iter().filter(|o| matches!(o.what, What::Write(_)) && o.ended.is_some());
    let read = history.iter().enumerate().rev().filter(|(_, o)| matches!(o.what, What::Read(_)) && o.ended.is_some());
    for (place, read) in read {
        let last = writes().filter(|w| w.end() < read.begun).max_by_key(|w| w.begun);
        let older = last.and_then(|last| writes().find(|w| w.end() < last.begun));
        if let Some(older) = older
            && let What::Write(value) = older.what
        {
            let mut bent = history.to_vec();
            bent[place].what = What::Read(value);
            return Some(bent);
        }
    }
    None
}

/// A history written by hand: `w1 0 5` is a write of 1 from 0 to 5, `r1 6 9` a read that showed it, and `w2 7 ?` a
/// write without an answer.
fn history(lines: &[&str]) -> Vec<Operation> {
    let operation = |line: &&str| {
        let parts: Vec<&str> = line.split(' ').collect();
        let value = parts[0][1..].parse().expect("a value");
        Operation {
            what: if parts[0].starts_with('w') { What::Write(value) } else { What::Read(value) },
            begun: parts[1].parse().expect("a beginning"),
            ended: parts[2].parse().ok(),
        }
    };
    lines.iter().map(operation).collect()
}

#[test]
fn the_checker_accepts_what_can_be_explained() {
    for good in [
        &["r0 0 1", "w1 2 3", "r1 4 5", "w2 6 7", "r2 8 9"][..],
        // Beside a write either value may be seen, the new one not before the old one.
        &["w1 0 9", "r0 1 2", "r1 3 4", "r1 5 6"],
        &["w1 0 9", "w2 1 8", "r2 2 3", "r1 10 11"],
        &["w1 0 9", "w2 1 8", "r1 2 3", "r2 10 11"],
        // Without an answer: it happened, it did not, it happened much later.
        &["w1 0 1", "w2 2 ?", "r2 4 5", "r2 6 7"],
        &["w1 0 1", "w2 2 ?", "r1 4 5", "r1 6 7"],
        &["w1 0 1", "w2 2 ?", "r1 4 5", "w3 6 7", "r3 8 9", "r2 10 11"],
        &["w1 0 ?", "w2 0 ?", "w3 0 ?", "r2 1 2", "r3 3 4", "r1 5 6"],
    ] {
        assert_eq!(check(&history(good)), Ok(()), "{good:?}");
    }
}

#[test]
fn the_checker_refuses_what_cannot_be_explained() {
    for (what, bad) in [
        ("a stale read", &["w1 0 1", "w2 2 3", "r1 4 5"][..]),
        ("a lost write", &["w1 0 1", "r0 2 3"]),
        ("a value from nowhere", &["w1 0 1", "r7 2 3"]),
        ("a value before its write began", &["r1 0 1", "w1 2 3"]),
        ("the new value, then the old one", &["w1 0 9", "r1 1 2", "r0 3 4"]),
        ("two callers who see two writes in two orders", &["w1 0 9", "w2 0 9", "r1 1 2", "r2 3 4", "r1 5 6"]),
        ("an overwritten value after a restart", &["w1 0 1", "w2 2 3", "r2 4 5", "w3 6 ?", "r1 8 9"]),
        ("a write without an answer that is seen and gone again", &["w1 0 1", "w2 2 ?", "r2 4 5", "r1 6 7"]),
        ("one that is seen twice with another between", &["w2 0 ?", "w1 0 9", "r2 1 2", "r1 3 4", "r2 10 11"]),
        ("an acknowledged write that is lost with a kill", &["w1 0 1", "w2 2 3", "w3 4 ?", "r1 6 7", "r1 8 9"]),
    ] {
        assert!(check(&history(bad)).is_err(), "{what}");
    }
    let good = history(&["w1 0 1", "w2 2 3", "r2 4 5"]);
    assert!(check(&good).is_ok() && check(&bent(&good).expect("a place")).is_err());
}
