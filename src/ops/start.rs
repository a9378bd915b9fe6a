//! Start of a server on its files: keyring and database are checked against each other, activities that a crash left
//! open are closed, the first keys are created.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::Semaphore;

use crate::app::settings::InForce;
use crate::app::{ActiveRuns, App, Components, MAX_LARGE_ANSWERS, MAX_TESTS, RunLocks};
use crate::config::Config;
use crate::connectors;
use crate::connectors::ldap::Limits;
use crate::db::{Db, FileLock, OpenError};
use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::ops::{api_keys, certificates};
use crate::security::api_key::Hasher;
use crate::security::certificate::encoding::MAX_BYTES;
use crate::security::clock::{self, Clock};
use crate::security::limiter::Limiter;
use crate::security::refusals::Refusals;
use crate::security::secret::{Keyring, Secret};
use crate::security::tls::ClientTrust;
use crate::security::tls::files::CertificateFiles;
use crate::store::secrets::{self, MasterKey};
use crate::store::{activities, runs, service_settings};

/// Start errors, by exit code.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("{0}")]
    Database(#[from] OpenError),
    /// Of the configuration or the keyring.
    #[error("{0}")]
    Configuration(String),
    /// A statement failed on the open database.
    #[error("{0}")]
    Store(#[from] Error),
}

/// Database, keyring and hasher of one installation.
pub struct Files {
    pub db: Db,
    pub keyring: Keyring,
    pub hasher: Hasher,
}

/// Opens database and keyring. Both are created if both are missing; a keyring is never created for an old database.
pub async fn open_files(config: &Config) -> Result<Files, StartError> {
    // A foreign or damaged file is refused before anything is written.
    Db::exists(&config.database)?;
    let lock = FileLock::take(&config.database)?;
    // The keyring comes first: a database that it does not open must not be touched, and a crash between the two leaves
    // a keyring without a database, which the next start adopts. It is created only where a database can be too.
    let keyring = if Db::exists(&config.database)? || config.keyring.exists() {
        Keyring::load(&config.keyring).map_err(|error| StartError::Configuration(error.to_string()))?
    } else {
        Keyring::create(&config.keyring).map_err(|error| OpenError::Io(error.to_string()))?
    };
    let (db, known) =
        Db::open(&config.database, lock, |c| belong_together(&secrets::checks_of(&config.database, c)?, &keyring))?;
    let kid = keyring.current_kid();
    if !known.contains(&kid) {
        // A new file has no key check, and one whose rotation was interrupted not that of the newest key. The check is
        // stored before anything is sealed with the key.
        let unusable = |_| StartError::Configuration("the keyring holds no usable key".to_owned());
        let value = keyring.check_value(kid).map_err(unusable)?;
        db.write(move |tx| secrets::add_check(tx, kid, &value)).await?;
    }
    let hasher =
        Hasher::new(&keyring).ok_or_else(|| StartError::Configuration("the keyring holds no usable key".to_owned()))?;
    Ok(Files { db, keyring, hasher })
}

/// Checks the keyring against the key checks of the database, and returns the ids of their keys.
pub(super) fn belong_together(checks: &[MasterKey], keyring: &Keyring) -> Result<Vec<u32>, StartError> {
    let wrong = |what: &str| {
        StartError::Configuration(format!(
            "the keyring {} {what}; put back the keyring that belongs to the database",
            keyring.path().display()
        ))
    };
    for (kid, value) in checks {
        if !keyring.holds(*kid) {
            return Err(wrong(&format!("lacks the key {kid:08x}, which the database needs")));
        }
        if !keyring.passes_check(*kid, value) {
            return Err(wrong("holds another key than the one the database was written with"));
        }
    }
    Ok(checks.iter().map(|(kid, _)| *kid).collect())
}

/// Brings up a server. `tell` prints the clear bootstrap key, if one is made; it is kept nowhere.
pub async fn start(
    config: &Config,
    infrastructure_key: Option<Secret>,
    tell: impl FnOnce(&Secret) -> std::io::Result<()>,
) -> Result<App, StartError> {
    Ok(start_with(config, infrastructure_key, clock::system(), tell).await?.into())
}

/// The components of a server on another clock than the system's.
pub async fn start_with(
    config: &Config,
    infrastructure_key: Option<Secret>,
    source: clock::Source,
    tell: impl FnOnce(&Secret) -> std::io::Result<()>,
) -> Result<Components, StartError> {
    let trust = client_trust(config)?;
    let files = open_files(config).await?;
    let Files { db, hasher, .. } = &files;
    let orphans = db
        .write(|tx| {
            runs::delete_active(tx)?;
            activities::close_orphans(tx)
        })
        .await?;
    if orphans > 0 {
        tracing::warn!(count = orphans, "activities that a stop left open were closed as failed");
    }
    let clock = Clock(source);
    if let Some(key) = infrastructure_key {
        api_keys::infrastructure(db, hasher, key.expose(), clock.now().at).await?;
    }
    certificates::publish(db, &trust).await?;
    api_keys::bootstrap(db, hasher, tell).await?;
    if api_keys::lacks_administrator_at(db, clock.now().at).await? {
        tracing::warn!("{}", api_keys::NO_ADMINISTRATOR);
    }
    hasher.release_memory();
    let settings = InForce::new(db.read(service_settings::overrides).await?);
    Ok(components(config, files, clock, settings, trust))
}

fn client_trust(config: &Config) -> Result<ClientTrust, StartError> {
    let trust = ClientTrust::load(config.trust_dir.as_deref()).map_err(StartError::Configuration)?;
    let Some(root) = config.files_root.clone() else { return Ok(trust) };
    let read = move |path: &str| connectors::file::read_file(&root, path, MAX_BYTES);
    Ok(trust.with_files(CertificateFiles::new(Arc::new(read))))
}

fn components(config: &Config, files: Files, clock: Clock, settings: InForce, trust: ClientTrust) -> Components {
    Components {
        started: SystemTime::now(),
        db: files.db,
        keyring: Arc::new(files.keyring),
        hasher: Arc::new(files.hasher),
        keys: Arc::default(),
        clock,
        limiter: Limiter::default(),
        refusals: Refusals::default(),
        metrics: Metrics::default(),
        settings,
        trust: Arc::new(trust),
        imports: RunLocks::default(),
        runs: ActiveRuns::new(config.parallel_runs),
        large_answers: Arc::new(Semaphore::new(MAX_LARGE_ANSWERS)),
        tests: Arc::new(Semaphore::new(MAX_TESTS)),
        files_root: config.files_root.as_deref().map(Arc::from),
        docs: config.docs,
        ldap_limits: Limits {
            hosts: Arc::new(config.allowed_directories.clone()),
            bytes: config.limits.import_mib * 1024 * 1024,
            entries: config.limits.import_entries,
            ..Limits::default()
        },
    }
}
