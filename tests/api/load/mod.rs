//! Many callers at the same time: races, consistency, large amounts and long runs.

mod imports;
mod keys;
mod large_answers;
mod large_trees;
mod linearizability;
mod soak;
mod updates;
