//! Asking a directory about what was not seen. Gone is only what the directory itself says is not there, where it is
//! known to answer differently about what it hides.

use std::collections::HashMap;

use super::Access;
use super::failure::{Failure, Stage};
use super::hierarchy::id_filter;
use super::root_dse::{Kind, RootDse};
use super::session::{BaseRead, End, Scope, Session};
use crate::domain::dn::{Dn, DnKey};
use crate::domain::hierarchy::{Candidate, RowId, Seen, Verdict, Verdicts};
use crate::security::random;

/// Look-ups of one import; what is beyond is kept.
const MOST: usize = 2_000;
/// Ids in one search for entries that were renamed while we read.
const IDS_A_SEARCH: usize = 50;
const NO_SUCH_OBJECT: u32 = 32;
const ANY: &str = "(objectClass=*)";
const NOTHING: &[&str] = &["1.1"];

/// How a directory answers about an entry that cannot exist: once per parent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Probe {
    /// "No such object", naming the parent as the nearest entry that exists.
    NamesParent,
    /// "No such object", naming nothing.
    NamesNothing,
    /// Anything else.
    Other,
}

struct Inquiry<'a> {
    access: &'a Access,
    session: &'a mut Session,
    kind: Kind,
    probes: HashMap<DnKey, Probe>,
    readable: HashMap<String, bool>,
}

/// Looks up every candidate and returns what the directory said.
///
/// # Errors
/// Only when the time of the whole import is over: any other trouble keeps the rows.
pub async fn verify(
    access: &Access,
    session: &mut Session,
    root: &RootDse,
    seen: &Seen,
    candidates: &[Candidate],
    partitions: &[(RowId, std::sync::Arc<str>)],
) -> Result<Verdicts, Failure> {
    let mut inquiry = Inquiry { access, session, kind: root.kind, probes: HashMap::new(), readable: HashMap::new() };
    let mut verdicts = Verdicts::default();
    for (row, dn) in partitions {
        verdicts.partitions.insert(*row, inquiry.partition(dn).await?);
    }
    for (i, candidate) in candidates.iter().enumerate() {
        let verdict = if i < MOST { inquiry.container(candidate).await? } else { Verdict::NotAsked };
        verdicts.containers.insert(candidate.row, verdict);
    }
    inquiry.renamed_meanwhile(seen, candidates, &mut verdicts).await?;
    Ok(verdicts)
}

