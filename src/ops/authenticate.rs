//! From what a request shows to the key behind it, cheapest check first; what is counted, and what is told of it.
//!
//! Callers learn that they were refused and never why: the reason is in the log alone.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::app::App;
use crate::error::{Error, Result};
use crate::security::api_key;
use crate::security::clock::Now;
use crate::security::key_cache::{Digest, Known, Record};
use crate::security::limiter::{FAILURES, Wait};
use crate::security::refusals::{Cause, Reason};
use crate::store::api_keys::{self, ApiKey};

/// The one answer to every credential that is not accepted: it does not tell which part was wrong.
const REFUSED: Error = Error::Unauthorised("an accepted API key is required in the X-Api-Key header");
const BEARER: Error =
    Error::Unauthorised("bearer tokens are not accepted here; send an API key in the X-Api-Key header");
/// The same for an address as for a key: neither tells whether there is such a key.
const TOO_MANY: &str = "too many failed or anonymous requests";

/// What a request shows.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    /// Nothing.
    Nothing,
    /// Something in a header that is not looked at.
    Bearer,
    /// A key header that is not one text.
    Unreadable,
    /// What may be a key.
    Key(&'a str),
}

/// Why a credential is not accepted. `wait` is there where the same one may be accepted later.
struct Denied {
    cause: Cause,
    wait: Option<Wait>,
}

impl From<Cause> for Denied {
    fn from(cause: Cause) -> Self {
        Denied { cause, wait: None }
    }
}

/// Verifies a credential. What is malformed, unknown or over a limit costs no argon2 run; a verified key is remembered.
pub async fn authenticate(app: &App, shown: Credential<'_>, from: IpAddr) -> Result<Arc<Record>> {
    let now = app.clock.now();
    match accept(app, shown, from, now).await? {
        Ok(record) => {
            count_key(app, &record, from, now)?;
            app.keys.note_use(record.id, now.at, from);
            Ok(record)
        }
        Err(denied) => Err(refuse(app, shown, denied, from, now)),
    }
}

/// Counts a request to an anonymous endpoint: to its key if that is remembered and usable, else to its address. A bad
/// key does not matter.
pub fn pass_by(app: &App, shown: Credential<'_>, from: IpAddr, is_counted: bool) -> Result<()> {
    let now = app.clock.now();
    if let Credential::Key(key) = shown
        && api_key::shape(key).is_some()
    {
        let digest = app.keys.digest(key);
        match app.keys.known(&digest) {
            Known::Verified(record) if record.refusal(now.at).is_none() => {
                if is_counted {
                    count_key(app, &record, from, now)?;
                }
                app.keys.note_use(record.id, now.at, from);
                return Ok(());
            }
            Known::Nothing => verify_aside(app, key, digest, from, now),
            _ => {}
        }
    }
    match is_counted {
        true => count_address(app, from, now).map_err(too_many),
        false => Ok(()),
    }
}

/// Verifies a key for an answer that does not wait for it, so that its use is noted. Skipped when there is much to do.
fn verify_aside(app: &App, key: &str, digest: Digest, from: IpAddr, now: Now) {
    let Some(place) = app.keys.place_aside().filter(|_| check_address(app, from, now).is_ok()) else { return };
    let (app, key) = (app.clone(), Zeroizing::new(key.to_owned()));
    tokio::spawn(async move {
        match verify(&app, &key, digest, now).await {
            Ok(Ok(record)) if record.refusal(now.at).is_none() => app.keys.note_use(record.id, now.at, from),
            // A wrong secret is worth telling even where it does not matter.
            Ok(Err(denied)) if denied.cause.key.is_some() => app.refusals.note(denied.cause, from, now.elapsed),
            _ => {}
        }
        drop(place);
    });
}

/// The usable key behind a credential, or why there is none. The outer error is a failure of ours.
async fn accept(
    app: &App,
    shown: Credential<'_>,
    from: IpAddr,
    now: Now,
) -> Result<std::result::Result<Arc<Record>, Denied>> {
    let key = match shown {
        Credential::Nothing => return Ok(Err(Cause::unknown(Reason::Missing).into())),
        Credential::Bearer => return Ok(Err(Cause::unknown(Reason::Bearer).into())),
        Credential::Key(key) if api_key::shape(key).is_some() => key,
        _ => return Ok(Err(Cause::unknown(Reason::Malformed).into())),
    };
    let digest = app.keys.digest(key);
    let record = match app.keys.known(&digest) {
        Known::Verified(record) => record,
        Known::Refused(cause) => return Ok(Err(cause.into())),
        Known::Nothing => {
            if let Err(wait) = check_address(app, from, now) {
                return Ok(Err(Denied { cause: Cause::unknown(Reason::Address), wait: Some(wait) }));
            }
            match verify(app, key, digest, now).await? {
                Ok(record) => record,
                denied => return Ok(denied),
            }
        }
    };
    Ok(match record.refusal(now.at) {
        Some(cause) => Err(cause.into()),
        None => Ok(record),
    })
}

async fn verify(
    app: &App,
    presented: &str,
    digest: Digest,
    now: Now,
) -> Result<std::result::Result<Arc<Record>, Denied>> {
    let lookups = app.hasher.lookups(presented);
    let found = app
        .db
        .read(move |c| match api_keys::by_lookups(c, &lookups)? {
            Some(id) => api_keys::find(c, id),
            None => Ok(None),
        })
        .await?;
    let Some(key) = found else {
        let cause = Cause::unknown(Reason::Unknown);
        app.keys.refuse(digest, cause);
        return Ok(Err(cause.into()));
    };
    let id = key.id;
    match app.keys.single_flight(digest, || run_argon2(app, presented, digest, key, now)).await {
        Ok(Some(record)) => Ok(Ok(record)),
        Ok(None) => Ok(Err(Cause::of(id, Reason::WrongSecret).into())),
        Err(Error::TooMany { seconds, .. }) => {
            Ok(Err(Denied { cause: Cause::of(id, Reason::Failures), wait: Some(Wait(seconds)) }))
        }
        Err(error) => Err(error),
    }
}

