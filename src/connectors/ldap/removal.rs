//! Asking a directory about what was not seen. Gone is only what the directory itself says is not there, where it is
//! known to answer differently about what it hides.
//!
//! Two proofs. Directories in general name the nearest entry that exists when one does not (`matchedDN`, RFC 4511
//! 4.1.9); whether this one does so honestly is probed with a name that cannot exist. The Active Directory family
//! names nothing, but lets accounts read who may list what lies below an entry.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::Access;
use super::access_list::{Account, grants_list_contents};
use super::failure::{Failure, Stage};
use super::ids::{id_filter, ids};
use super::root_dse::{Kind, RootDse};
use super::session::{BaseRead, EVERY_ENTRY, End, Question, Scope, Session};
use crate::domain::dn::{Dn, DnKey};
use crate::domain::hierarchy::{Candidate, EntryId, EntryRef, IdKind, Plan, RowId, Seen, Verdict, Verdicts};
use crate::security::random;

/// Look-ups of one import; what is beyond is kept.
const MAX_LOOK_UPS: usize = 2_000;
/// Ids in one search for entries that were renamed while we read.
const IDS_A_SEARCH: usize = 50;
/// Ids of one import in such searches. Below an entry that is proved gone there is nothing; only what was moved away
/// while we read is meant, and chosen rows come first.
const MAX_IDS: usize = 20_000;
const NO_SUCH_OBJECT: u32 = 32;

/// How a directory answers about an entry that is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    /// "No such object", naming the parent as the nearest entry that exists.
    NamesParent,
    /// "No such object", naming nothing.
    NamesNothing,
    /// Anything else.
    Other,
}

/// What is known about one parent, and with that about whatever it does not show.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// How the directory answers about an entry below it that cannot exist.
    Probe(Said),
    /// Whether the account may list what lies below it.
    ListContents(bool),
}

struct Inquiry<'a> {
    access: &'a Access,
    session: &'a mut Session,
    kind: Kind,
}

/// Looks up everything that a plan asks for and returns what the directory said.
///
/// # Errors
/// Only when a time limit is over: any other trouble keeps the rows.
pub async fn verify(
    access: &Access,
    session: &mut Session,
    root: &RootDse,
    seen: &Seen,
    plan: &Plan,
) -> Result<Verdicts, Failure> {
    session.enter(Stage::Containers);
    let mut inquiry = Inquiry { access, session, kind: root.kind };
    let mut verdicts = Verdicts::default();
    let (candidates, partitions) = (&plan.candidates, &plan.partition_candidates);
    let names: Vec<&str> = partitions.iter().map(|(_, dn)| &**dn).collect();
    let answers = inquiry.ask(&names, Question::Presence).await?;
    for ((row, _), answer) in partitions.iter().zip(&answers) {
        verdicts.partitions.insert(*row, partition(answer.as_ref()));
    }
    let (asked, beyond) = candidates.split_at(candidates.len().min(MAX_LOOK_UPS));
    verdicts.containers.extend(beyond.iter().map(|c| (c.row, Verdict::Skipped)));
    inquiry.containers(asked, &mut verdicts.containers).await?;
    inquiry.renamed_meanwhile(seen, asked, &mut verdicts.containers).await?;
    let (asked, beyond) = plan.id_conflicts.split_at(plan.id_conflicts.len().min(MAX_LOOK_UPS));
    verdicts.containers.extend(beyond.iter().map(|c| (c.row, Verdict::Skipped)));
    inquiry.doubts(asked, &mut verdicts.containers).await?;
    verdicts.moved_away = inquiry.left(seen, &plan.shared_id_entries).await?;
    Ok(verdicts)
}

fn partition(answer: Option<&BaseRead>) -> Verdict {
    match answer {
        Some(answer) if answer.entry.is_some() || answer.skipped => Verdict::Present,
        Some(answer) if answer.code == NO_SUCH_OBJECT => Verdict::Absent,
        _ => Verdict::LookUpFailed,
    }
}

/// What an entry is asked for by: the id, which follows it, where the directory takes that as a name (MS-ADTS
/// 3.1.1.3.1.2.4).
fn name_of(candidate: &Candidate) -> String {
    match candidate.entry_id {
        Some(id) if id.kind == IdKind::ObjectGuid => format!("<GUID={}>", Uuid::from_bytes(id.value)),
        _ => candidate.dn.clone(),
    }
}

