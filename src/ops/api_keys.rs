//! API keys: create, change, delete.
//!
//! A change is published to the cache of verified keys before it is answered, so that it acts on the next request. An
//! enabled, unexpired Administrator key always remains.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Caller;
use super::authenticate::record;
use crate::app::App;
use crate::db::{Db, Tx};
use crate::domain::role::ADMINISTRATOR;
use crate::error::{Error, Result};
use crate::security::api_key;
use crate::security::secret::Secret;
use crate::store::api_keys::{self, ApiKey};

/// Lifetime of the operator's key from the environment.
const INFRASTRUCTURE_LIFE: Duration = Duration::hours(24);
const INFRASTRUCTURE_NAME: &str = "Infrastructure Key";
const BOOTSTRAP_NAME: &str = "Bootstrap Key";

/// Warning about a database without a usable Administrator key.
pub const NO_ADMINISTRATOR: &str = "no API key is an enabled, unexpired Administrator: nothing can be changed over \
    the API. With the server stopped, make one: jim api-key create --name NAME --role administrator";

/// Input for a key, validated except against other keys.
#[derive(Debug, Clone)]
pub struct KeyFields {
    /// 1-200 code points, trimmed.
    pub name: String,
    /// At most 1000 code points.
    pub description: Option<String>,
    /// Known role ids, each once.
    pub roles: Vec<i64>,
    /// `None`: never.
    pub expires_at: Option<OffsetDateTime>,
    pub is_enabled: bool,
}

/// Creates a key. The clear key is in the result and nowhere else.
pub async fn create(app: &App, fields: KeyFields, caller: &Caller) -> Result<(ApiKey, Secret)> {
    let hasher = app.hasher.clone();
    let made = app.keys.with_place(move || make(&hasher, api_key::generate(), fields)).await?;
    app.hasher.release_memory();
    let (key, lookup, secret) = made;
    store(&app.db, key.clone(), lookup).await?;
    audit("audit: API key created", key.id, caller);
    Ok((key, secret))
}

pub async fn update(app: &App, id: Uuid, fields: KeyFields, caller: &Caller) -> Result<ApiKey> {
    let now = app.clock.now().at;
    let changed = app
        .db
        .write(move |tx| {
            let mut key = api_keys::get(tx, id)?;
            refuse_taken_name(tx, &fields.name, Some(id))?;
            key.name = fields.name;
            key.description = fields.description;
            key.roles = fields.roles;
            key.roles.sort_unstable();
            key.expires_at = fields.expires_at;
            key.is_enabled = fields.is_enabled;
            guarded(tx, now, |tx| api_keys::update(tx, &key))?;
            Ok(key)
        })
        .await?;
    publish(app, id).await;
    audit("audit: API key changed", id, caller);
    Ok(changed)
}

pub async fn delete(app: &App, id: Uuid, caller: &Caller) -> Result<()> {
    delete_at(&app.db, id, app.clock.now().at).await?;
    publish(app, id).await;
    audit("audit: API key deleted", id, caller);
    Ok(())
}

/// Logs a change that is committed and not yet answered. The line has no text of a caller.
fn audit(what: &'static str, id: Uuid, caller: &Caller) {
    let Caller { key, from, request } = caller;
    tracing::info!(api_key.id = %id, by = %key.id, %from, request.id = %request, "{what}");
}

/// Deletes a key of a database that no server uses.
pub async fn delete_stored(db: &Db, id: Uuid) -> Result<()> {
    delete_at(db, id, OffsetDateTime::now_utc()).await
}

/// Whether a database that no server uses has keys, but no usable Administrator key.
pub async fn lacks_administrator(db: &Db) -> Result<bool> {
    lacks_administrator_at(db, OffsetDateTime::now_utc()).await
}

/// The same as of `now`.
pub async fn lacks_administrator_at(db: &Db, now: OffsetDateTime) -> Result<bool> {
    db.read(move |c| Ok(!api_keys::none_exist(c)? && api_keys::usable_holders(c, ADMINISTRATOR, now)? == 0)).await
}

async fn delete_at(db: &Db, id: Uuid, now: OffsetDateTime) -> Result<()> {
    db.write(move |tx| {
        api_keys::get(tx, id)?;
        guarded(tx, now, |tx| api_keys::delete(tx, id))
    })
    .await
}

/// Creates a key in a database that no server uses.
pub async fn create_stored(db: &Db, hasher: &api_key::Hasher, fields: KeyFields) -> Result<Secret> {
    let (key, lookup, secret) = make(hasher, api_key::generate(), fields)?;
    store(db, key, lookup).await?;
    Ok(secret)
}

async fn store(db: &Db, key: ApiKey, lookup: Vec<u8>) -> Result<()> {
    db.write(move |tx| {
        refuse_taken_name(tx, &key.name, None)?;
        api_keys::insert(tx, &key, &lookup)
    })
    .await
}

