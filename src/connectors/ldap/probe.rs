//! Trying a directory out, stage by stage, as an import would use it, and saying for each stage what came of it and
//! what to do about it. Nothing is tried twice: a person is waiting, and a refused password must not lock an account.
//!
//! Nothing is stored here. The stages after `bind` go through the same code as an import.

use std::time::Instant;

use super::Access;
use super::cleaner::Cleaner;
use super::connect::{Deadline, Transport, Wire, dial, prepared, resolve, secure};
use super::failure::{Failure, Stage};
use super::hierarchy::page_size;
use super::partitions::{self, Listed, Listing};
use super::remark::{self, Remark};
use super::remedy::explain;
use super::root_dse::{self, RootDse};
use super::schema;
use super::session::{EVERY_ENTRY, Session};
use crate::domain::schema::SeenSchema;
use crate::domain::text::count;
use crate::security::certificate::Certificate;
use crate::security::tls::Handshake;

/// Partitions whose own entry is read; more are listed without.
const MAX_PARTITIONS: usize = 100;
const NO_PARTITION: &str = "the directory lists no partition";

/// The stages in the order in which they are tried.
pub const STAGES: [&str; 8] = ["resolve", "connect", "tls", "bind", "root", "paging", "partitions", "schema"];

/// It works, and there is nothing to say about it.
const OK: Outcome = Outcome::Ok(None);

/// What came of a stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It works; with a note, where there is one.
    Ok(Option<String>),
    /// It works, or was not asked for, but not as it should be.
    Warning(Remark),
    /// It does not work.
    Failed(Remark),
    /// It was not come to, or not asked for.
    Skipped(Option<String>),
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageReport {
    /// One of [`STAGES`].
    pub name: &'static str,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub milliseconds: u64,
}

/// A partition as an administrator would come to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamingContext {
    /// The DN as listed.
    pub name: String,
    /// Technical.
    pub hidden: bool,
    /// Whether its own entry could be read.
    pub readable: bool,
    /// Why not.
    pub reason: Option<String>,
}

/// What answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// The kind whose rules are used.
    pub kind: &'static str,
    /// What the server calls itself.
    pub vendor: Option<String>,
    /// Its partitions.
    pub naming_contexts: Vec<NamingContext>,
}

/// What came of everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// All stages, in order.
    pub stages: Vec<StageReport>,
    /// The certificate that was presented, trusted or not.
    pub certificate: Option<Certificate>,
    /// What answered, from the root entry on.
    pub directory: Option<Directory>,
}

impl Report {
    /// Whether no stage failed or was left out for one that did.
    pub fn success(&self) -> bool {
        !self.stages.iter().any(|s| matches!(s.outcome, Outcome::Failed(_)))
    }
}

/// Tries the directory out within the times of its settings.
pub async fn probe(access: &Access) -> Report {
    let mut probe = Probe { access, report: Report { stages: Vec::new(), certificate: None, directory: None } };
    // A stage that failed has been noted where it did.
    let _ = probe.run().await;
    for name in STAGES.into_iter().skip(probe.report.stages.len()) {
        probe.report.stages.push(StageReport { name, outcome: Outcome::Skipped(None), milliseconds: 0 });
    }
    probe.report
}

struct Probe<'a> {
    access: &'a Access,
    report: Report,
}

/// A stage failed; what and why is in the report.
struct Stopped;

