//! Look-ups of missing entries. An entry is absent only if the directory answers differently about hidden entries.
//!
//! There are two proofs. Most directories name the nearest existing entry of an absent one (`matchedDN`, RFC 4511
//! 4.1.9); a probe with a name that cannot exist shows whether this one does. The Active Directory family does not, but
//! lets accounts read the access list of an entry.

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

/// Look-ups of one import; further candidates are kept.
const MAX_LOOK_UPS: usize = 2_000;
/// Ids per search for entries renamed during the import.
const IDS_PER_SEARCH: usize = 50;
/// Ids of such searches in one import, selected rows first.
const MAX_IDS: usize = 20_000;
const NO_SUCH_OBJECT: u32 = 32;

/// Answer of a directory about an absent entry.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// `noSuchObject` with the parent as matched DN.
    NamesParent,
    /// `noSuchObject` without a matched DN.
    NamesNothing,
    Other,
}

/// Evidence about hidden entries below a parent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Evidence {
    /// Answer about a child that cannot exist.
    Probe(Absence),
    /// Right of the account to list the children.
    ListContents(bool),
}

/// Look-ups on one session.
pub struct LookUp<'a> {
    pub access: &'a Access,
    pub session: &'a mut Session,
    pub kind: Kind,
}

/// Looks up the candidates of a plan. Fails only if a time limit is exceeded; after other failures the rows are kept.
pub async fn verify(
    access: &Access,
    session: &mut Session,
    root: &RootDse,
    seen: &Seen,
    plan: &Plan,
) -> Result<Verdicts, Failure> {
    session.enter(Stage::Containers);
    let mut look_up = LookUp { access, session, kind: root.kind };
    let mut verdicts = Verdicts::default();
    let (candidates, partitions) = (&plan.candidates, &plan.partition_candidates);
    let names: Vec<&str> = partitions.iter().map(|(_, dn)| &**dn).collect();
    let answers = look_up.read_each(&names, Question::Presence).await?;
    for ((row, _), answer) in partitions.iter().zip(&answers) {
        verdicts.partitions.insert(*row, partition_verdict(answer.as_ref()));
    }
    let (asked, beyond) = candidates.split_at(candidates.len().min(MAX_LOOK_UPS));
    verdicts.containers.extend(beyond.iter().map(|c| (c.row, Verdict::Skipped)));
    look_up.containers(asked, &mut verdicts.containers).await?;
    look_up.check_renamed(seen, asked, &mut verdicts.containers).await?;
    let (asked, beyond) = plan.id_conflicts.split_at(plan.id_conflicts.len().min(MAX_LOOK_UPS));
    verdicts.containers.extend(beyond.iter().map(|c| (c.row, Verdict::Skipped)));
    look_up.id_conflicts(asked, &mut verdicts.containers).await?;
    verdicts.moved_away = look_up.moved_away(seen, &plan.shared_id_entries).await?;
    Ok(verdicts)
}

fn partition_verdict(answer: Option<&BaseRead>) -> Verdict {
    match answer {
        Some(answer) if answer.entry.is_some() || answer.skipped => Verdict::Present,
        Some(answer) if answer.code == NO_SUCH_OBJECT => Verdict::Absent,
        _ => Verdict::LookUpFailed,
    }
}

/// Name to look up: the id, which survives renames, where the directory accepts it as a DN (MS-ADTS 3.1.1.3.1.2.4).
fn name_of(candidate: &Candidate) -> String {
    match candidate.entry_id {
        Some(id) if id.kind == IdKind::ObjectGuid => format!("<GUID={}>", Uuid::from_bytes(id.value)),
        _ => candidate.dn.clone(),
    }
}

