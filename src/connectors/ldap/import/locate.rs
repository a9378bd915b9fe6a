//! Look-ups of containers by their immutable ids: a run works with the DNs found.

use std::collections::HashMap;

use uuid::Uuid;

use super::borders::Borders;
use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::failure::{Failure, result_text};
use crate::connectors::ldap::ids::{id_filter, ids};
use crate::connectors::ldap::root_dse::Kind;
use crate::connectors::ldap::session::{End, Question, Scope, Session};
use crate::domain::hierarchy::{EntryId, IdKind, RowId};

/// Ids of a search.
pub(super) const IDS_PER_SEARCH: usize = 50;
/// Reads in flight or held at a time.
pub(super) const READS_AT_A_TIME: usize = 1_000;
pub(super) const ID_ATTRIBUTES: &[&str] = &["objectGUID", "entryUUID", "nsUniqueId"];

/// DNs by row, and why some could not be asked for.
#[derive(Debug, Default)]
pub(super) struct Located {
    pub names: HashMap<RowId, String>,
    pub refusal: Option<String>,
}

/// Looks up all borders of a partition. Fails only if the connection does.
pub(super) async fn locate(
    session: &mut Session,
    kind: Kind,
    base: &str,
    borders: &Borders,
) -> Result<Located, Failure> {
    let (by_name, by_filter): (Vec<_>, Vec<_>) =
        borders.with_id().into_iter().partition(|(_, id)| can_be_a_base(kind, *id));
    let mut located = Located::default();
    for some in by_name.chunks(READS_AT_A_TIME) {
        by_guid(session, some, &mut located).await?;
    }
    for some in by_filter.chunks(IDS_PER_SEARCH) {
        by_search(session, base, some, &mut located).await?;
    }
    Ok(located)
}

/// Whether the directory takes `<GUID=...>` as a DN (MS-ADTS 3.1.1.3.1.2.4).
pub(super) fn can_be_a_base(kind: Kind, id: EntryId) -> bool {
    kind.is_ad_family() && id.kind == IdKind::ObjectGuid
}

pub(super) fn guid_base(value: [u8; 16]) -> String {
    format!("<GUID={}>", Uuid::from_bytes(value))
}

async fn by_guid(session: &mut Session, some: &[(RowId, EntryId)], located: &mut Located) -> Result<(), Failure> {
    let bases: Vec<String> = some.iter().map(|(_, id)| guid_base(id.value)).collect();
    let bases: Vec<&str> = bases.iter().map(String::as_str).collect();
    let answers = session.read_each(&bases, Question::Ids).await;
    for ((row, _), answer) in some.iter().zip(answers) {
        let answer = answer.map_err(|end| session.failure(&end))?;
        match answer.entry {
            Some(entry) => drop(located.names.insert(*row, entry.dn)),
            None if matches!(answer.code, 0 | 32) => {}
            None => drop(located.refusal.get_or_insert(answer.result())),
        }
    }
    Ok(())
}

async fn by_search(
    session: &mut Session,
    base: &str,
    some: &[(RowId, EntryId)],
    located: &mut Located,
) -> Result<(), Failure> {
    let found = search_ids(session, base, some.iter().map(|(_, id)| *id), ID_ATTRIBUTES).await?;
    let entries = match found {
        Ok(entries) => entries,
        Err(why) => {
            located.refusal.get_or_insert(why);
            return Ok(());
        }
    };
    for (row, id) in some {
        let mut with_id = entries.iter().filter(|entry| ids(entry).iter().any(|other| other == *id));
        // Two entries with one id are no answer.
        if let (Some(entry), None) = (with_id.next(), with_id.next()) {
            located.names.insert(*row, entry.dn.clone());
        }
    }
    Ok(())
}

/// Entries with one of these ids below `base`. The inner error is the result of a refused search.
pub(super) async fn search_ids(
    session: &mut Session,
    base: &str,
    wanted: impl Iterator<Item = EntryId>,
    attributes: &[&str],
) -> Result<Result<Vec<Entry>, String>, Failure> {
    let ids: String = wanted.map(id_filter).collect();
    let filter = format!("(|{ids})");
    let mut entries = Vec::new();
    let mut take = |entry| {
        if entries.len() < 2 * IDS_PER_SEARCH {
            entries.push(entry);
        }
    };
    let end = session.search_paged(base, Scope::Subtree, &filter, attributes, None, &mut take).await;
    match end.outcome {
        End::Result { code: 0, .. } if end.skipped == 0 => Ok(Ok(entries)),
        End::Result { code: 0, .. } => Ok(Err("an entry could not be read".to_owned())),
        End::Result { code, ref diagnostic, .. } => Ok(Err(result_text(code, diagnostic))),
        ref other => Err(session.failure(other)),
    }
}
