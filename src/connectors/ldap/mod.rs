//! The LDAP connector, for directories that may be broken or hostile.
//!
//! `connect`, `guard`, `pump` and `session` are the transport; `settings`, `root_dse`, `hierarchy`, `removal`,
//! `schema` and `import` interpret the data. The database is not used here.

mod access_list;
pub mod address;
pub mod ber;
pub(crate) mod connect;
pub(crate) mod directory;
mod entry;
pub(crate) mod failure;
pub mod guard;
mod hierarchy;
mod ids;
mod import;
pub mod limits;
mod partitions;
mod password_policy;
pub(crate) mod probe;
mod progress;
mod pump;
mod remark;
mod remedy;
mod removal;
mod root_dse;
#[cfg(test)]
mod sample;
mod sanitiser;
pub mod schema;
mod secrets;
mod session;
mod settings;
pub(crate) mod source;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::security::secret::Secret;
use crate::security::tls::ClientTrust;
use connect::Deadline;
pub use failure::{Failure, FailureKind, Stage};
use limits::Budget;
pub use limits::Limits;
use remark::Remark;
use root_dse::RootDse;
use session::Session;
use settings::LdapSettings;

/// Shared state of the connections of an import.
pub struct Access {
    pub settings: LdapSettings,
    pub password: Secret,
    pub trust: Arc<ClientTrust>,
    pub limits: Limits,
    budget: Arc<Budget>,
    total: Deadline,
    /// Milliseconds spent connecting: all connections share Connection Timeout.
    connecting: AtomicU64,
}

impl Access {
    /// Starts the time limit of the whole import.
    pub fn new(settings: LdapSettings, password: Secret, trust: Arc<ClientTrust>, limits: Limits) -> Self {
        let budget = Arc::new(Budget::new(&limits));
        let total = Deadline::after(settings.total_seconds);
        Access { settings, password, trust, limits, budget, total, connecting: AtomicU64::new(0) }
    }

    pub fn label(&self) -> String {
        self.settings.target.label()
    }

    /// Runs a step within the time limit of the whole import.
    pub async fn within<T>(&self, stage: Stage, step: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        self.total.within(stage, &self.label(), step).await
    }

    /// Checks the time limit of the whole import after a step that cannot be cancelled.
    pub fn in_time(&self, stage: Stage) -> Result<(), Failure> {
        if Instant::now() < self.total.at { Ok(()) } else { Err(self.total.exceeded(stage, &self.label())) }
    }

    async fn open(&self, deadline: Deadline) -> Result<Session, Failure> {
        let deadline = if deadline.at < self.total.at { deadline } else { self.total };
        let settings = &self.settings;
        Session::open(
            &settings.target,
            &self.trust,
            &settings.username,
            &self.password,
            &self.limits,
            &self.budget,
            deadline,
        )
        .await
    }

    async fn open_another(&self) -> Result<Session, Failure> {
        self.within_connect_timeout(async |deadline| self.open(deadline).await).await
    }

    /// Connects, binds and reads the root entry. Retries transient failures, within Connection Timeout.
    pub async fn connect(&self) -> Result<(Session, RootDse), Failure> {
        self.within_connect_timeout(async |deadline| {
            let mut delay = Duration::from_millis(self.settings.retry_delay_ms);
            let mut tries_left = self.settings.retries;
            loop {
                let failure = match self.attempt(deadline).await {
                    Ok(connected) => return Ok(connected),
                    Err(failure) => failure,
                };
                if !failure.transient || tries_left == 0 || Instant::now() + delay >= deadline.at {
                    return Err(failure);
                }
                tracing::info!(%failure, "retrying the directory");
                tokio::time::sleep(delay).await;
                tries_left -= 1;
                delay *= 2;
            }
        })
        .await
    }

    /// Runs a step within the rest of Connection Timeout, and deducts its duration.
    async fn within_connect_timeout<T>(
        &self,
        step: impl AsyncFnOnce(Deadline) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let seconds = self.settings.connect_seconds;
        let spent = Duration::from_millis(self.connecting.load(Ordering::Relaxed));
        let begin = Instant::now();
        let at = begin + Duration::from_secs(seconds).saturating_sub(spent);
        let done = step(Deadline { at, seconds }).await;
        self.connecting.fetch_add(u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        done
    }

    async fn attempt(&self, deadline: Deadline) -> Result<(Session, RootDse), Failure> {
        let mut session = self.open(deadline).await?;
        session.enter(Stage::Root);
        let root = self.within(Stage::Root, root_dse::read(&mut session)).await?;
        Ok((session, root))
    }

    /// Remarks on the transport of the password.
    pub fn transport_remarks(&self, session: &Session) -> Vec<String> {
        let target = &self.settings.target;
        let remarks = remark::in_clear(target, session.peer).into_iter().chain(remark::unverified(target));
        remarks.map(|remark| remark.to_string()).collect()
    }

    /// Warnings on the account and the server.
    fn warnings(&self, session: &Session, root: &RootDse) -> Vec<String> {
        let catalogue = self.catalogue(root);
        session.policy.remark().into_iter().chain(catalogue).map(|remark| remark.to_string()).collect()
    }

    fn catalogue(&self, root: &RootDse) -> Option<Remark> {
        remark::global_catalogue(&self.settings.target, root.kind.is_ad_family())
    }
}
