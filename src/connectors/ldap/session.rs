//! Bound connection to a directory, and searches on it.
//!
//! The guard sits between network and LDAP library; pump and library run in tasks that end with the session. Referrals
//! are never followed and aliases never dereferenced.

mod search;
mod single;
#[cfg(test)]
pub(super) mod tests;

use std::sync::Arc;
use std::time::Duration;

use ldap3::controls::RawControl;
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, StdStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connect::{Deadline, Target, Wire, connect};
use super::failure::{EXCEEDS, Failure, LOST, MUST_CHANGE, NOT_UNDERSTOOD, Stage, bind_failure, result_text};
use super::limits::{Budget, Limits};
use super::password_policy::{PASSWORD_POLICY, PasswordPolicy};
use super::pump::{Flow, Stop, pump};
use super::sanitiser::Sanitiser;
use crate::security::secret::Secret;
use crate::security::tls::{CLIENT_CERTIFICATE, CLIENT_CERTIFICATE_ASKED, ClientTrust};

pub use ldap3::Scope;
pub use search::{Arrival, Query, SearchEnd};
pub use single::{BaseRead, Question};

pub const EVERY_ENTRY: &str = "(objectClass=*)";
pub const PAGE_SIZE: u32 = 500;
const UNBIND_TIMEOUT: Duration = Duration::from_secs(2);

/// Dropping a session closes the connection immediately; [`Session::close`] unbinds first. A cancelled search ends the
/// session: later ones fail as if the connection were lost.
#[derive(Debug)]
pub struct Session {
    ldap: Ldap,
    at: String,
    stage: Stage,
    flow: Arc<Flow>,
    sanitiser: Sanitiser,
    limits: Limits,
    searching: bool,
    pub(super) peer: Option<std::net::IpAddr>,
    /// From the response to the bind.
    pub(super) policy: PasswordPolicy,
    library: JoinHandle<()>,
    pump: JoinHandle<()>,
}

/// End of a search. Only [`End::Result`] with code 0 means that all entries arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Result (RFC 4511, section 4.1.9) of the last page, or of the first with another code than 0.
    Result {
        code: u32,
        matched: String,
        /// The directory's sanitised text in quotes, and a note from the bind; often empty.
        diagnostic: String,
    },
    Lost,
    /// Stopped by guard or TLS, for a reason of the closed list.
    Guard(&'static str),
    Idle(u64),
}

impl Session {
    /// Resolves, connects, secures and binds (simple, LDAPv3: RFC 4511, section 4.2), all before `deadline`.
    pub async fn open(
        target: &Target,
        trust: &ClientTrust,
        username: &str,
        password: &Secret,
        limits: &Limits,
        budget: &Arc<Budget>,
        deadline: Deadline,
    ) -> Result<Session, Failure> {
        let at = target.label();
        require_credentials(&at, username, password)?;
        let wire = connect(target, trust, &Sanitiser::new(password), limits, deadline).await?;
        deadline.within(Stage::Bind, &at, Session::bind_on(wire, target, username, password, limits, budget)).await
    }

    /// Binds on an open connection, which is secured if configured.
    pub(super) async fn bind_on(
        wire: Wire,
        target: &Target,
        username: &str,
        password: &Secret,
        limits: &Limits,
        budget: &Arc<Budget>,
    ) -> Result<Session, Failure> {
        let at = target.label();
        require_credentials(&at, username, password)?;
        let asked = matches!(&wire, Wire::Tls(_, true));
        let mut session = Session::start(wire, at, Sanitiser::new(password), limits, budget).await?;
        match session.bind(username, password).await {
            Ok(()) => Ok(session),
            Err(lost) if asked && lost.reason == LOST => {
                Err(Failure { reason: CLIENT_CERTIFICATE_ASKED.to_owned(), ..lost })
            }
            Err(failure) => Err(failure),
        }
    }

    pub fn label(&self) -> &str {
        &self.at
    }

    pub fn clean(&self, text: &str) -> String {
        self.sanitiser.clean(text)
    }

    pub fn enter(&mut self, stage: Stage) {
        self.stage = stage;
    }

    /// Failure of a search at the current stage.
    pub fn failure(&self, end: &End) -> Failure {
        match end {
            End::Lost => Failure::new(self.stage, &self.at, LOST).as_transient(),
            End::Guard(reason) => Failure::new(self.stage, &self.at, *reason),
            End::Idle(seconds) => Failure::timeout(self.stage, &self.at, *seconds),
            End::Result { code, diagnostic, .. } => {
                let failure = Failure::new(self.stage, &self.at, result_text(*code, diagnostic));
                if matches!(code, 51 | 52) { failure.as_transient() } else { failure }
            }
        }
    }

