//! Names: read, written, normalised, over and over.

use crate::properties::choices::Choices;
use crate::properties::names::{check, text};
use crate::seed;
use crate::tier;

#[test]
fn names_can_be_written_and_normalised() {
    let (seed, cases) = (seed(), tier::size(50_000, 1_000_000));
    let mut choices = Choices::Seed(seed);
    let mut good = 0;
    for case in 0..cases {
        let text = text(&mut choices);
        let checked = std::panic::catch_unwind(|| check(&text));
        assert!(checked.is_ok(), "JIM_TEST_SEED={seed}, case {case}: {text:?}");
        good += usize::from(jim::domain::dn::Dn::parse(&text).is_ok());
    }
    tier::figure(format!("{cases} texts, {good} of them names, 0 failures (seed {seed})"));
    assert!((cases / 2..cases * 99 / 100).contains(&good), "{good} of {cases} texts were names");
}