impl Inquiry<'_> {
    async fn containers(
        &mut self,
        candidates: &[Candidate],
        verdicts: &mut HashMap<RowId, Verdict>,
    ) -> Result<(), Failure> {
        let unread = candidates.iter().filter(|c| !c.parent_read).map(|c| c.parent_dn.as_str());
        let unread: Vec<&str> = unread.collect::<BTreeSet<_>>().into_iter().collect();
        let answers = self.ask(&unread, Question::Presence).await?;
        let shown: HashMap<&str, Option<BaseRead>> = unread.into_iter().zip(answers).collect();
        let readable = |c: &Candidate| {
            let answers = |a: &Option<BaseRead>| a.as_ref().is_some_and(|a| a.code == 0 && a.entry.is_some());
            c.parent_read || shown.get(c.parent_dn.as_str()).is_some_and(answers)
        };
        let (asked, hidden): (Vec<_>, Vec<_>) = candidates.iter().partition(|c| readable(c));
        verdicts.extend(hidden.iter().map(|c| (c.row, Verdict::Hidden)));
        let names: Vec<String> = asked.iter().map(|c| name_of(c)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let answers = self.ask(&names, Question::Presence).await?;
        let absent = asked.iter().zip(&answers).filter(|(_, a)| a.as_ref().is_some_and(is_absent));
        let parents = absent.map(|(c, _)| c.parent_dn.as_str()).collect();
        let evidence = self.evidence(parents).await?;
        for (candidate, answer) in asked.iter().zip(&answers) {
            let evidence = evidence.get(candidate.parent_dn.as_str()).copied();
            let verdict = self.judge(candidate, answer.as_ref(), evidence);
            verdicts.insert(candidate.row, verdict);
        }
        Ok(())
    }

    fn judge(&self, candidate: &Candidate, answer: Option<&BaseRead>, evidence: Option<Evidence>) -> Verdict {
        let Some(answer) = answer else { return Verdict::LookUpFailed };
        if answer.entry.is_some() || answer.skipped {
            return Verdict::Present;
        }
        if answer.code == 0 {
            // 389 Directory Server answers so about what it hides, and about everything to an account that may not
            // read all attributes of the parent.
            return Verdict::Hidden;
        }
        if !is_absent(answer) {
            return Verdict::LookUpFailed;
        }
        let probe = match evidence {
            Some(Evidence::ListContents(true)) => return Verdict::Absent,
            Some(Evidence::ListContents(false)) => return Verdict::Hidden,
            Some(Evidence::Probe(said)) => said,
            None => return Verdict::LookUpFailed,
        };
        match (said_of(answer, &candidate.parent_dn), probe) {
            (Said::NamesParent, Said::NamesParent) => Verdict::Absent,
            (Said::NamesNothing, Said::NamesParent) => Verdict::Hidden,
            (Said::NamesNothing, Said::NamesNothing) if self.kind != Kind::Generic => Verdict::Unprovable,
            (Said::NamesNothing, Said::NamesNothing) if candidate.parent_read => Verdict::AbsentUnproved,
            (Said::NamesNothing, Said::NamesNothing) => Verdict::Unprovable,
            _ => Verdict::LookUpFailed,
        }
    }

    /// Asks for rows by their names alone: their ids answer from elsewhere. A name that another entry has by now is not
    /// theirs.
    async fn doubts(&mut self, doubts: &[Candidate], verdicts: &mut HashMap<RowId, Verdict>) -> Result<(), Failure> {
        let by_name = |c: &Candidate| Candidate { entry_id: None, ..c.clone() };
        self.containers(&doubts.iter().map(by_name).collect::<Vec<_>>(), verdicts).await?;
        let there: Vec<_> = doubts.iter().filter(|c| verdicts.get(&c.row) == Some(&Verdict::Present)).collect();
        let names: Vec<&str> = there.iter().map(|c| c.dn.as_str()).collect();
        let answers = self.ask(&names, Question::Ids).await?;
        for (candidate, answer) in there.iter().zip(answers) {
            if answer.and_then(|a| a.entry).is_some_and(|entry| ids(&entry).contradicts(candidate.entry_id)) {
                verdicts.insert(candidate.row, Verdict::Absent);
            }
        }
        Ok(())
    }

    /// Entries that are no longer at the name at which they were seen: nothing is there, or an entry with another id.
    async fn left(&mut self, seen: &Seen, doubles: &[(EntryRef, EntryId)]) -> Result<HashSet<EntryRef>, Failure> {
        let names: Vec<&str> = doubles.iter().map(|(entry, _)| &*entry.of(seen).external_id).collect();
        let answers = self.ask(&names, Question::Ids).await?;
        let has_left = |answer: &BaseRead, id: EntryId| match &answer.entry {
            Some(entry) => ids(entry).contradicts(Some(id)),
            None => is_absent(answer),
        };
        let asked = doubles.iter().zip(&answers);
        let left = asked.filter(|((_, id), answer)| answer.as_ref().is_some_and(|answer| has_left(answer, *id)));
        Ok(left.map(|((entry, _), _)| *entry).collect())
    }

    /// What can be learned about each parent, once per parent.
    async fn evidence<'p>(&mut self, parents: BTreeSet<&'p str>) -> Result<HashMap<&'p str, Evidence>, Failure> {
        let parents: Vec<&str> = parents.into_iter().collect();
        if parents.is_empty() {
            return Ok(HashMap::new());
        }
        if self.kind.is_ad_family() {
            let account = self.account().await?;
            let answers = self.ask(&parents, Question::AccessList).await?;
            let granted = |answer: &Option<BaseRead>| {
                let descriptor = answer.as_ref()?.entry.as_ref()?.first("nTSecurityDescriptor")?;
                grants_list_contents(descriptor, &account)
            };
            let evidence = answers.iter().map(|a| Evidence::ListContents(granted(a).unwrap_or(false)));
            return Ok(parents.into_iter().zip(evidence).collect());
        }
        let name: String = random::<16>().iter().map(|b| format!("{b:02x}")).collect();
        let probes: Vec<String> = parents.iter().map(|parent| format!("ou={name},{parent}")).collect();
        let probes: Vec<&str> = probes.iter().map(String::as_str).collect();
        let answers = self.ask(&probes, Question::Presence).await?;
        let said = parents.iter().zip(&answers).map(|(parent, answer)| {
            Evidence::Probe(answer.as_ref().map_or(Said::Other, |answer| said_of(answer, parent)))
        });
        Ok(parents.iter().copied().zip(said).collect())
    }

    /// Who the directory takes us for (`tokenGroups` of the root entry, MS-ADTS 3.1.1.3.2.38).
    async fn account(&mut self) -> Result<Account, Failure> {
        let session = &mut *self.session;
        let step = async { Ok(session.read("", EVERY_ENTRY, &["tokenGroups"]).await.ok()) };
        let answer = self.access.within(Stage::Containers, step).await?;
        let sids = answer.and_then(|a| a.entry).map(|e| e.get("tokenGroups").to_vec()).unwrap_or_default();
        Ok(if sids.is_empty() { Account::Unknown } else { Account::Known(sids.into_iter().collect()) })
    }

    /// Entries that were renamed between their page and our look-up are not gone: their ids still answer.
    async fn renamed_meanwhile(
        &mut self,
        seen: &Seen,
        candidates: &[Candidate],
        verdicts: &mut HashMap<RowId, Verdict>,
    ) -> Result<(), Failure> {
        let is_gone = |row| matches!(verdicts.get(row), Some(Verdict::Absent | Verdict::AbsentUnproved));
        // The Active Directory family was asked for the topmost rows by their ids already.
        let own = |c: &Candidate| c.entry_id.filter(|_| !self.kind.is_ad_family());
        let mut by_partition: HashMap<usize, Vec<(RowId, EntryId)>> = HashMap::new();
        for candidate in candidates.iter().filter(|c| is_gone(&c.row)) {
            let ids = own(candidate).into_iter().chain(candidate.below.iter().copied());
            by_partition.entry(candidate.partition).or_default().extend(ids.map(|id| (candidate.row, id)));
        }
        let mut left = MAX_IDS;
        for (partition, rows) in by_partition {
            let Some(base) = seen.partitions.get(partition).map(|p| p.external_id.clone()) else { continue };
            for some in rows.chunks(IDS_A_SEARCH).take(left / IDS_A_SEARCH) {
                left -= IDS_A_SEARCH;
                let ids: String = some.iter().map(|(_, id)| id_filter(*id)).collect();
                let doubt = self.any_answers(&base, &format!("(|{ids})")).await?;
                if let Some(verdict) = doubt {
                    // Which of them it was does not matter: the next import sees it under its new name.
                    verdicts.extend(some.iter().map(|(row, _)| (*row, verdict)));
                }
            }
        }
        Ok(())
    }

    async fn any_answers(&mut self, base: &str, filter: &str) -> Result<Option<Verdict>, Failure> {
        let session = &mut *self.session;
        let nothing = &["1.1"];
        let search = async {
            let end = session.search_paged(base, Scope::Subtree, filter, nothing, None, &mut |_| {}).await;
            match end.outcome {
                End::Idle(_) => Err(session.failure(&end.outcome)),
                _ => Ok(end),
            }
        };
        let end = self.access.within(Stage::Containers, search).await?;
        Ok(match end.outcome {
            _ if end.entries > 0 => Some(Verdict::Present),
            End::Result { code: 0, .. } if end.skipped == 0 => None,
            _ => Some(Verdict::LookUpFailed),
        })
    }

    /// One base read each; `None` where no result came.
    async fn ask(&mut self, dns: &[&str], question: Question) -> Result<Vec<Option<BaseRead>>, Failure> {
        let session = &mut *self.session;
        let step = async {
            let answers = session.read_each(dns, question).await;
            match answers.iter().find_map(|a| a.as_ref().err().filter(|end| matches!(end, End::Idle(_)))) {
                Some(idle) => Err(session.failure(idle)),
                None => Ok(answers.into_iter().map(Result::ok).collect()),
            }
        };
        self.access.within(Stage::Containers, step).await
    }
}

fn is_absent(answer: &BaseRead) -> bool {
    answer.code == NO_SUCH_OBJECT && answer.entry.is_none() && !answer.skipped
}

fn said_of(answer: &BaseRead, parent_dn: &str) -> Said {
    let parent: Option<DnKey> = Dn::parse(parent_dn).ok().map(|dn| dn.key());
    match Dn::parse(&answer.matched) {
        _ if !is_absent(answer) => Said::Other,
        Ok(dn) if dn.rdns().is_empty() => Said::NamesNothing,
        Ok(dn) if parent.as_ref() == Some(&dn.key()) => Said::NamesParent,
        _ => Said::Other,
    }
}
