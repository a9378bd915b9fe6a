//! Look-ups of objects that a complete reading did not show, by id and by name, with the proofs of `removal`.

use std::collections::HashMap;

use super::borders::{Borders, Place};
use super::locate::{IDS_PER_SEARCH, READS_AT_A_TIME, guid_base, locate, search_ids};
use super::types::{TypeOf, Types};
use crate::connectors::import::{Absence, MissingObject};
use crate::connectors::ldap::Access;
use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::failure::{Failure, Stage};
use crate::connectors::ldap::ids::ids;
use crate::connectors::ldap::removal::LookUp;
use crate::connectors::ldap::root_dse::{Kind, RootDse};
use crate::connectors::ldap::session::{Question, Session};
use crate::domain::connector_space::{ImportScope, RowId};
use crate::domain::dn::{Dn, key_and_name};
use crate::domain::hierarchy::{Candidate, EntryId, IdKind, Verdict};

const OBJECT_ATTRIBUTES: &[&str] = &["entryUUID", "nsUniqueId", "objectClass", "structuralObjectClass"];

struct Searcher<'a> {
    access: &'a Access,
    session: &'a mut Session,
    kind: Kind,
    types: &'a Types,
    /// Partitions by row: their DNs and borders.
    partitions: HashMap<RowId, (&'a str, Borders)>,
}

/// An object whose id answered nowhere, with its position.
struct Unseen<'m> {
    at: usize,
    missing: &'m MissingObject,
    /// DN now, and that of its parent.
    dn: String,
    parent_dn: String,
}

pub(super) async fn look_up(
    access: &Access,
    session: &mut Session,
    root: &RootDse,
    scope: &ImportScope,
    types: &Types,
    missing: &[MissingObject],
) -> Result<Vec<Absence>, Failure> {
    session.enter(Stage::Containers);
    let mut partitions = HashMap::new();
    for partition in &scope.partitions {
        let contexts = root.contexts.iter().map(|(_, key)| key.clone());
        let mut borders = Borders::new(partition, contexts.chain(scope.partitions.iter().map(|p| p.key.clone())));
        borders.found(&locate(session, root.kind, &partition.dn, &borders).await?.names);
        partitions.insert(partition.id, (&*partition.dn, borders));
    }
    let mut searcher = Searcher { access, session, kind: root.kind, types, partitions };
    let mut absences = Vec::with_capacity(missing.len());
    for some in missing.chunks(READS_AT_A_TIME) {
        absences.extend(searcher.some(some).await?);
    }
    Ok(absences)
}

