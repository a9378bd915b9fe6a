//! Properties held against generated input: imports against a model of the merge rules, names, frames.
//!
//! The seed of every generator is in `JIM_TEST_SEED` where that is set, and in the message of a failure. The full tier
//! generates more, each time from another seed.
#![allow(clippy::disallowed_methods)]

#[path = "../fuzz/src/lib.rs"]
mod properties;
#[path = "../tier/mod.rs"]
mod tier;

mod corpus;
mod frames;
mod hierarchy;
mod names;
mod openldap_names;

/// The seed of this run.
fn seed() -> u64 {
    tier::seed("JIM_TEST_SEED")
}