impl LookUp<'_> {
    /// Verdicts by row on entries that are missing from a complete view.
    pub async fn containers(
        &mut self,
        candidates: &[Candidate],
        verdicts: &mut HashMap<RowId, Verdict>,
    ) -> Result<(), Failure> {
        let unread = candidates.iter().filter(|c| !c.parent_read).map(|c| c.parent_dn.as_str());
        let unread: Vec<&str> = unread.collect::<BTreeSet<_>>().into_iter().collect();
        let answers = self.read_each(&unread, Question::Presence).await?;
        let shown: HashMap<&str, Option<BaseRead>> = unread.into_iter().zip(answers).collect();
        let readable = |c: &Candidate| {
            let answers = |a: &Option<BaseRead>| a.as_ref().is_some_and(|a| a.code == 0 && a.entry.is_some());
            c.parent_read || shown.get(c.parent_dn.as_str()).is_some_and(answers)
        };
        let (asked, hidden): (Vec<_>, Vec<_>) = candidates.iter().partition(|c| readable(c));
        verdicts.extend(hidden.iter().map(|c| (c.row, Verdict::Hidden)));
        let names: Vec<String> = asked.iter().map(|c| name_of(c)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let answers = self.read_each(&names, Question::Presence).await?;
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
            // 389 Directory Server answers so about hidden entries, and about all entries to an account that may not
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
        match (absence_of(answer, &candidate.parent_dn), probe) {
            (Absence::NamesParent, Absence::NamesParent) => Verdict::Absent,
            (Absence::NamesNothing, Absence::NamesParent) => Verdict::Hidden,
            (Absence::NamesNothing, Absence::NamesNothing) if self.kind != Kind::Generic => Verdict::Unprovable,
            (Absence::NamesNothing, Absence::NamesNothing) if candidate.parent_read => Verdict::AbsentUnproved,
            (Absence::NamesNothing, Absence::NamesNothing) => Verdict::Unprovable,
            _ => Verdict::LookUpFailed,
        }
    }

    /// Looks up rows by name, since their ids were seen elsewhere. A name with another id counts as absent.
    async fn id_conflicts(
        &mut self,
        conflicts: &[Candidate],
        verdicts: &mut HashMap<RowId, Verdict>,
    ) -> Result<(), Failure> {
        let by_name = |c: &Candidate| Candidate { entry_id: None, ..c.clone() };
        self.containers(&conflicts.iter().map(by_name).collect::<Vec<_>>(), verdicts).await?;
        let there: Vec<_> = conflicts.iter().filter(|c| verdicts.get(&c.row) == Some(&Verdict::Present)).collect();
        let names: Vec<&str> = there.iter().map(|c| c.dn.as_str()).collect();
        let answers = self.read_each(&names, Question::Ids).await?;
        for (candidate, answer) in there.iter().zip(answers) {
            if answer.and_then(|a| a.entry).is_some_and(|entry| ids(&entry).contradicts(candidate.entry_id)) {
                verdicts.insert(candidate.row, Verdict::Absent);
            }
        }
        Ok(())
    }

    /// Entries that are no longer at the DN where they were seen: absent, or another entry has the DN.
    async fn moved_away(&mut self, seen: &Seen, entries: &[(EntryRef, EntryId)]) -> Result<HashSet<EntryRef>, Failure> {
        let names: Vec<&str> = entries.iter().map(|(entry, _)| &*entry.of(seen).external_id).collect();
        let answers = self.read_each(&names, Question::Ids).await?;
        let has_moved = |answer: &BaseRead, id: EntryId| match &answer.entry {
            Some(entry) => ids(entry).contradicts(Some(id)),
            None => is_absent(answer),
        };
        let asked = entries.iter().zip(&answers);
        let left = asked.filter(|((_, id), answer)| answer.as_ref().is_some_and(|answer| has_moved(answer, *id)));
        Ok(left.map(|((entry, _), _)| *entry).collect())
    }

    async fn evidence<'p>(&mut self, parents: BTreeSet<&'p str>) -> Result<HashMap<&'p str, Evidence>, Failure> {
        let parents: Vec<&str> = parents.into_iter().collect();
        if parents.is_empty() {
            return Ok(HashMap::new());
        }
        if self.kind.is_ad_family() {
            let account = self.account().await?;
            let answers = self.read_each(&parents, Question::AccessList).await?;
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
        let answers = self.read_each(&probes, Question::Presence).await?;
        let said = parents.iter().zip(&answers).map(|(parent, answer)| {
            Evidence::Probe(answer.as_ref().map_or(Absence::Other, |answer| absence_of(answer, parent)))
        });
        Ok(parents.iter().copied().zip(said).collect())
    }

    /// Security identifiers of the account (`tokenGroups` of the root entry, MS-ADTS 3.1.1.3.2.38).
    async fn account(&mut self) -> Result<Account, Failure> {
        let session = &mut *self.session;
        let step = async { Ok(session.read("", EVERY_ENTRY, &["tokenGroups"]).await.ok()) };
        let answer = self.access.within(Stage::Containers, step).await?;
        let sids = answer.and_then(|a| a.entry).map(|e| e.get("tokenGroups").to_vec()).unwrap_or_default();
        Ok(if sids.is_empty() { Account::Unknown } else { Account::Known(sids.into_iter().collect()) })
    }

    /// Corrects verdicts of entries that were renamed before the look-up: their ids still exist.
    async fn check_renamed(
        &mut self,
        seen: &Seen,
        candidates: &[Candidate],
        verdicts: &mut HashMap<RowId, Verdict>,
    ) -> Result<(), Failure> {
        let is_absent_row = |row| matches!(verdicts.get(row), Some(Verdict::Absent | Verdict::AbsentUnproved));
        // In the Active Directory family the topmost rows were looked up by id already.
        let own = |c: &Candidate| c.entry_id.filter(|_| !self.kind.is_ad_family());
        let mut by_partition: HashMap<usize, Vec<(RowId, EntryId)>> = HashMap::new();
        for candidate in candidates.iter().filter(|c| is_absent_row(&c.row)) {
            let ids = own(candidate).into_iter().chain(candidate.below.iter().copied());
            by_partition.entry(candidate.partition).or_default().extend(ids.map(|id| (candidate.row, id)));
        }
        let mut left = MAX_IDS;
        for (partition, rows) in by_partition {
            let Some(base) = seen.partitions.get(partition).map(|p| p.external_id.clone()) else { continue };
            for some in rows.chunks(IDS_PER_SEARCH).take(left / IDS_PER_SEARCH) {
                left -= IDS_PER_SEARCH;
                let ids: String = some.iter().map(|(_, id)| id_filter(*id)).collect();
                let doubt = self.search_ids(&base, &format!("(|{ids})")).await?;
                if let Some(verdict) = doubt {
                    // Which of the rows it was is not needed: the next import sees the new name.
                    verdicts.extend(some.iter().map(|(row, _)| (*row, verdict)));
                }
            }
        }
        Ok(())
    }

    async fn search_ids(&mut self, base: &str, filter: &str) -> Result<Option<Verdict>, Failure> {
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

    /// Reads each DN; `None` without a result.
    pub async fn read_each(&mut self, dns: &[&str], question: Question) -> Result<Vec<Option<BaseRead>>, Failure> {
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

fn absence_of(answer: &BaseRead, parent_dn: &str) -> Absence {
    let parent: Option<DnKey> = Dn::parse(parent_dn).ok().map(|dn| dn.key());
    match Dn::parse(&answer.matched) {
        _ if !is_absent(answer) => Absence::Other,
        Ok(dn) if dn.rdns().is_empty() => Absence::NamesNothing,
        Ok(dn) if parent.as_ref() == Some(&dn.key()) => Absence::NamesParent,
        _ => Absence::Other,
    }
}
