//! Answers of a directory, fed to the LDAP library as a session does it.

use crate::properties::choices::Choices;
use crate::properties::frames::{answers, check};
use crate::seed;
use crate::tier;

#[test]
fn what_the_guard_lets_pass_never_makes_the_library_panic() {
    let (seed, cases) = (seed(), tier::size(50_000, 1_000_000));
    let mut choices = Choices::Seed(seed);
    let mut passed = 0;
    for case in 0..cases {
        let (asked, bytes) = answers(&mut choices);
        match std::panic::catch_unwind(|| check(asked, &bytes)) {
            Ok(messages) => passed += messages,
            Err(_) => panic!("JIM_TEST_SEED={seed}, case {case}: {asked:?} {bytes:x?}"),
        }
    }
    tier::figure(format!("{cases} answers, {passed} messages of them read by the library, 0 panics (seed {seed})"));
    assert!(passed as usize > cases / 2, "the guard let pass only {passed} messages");
}
