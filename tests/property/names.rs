//! Names: read, written, normalised, over and over.

use crate::properties::choices::Choices;
use crate::properties::names::{check, text};
use crate::seed;

fn names_hold(cases: usize) {
    let seed = seed();
    let mut choices = Choices::Seed(seed);
    let mut good = 0;
    for case in 0..cases {
        let text = text(&mut choices);
        let checked = std::panic::catch_unwind(|| check(&text));
        assert!(checked.is_ok(), "JIM_TEST_SEED={seed}, case {case}: {text:?}");
        good += usize::from(jim::domain::dn::Dn::parse(&text).is_ok());
    }
    println!("{cases} texts with seed {seed}, {good} of them names");
    assert!((cases / 2..cases * 99 / 100).contains(&good), "{good} of {cases} texts were names");
}

#[test]
fn names_can_be_written_and_normalised() {
    names_hold(50_000);
}

#[test]
#[ignore = "takes a minute; tests/run.sh runs it"]
fn a_million_names_can_be_written_and_normalised() {
    names_hold(1_000_000);
}
