//! A run from its start to its end, with what a terminal shows meanwhile.

use std::pin::Pin;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bar::Bar;
use crate::command::remote::{Failure, Remote};
use crate::command::{Exit, stop_signal};

/// A short run is noticed at once: for this long the server is asked often.
const AT_ONCE: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_millis(50);
const LATER: Duration = Duration::from_secs(1);
/// Time without an answer after which the command gives up: a restart of the server takes less.
const OUTAGE: Duration = Duration::from_secs(60);

/// A run that has ended.
pub struct Ended {
    pub activity: Value,
    /// A signal asked to cancel it.
    pub interrupted: bool,
}

/// Waits for the end of a run. The first signal cancels it, another one ends the waiting.
pub async fn to_the_end(
    server: &Remote,
    id: &str,
    title: &str,
    signal: impl Future<Output = ()> + Send + 'static,
) -> Result<Ended, Exit> {
    let path = format!("/api/v1/activities/{id}");
    let (mut bar, begun) = (Bar::new(title), Instant::now());
    let (mut answered, mut interrupted, mut pause) = (begun, false, Duration::ZERO);
    let mut signal: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(signal);
    loop {
        let asked = async {
            bar.wait(pause).await;
            server.get(&path).await
        };
        let asked = tokio::select! {
            asked = asked => Some(asked),
            () = &mut signal => None,
        };
        match asked {
            Some(Ok(activity)) if activity["status"] != "InProgress" => return Ok(Ended { activity, interrupted }),
            Some(Ok(activity)) => {
                answered = Instant::now();
                bar.update(&activity);
            }
            Some(Err(failure)) if failure.may_pass() && answered.elapsed() < OUTAGE => {
                bar.say("no answer, asking again")
            }
            Some(Err(failure)) => return Err(lost(failure, id)),
            None if interrupted => {
                return Err(Exit::of_run_with(2, format!("the run goes on until it notices; its activity is {id}")));
            }
            None => {
                interrupted = true;
                signal = Box::pin(stop_signal()?);
                bar.note("cancelling; another Ctrl-C does not wait for the end");
                cancel(server, id, &mut bar).await;
            }
        }
        pause = if begun.elapsed() < AT_ONCE { SOON } else { LATER };
    }
}

/// Asks the server to cancel a run. That it has ended meanwhile is no error.
async fn cancel(server: &Remote, id: &str, bar: &mut Bar) {
    match server.send("POST", &format!("/api/v1/activities/{id}/cancel"), None).await {
        Ok(_) | Err(Failure::Refused { status: 400, .. }) => {}
        Err(failure) => bar.note(&format!("the run could not be cancelled: {failure}")),
    }
}

fn lost(failure: Failure, id: &str) -> Exit {
    let failure = match failure {
        Failure::Unreachable(why) => Failure::Unreachable(format!("{why}\nthe run goes on; its activity is {id}")),
        refused @ Failure::Refused { .. } => refused,
    };
    failure.into()
}