    /// Unbinds (RFC 4511, section 4.3) and closes.
    pub async fn close(mut self) {
        if self.searching {
            return;
        }
        let unbind = async {
            let _ = self.ldap.unbind().await;
            let _ = (&mut self.pump).await;
        };
        let _ = timeout(UNBIND_TIMEOUT, unbind).await;
    }

    /// Starts pump and library on an open connection.
    async fn start(
        wire: Wire,
        at: String,
        sanitiser: Sanitiser,
        limits: &Limits,
        budget: &Arc<Budget>,
    ) -> Result<Session, Failure> {
        let internal = |error: &dyn std::fmt::Display| {
            tracing::error!(%error, "a connection to a directory cannot be set up");
            Failure::new(Stage::Connect, &at, LOST)
        };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|e| internal(&e))?;
        ours.set_nonblocking(true).map_err(|e| internal(&e))?;
        let ours = tokio::net::UnixStream::from_std(ours).map_err(|e| internal(&e))?;
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(theirs));
        let (connection, ldap) = LdapConnAsync::with_settings(settings, "ldapi:///").await.map_err(|e| internal(&e))?;
        let flow = Arc::new(Flow::new());
        let library = tokio::spawn(async move {
            if let Err(error) = connection.drive().await {
                tracing::debug!(%error, "the LDAP library closed a connection");
            }
        });
        let peer = match &wire {
            Wire::Plain(tcp) => tcp.peer_addr(),
            Wire::Tls(tls, _) => tls.get_ref().0.peer_addr(),
        };
        let (shared, own_limits, budget) = (flow.clone(), limits.clone(), budget.clone());
        let pump = match wire {
            Wire::Plain(tcp) => tokio::spawn(pump(tcp, ours, shared, own_limits, budget)),
            Wire::Tls(tls, _) => tokio::spawn(pump(tls, ours, shared, own_limits, budget)),
        };
        let (stage, limits) = (Stage::Bind, limits.clone());
        let peer = peer.ok().map(|a| a.ip());
        let policy = PasswordPolicy::default();
        Ok(Session { ldap, at, stage, flow, sanitiser, limits, searching: false, peer, policy, library, pump })
    }

    async fn bind(&mut self, username: &str, password: &Secret) -> Result<(), Failure> {
        // Not critical: a directory without password policies ignores it.
        self.ldap.with_controls(RawControl { ctype: PASSWORD_POLICY.to_owned(), crit: false, val: None });
        let Ok(result) = self.ldap.simple_bind(username, password.expose()).await else {
            return Err(self.failure(&self.end()));
        };
        let said = result.ctrls.iter().find(|control| control.1.ctype == PASSWORD_POLICY);
        let value = said.map(|control| control.1.val.as_deref().unwrap_or_default());
        self.policy = value.map(PasswordPolicy::of).unwrap_or_default();
        match result.rc {
            0 => Ok(()),
            code => Err(bind_failure(&self.at, username, code, &result.text, self.policy.refusal())),
        }
    }

    /// Diagnostic of a result, with a note if the account must change its password.
    fn diagnostic(&self, code: u32, text: &str) -> String {
        let mut words = self.sanitiser.quote(text);
        if matches!(code, 1 | 50 | 53) && self.policy.must_change() {
            words.push_str(if words.is_empty() { "" } else { "; " });
            words.push_str(MUST_CHANGE);
        }
        words
    }

    fn end(&self) -> End {
        match self.flow.stopped() {
            Stop::Lost => End::Lost,
            Stop::NotUnderstood => End::Guard(NOT_UNDERSTOOD),
            Stop::Exceeds => End::Guard(EXCEEDS),
            Stop::ClientCertificate => End::Guard(CLIENT_CERTIFICATE),
            Stop::Idle => End::Idle(self.limits.idle.as_secs()),
        }
    }
}

/// A bind with an empty password would be anonymous and might succeed (RFC 4513, section 5.1.2).
fn require_credentials(at: &str, username: &str, password: &Secret) -> Result<(), Failure> {
    for (what, text) in [("username", username), ("password", password.expose())] {
        if text.is_empty() {
            return Err(Failure::new(Stage::Bind, at, format!("{what} is empty")).in_settings());
        }
    }
    Ok(())
}

impl Drop for Session {
    fn drop(&mut self) {
        self.pump.abort();
        self.library.abort();
    }
}
