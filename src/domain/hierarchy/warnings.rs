//! Warning texts about rows that were kept or removed, with the remedy.

use std::collections::BTreeMap;

use super::report::Place;
use super::{EntryId, StoredTree, Verdict};

/// DNs listed in one warning.
const MAX_NAMED: usize = 5;
/// DNs listed in one warning about the scope.
const MAX_NAMED_IN_SCOPE: usize = 20;

/// Rows grouped by partition and reason: one warning for each.
#[derive(Default)]
pub(super) struct Kept {
    groups: BTreeMap<(String, Reason), (usize, Vec<String>)>,
}

/// Reasons of warnings, in the order of the texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Recreated,
    RemovedUnproved,
    RemovedAccepted,
    Present,
    Hidden,
    Unprovable,
    LookUpFailed,
    Skipped,
    Misplaced,
    Elsewhere,
}

impl Reason {
    pub fn of_kept(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Present => Reason::Present,
            Verdict::Unprovable => Reason::Unprovable,
            Verdict::LookUpFailed => Reason::LookUpFailed,
            Verdict::Skipped => Reason::Skipped,
            Verdict::Hidden | Verdict::Absent | Verdict::AbsentUnproved => Reason::Hidden,
        }
    }

    fn text(self, count: usize, see_all: &str) -> String {
        let n = if count == 1 { "1 container".to_owned() } else { format!("{count} containers") };
        let see_all = if see_all.is_empty() { "grant the account read access" } else { see_all };
        let accept = "if it is really gone, import with acceptRemovals=true, which removes it with everything below it, \
                      hidden or not (add preview=true to see what)";
        match self {
            Reason::Recreated => {
                format!("{n} recreated: the name now belongs to another entry")
            }
            Reason::RemovedUnproved => {
                format!("{n} removed although this directory cannot tell hidden from absent")
            }
            Reason::RemovedAccepted => format!(
                "{n} removed with everything below, as acceptRemovals=true asks, though the directory does not confirm that \
                 it is gone"
            ),
            Reason::Present => format!("{n} kept: not listed as a container, but the entry still answers"),
            Reason::Hidden => {
                format!("{n} kept: not seen, but possibly hidden from the account; {see_all}, or {accept}")
            }
            Reason::Unprovable => format!(
                "{n} kept: not seen, but this directory does not let the account tell hidden from absent; {see_all}, or {accept}"
            ),
            Reason::LookUpFailed => {
                format!("{n} kept: not seen, but the look-up that would prove it failed; import again, or {accept}")
            }
            Reason::Skipped => {
                format!("{n} kept: more are missing than one import looks up; import again, or {accept}")
            }
            Reason::Elsewhere => format!(
                "{n} kept: not read, and an entry elsewhere shows the same immutable id; both are listed until this \
                 partition can be read as a whole"
            ),
            Reason::Misplaced => {
                format!(
                    "{n} left as stored: the parent was not read, or the name was another entry's too; nothing was removed \
                     from this partition; import again when the whole partition can be read"
                )
            }
        }
    }
}

impl Kept {
    pub fn add(&mut self, partition: &str, reason: Reason, dn: &str) {
        let (count, named) = self.groups.entry((partition.to_owned(), reason)).or_default();
        *count += 1;
        if named.len() < MAX_NAMED {
            named.push(dn.to_owned());
        }
    }

    pub fn texts(self, see_all: &str) -> impl Iterator<Item = String> {
        self.groups.into_iter().map(move |((partition, reason), (count, named))| {
            let more = count - named.len();
            let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
            format!("{partition}: {}: {}{tail}", reason.text(count, see_all), named.join("; "))
        })
    }
}

/// One warning for each of the first shared ids, and one for the rest.
pub(super) fn shared_ids<'a>(shared: impl ExactSizeIterator<Item = (EntryId, &'a [&'a str])>) -> Vec<String> {
    let more = shared.len().saturating_sub(MAX_NAMED);
    let text = |(id, dns): (EntryId, &[&str])| {
        let named = dns.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join("; ");
        let tail = if dns.len() > MAX_NAMED { format!("; and {} more", dns.len() - MAX_NAMED) } else { String::new() };
        format!(
            "{id} is that of {} entries and identifies none of them; they are matched by name: {named}{tail}",
            dns.len()
        )
    };
    let mut texts: Vec<String> = shared.take(MAX_NAMED).map(text).collect();
    if more > 0 {
        texts.push(format!("{more} more immutable ids are each that of several entries, which are matched by name"));
    }
    texts
}

/// Containers that come into scope, and that leave it, by inheritance: at most one warning for each.
pub(super) fn scope(into: Vec<Place<'_>>, out: Vec<Place<'_>>) -> Vec<String> {
    let text = |(places, what): (Vec<Place<'_>>, &str)| {
        let count = places.len();
        let n = if count == 1 { "1 container".to_owned() } else { format!("{count} containers") };
        let named = first_of(places).join("; ");
        let more = count.saturating_sub(MAX_NAMED_IN_SCOPE);
        let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
        (count > 0).then(|| format!("{n} {what} by inheritance: {named}{tail}"))
    };
    [(into, "came into scope"), (out, "left the scope")].into_iter().filter_map(text).collect()
}

/// DNs of the first containers, parents first. Not all are sorted, since there can be very many.
fn first_of(mut places: Vec<Place<'_>>) -> Vec<String> {
    if places.len() > MAX_NAMED_IN_SCOPE {
        places.select_nth_unstable_by(MAX_NAMED_IN_SCOPE, Place::compare);
        places.truncate(MAX_NAMED_IN_SCOPE);
    }
    places.sort_by(Place::compare);
    places.iter().map(|place| place.external_id.to_owned()).collect()
}

pub(super) fn no_ids(partition: &str, remedies: &str) -> String {
    let remedies = if remedies.is_empty() { String::new() } else { format!("; {remedies}") };
    format!("{partition}: no immutable id readable: renames show as removed and added{remedies}")
}

pub(super) fn guard_share(partition: &str, gone: usize, stored: usize) -> String {
    format!(
        "{gone} of {stored} stored containers of {partition} would be removed; nothing was changed. \
         If that is right, call the import with acceptRemovals=true"
    )
}

pub(super) fn guard_partition(stored: &StoredTree, row: usize, listed: usize) -> String {
    let name = &stored.partitions[row].external_id;
    let containers = stored.containers.iter().filter(|c| c.partition_id == stored.partitions[row].id).count();
    let why = if listed == 0 {
        format!("the directory lists no partition although {} are stored", stored.partitions.len())
    } else {
        "it is no longer listed, but not proved gone".to_owned()
    };
    format!(
        "partition {name} with {containers} stored containers would be removed: {why}; nothing was changed. \
         If that is right, call the import with acceptRemovals=true"
    )
}
