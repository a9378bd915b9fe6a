//! Periodic work of a running server: reports refused keys, sweeps the limiter, stores the noted uses of keys.

use std::time::Duration;

use tokio::sync::oneshot;

use super::authenticate;
use crate::app::App;
use crate::error::Error;

/// Interval of the sweeps.
const TICK: Duration = Duration::from_secs(15);
/// Shortest time between two stores.
const STORE: Duration = Duration::from_secs(60);

/// Runs until the other end of `ended` is dropped.
pub async fn run(app: App, mut ended: oneshot::Receiver<()>) {
    let app = &app;
    let mut stored = None;
    while tokio::time::timeout(TICK, &mut ended).await.is_err() {
        look(app);
        let now = app.clock.now().elapsed;
        if stored.is_some_and(|at| now.saturating_sub(at) < STORE) {
            continue;
        }
        match authenticate::store_uses(app).await {
            Ok(false) => {}
            Ok(true) => stored = Some(now),
            // Logged where it was noticed; what is noted in memory waits.
            Err(Error::Unavailable { .. }) => {}
            Err(e) => tracing::warn!(error = e.chain(), "uses of API keys were not stored"),
        }
    }
}

/// Stores what is left when no request is running any more.
pub async fn finish(app: &App) {
    app.refusals.close_all();
    if let Err(e) = authenticate::store_uses(app).await {
        tracing::warn!(error = e.chain(), "the last uses of API keys were not stored");
    }
}

fn look(app: &App) {
    let now = app.clock.now().elapsed;
    app.refusals.close(now);
    app.limiter.sweep(now);
}
