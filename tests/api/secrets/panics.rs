//! A panic over what was sent: the answer, the log and the activities say that there was one, and nothing else.

use std::process::Command;

use jim::telemetry::LogFormat;
use serde_json::json;

use crate::support::canaries::Wanted;
use crate::support::program::Process;
use crate::support::{Clocks, SYSTEMS, Setup, TestApp};

const CANARY: &str = "canary-of-a-panic \"\u{e4}\\ 5f3a9e71";
/// Set in the process that panics: its log is that of the program, which a test process must not take over.
const PANICS: &str = "JIM_TEST_PANICS";

#[tokio::test(flavor = "multi_thread")]
async fn of_a_panic_nothing_is_shown_that_was_sent() {
    if let Ok(format) = std::env::var(PANICS) {
        return panicking_server(if format == "json" { LogFormat::Json } else { LogFormat::Text }).await;
    }
    for format in ["json", "text"] {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let name = "secrets::panics::of_a_panic_nothing_is_shown_that_was_sent";
        command.args([name, "--exact", "--nocapture"]).env(PANICS, format).env_remove("RUST_BACKTRACE");
        let done = Process::start(command).wait();
        assert_eq!(done.code, Some(0), "{done:?}");
        let wanted = Wanted::new(&[CANARY.into()]);
        assert_eq!(wanted.in_there(done.err.as_bytes()), None, "{}", done.err);
        assert_eq!(wanted.in_there(done.out.as_bytes()), None, "{}", done.out);
        let told = done.err.lines().filter(|l| l.contains("panicked: with a text that is not shown")).count();
        assert_eq!(told, 3, "{}", done.err);
        let places = done.err.lines().filter(|l| l.contains("tests/api/support/mod.rs:")).count();
        assert_eq!(places, 3, "{}", done.err);
        assert!(done.err.contains("a handler panicked"), "{}", done.err);
    }
}

/// Runs in the other process.
async fn panicking_server(format: LogFormat) {
    jim::telemetry::start(format, "trace");
    let clocks = Clocks::default();
    let app = TestApp::start_with(Setup { clock: Some(clocks.clone()), ..Setup::default() }).await;
    let id = app.create_system("Panics").await;
    let values = json!({ "3": { "stringValue": CANARY } });
    app.set(id, &values).await.expect_status(200);
    clocks.break_with(Some(format!("cannot serve {CANARY}")));
    app.set(id, &values).await.expect_error(500, "INTERNAL_ERROR");
    app.import(id, "").await.expect_error(500, "INTERNAL_ERROR");
    app.admin().get(SYSTEMS).await.expect_error(500, "INTERNAL_ERROR");
    clocks.break_with(None);
    app.admin().get(SYSTEMS).await.expect_status(200);
}
