//! Periodic work of a running server: reports clock jumps and refused keys, stores the noted uses of keys.

use std::time::Duration;

use tokio::sync::oneshot;

use super::authenticate;
use crate::app::App;
use crate::error::{Error, Result};
use crate::store::clock;

/// How often memory is looked through.
const TICK: Duration = Duration::from_secs(15);
/// How often at most something is stored.
const STORE: Duration = Duration::from_secs(60);

/// Keeps house until the other end of `ended` is dropped.
pub async fn run(app: App, mut ended: oneshot::Receiver<()>) {
    let app = &app;
    let mut stored = None;
    while tokio::time::timeout(TICK, &mut ended).await.is_err() {
        look(app);
        let now = app.clock.now().elapsed;
        if stored.is_some_and(|at| now.saturating_sub(at) < STORE) {
            continue;
        }
        match store(app).await {
            Ok(false) => {}
            Ok(true) => stored = Some(now),
            // Logged where it was noticed; what is noted in memory waits.
            Err(Error::Unavailable { .. }) => {}
            Err(e) => tracing::warn!(error = e.chain(), "uses of API keys or the time were not stored"),
        }
    }
}

/// The last time, when no request is left.
pub async fn finish(app: &App) {
    app.refusals.close_all();
    let stored = async {
        authenticate::store_uses(app).await?;
        let now = app.clock.now().at;
        app.db.write(move |tx| clock::store(tx, now)).await
    };
    if let Err(e) = stored.await {
        tracing::warn!(error = e.chain(), "the last uses of API keys or the time were not stored");
    }
}

/// Looks through what is in memory.
pub fn look(app: &App) {
    if let Some(seconds) = app.clock.jumped() {
        tracing::warn!(seconds, "the system's clock was moved, or the machine slept");
    }
    let now = app.clock.now().elapsed;
    app.refusals.close(now);
    app.limiter.sweep(now);
}

/// Stores the uses of keys, and the moment where forgetting it could revive one. Returns whether it wrote.
pub async fn store(app: &App) -> Result<bool> {
    let now = app.clock.now().at;
    let used = authenticate::store_uses(app).await?;
    let expired = app.db.read(move |c| clock::is_worth_storing(c, now)).await?;
    if expired {
        app.db.write(move |tx| clock::store(tx, now)).await?;
    }
    Ok(used || expired)
}
