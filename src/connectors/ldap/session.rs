//! Bound connection to a directory, and searches on it.
//!
//! The guard sits between network and LDAP library; pump and library run in tasks that end with the session. Referrals
//! are never followed and aliases never dereferenced.

mod single;
#[cfg(test)]
pub(super) mod tests;

use std::sync::Arc;
use std::time::Duration;

use ldap3::controls::{PagedResults, RawControl};
use ldap3::{DerefAliases, Ldap, LdapConnAsync, LdapConnSettings, LdapError, SearchOptions, StdStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::connect::{Deadline, Target, Wire, connect};
use super::entry::Entry;
use super::failure::{EXCEEDS, Failure, LOST, MUST_CHANGE, NOT_UNDERSTOOD, Stage, bind_failure, result_text};
use super::guard::{PAGED_RESULTS, paged_cookie};
use super::limits::{Budget, Limits};
use super::password_policy::{PASSWORD_POLICY, PasswordPolicy};
use super::pump::{Flow, Stop, pump};
use super::sanitiser::Sanitiser;
use crate::security::secret::Secret;
use crate::security::tls::{CLIENT_CERTIFICATE, CLIENT_CERTIFICATE_ASKED, ClientTrust};

pub use ldap3::Scope;
pub use single::{BaseRead, Question};

pub const EVERY_ENTRY: &str = "(objectClass=*)";
pub const PAGE_SIZE: u32 = 500;
const UNBIND_TIMEOUT: Duration = Duration::from_secs(2);
/// Result code of an invalid filter, as in LDAP client libraries.
const FILTER_ERROR: u32 = 87;

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

/// Outcome of a search, whose entries were passed on as they arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchEnd {
    pub entries: u64,
    pub pages: u32,
    pub outcome: End,
    /// Malformed entries that were dropped.
    pub skipped: u64,
}

struct Query<'a> {
    base: &'a str,
    scope: Scope,
    filter: &'a str,
    attributes: &'a [&'a str],
}

pub type OnEntry<'a> = dyn FnMut(Entry) + Send + 'a;

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

    /// Searches page by page (RFC 2696), or unpaged with `page_size` `None`. The control is not critical, so a
    /// directory without paging answers in one page.
    pub async fn search_paged(
        &mut self,
        base: &str,
        scope: Scope,
        filter: &str,
        attributes: &[&str],
        page_size: Option<u32>,
        on_entry: &mut OnEntry<'_>,
    ) -> SearchEnd {
        let query = Query { base, scope, filter, attributes };
        let skipped = self.flow.skipped();
        let mut end = SearchEnd { entries: 0, pages: 0, outcome: End::Lost, skipped: 0 };
        end.outcome = self.pages(&query, page_size, &mut end, on_entry).await;
        end.skipped = self.flow.skipped() - skipped;
        end
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

    async fn pages(
        &mut self,
        query: &Query<'_>,
        page_size: Option<u32>,
        end: &mut SearchEnd,
        on_entry: &mut OnEntry<'_>,
    ) -> End {
        if self.searching {
            return End::Lost;
        }
        let mut cookie = Vec::new();
        loop {
            if end.pages >= self.limits.pages {
                return End::Guard(EXCEEDS);
            }
            let mut ldap = self.ldap.clone();
            if let Some(size) = page_size {
                let size = i32::try_from(size).unwrap_or(i32::MAX);
                ldap.with_controls(PagedResults { size, cookie: cookie.clone() });
            }
            let before = (end.entries, self.flow.skipped());
            self.searching = true;
            let page = self.page(&mut ldap, query, &mut end.entries, on_entry).await;
            let (result, next) = match page {
                Ok(done) => done,
                Err(stopped) => return stopped,
            };
            self.searching = false;
            end.pages += 1;
            let finished = matches!(result, End::Result { code, .. } if code != 0);
            if finished || page_size.is_none() || next.is_empty() {
                return result;
            }
            let empty = before == (end.entries, self.flow.skipped());
            if empty && next == cookie {
                return End::Guard(EXCEEDS);
            }
            cookie = next;
        }
    }

    /// Reads a page: its result and the cookie of the next. Fails without a result.
    async fn page(
        &self,
        ldap: &mut Ldap,
        query: &Query<'_>,
        entries: &mut u64,
        on_entry: &mut OnEntry<'_>,
    ) -> Result<(End, Vec<u8>), End> {
        let options = SearchOptions::new().deref(DerefAliases::Never).typesonly(false).timelimit(0).sizelimit(0);
        let Query { base, scope, filter, attributes } = *query;
        let started =
            ldap.with_search_options(options).streaming_search(base, scope, filter, attributes.to_vec()).await;
        let mut stream = match started {
            Ok(stream) => stream,
            Err(LdapError::FilterParsing) => {
                tracing::error!(filter, "invalid search filter");
                let end = End::Result { code: FILTER_ERROR, matched: String::new(), diagnostic: String::new() };
                return Ok((end, Vec::new()));
            }
            Err(_) => return Err(self.end()),
        };
        loop {
            match stream.next().await {
                Ok(Some(item)) => {
                    self.flow.consumed();
                    if let Some(entry) = Entry::from_tag(item.0) {
                        *entries += 1;
                        on_entry(entry);
                    }
                }
                Ok(None) => break,
                Err(_) => return Err(self.end()),
            }
        }
        // Only the result proves that all entries arrived, not the end of the stream.
        let result = stream.finish().await;
        let paged = result.ctrls.iter().find(|control| control.1.ctype == PAGED_RESULTS);
        let cookie = match paged.and_then(|control| control.1.val.as_deref()).map(paged_cookie) {
            None => Vec::new(),
            Some(Ok(cookie)) => cookie.to_vec(),
            Some(Err(_)) => return Err(End::Guard(NOT_UNDERSTOOD)),
        };
        let diagnostic = self.diagnostic(result.rc, &result.text);
        Ok((End::Result { code: result.rc, matched: result.matched, diagnostic }, cookie))
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
