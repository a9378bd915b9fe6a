//! From the header of a request to the key behind it, cheapest check first.

use std::net::IpAddr;
use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::Caller;
use crate::app::App;
use crate::error::{Error, Result};
use crate::security::api_key;
use crate::security::key_cache::{Digest, Known, Record};
use crate::store::api_keys::{self, ApiKey};

/// The one answer to every credential that is not accepted: it does not tell which part was wrong.
pub const REFUSED: Error = Error::Unauthorised("an accepted API key is required in the X-Api-Key header");

/// Verifies a presented key. Malformed and unknown keys cost no argon2 run; a verified one is remembered.
pub async fn authenticate(app: &App, presented: &str, from: IpAddr) -> Result<Caller> {
    if api_key::shape(presented).is_none() {
        return Err(REFUSED);
    }
    let digest = app.keys.digest(presented);
    let record = match app.keys.known(&digest) {
        Known::Verified(record) => record,
        Known::Refused => return Err(REFUSED),
        Known::Nothing => verify(app, presented, digest).await?,
    };
    if !record.is_usable(OffsetDateTime::now_utc()) {
        return Err(REFUSED);
    }
    app.keys.note_use(record.id, from);
    Ok(Caller { key: record, from })
}

async fn verify(app: &App, presented: &str, digest: Digest) -> Result<Arc<Record>> {
    let lookup = app.hasher.lookup(presented);
    let found = app
        .db
        .read(move |c| match api_keys::by_lookup(c, &lookup)? {
            Some(id) => api_keys::find(c, id),
            None => Ok(None),
        })
        .await?;
    let Some(key) = found else {
        app.keys.refuse(digest);
        return Err(REFUSED);
    };
    let verified = app.keys.single_flight(digest, || run_argon2(app, presented, digest, key)).await?;
    verified.ok_or(REFUSED)
}

/// The expensive part: at most once per key and process, unless the key is wrong.
async fn run_argon2(app: &App, presented: &str, digest: Digest, key: ApiKey) -> Result<Option<Arc<Record>>> {
    let id = key.id;
    let (hasher, presented) = (app.hasher.clone(), zeroize::Zeroizing::new(presented.to_owned()));
    let right = app.keys.with_place(move || hasher.verify(&presented, &key.hash)).await?;
    if app.keys.is_idle() {
        // Verifications are rare; their 19 MiB are better spent elsewhere until the next one.
        app.hasher.release_memory();
    }
    if !right {
        app.keys.refuse(digest);
        tracing::warn!(api_key.id = %id, "an API key with a wrong secret was refused");
        return Ok(None);
    }
    // The key may have been changed while argon2 ran. Reading it and remembering it happen on the writer, which
    // also makes changes known, so that neither can overtake the other.
    let keys = app.keys.clone();
    app.db.write(move |tx| Ok(api_keys::find(tx, id)?.map(|key| keys.remember(digest, record(&key))))).await
}

/// What the cache keeps of a stored key.
pub fn record(key: &ApiKey) -> Record {
    Record {
        id: key.id,
        name: key.name.clone(),
        roles: key.roles.clone(),
        enabled: key.is_enabled,
        expires_at: key.expires_at,
    }
}

/// Stores the noted uses of keys. Called now and then, off the request path.
pub async fn store_uses(app: &App) -> Result<()> {
    let uses: Vec<(Uuid, (OffsetDateTime, IpAddr))> = app.keys.take_uses().into_iter().collect();
    if uses.is_empty() {
        return Ok(());
    }
    app.db
        .write(move |tx| {
            for (id, (at, from)) in &uses {
                api_keys::used(tx, *id, *at, &from.to_string())?;
            }
            Ok(())
        })
        .await
}
