//! Properties held against generated input: imports against a model of the merge rules, names, frames.
//!
//! The seed of every generator is in `JIM_TEST_SEED` where that is set, and in the message of a failure. The long runs
//! are `#[ignore]`d and run by `tests/run.sh`.

#[path = "../fuzz/src/lib.rs"]
mod properties;

mod corpus;
mod frames;
mod hierarchy;
mod names;
mod openldap_names;

/// The seed of this run.
fn seed() -> u64 {
    match std::env::var("JIM_TEST_SEED") {
        Ok(text) => text.parse().expect("JIM_TEST_SEED is a number"),
        Err(_) => 20_260_101,
    }
}