impl Inquiry<'_> {
    async fn partition(&mut self, dn: &str) -> Result<Verdict, Failure> {
        Ok(match self.read(dn).await? {
            Some(answer) if answer.entry.is_some() || answer.skipped => Verdict::Answers,
            Some(answer) if answer.code == NO_SUCH_OBJECT => Verdict::Gone,
            _ => Verdict::Unclear,
        })
    }

    async fn container(&mut self, candidate: &Candidate) -> Result<Verdict, Failure> {
        if !candidate.parent_read && !self.is_readable(&candidate.parent_dn).await? {
            return Ok(Verdict::Hidden);
        }
        let Some(answer) = self.read(&candidate.dn).await? else { return Ok(Verdict::Unclear) };
        if answer.entry.is_some() || answer.skipped {
            return Ok(Verdict::Answers);
        }
        if answer.code == 0 {
            return Ok(Verdict::Hidden);
        }
        if answer.code != NO_SUCH_OBJECT {
            return Ok(Verdict::Unclear);
        }
        if self.kind == Kind::ActiveDirectory {
            // "No such object" is also what it says of what it hides.
            return Ok(Verdict::Unprovable);
        }
        let Ok(parent) = Dn::parse(&candidate.parent_dn).map(|dn| dn.key()) else { return Ok(Verdict::Unclear) };
        let said = probe_of(&answer, &parent);
        let probe = self.probe(&candidate.parent_dn, &parent).await?;
        Ok(match (said, probe) {
            (Probe::NamesParent, Probe::NamesParent) => Verdict::Gone,
            (Probe::NamesNothing, Probe::NamesParent) => Verdict::Hidden,
            (Probe::NamesNothing, Probe::NamesNothing) if self.kind != Kind::Generic => Verdict::Unprovable,
            (Probe::NamesNothing, Probe::NamesNothing) if candidate.parent_read => Verdict::GoneUnproved,
            (Probe::NamesNothing, Probe::NamesNothing) => Verdict::Unprovable,
            _ => Verdict::Unclear,
        })
    }

    async fn probe(&mut self, parent_dn: &str, parent: &DnKey) -> Result<Probe, Failure> {
        if let Some(known) = self.probes.get(parent) {
            return Ok(*known);
        }
        let name: String = random::<16>().iter().map(|b| format!("{b:02x}")).collect();
        let probe = match self.read(&format!("ou={name},{parent_dn}")).await? {
            Some(answer) => probe_of(&answer, parent),
            None => Probe::Other,
        };
        self.probes.insert(parent.clone(), probe);
        Ok(probe)
    }

    async fn is_readable(&mut self, dn: &str) -> Result<bool, Failure> {
        if let Some(known) = self.readable.get(dn) {
            return Ok(*known);
        }
        let readable = self.read(dn).await?.is_some_and(|answer| answer.code == 0 && answer.entry.is_some());
        self.readable.insert(dn.to_owned(), readable);
        Ok(readable)
    }

    /// Entries that were renamed between their page and our look-up are not gone: their ids still answer.
    async fn renamed_meanwhile(
        &mut self,
        seen: &Seen,
        candidates: &[Candidate],
        verdicts: &mut Verdicts,
    ) -> Result<(), Failure> {
        let is_gone = |row| matches!(verdicts.containers.get(row), Some(Verdict::Gone | Verdict::GoneUnproved));
        let gone: Vec<&Candidate> = candidates.iter().filter(|c| c.entry_id.is_some() && is_gone(&c.row)).collect();
        let mut by_partition: HashMap<usize, Vec<&Candidate>> = HashMap::new();
        for candidate in gone {
            by_partition.entry(candidate.partition).or_default().push(candidate);
        }
        for (partition, candidates) in by_partition {
            let Some(base) = seen.partitions.get(partition).map(|p| p.external_id.clone()) else { continue };
            for some in candidates.chunks(IDS_A_SEARCH) {
                let ids: String = some.iter().filter_map(|c| c.entry_id).map(id_filter).collect();
                let doubt = self.any_answers(&base, &format!("(|{ids})")).await?;
                if let Some(verdict) = doubt {
                    // Which of them it was does not matter: the next import sees it under its new name.
                    verdicts.containers.extend(some.iter().map(|c| (c.row, verdict)));
                }
            }
        }
        Ok(())
    }

    async fn any_answers(&mut self, base: &str, filter: &str) -> Result<Option<Verdict>, Failure> {
        let session = &mut *self.session;
        let search = async { Ok(session.search_paged(base, Scope::Subtree, filter, NOTHING, None, &mut |_| {}).await) };
        let end = self.access.within(Stage::Containers, search).await?;
        Ok(match end.outcome {
            _ if end.entries > 0 => Some(Verdict::Answers),
            End::Result { code: 0, .. } if end.skipped == 0 => None,
            _ => Some(Verdict::Unclear),
        })
    }

    /// One base read; `None` if there was no result.
    async fn read(&mut self, dn: &str) -> Result<Option<BaseRead>, Failure> {
        let session = &mut *self.session;
        let step = async { Ok(session.read(dn, ANY, NOTHING).await.ok()) };
        self.access.within(Stage::Containers, step).await
    }
}

fn probe_of(answer: &BaseRead, parent: &DnKey) -> Probe {
    if answer.code != NO_SUCH_OBJECT || answer.entry.is_some() {
        return Probe::Other;
    }
    match Dn::parse(&answer.matched) {
        Ok(dn) if dn.rdns().is_empty() => Probe::NamesNothing,
        Ok(dn) if dn.key() == *parent => Probe::NamesParent,
        _ => Probe::Other,
    }
}