impl Probe<'_> {
    async fn run(&mut self) -> Result<(), Stopped> {
        let access = self.access;
        let (settings, target) = (&access.settings, &access.settings.target);
        let deadline = Deadline::after(settings.connect_seconds);
        let begun = Instant::now();
        let addresses = self.note(begun, resolve(target, &access.limits.hosts, deadline).await, |_| OK)?;
        let begun = Instant::now();
        let tcp = self.note(begun, dial(&addresses, target, deadline).await, |_| OK)?;
        let begun = Instant::now();
        let wire = if target.security == Transport::Plain {
            let in_clear = remark::in_clear(target, tcp.peer_addr().ok().map(|peer| peer.ip()));
            let skipped = || Outcome::Skipped(Some("not asked for by the settings".to_owned()));
            self.push(begun, in_clear.map_or_else(skipped, Outcome::Warning));
            Wire::Plain(tcp)
        } else {
            let secured = match prepared(target, &access.trust, deadline).await {
                Ok(tls) => self.handshake(tcp, &tls, deadline).await,
                Err(failure) => Err(failure),
            };
            self.note(begun, secured, |_| remark::unverified(target).map_or(OK, Outcome::Warning))?
        };
        let begun = Instant::now();
        let bound = Session::bound(wire, target, &settings.username, &access.password, &access.limits, &access.budget);
        let bound = deadline.bound(Stage::Bind, &access.label(), bound).await;
        let about = |session: &Session| session.password_policy().remark().map_or(OK, Outcome::Warning);
        let mut session = self.note(begun, bound, about)?;
        session.enter(Stage::Root);
        let begun = Instant::now();
        let root = access.within(Stage::Root, root_dse::read(&mut session)).await;
        let kind = |root: &RootDse| Outcome::Ok(Some(root.kind.name().to_owned()));
        let about = |root: &RootDse| access.catalogue(root).map_or_else(|| kind(root), Outcome::Warning);
        let root = self.note(begun, root, about)?;
        self.report.directory =
            Some(Directory { kind: root.kind.name(), vendor: root.vendor.clone(), naming_contexts: Vec::new() });
        self.paging(&mut session, &root).await?;
        self.partitions(&mut session, &root).await?;
        self.schema(&mut session, &root).await?;
        session.close().await;
        Ok(())
    }

    async fn handshake(
        &mut self,
        tcp: tokio::net::TcpStream,
        tls: &Handshake,
        deadline: Deadline,
    ) -> Result<Wire, Failure> {
        let access = self.access;
        let cleaner = Cleaner::new(&access.password);
        let secured = secure(tcp, &access.settings.target, tls, &cleaner, &access.limits, deadline).await;
        self.report.certificate = tls.witness.presented().and_then(Certificate::read);
        secured
    }

    /// Reads a partition's own entry page by page: what limits the account is told at once.
    async fn paging(&mut self, session: &mut Session, root: &RootDse) -> Result<(), Stopped> {
        let begun = Instant::now();
        session.enter(Stage::Partitions);
        let untried =
            if root.paging { "no partition to try it on" } else { "not offered: partitions are read unpaged" };
        let mut remark = untried.to_owned();
        let (technical, own): (Vec<_>, Vec<_>) = root.contexts.iter().partition(|(_, key)| root.is_technical(key));
        for (base, _) in own.into_iter().chain(technical).filter(|_| root.paging).take(3) {
            let tried = self.access.within(Stage::Partitions, page_size(session, base)).await;
            match tried {
                Ok(Ok(Some(size))) => remark = format!("pages of {size}"),
                Ok(Ok(None)) => remark = "every page size was refused: partitions are read unpaged".to_owned(),
                // A partition that cannot be searched says nothing about pages; the next stage tells of it.
                Ok(Err(result)) => {
                    remark = format!("could not be tried: {result}");
                    continue;
                }
                Err(failure) => return self.note::<()>(begun, Err(failure), |_| OK),
            }
            break;
        }
        self.push(begun, Outcome::Ok(Some(remark)));
        Ok(())
    }

    async fn partitions(&mut self, session: &mut Session, root: &RootDse) -> Result<(), Stopped> {
        let begun = Instant::now();
        let Listing { partitions, remark } = match partitions::list(self.access, session, root).await {
            Ok(listing) => listing,
            failed => return self.note(begun, failed, |_| OK).map(|_| ()),
        };
        let contexts = match self.contexts(session, &partitions).await {
            Ok(contexts) => contexts,
            failed => return self.note(begun, failed, |_| OK).map(|_| ()),
        };
        let readable = contexts.iter().filter(|c| c.readable).count();
        let (count, unreadable) =
            (contexts.len(), contexts.iter().find_map(|c| c.reason.clone().filter(|_| !c.readable)));
        if let Some(directory) = &mut self.report.directory {
            directory.naming_contexts = contexts;
        }
        let tried = count.min(MAX_PARTITIONS);
        let outcome = match unreadable {
            // A success would promise an import that finds nothing.
            _ if count == 0 => {
                let why = remark.iter().map(|remark| format!("; {remark}")).collect::<String>();
                Err(Failure::new(Stage::Partitions, session.label(), format!("{NO_PARTITION}{why}")))
            }
            Some(why) if readable == 0 => {
                let why = format!("none of {count} partitions can be read: {why}");
                Err(Failure::new(Stage::Partitions, session.label(), why))
            }
            _ if count > tried => {
                Ok(format!("{readable} of the first {tried} of {count} can be read; the others were not tried"))
            }
            _ => Ok(format!("{readable} of {count} can be read")),
        };
        let outcome = outcome.map(|text| [Some(text), remark].into_iter().flatten().collect::<Vec<_>>().join("; "));
        self.note(begun, outcome, |remark| Outcome::Ok(Some(remark.clone()))).map(|_| ())
    }

    async fn contexts(&self, session: &mut Session, listed: &[Listed]) -> Result<Vec<NamingContext>, Failure> {
        let mut contexts = Vec::with_capacity(listed.len());
        for (i, partition) in listed.iter().enumerate() {
            let reason = if !partition.held {
                Some("not held by this server".to_owned())
            } else if i >= MAX_PARTITIONS {
                Some("not tried".to_owned())
            } else {
                let read = session.read(&partition.dn, EVERY_ENTRY, &["1.1"]);
                let answer = self.access.within(Stage::Partitions, read).await?;
                match (answer.code, &answer.entry) {
                    (0, Some(_)) => None,
                    (0, None) => Some("its own entry is not shown".to_owned()),
                    _ => Some(answer.result()),
                }
            };
            contexts.push(NamingContext {
                name: partition.dn.to_string(),
                hidden: partition.hidden,
                readable: reason.is_none(),
                reason,
            });
        }
        Ok(contexts)
    }

    /// Reads the schema as an import does, so that what it says is what an import would find.
    async fn schema(&mut self, session: &mut Session, root: &RootDse) -> Result<(), Stopped> {
        let begun = Instant::now();
        let seen = schema::discover(self.access, session, root).await;
        self.note(begun, seen, |seen| Outcome::Ok(Some(counted(seen)))).map(|_| ())
    }

    /// Notes what came of the stage that is next, and passes it on if it is good.
    fn note<T>(
        &mut self,
        begun: Instant,
        result: Result<T, Failure>,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> Result<T, Stopped> {
        match result {
            Ok(good) => {
                self.push(begun, outcome(&good));
                Ok(good)
            }
            Err(failure) => {
                self.push(begun, Outcome::Failed(explain(&failure)));
                Err(Stopped)
            }
        }
    }

    fn push(&mut self, begun: Instant, outcome: Outcome) {
        let name = STAGES.get(self.report.stages.len()).copied().unwrap_or_default();
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.report.stages.push(StageReport { name, outcome, milliseconds });
    }
}

/// How many object types there are, and what else an import would say.
fn counted(seen: &SeenSchema) -> String {
    let mut remark = count(seen.types.len(), "object type");
    for warning in &seen.warnings {
        remark.push_str("; ");
        remark.push_str(warning);
    }
    remark
}
