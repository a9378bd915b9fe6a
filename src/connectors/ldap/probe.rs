//! Connection test: runs the stages of an import and reports the outcome of each, with a remedy. No retries: a caller
//! is waiting, and a refused password must not lock the account. The stages after `bind` share the code of an import.

use std::time::Instant;

use super::Access;
use super::connect::{Deadline, Transport, Wire, connect_tcp, prepare_tls, resolve, secure};
use super::failure::{Failure, Stage};
use super::hierarchy::page_size;
use super::partitions::{self, Listed, Listing};
use super::remark::{self, Remark};
use super::remedy::explain;
use super::root_dse::{self, RootDse};
use super::sanitiser::Sanitiser;
use super::schema;
use super::session::{EVERY_ENTRY, Session};
use crate::domain::schema::SeenSchema;
use crate::domain::text::count;
use crate::security::certificate::Certificate;
use crate::security::tls::Handshake;

/// Partitions whose own entry is read; further ones are only listed.
const MAX_PARTITIONS: usize = 100;
const NO_PARTITION: &str = "the directory lists no partition";

pub const STAGES: [&str; 8] = ["resolve", "connect", "tls", "bind", "root", "paging", "partitions", "schema"];

const OK: Outcome = Outcome::Ok(None);

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Ok(Option<String>),
    Warning(Remark),
    Failed(Remark),
    /// Not reached, or not configured.
    Skipped(Option<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageReport {
    pub name: &'static str,
    pub outcome: Outcome,
    pub milliseconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamingContext {
    pub name: String,
    pub hidden: bool,
    pub readable: bool,
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    pub kind: &'static str,
    pub vendor: Option<String>,
    pub naming_contexts: Vec<NamingContext>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    pub stages: Vec<StageReport>,
    /// The presented certificate, trusted or not.
    pub certificate: Option<Certificate>,
    /// Known once the root entry was read.
    pub directory: Option<Directory>,
}

impl Report {
    pub fn success(&self) -> bool {
        !self.stages.iter().any(|s| matches!(s.outcome, Outcome::Failed(_)))
    }
}

/// Tests a directory within the timeouts of its settings.
pub async fn probe(access: &Access) -> Report {
    let mut probe = Probe { access, report: Report { stages: Vec::new(), certificate: None, directory: None } };
    // The failed stage is in the report already.
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

/// A stage failed and is in the report.
struct StageFailed;

impl Probe<'_> {
    async fn run(&mut self) -> Result<(), StageFailed> {
        let access = self.access;
        let (settings, target) = (&access.settings, &access.settings.target);
        let deadline = Deadline::after(settings.connect_seconds);
        let started = Instant::now();
        let addresses = self.record(started, resolve(target, &access.limits.hosts, deadline).await, |_| OK)?;
        let started = Instant::now();
        let tcp = self.record(started, connect_tcp(&addresses, target, deadline).await, |_| OK)?;
        let started = Instant::now();
        let wire = if target.security == Transport::Plain {
            let in_clear = remark::in_clear(target, tcp.peer_addr().ok().map(|peer| peer.ip()));
            let skipped = || Outcome::Skipped(Some("not asked for by the settings".to_owned()));
            self.push(started, in_clear.map_or_else(skipped, Outcome::Warning));
            Wire::Plain(tcp)
        } else {
            let secured = match prepare_tls(target, &access.trust, deadline).await {
                Ok(tls) => self.handshake(tcp, &tls, deadline).await,
                Err(failure) => Err(failure),
            };
            self.record(started, secured, |_| remark::unverified(target).map_or(OK, Outcome::Warning))?
        };
        let started = Instant::now();
        let bound =
            Session::bind_on(wire, target, &settings.username, &access.password, &access.limits, &access.budget);
        let bound = deadline.within(Stage::Bind, &access.label(), bound).await;
        let about = |session: &Session| session.policy.remark().map_or(OK, Outcome::Warning);
        let mut session = self.record(started, bound, about)?;
        session.enter(Stage::Root);
        let started = Instant::now();
        let root = access.within(Stage::Root, root_dse::read(&mut session)).await;
        let kind = |root: &RootDse| Outcome::Ok(Some(root.kind.name().to_owned()));
        let about = |root: &RootDse| access.catalogue(root).map_or_else(|| kind(root), Outcome::Warning);
        let root = self.record(started, root, about)?;
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
        let sanitiser = Sanitiser::new(&access.password);
        let secured = secure(tcp, &access.settings.target, tls, &sanitiser, &access.limits, deadline).await;
        self.report.certificate = tls.witness.presented().and_then(Certificate::read);
        secured
    }

    /// Tries a paged search of a partition's own entry, which shows the account's limits.
    async fn paging(&mut self, session: &mut Session, root: &RootDse) -> Result<(), StageFailed> {
        let started = Instant::now();
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
                // A partition that cannot be searched is reported by the next stage.
                Ok(Err(result)) => {
                    remark = format!("could not be tried: {result}");
                    continue;
                }
                Err(failure) => return self.record::<()>(started, Err(failure), |_| OK),
            }
            break;
        }
        self.push(started, Outcome::Ok(Some(remark)));
        Ok(())
    }

    async fn partitions(&mut self, session: &mut Session, root: &RootDse) -> Result<(), StageFailed> {
        let started = Instant::now();
        let read = async {
            let Listing { partitions, remark } = partitions::list(self.access, session, root).await?;
            Ok::<_, Failure>((self.contexts(session, &partitions).await?, remark))
        };
        let (contexts, remark) = match read.await {
            Ok(read) => read,
            failed => return self.record(started, failed, |_| OK).map(|_| ()),
        };
        let readable = contexts.iter().filter(|c| c.readable).count();
        let (count, unreadable) =
            (contexts.len(), contexts.iter().find_map(|c| c.reason.clone().filter(|_| !c.readable)));
        if let Some(directory) = &mut self.report.directory {
            directory.naming_contexts = contexts;
        }
        let tried = count.min(MAX_PARTITIONS);
        let outcome = match unreadable {
            // Not a success: an import would find nothing.
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
        self.record(started, outcome, |remark| Outcome::Ok(Some(remark.clone()))).map(|_| ())
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

    async fn schema(&mut self, session: &mut Session, root: &RootDse) -> Result<(), StageFailed> {
        let started = Instant::now();
        let seen = schema::discover(self.access, session, root).await;
        self.record(started, seen, |seen| Outcome::Ok(Some(counted(seen)))).map(|_| ())
    }

    /// Records the outcome of the next stage and returns its value.
    fn record<T>(
        &mut self,
        started: Instant,
        result: Result<T, Failure>,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> Result<T, StageFailed> {
        match result {
            Ok(good) => {
                self.push(started, outcome(&good));
                Ok(good)
            }
            Err(failure) => {
                self.push(started, Outcome::Failed(explain(&failure)));
                Err(StageFailed)
            }
        }
    }

    fn push(&mut self, started: Instant, outcome: Outcome) {
        let name = STAGES.get(self.report.stages.len()).copied().unwrap_or_default();
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.report.stages.push(StageReport { name, outcome, milliseconds });
    }
}

/// Number of object types, and the warnings.
fn counted(seen: &SeenSchema) -> String {
    let mut remark = count(seen.types.len(), "object type");
    for warning in &seen.warnings {
        remark.push_str("; ");
        remark.push_str(warning);
    }
    remark
}
