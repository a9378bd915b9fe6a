//! Random directories, random edits, random partial views: what every import reports and stores, held against a
//! second, plain statement of the merge rules.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::properties::choices::Choices;
use crate::properties::directory::Kind;
use crate::properties::world::{Tally, World, kinds};
use crate::seed;
use crate::tier;

/// Steps of one directory: enough for rows with a past, few enough to tell.
const STEPS: usize = 40;

/// A run that failed: what was wrong, and what led there.
struct Failure {
    fault: String,
    story: Vec<String>,
}

/// Each step has a seed of its own, so that a story stays one when a step is left out.
fn run(kind: Kind, first: u64, steps: &[u64], tally: &mut Tally) -> Result<(), Failure> {
    let mut world = World::new(kind, &mut Choices::Seed(first));
    for step in steps {
        let told = catch_unwind(AssertUnwindSafe(|| world.step(&mut Choices::Seed(*step), tally)));
        let fault = match told {
            Ok(Ok(())) => continue,
            Ok(Err(fault)) => fault,
            Err(panic) => match panic.downcast_ref::<String>() {
                Some(text) => format!("panic: {text}"),
                None => "panic".to_owned(),
            },
        };
        return Err(Failure { fault, story: world.story });
    }
    Ok(())
}

/// Leaves out whatever is not needed for a failure.
fn shortest(kind: Kind, first: u64, mut steps: Vec<u64>) -> (usize, Failure) {
    let fails = |steps: &[u64]| run(kind, first, steps, &mut Tally::default()).err();
    let mut failure = fails(&steps).expect("it failed before");
    for width in [8, 4, 2, 1, 2, 1, 1] {
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(at..(at + width).min(steps.len()));
            match fails(&fewer) {
                Some(still) => (steps, failure) = (fewer, still),
                None => at += 1,
            }
        }
    }
    (steps.len(), failure)
}

#[test]
fn imports_of_edited_directories_equal_the_model() {
    let (seed, kinds, steps) = (seed(), kinds(), tier::size(10_000, 100_000));
    let mut tally = Tally::default();
    let mut worlds = Choices::Seed(seed);
    for world in 0..steps / STEPS {
        let (name, kind) = &kinds[world % kinds.len()];
        let first = worlds.number();
        let seeds: Vec<u64> = (0..STEPS).map(|_| worlds.number()).collect();
        if run(*kind, first, &seeds, &mut tally).is_err() {
            let (count, failure) = shortest(*kind, first, seeds);
            panic!(
                "JIM_TEST_SEED={seed}, directory {world} ({name}), {count} steps: {}\n{}",
                failure.fault,
                failure.story.join("\n")
            );
        }
    }
    println!("{steps} steps with seed {seed}: {:?}", tally.counts);
    for (what, count) in &tally.counts {
        assert!(*count * 2_000 > steps, "{what} came {count} times only");
    }
}
