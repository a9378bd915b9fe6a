//! A run while it goes on: what a terminal shows, what a signal does, and a server that is away for a while.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::{caller, totals};
use crate::support::TestApp;
use crate::support::case::Case;
use crate::support::directory::Faults;
use crate::support::people::system;
use crate::support::program::{HANG, Process};

/// Lets a directory answer no search, until the gate is closed.
fn gate(case: &Case<'_>) -> Arc<Semaphore> {
    let gate = Arc::new(Semaphore::new(0));
    case.sandbox.set_faults(Faults { gate: Some(gate.clone()), ..Faults::default() });
    gate
}

/// Waits until the directory has been asked.
async fn asked(case: &Case<'_>) {
    let begun = Instant::now();
    while case.sandbox.waiting() == 0 {
        assert!(begun.elapsed() < HANG, "the run asks the directory nothing");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_cancels_the_run_and_waits_for_its_end() {
    for signal in [Signal::INT, Signal::TERM] {
        let app = TestApp::start().await;
        let (case, _) = system(&app, 3).await;
        let gate = gate(&case);
        let running = Process::start(caller(&app).command(&["run", "Sandbox", "Full"]));
        asked(&case).await;
        running.signal(signal);
        running.log_line("cancelling");
        gate.close();
        let done = running.wait();
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(done.out.starts_with("Sandbox, Full: Cancelled\n"), "{done:?}");
        assert_eq!(app.activities().last().expect("an activity").status, "Cancelled");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_shows_a_line_that_goes_when_the_run_ends() {
    let has_script = std::process::Command::new("script").arg("--version").output().is_ok();
    if !has_script {
        println!("left out: script is not installed");
        return;
    }
    let app = TestApp::start().await;
    let (case, _) = system(&app, 3).await;
    let gate = gate(&case);
    let place = caller(&app).with("TERM", "xterm");
    let line = "exec script -qec \"stty cols 60; '$1' run Sandbox Full\" /dev/null";
    let running = Process::start(place.shell(line, &[]));
    asked(&case).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    gate.close();
    let done = running.wait();
    assert_eq!(done.code, Some(0), "{done:?}");
    let frames: Vec<&str> = done.out.split("\r\u{1b}[2K").collect();
    let line =
        frames.iter().find(|frame| frame.contains(" objects, 0:")).unwrap_or_else(|| panic!("no line: {done:?}"));
    assert!(line.starts_with("Sandbox, Full [") && line.contains("====="), "{line:?}");
    assert!(line.chars().count() < 60, "{line:?}");
    let last = frames.last().expect("the result");
    assert!(last.starts_with("Sandbox, Full: Complete"), "{last:?}");
    assert_eq!(totals(&last.replace('\r', "")), [3, 3, 0, 0, 0]);
}

/// What lies between command and server, and lets nothing through while it is closed.
async fn relay(to: SocketAddr) -> (SocketAddr, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (address, open) = (listener.local_addr().expect("an address"), Arc::new(AtomicBool::new(true)));
    let opened = open.clone();
    tokio::spawn(async move {
        while let Ok((mut caller, _)) = listener.accept().await {
            if opened.load(Ordering::SeqCst) {
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(to).await.expect("the server");
                    let _ = tokio::io::copy_bidirectional(&mut caller, &mut server).await;
                });
            }
        }
    });
    (address, open)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_for_a_while_is_waited_for() {
    let app = TestApp::start().await;
    let (case, _) = system(&app, 3).await;
    let gate = gate(&case);
    let (address, open) = relay(app.address).await;
    let url = format!("http://{address}");
    let running = Process::start(caller(&app).command(&["run", "Sandbox", "Full", "--url", &url]));
    asked(&case).await;
    open.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    gate.close();
    open.store(true, Ordering::SeqCst);
    let done = running.wait();
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
    assert_eq!(totals(&done.out), [3, 3, 0, 0, 0]);
}