impl Searcher<'_> {
    async fn some(&mut self, missing: &[MissingObject]) -> Result<Vec<Absence>, Failure> {
        let mut answers: Vec<Option<Absence>> = vec![None; missing.len()];
        if self.kind.is_ad_family() {
            self.by_guid(missing, &mut answers).await?;
        } else {
            self.by_id(missing, &mut answers).await?;
        }
        let unseen = self.unseen(missing, &mut answers);
        let verdicts = self.verdicts(&unseen).await?;
        let mut present = Vec::new();
        for unseen in &unseen {
            let verdict = verdicts.get(&(unseen.at as RowId)).copied().unwrap_or(Verdict::LookUpFailed);
            if verdict == Verdict::Present {
                present.push(unseen);
            } else if let Some(answer) = answers.get_mut(unseen.at) {
                *answer = Some(absence(verdict));
            }
        }
        self.by_name(&present, &mut answers).await?;
        Ok(answers.into_iter().map(|answer| answer.unwrap_or(Absence::Failed)).collect())
    }

    /// Reads the objects by `objectGUID`, which follows them everywhere.
    async fn by_guid(&mut self, missing: &[MissingObject], answers: &mut [Option<Absence>]) -> Result<(), Failure> {
        let asked: Vec<(usize, String)> =
            missing.iter().enumerate().filter_map(|(at, m)| Some((at, guid_base(m.own?)))).collect();
        let bases: Vec<&str> = asked.iter().map(|(_, base)| base.as_str()).collect();
        let found = self.look_up().read_each(&bases, Question::Object).await?;
        for ((at, _), answer) in asked.iter().zip(found) {
            let entry = answer.and_then(|answer| answer.entry);
            if let (Some(entry), Some(answer)) = (entry, answers.get_mut(*at)) {
                *answer = Some(self.place(&entry));
            }
        }
        Ok(())
    }

    /// Searches the partitions for the ids.
    async fn by_id(&mut self, missing: &[MissingObject], answers: &mut [Option<Absence>]) -> Result<(), Failure> {
        let mut by_partition: HashMap<RowId, Vec<(usize, [u8; 16])>> = HashMap::new();
        for (at, object) in missing.iter().enumerate() {
            if let (Some(partition), Some(own)) = (object.partition, object.own) {
                by_partition.entry(partition).or_default().push((at, own));
            }
        }
        for (partition, objects) in by_partition {
            let Some(base) = self.partitions.get(&partition).map(|(dn, _)| *dn) else { continue };
            for some in objects.chunks(IDS_PER_SEARCH / self.id_kinds().len()) {
                let wanted = some.iter().flat_map(|(_, value)| self.entry_ids(*value));
                let wanted: Vec<EntryId> = wanted.collect();
                let found = search_ids(self.session, base, wanted.into_iter(), OBJECT_ATTRIBUTES).await?;
                for (at, value) in some {
                    let has_id = |entry: &&Entry| ids(entry).iter().any(|id| id.value == *value);
                    let answer = match &found {
                        Ok(entries) => entries.iter().find(has_id).map(|entry| self.place(entry)),
                        Err(_) => Some(Absence::Failed),
                    };
                    if let Some(place) = answers.get_mut(*at) {
                        *place = answer;
                    }
                }
            }
        }
        Ok(())
    }

    fn id_kinds(&self) -> &'static [IdKind] {
        match self.kind {
            Kind::OpenLdap => &[IdKind::EntryUuid],
            _ => &[IdKind::EntryUuid, IdKind::NsUniqueId],
        }
    }

    fn entry_ids(&self, value: [u8; 16]) -> impl Iterator<Item = EntryId> + use<> {
        self.id_kinds().iter().map(move |kind| EntryId { kind: *kind, value })
    }

    /// Objects to be looked up by name; those without one cannot be proved gone.
    fn unseen<'m>(&self, missing: &'m [MissingObject], answers: &mut [Option<Absence>]) -> Vec<Unseen<'m>> {
        let mut unseen = Vec::new();
        for (at, (object, answer)) in missing.iter().zip(answers).enumerate().filter(|(_, (_, a))| a.is_none()) {
            let borders = object.partition.and_then(|partition| self.partitions.get(&partition));
            let dn = object.dn.as_ref().and_then(|dn| borders?.1.current(dn));
            match dn.and_then(|dn| Some((Dn::parse(&dn).ok()?.parent().to_string(), dn))) {
                Some((parent_dn, dn)) => unseen.push(Unseen { at, missing: object, dn, parent_dn }),
                None => *answer = Some(Absence::Unprovable),
            }
        }
        unseen
    }

    async fn verdicts(&mut self, unseen: &[Unseen<'_>]) -> Result<HashMap<RowId, Verdict>, Failure> {
        let is_ad = self.kind.is_ad_family();
        let parents = self.readable_parents(unseen).await?;
        let candidate = |unseen: &Unseen<'_>| Candidate {
            row: unseen.at as RowId,
            partition: 0,
            dn: unseen.dn.clone(),
            parent_dn: unseen.parent_dn.clone(),
            parent_read: parents.contains(&unseen.parent_dn.as_str()),
            entry_id: unseen.missing.own.filter(|_| is_ad).map(|value| EntryId { kind: IdKind::ObjectGuid, value }),
            below: Vec::new(),
        };
        let candidates: Vec<Candidate> = unseen.iter().map(candidate).collect();
        let mut verdicts = HashMap::new();
        self.look_up().containers(&candidates, &mut verdicts).await?;
        Ok(verdicts)
    }

    /// Parents that answer, where that decides: on a directory of no known kind.
    async fn readable_parents<'u>(&mut self, unseen: &'u [Unseen<'_>]) -> Result<Vec<&'u str>, Failure> {
        if self.kind != Kind::Generic {
            return Ok(Vec::new());
        }
        let mut parents: Vec<&str> = unseen.iter().map(|unseen| unseen.parent_dn.as_str()).collect();
        parents.sort_unstable();
        parents.dedup();
        let answers = self.look_up().read_each(&parents, Question::Presence).await?;
        let answers_well = answers.iter().map(|a| a.as_ref().is_some_and(|a| a.code == 0 && a.entry.is_some()));
        Ok(parents.iter().zip(answers_well).filter(|(_, well)| *well).map(|(parent, _)| *parent).collect())
    }

    /// Reads names that answer: the object itself, or another that has its name now.
    async fn by_name(&mut self, present: &[&Unseen<'_>], answers: &mut [Option<Absence>]) -> Result<(), Failure> {
        let names: Vec<String> = present.iter().map(|unseen| self.name(unseen)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = self.look_up().read_each(&names, Question::Object).await?;
        for (unseen, answer) in present.iter().zip(found) {
            let absence = match (answer.and_then(|answer| answer.entry), unseen.missing.own) {
                (None, _) => Absence::Failed,
                (Some(entry), None) => self.place(&entry),
                (Some(entry), Some(own)) => {
                    let mut shown = ids(&entry).iter().map(|id| id.value == own).collect::<Vec<_>>().into_iter();
                    match shown.len() {
                        0 => Absence::Unprovable,
                        _ if shown.any(|is_own| is_own) => self.place(&entry),
                        _ => Absence::Gone,
                    }
                }
            };
            if let Some(answer) = answers.get_mut(unseen.at) {
                *answer = Some(absence);
            }
        }
        Ok(())
    }

    fn name(&self, unseen: &Unseen<'_>) -> String {
        let own = unseen.missing.own.filter(|_| self.kind.is_ad_family());
        own.map_or_else(|| unseen.dn.clone(), guid_base)
    }

    /// Whether an entry that answers is in scope: by its partition, container and type.
    fn place(&self, entry: &Entry) -> Absence {
        let Ok((key, _)) = key_and_name(&entry.dn) else { return Absence::Unprovable };
        let Some((_, borders)) = self.partitions.values().find(|(_, borders)| borders.contains(&key)) else {
            return Absence::OutOfScope;
        };
        match (borders.place(&key), self.types.of(entry)) {
            (Place::Unknown, _) => Absence::Unprovable,
            (Place::Out, _) | (Place::In, TypeOf::Other(_)) => Absence::OutOfScope,
            (Place::In, _) => Absence::InScope,
        }
    }

    fn look_up(&mut self) -> LookUp<'_> {
        LookUp { access: self.access, session: self.session, kind: self.kind }
    }
}

fn absence(verdict: Verdict) -> Absence {
    match verdict {
        // Where the directory cannot tell hidden from absent, as for containers.
        Verdict::Absent | Verdict::AbsentUnproved => Absence::Gone,
        Verdict::Present => Absence::InScope,
        Verdict::Hidden | Verdict::Unprovable => Absence::Unprovable,
        Verdict::LookUpFailed | Verdict::Skipped => Absence::Failed,
    }
}
