//! How a run ends: the exit code, the totals, the errors and the way on.

use std::fs;

use super::{caller, totals};
use crate::support::TestApp;
use crate::support::people::{dn, system};

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_any_case_or_an_id_runs_a_profile_to_its_end() {
    let app = TestApp::start().await;
    let (case, profile) = system(&app, 40).await;
    let place = caller(&app);
    let done = place.run(&["run", "SANDBOX", "full"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
    assert!(done.out.starts_with("Sandbox, Full: Complete\n40 read: 40 added, 0 updated, "), "{}", done.out);
    assert_eq!(totals(&done.out), [40, 40, 0, 0, 0]);
    let more = done.out.lines().last().and_then(|l| l.strip_prefix(&format!("More: http://{}", app.address)));
    let activity = app.admin().get(more.expect("a path")).await.expect_status(200);
    assert_eq!((&activity["status"], &activity["targetName"]), (&"Complete".into(), &"Full".into()));
    assert!(!done.out.contains(['\r', '\u{1b}']), "{:?}", done.out);

    let again =
        place.run(&["run", &case.id.to_string(), &profile.to_string(), "--url", &format!("http://{}/", app.address)]);
    assert_eq!(totals(&again.told()), [40, 0, 0, 0, 0]);
    // The file wins over the variable.
    fs::write(place.path("key"), format!("{}\n", app.key)).expect("written");
    let place = place.with("JIM_API_KEY", "jim_wrong");
    assert_eq!(totals(&place.run(&["run", "sandbox", "Full", "--key-file", "key"]).told()), [40, 0, 0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn warnings_are_1_and_errors_of_objects_are_listed() {
    let app = TestApp::start().await;
    let (case, _) = system(&app, 30).await;
    for n in 0..12 {
        case.sandbox.set_attribute(&dn(n), "manager", &["uid=nobody,ou=people,dc=x"]).expect("changed");
    }
    let done = caller(&app).run(&["run", "Sandbox", "Full"]);
    assert_eq!((done.code, done.err.as_str()), (Some(1), ""), "{done:?}");
    assert!(done.out.starts_with("Sandbox, Full: CompleteWithWarning\n"), "{}", done.out);
    assert_eq!(totals(&done.out), [30, 30, 0, 0, 12]);
    assert!(done.out.contains("\nObjects with errors: 12, the first 10\n"), "{}", done.out);
    let listed: Vec<&str> = done.out.lines().filter(|line| line.starts_with("  UnresolvedReference: ")).collect();
    assert_eq!(listed.len(), 10, "{}", done.out);
    let id = case.sandbox.id_of(&dn(0)).expect("an id");
    let first = format!("  UnresolvedReference: {id}: 1 references lead to no object");
    assert!(listed.iter().any(|line| line.starts_with(&first)), "{first}: {listed:?}");
    assert!(done.out.trim_end().ends_with("/items"), "{}", done.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_brake_holds_is_2_and_accepted_removals_are_0() {
    let app = TestApp::start().await;
    let (case, _) = system(&app, 30).await;
    let place = caller(&app);
    place.run(&["run", "Sandbox", "Full"]).told();
    for n in 0..20 {
        case.sandbox.remove(&dn(n)).expect("removed");
    }
    let done = place.run(&["run", "Sandbox", "Full"]);
    assert_eq!((done.code, done.err.as_str()), (Some(2), ""), "{done:?}");
    assert!(done.out.starts_with("Sandbox, Full: CompleteWithError\n"), "{}", done.out);
    assert!(done.out.contains("run it again with --accept-removals"), "{}", done.out);
    assert_eq!(totals(&done.out), [10, 0, 0, 0, 0]);
    let accepted = place.run(&["run", "Sandbox", "Full", "--accept-removals"]).told();
    assert_eq!(totals(&accepted), [10, 0, 0, 20, 0]);
    assert!(!accepted.contains("--accept-removals"), "{accepted}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_is_2_and_says_why() {
    let app = TestApp::start().await;
    let (case, _) = system(&app, 3).await;
    drop(case);
    let done = caller(&app).run(&["run", "Sandbox", "Full"]);
    assert_eq!((done.code, done.err.as_str()), (Some(2), ""), "{done:?}");
    assert!(done.out.starts_with("Sandbox, Full: FailedWithError\n"), "{}", done.out);
    assert!(done.out.contains("\nerror: Connection to the external store failed"), "{}", done.out);
    assert!(done.out.contains("the next run does what this one did not"), "{}", done.out);
}
