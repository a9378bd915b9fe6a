//! Authentication of a request: cheapest check first. Counts attempts and logs refusals.
//!
//! The answer never says why a credential was refused: the reason is in the log alone.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::app::App;
use crate::error::{Error, Result};
use crate::security::api_key;
use crate::security::clock::Now;
use crate::security::key_cache::{Cached, Digest, Record};
use crate::security::limiter::{FAILURES, Wait};
use crate::security::refusals::{RefusalCause, RefusalReason};
use crate::store::api_keys::{self, ApiKey};

/// One answer for every refused credential: it does not say which part was wrong.
const REFUSED: Error = Error::Unauthorised("an accepted API key is required in the X-Api-Key header");
const BEARER: Error =
    Error::Unauthorised("bearer tokens are not accepted here; send an API key in the X-Api-Key header");
/// One text for addresses and keys: it does not say whether there is such a key.
const TOO_MANY: &str = "too many failed or anonymous requests";

/// Credential that a request presents.
#[derive(Debug, Clone, Copy)]
pub enum Credential<'a> {
    Nothing,
    /// A token in a header that is not read.
    Bearer,
    /// A repeated key header, or one that is not text.
    Unreadable,
    Key(&'a str),
}

/// RefusalReason why a credential is refused, with the time to wait where a retry may succeed.
struct Denied {
    cause: RefusalCause,
    retry_after: Option<Wait>,
}

/// The usable key behind a credential, or why there is none.
type Decision = std::result::Result<Arc<Record>, Denied>;

impl From<RefusalCause> for Denied {
    fn from(cause: RefusalCause) -> Self {
        Denied { cause, retry_after: None }
    }
}

/// Verifies a credential. A malformed, unknown or rate-limited one costs no argon2 run; a verified key is cached.
pub async fn authenticate(app: &App, presented: Credential<'_>, from: IpAddr) -> Result<Arc<Record>> {
    let now = app.clock.now();
    match accept(app, presented, from, now).await? {
        Ok(record) => {
            count_key(app, &record, from, now)?;
            app.keys.note_use(record.id, now.at, from);
            Ok(record)
        }
        Err(denied) => Err(refuse(app, presented, denied, from, now)),
    }
}

/// Counts a request to an anonymous endpoint: for its key if that is cached and usable, else for its address. A bad key
/// does not matter, and none is verified.
pub fn pass_by(app: &App, presented: Credential<'_>, from: IpAddr, is_counted: bool) -> Result<()> {
    let now = app.clock.now();
    if let Credential::Key(key) = presented
        && api_key::shape(key).is_some()
        && let Cached::Verified(record) = app.keys.get(&app.keys.digest(key))
        && record.refusal(now.at).is_none()
    {
        if is_counted {
            count_key(app, &record, from, now)?;
        }
        app.keys.note_use(record.id, now.at, from);
        return Ok(());
    }
    if is_counted { count_address(app, from, now).map_err(too_many) } else { Ok(()) }
}

