//! Containers where the selection begins or ends: only these decide whether an entry is in scope.
//!
//! A container that follows its parent needs no look-up and may have been renamed: its entries find the next border above.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::domain::connector_space::{RowId, ScopePartition};
use crate::domain::dn::{Dn, DnKey, key_and_name};
use crate::domain::hierarchy::EntryId;

/// Where an entry lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    In,
    Out,
    /// Below a container that was not found: neither added nor removed.
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) struct Border {
    pub id: RowId,
    pub entry_id: Option<EntryId>,
    /// DN and key as stored.
    pub dn: Arc<str>,
    pub key: DnKey,
    selected: bool,
    found: Found,
}

#[derive(Debug, Clone)]
enum Found {
    /// Without an id, or not looked up yet.
    AsStored,
    At(String, DnKey),
    Missing,
}

/// A partition with its borders.
pub(super) struct Borders {
    partition: DnKey,
    dn: Arc<str>,
    /// No container is stored: the partition is read whole.
    whole: bool,
    borders: Vec<Border>,
    /// Positions of the borders by the key as stored.
    stored: HashMap<DnKey, usize>,
    /// Naming contexts inside the partition, whose entries belong to them.
    nested: HashSet<DnKey>,
    places: HashMap<DnKey, Place>,
}

impl Borders {
    pub fn new(partition: &ScopePartition, contexts: impl Iterator<Item = DnKey>) -> Borders {
        let mut selected = HashMap::with_capacity(partition.containers.len());
        let mut borders = Vec::new();
        // Parents come before their children.
        for container in &partition.containers {
            let above = container.key.ancestors().find_map(|key| selected.get(key).copied()).unwrap_or(false);
            selected.insert(container.key.clone(), container.selected);
            if container.selected != above {
                borders.push(Border {
                    id: container.id,
                    entry_id: container.entry_id,
                    dn: container.dn.clone(),
                    key: container.key.clone(),
                    selected: container.selected,
                    found: Found::AsStored,
                });
            }
        }
        let mut made = Borders {
            partition: partition.key.clone(),
            dn: partition.dn.clone(),
            whole: partition.containers.is_empty(),
            stored: borders.iter().enumerate().map(|(at, border)| (border.key.clone(), at)).collect(),
            borders,
            nested: contexts.filter(|key| key.is_below(partition.key.as_str())).collect(),
            places: HashMap::new(),
        };
        made.settle();
        made
    }

    /// Borders that have an immutable id.
    pub fn with_id(&self) -> Vec<(RowId, EntryId)> {
        self.borders.iter().filter_map(|b| Some((b.id, b.entry_id?))).collect()
    }

    /// Takes the DNs that were found by id; the other borders with an id are missing. Returns these.
    pub fn found(&mut self, names: &HashMap<RowId, String>) -> Vec<Arc<str>> {
        let mut missing = Vec::new();
        for at in 0..self.borders.len() {
            let Some(border) = self.borders.get(at).filter(|b| b.entry_id.is_some()) else { continue };
            let name = names.get(&border.id).and_then(|dn| Some((dn.clone(), key_and_name(dn).ok()?.0)));
            let found = match name.filter(|(_, key)| self.contains(key)) {
                Some((dn, key)) => Found::At(dn, key),
                None => {
                    missing.push(border.dn.clone());
                    Found::Missing
                }
            };
            if let Some(border) = self.borders.get_mut(at) {
                border.found = found;
            }
        }
        self.settle();
        missing
    }

    fn settle(&mut self) {
        self.places = self
            .borders
            .iter()
            .map(|border| {
                let known = if border.selected { Place::In } else { Place::Out };
                let place = if matches!(border.found, Found::Missing) { Place::Unknown } else { known };
                (border.key_now().clone(), place)
            })
            .collect();
    }

    /// Whether the name belongs to this partition: at or below its root, in no naming context inside.
    pub fn contains(&self, key: &DnKey) -> bool {
        let inside = *key == self.partition || key.is_below(self.partition.as_str());
        inside && (self.nested.is_empty() || !with_ancestors(key).any(|key| self.nested.contains(key)))
    }

    /// Place of an entry of this partition, by the nearest container.
    pub fn place(&self, key: &DnKey) -> Place {
        if self.whole {
            return Place::In;
        }
        with_ancestors(key).find_map(|key| self.places.get(key).copied()).unwrap_or(Place::Out)
    }

    /// DNs to search from: the topmost containers in scope.
    pub fn bases(&self) -> Vec<String> {
        if self.whole {
            return vec![self.dn.to_string()];
        }
        let is_in = |key: &str| self.places.get(key) == Some(&Place::In);
        let base = |border: &&Border| {
            let key = border.key_now();
            is_in(key.as_str()) && !key.ancestors().any(is_in)
        };
        self.borders.iter().filter(base).map(|border| border.dn_now().to_owned()).collect()
    }

    /// Containers that have another name than the stored one.
    pub fn renamed(&self) -> Vec<(RowId, Arc<str>, String)> {
        let renamed = |border: &Border| match &border.found {
            Found::At(dn, key) if *key != border.key => Some((border.id, border.dn.clone(), dn.clone())),
            _ => None,
        };
        self.borders.iter().filter_map(renamed).collect()
    }