/// Stores the operator's key from the environment unless it is stored already, even expired. It is an
/// Administrator for 24 hours.
pub async fn infrastructure(db: &Db, hasher: &api_key::Hasher, clear: &str, now: OffsetDateTime) -> Result<()> {
    if api_key::shape(clear).is_none() {
        tracing::warn!(
            "JIM_INFRASTRUCTURE_API_KEY is ignored: it must start with jim_ and be 32-1024 visible ASCII characters"
        );
        return Ok(());
    }
    let lookups = hasher.lookups(clear);
    if db.read(move |c| api_keys::by_lookups(c, &lookups)).await?.is_some() {
        return Ok(());
    }
    let fields = KeyFields {
        name: INFRASTRUCTURE_NAME.to_owned(),
        description: None,
        roles: vec![ADMINISTRATOR],
        expires_at: Some(now.saturating_add(INFRASTRUCTURE_LIFE)),
        is_enabled: true,
    };
    let (mut key, lookup, _) = make(hasher, Secret::new(clear.to_owned()), fields)?;
    key.is_infrastructure = true;
    let id = key.id;
    db.write(move |tx| {
        let mut number = 2;
        while api_keys::name_taken(tx, &key.name, None)? {
            key.name = format!("{INFRASTRUCTURE_NAME} {number}");
            number += 1;
        }
        api_keys::insert(tx, &key, &lookup)
    })
    .await?;
    tracing::info!(api_key.id = %id, "audit: API key created from the environment");
    Ok(())
}

/// Creates the first key of a database that has none. It is printed before it is stored: after a crash in between the
/// printed key does not work and the next start prints another. The other order would leave a key that was never printed.
///
/// # Errors
/// It could not be printed, and was not stored.
pub async fn bootstrap(
    db: &Db,
    hasher: &api_key::Hasher,
    tell: impl FnOnce(&Secret) -> std::io::Result<()>,
) -> Result<()> {
    if !db.read(api_keys::none_exist).await? {
        return Ok(());
    }
    let fields = KeyFields {
        name: BOOTSTRAP_NAME.to_owned(),
        description: None,
        roles: vec![ADMINISTRATOR],
        expires_at: None,
        is_enabled: true,
    };
    let (key, lookup, secret) = make(hasher, api_key::generate(), fields)?;
    tell(&secret).map_err(|e| Error::internal("the first API key could not be printed, and was not stored", e))?;
    store(db, key, lookup).await?;
    tracing::info!("audit: the first API key was created");
    Ok(())
}

fn make(hasher: &api_key::Hasher, secret: Secret, fields: KeyFields) -> Result<(ApiKey, Vec<u8>, Secret)> {
    let mut roles = fields.roles;
    roles.sort_unstable();
    let key = ApiKey {
        id: Uuid::new_v4(),
        name: fields.name,
        description: fields.description,
        key_prefix: api_key::prefix(secret.expose()),
        hash: hasher.hash(secret.expose())?,
        pepper_kid: hasher.kid(),
        created_at: OffsetDateTime::now_utc(),
        expires_at: fields.expires_at,
        last_used_at: None,
        last_used_from_ip: None,
        is_enabled: fields.is_enabled,
        is_infrastructure: false,
        roles,
    };
    let lookup = hasher.lookup(secret.expose());
    Ok((key, lookup, secret))
}

fn refuse_taken_name(tx: &Tx<'_>, name: &str, except: Option<Uuid>) -> Result<()> {
    if api_keys::name_taken(tx, name, except)? {
        return Err(Error::field("name", "Another API key has this name."));
    }
    Ok(())
}

/// Runs a change and refuses it if no usable Administrator key would remain.
fn guarded(tx: &Tx<'_>, now: OffsetDateTime, change: impl FnOnce(&Tx<'_>) -> Result<()>) -> Result<()> {
    let before = api_keys::usable_holders(tx, ADMINISTRATOR, now)?;
    change(tx)?;
    if before > 0 && api_keys::usable_holders(tx, ADMINISTRATOR, now)? == 0 {
        return Err(Error::Conflict("this would leave no enabled, unexpired Administrator key".to_owned()));
    }
    Ok(())
}

/// Updates the cache to the committed state of a key. Runs on the writer, as verification does, so that neither can
/// overtake the other.
async fn publish(app: &App, id: Uuid) {
    let keys = app.keys.clone();
    let known = app
        .db
        .read_on_writer(move |c| {
            keys.replace(id, api_keys::find(c, id)?.map(|key| record(&key)));
            Ok(())
        })
        .await;
    if known.is_err() {
        // Eviction is always safe: the next request verifies the key again.
        app.keys.replace(id, None);
    }
}