async fn accept(app: &App, presented: Credential<'_>, from: IpAddr, now: Now) -> Result<Decision> {
    let key = match presented {
        Credential::Nothing => return Ok(Err(RefusalCause::unknown(RefusalReason::Missing).into())),
        Credential::Bearer => return Ok(Err(RefusalCause::unknown(RefusalReason::Bearer).into())),
        Credential::Key(key) if api_key::shape(key).is_some() => key,
        _ => return Ok(Err(RefusalCause::unknown(RefusalReason::Malformed).into())),
    };
    let digest = app.keys.digest(key);
    let record = match app.keys.get(&digest) {
        Cached::Verified(record) => record,
        Cached::Refused(cause) => return Ok(Err(cause.into())),
        Cached::Miss => {
            if let Err(wait) = check_address(app, from, now) {
                return Ok(Err(Denied {
                    cause: RefusalCause::unknown(RefusalReason::Address),
                    retry_after: Some(wait),
                }));
            }
            // Boxed: it is rare and large, and every request would carry its room.
            match Box::pin(verify(app, key, digest, now)).await? {
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

async fn verify(app: &App, presented: &str, digest: Digest, now: Now) -> Result<Decision> {
    let lookups = app.hasher.lookups(presented);
    let found = app
        .db
        .read(move |c| match api_keys::by_lookups(c, &lookups)? {
            Some(id) => api_keys::find(c, id),
            None => Ok(None),
        })
        .await?;
    let Some(key) = found else {
        let cause = RefusalCause::unknown(RefusalReason::Unknown);
        app.keys.insert_refusal(digest, cause);
        return Ok(Err(cause.into()));
    };
    let id = key.id;
    match app.keys.single_flight(digest, || run_argon2(app, presented, digest, key, now)).await {
        Ok(Some(record)) => Ok(Ok(record)),
        Ok(None) => Ok(Err(RefusalCause::of(id, RefusalReason::WrongSecret).into())),
        Err(Error::TooMany { seconds, .. }) => {
            Ok(Err(Denied { cause: RefusalCause::of(id, RefusalReason::Failures), retry_after: Some(Wait(seconds)) }))
        }
        Err(error) => Err(error),
    }
}

/// Argon2 verification: at most once per key and process, unless the key is wrong, and then a few times a minute.
async fn run_argon2(app: &App, presented: &str, digest: Digest, key: ApiKey, now: Now) -> Result<Option<Arc<Record>>> {
    let (id, kid) = (key.id, key.pepper_kid);
    // Counted before and given back after, so that concurrent attempts cannot exceed the limit.
    let failure = app.limiter.failures.take(id, FAILURES, now.elapsed).map_err(too_many)?;
    let presented = Zeroizing::new(presented.to_owned());
    let (hasher, clear, hash) = (app.hasher.clone(), presented.clone(), key.hash.clone());
    let verified = with_argon2(app, move || hasher.verify(&clear, &hash, kid)).await;
    if !matches!(verified, Ok(false)) {
        app.limiter.failures.take_back(id, failure);
    }
    if !verified? {
        app.keys.insert_refusal(digest, RefusalCause::of(id, RefusalReason::WrongSecret));
        return Ok(None);
    }
    // The key may have been changed while argon2 ran. It is read and cached on the writer, which also publishes
    // changes, so that neither can overtake the other.
    let keys = app.keys.clone();
    let known =
        app.db.read_on_writer(move |c| Ok(api_keys::find(c, id)?.map(|key| keys.insert(digest, record(&key))))).await?;
    if known.is_some() && !app.hasher.is_current(&key.hash, kid) {
        tokio::spawn(rehash(app.clone(), presented, id, key.hash));
    }
    Ok(known)
}

/// Runs argon2 work; its 19 MiB go back to the system when no other waits.
async fn with_argon2<T: Send + 'static>(app: &App, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = app.keys.with_permit(work).await;
    if app.keys.is_idle() {
        app.hasher.release_memory();
    }
    done
}

/// Replaces the hash of a verified key by one under the newest master key, so that only older backups need an older one.
/// Runs in the background; a failure is retried at the next verification.
async fn rehash(app: App, presented: Zeroizing<String>, id: Uuid, old: String) {
    let (hasher, kid) = (app.hasher.clone(), app.hasher.kid());
    let made = with_argon2(&app, move || Ok((hasher.hash(&presented)?, hasher.lookup(&presented)))).await;
    let stored = match made {
        Ok((hash, lookup)) => app.db.write(move |tx| api_keys::rehash(tx, id, &old, &hash, kid, &lookup)).await,
        Err(e) => Err(e),
    };
    if let Err(e) = stored {
        tracing::warn!(api_key.id = %id, error = e.chain(), "the hash of an API key was not renewed");
    }
}

/// Logs and counts a refusal; returns its answer.
fn refuse(app: &App, presented: Credential<'_>, denied: Denied, from: IpAddr, now: Now) -> Error {
    app.refusals.note(denied.cause, from, now.elapsed);
    if let Err(wait) = count_address(app, from, now) {
        return too_many(wait);
    }
    match (denied.retry_after, presented) {
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
        app.refusals.note(RefusalCause::of(record.id, RefusalReason::Requests), from, now.elapsed);
        Error::TooMany { why: "too many requests with this API key", seconds }
    })
}

fn count_address(app: &App, from: IpAddr, now: Now) -> std::result::Result<(), Wait> {
    let settings = app.settings.now();
    if !settings.rate_limiting {
        return Ok(());
    }
    app.limiter.count_address(from, settings.per_address, now.elapsed)
}

fn check_address(app: &App, from: IpAddr, now: Now) -> std::result::Result<(), Wait> {
    let settings = app.settings.now();
    if !settings.rate_limiting {
        return Ok(());
    }
    app.limiter.check_address(from, settings.per_address, now.elapsed)
}

fn too_many(Wait(seconds): Wait) -> Error {
    Error::TooMany { why: TOO_MANY, seconds }
}

/// Cache record of a stored key.
pub(crate) fn record(key: &ApiKey) -> Record {
    Record {
        id: key.id,
        name: key.name.clone(),
        roles: key.roles.clone(),
        enabled: key.is_enabled,
        expires_at: key.expires_at,
        exempt: key.is_infrastructure,
    }
}

/// Stores the noted uses of keys and returns whether there were any. Called periodically, off the request path.
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