    /// DN as it is now, if a container above was renamed; `None` below one that was not found.
    pub fn current(&self, dn: &str) -> Option<String> {
        let Ok(parsed) = Dn::parse(dn) else { return Some(dn.to_owned()) };
        let key = parsed.key();
        let nearest = with_ancestors(&key).find_map(|key| self.borders.get(*self.stored.get(key)?));
        let Some(border) = nearest else { return Some(dn.to_owned()) };
        match &border.found {
            Found::Missing => None,
            Found::At(now, found) if *found != border.key => {
                let depth = |key: &DnKey| key.ancestors().count();
                let own = depth(&key).saturating_sub(depth(&border.key));
                Some(parsed.first_rdns_under(own, now))
            }
            _ => Some(dn.to_owned()),
        }
    }
}

impl Border {
    fn key_now(&self) -> &DnKey {
        match &self.found {
            Found::At(_, key) => key,
            Found::AsStored | Found::Missing => &self.key,
        }
    }

    fn dn_now(&self) -> &str {
        match &self.found {
            Found::At(dn, _) => dn,
            Found::AsStored | Found::Missing => &self.dn,
        }
    }
}

fn with_ancestors(key: &DnKey) -> impl Iterator<Item = &str> {
    std::iter::once(key.as_str()).chain(key.ancestors())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::connector_space::ScopeContainer;
    use crate::domain::hierarchy::IdKind;

    fn key(dn: &str) -> DnKey {
        key_and_name(dn).expect(dn).0
    }

    /// Containers numbered from 1, `+` before those in scope, each with an id.
    fn borders(containers: &[&str]) -> Borders {
        let containers = containers.iter().zip(1..).map(|(text, id)| {
            let (selected, dn) = text.split_at(1);
            let entry_id = Some(EntryId { kind: IdKind::EntryUuid, value: [id as u8; 16] });
            ScopeContainer { id, dn: dn.into(), key: key(dn), entry_id, selected: selected == "+" }
        });
        let partition = ScopePartition { id: 9, dn: "dc=x".into(), key: key("dc=x"), containers: containers.collect() };
        Borders::new(&partition, [key("dc=x"), key("dc=n,ou=a,dc=x"), key("dc=y")].into_iter())
    }

    const TREE: [&str; 6] =
        ["+ou=a,dc=x", "-ou=b,dc=x", "+ou=c,ou=a,dc=x", "-ou=d,ou=a,dc=x", "+ou=e,ou=d,ou=a,dc=x", "+ou=f,ou=b,dc=x"];

    #[test]
    fn an_entry_belongs_to_its_nearest_container() {
        let borders = borders(&TREE);
        for (dn, place) in [
            ("cn=1,ou=a,dc=x", Place::In),
            ("OU=A, DC=X", Place::In),
            ("cn=1,ou=c,ou=a,dc=x", Place::In),
            ("cn=1,cn=person,ou=c,ou=a,dc=x", Place::In),
            ("cn=1,ou=d,ou=a,dc=x", Place::Out),
            ("ou=d,ou=a,dc=x", Place::Out),
            ("cn=1,ou=e,ou=d,ou=a,dc=x", Place::In),
            ("cn=1,ou=b,dc=x", Place::Out),
            ("cn=1,dc=x", Place::Out),
            ("dc=x", Place::Out),
        ] {
            assert_eq!(borders.place(&key(dn)), place, "{dn}");
        }
        assert_eq!(borders.bases(), ["ou=a,dc=x", "ou=f,ou=b,dc=x"]);
        assert_eq!(borders.with_id().iter().map(|(id, _)| *id).collect::<Vec<_>>(), [1, 4, 5, 6]);
    }

    #[test]
    fn a_partition_without_containers_is_read_whole_but_for_what_is_nested() {
        let borders = borders(&[]);
        assert_eq!(borders.bases(), ["dc=x"]);
        assert_eq!(borders.place(&key("cn=1,dc=x")), Place::In);
        for (dn, inside) in
            [("dc=x", true), ("cn=1,ou=a,dc=x", true), ("cn=1,dc=n,ou=a,dc=x", false), ("dc=notx", false)]
        {
            assert_eq!(borders.contains(&key(dn)), inside, "{dn}");
        }
    }

    #[test]
    fn the_names_found_count_and_missing_containers_hide_what_is_below() {
        let mut borders = borders(&TREE);
        let names = [(1, "ou=A2,dc=x"), (5, "ou=e,ou=d,ou=A2,dc=x"), (6, "ou=f,dc=elsewhere")];
        let missing = borders.found(&names.map(|(id, dn)| (id, dn.to_owned())).into());
        assert_eq!(missing.iter().map(|dn| &**dn).collect::<Vec<_>>(), ["ou=d,ou=a,dc=x", "ou=f,ou=b,dc=x"]);
        assert_eq!(borders.bases(), ["ou=A2,dc=x"]);
        assert_eq!(borders.renamed().len(), 2);
        for (dn, place) in [
            ("cn=1,ou=a2,dc=x", Place::In),
            ("cn=1,ou=a,dc=x", Place::Out),
            ("cn=1,ou=d,ou=a,dc=x", Place::Unknown),
            ("cn=1,ou=f,ou=b,dc=x", Place::Unknown),
        ] {
            assert_eq!(borders.place(&key(dn)), place, "{dn}");
        }
        for (dn, now) in [
            ("cn=1,ou=a,dc=x", Some("cn=1,ou=A2,dc=x")),
            ("cn=1,ou=c,ou=a,dc=x", Some("cn=1,ou=c,ou=A2,dc=x")),
            ("cn=1,ou=d,ou=a,dc=x", None),
            ("cn=1,ou=b,dc=x", Some("cn=1,ou=b,dc=x")),
        ] {
            assert_eq!(borders.current(dn).as_deref(), now, "{dn}");
        }
    }
}
