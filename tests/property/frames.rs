//! Answers of a directory, fed to the LDAP library as a session does it.

use crate::properties::choices::Choices;
use crate::properties::frames::{answers, check};
use crate::seed;

fn no_answer_makes_the_library_panic(cases: usize) {
    let seed = seed();
    let mut choices = Choices::Seed(seed);
    let mut passed = 0;
    for case in 0..cases {
        let (asked, bytes) = answers(&mut choices);
        match std::panic::catch_unwind(|| check(asked, &bytes)) {
            Ok(messages) => passed += messages,
            Err(_) => panic!("JIM_TEST_SEED={seed}, case {case}: {asked:?} {bytes:x?}"),
        }
    }
    println!("{cases} answers with seed {seed}, {passed} messages of them read by the library");
    assert!(passed as usize > cases / 2, "the guard let pass only {passed} messages");
}

#[test]
fn what_the_guard_lets_pass_never_makes_the_library_panic() {
    no_answer_makes_the_library_panic(50_000);
}

#[test]
#[ignore = "takes minutes; tests/run.sh runs it"]
fn of_a_million_answers_none_makes_the_library_panic() {
    no_answer_makes_the_library_panic(1_000_000);
}