/// The expensive part: at most once per key and process, unless the key is wrong, and then a few times a minute.
async fn run_argon2(app: &App, presented: &str, digest: Digest, key: ApiKey, now: Now) -> Result<Option<Arc<Record>>> {
    let id = key.id;
    // Counted before and given back after, so that many at once are not more than one after the other.
    let failure = app.limiter.failures.take(id, FAILURES, now.elapsed).map_err(too_many)?;
    let (hasher, presented) = (app.hasher.clone(), Zeroizing::new(presented.to_owned()));
    let (clear, hash, kid) = (presented.clone(), key.hash.clone(), key.pepper_kid);
    let right = app.keys.with_place(move || hasher.verify(&clear, &hash, kid)).await;
    if app.keys.is_idle() {
        // Verifications are rare; their 19 MiB are better spent elsewhere until the next one.
        app.hasher.release_memory();
    }
    if !matches!(right, Ok(false)) {
        app.limiter.failures.give_back(id, failure);
    }
    if !right? {
        app.keys.refuse(digest, Cause::of(id, Reason::WrongSecret));
        return Ok(None);
    }
    // The key may have been changed while argon2 ran. Reading it and remembering it happen on the writer, which
    // also makes changes known, so that neither can overtake the other.
    let keys = app.keys.clone();
    let known =
        app.db.read_in_turn(move |c| Ok(api_keys::find(c, id)?.map(|key| keys.remember(digest, record(&key))))).await?;
    if known.is_some() && !app.hasher.is_current(&key.hash, kid) {
        tokio::spawn(rehash(app.clone(), presented, id, key.hash));
    }
    Ok(known)
}

/// Stores the hash of a verified key anew, as hashes are made now, so that an older master key is needed for older
/// backups only. Nobody waits for it; what does not come about is tried again at the next verification.
async fn rehash(app: App, presented: Zeroizing<String>, id: Uuid, old: String) {
    let (hasher, kid) = (app.hasher.clone(), app.hasher.kid());
    let made = app.keys.with_place(move || Ok((hasher.hash(&presented)?, hasher.lookup(&presented)))).await;
    if app.keys.is_idle() {
        app.hasher.release_memory();
    }
    let stored = match made {
        Ok((hash, lookup)) => app.db.write(move |tx| api_keys::rehash(tx, id, &old, &hash, kid, &lookup)).await,
        Err(e) => Err(e),
    };
    if let Err(e) = stored {
        tracing::warn!(api_key.id = %id, error = e.chain(), "the hash of an API key was not made anew");
    }
}

/// Counts, tells and answers what was not accepted.
fn refuse(app: &App, shown: Credential<'_>, denied: Denied, from: IpAddr, now: Now) -> Error {
    app.refusals.note(denied.cause, from, now.elapsed);
    if let Err(wait) = count_address(app, from, now) {
        return too_many(wait);
    }
    match (denied.wait, shown) {
        (Some(wait), _) => too_many(wait),
        (None, Credential::Bearer) => BEARER,
        (None, _) => REFUSED,
    }
}

fn count_key(app: &App, record: &Record, from: IpAddr, now: Now) -> Result<()> {
    let settings = app.settings.now();
    if !settings.rate_limiting || record.exempt {
        return Ok(());
    }
    app.limiter.keys.take(record.id, settings.per_key, now.elapsed).map(drop).map_err(|Wait(seconds)| {
        app.refusals.note(Cause::of(record.id, Reason::Requests), from, now.elapsed);
        Error::TooMany { why: "too many requests with this API key", seconds }
    })
}

fn count_address(app: &App, from: IpAddr, now: Now) -> std::result::Result<(), Wait> {
    let settings = app.settings.now();
    match settings.rate_limiting {
        true => app.limiter.count_address(from, settings.per_address, now.elapsed),
        false => Ok(()),
    }
}

fn check_address(app: &App, from: IpAddr, now: Now) -> std::result::Result<(), Wait> {
    let settings = app.settings.now();
    match settings.rate_limiting {
        true => app.limiter.check_address(from, settings.per_address, now.elapsed),
        false => Ok(()),
    }
}

fn too_many(Wait(seconds): Wait) -> Error {
    Error::TooMany { why: TOO_MANY, seconds }
}

/// What the cache keeps of a stored key.
pub fn record(key: &ApiKey) -> Record {
    Record {
        id: key.id,
        name: key.name.clone(),
        roles: key.roles.clone(),
        enabled: key.is_enabled,
        expires_at: key.expires_at,
        exempt: key.is_infrastructure,
    }
}

/// Stores the noted uses of keys and returns whether there were any. Called now and then, off the request path.
pub async fn store_uses(app: &App) -> Result<bool> {
    let uses = app.keys.take_uses();
    if uses.is_empty() {
        return Ok(false);
    }
    let kept = uses.clone();
    let stored = app
        .db
        .write(move |tx| {
            for (id, (at, from)) in &uses {
                api_keys::used(tx, *id, *at, &from.to_string())?;
            }
            Ok(true)
        })
        .await;
    if stored.is_err() {
        app.keys.return_uses(kept);
    }
    stored
}
