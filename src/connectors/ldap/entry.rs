//! An entry as a directory sent it: attribute names and raw values.

use lber::structure::{PL, StructureTag};

/// Name with options, and values.
pub type Attribute = (String, Vec<Vec<u8>>);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// In the directory's spelling; empty for the root entry.
    pub dn: String,
    attributes: Vec<Attribute>,
}

impl Entry {
    pub fn new(dn: impl Into<String>, attributes: Vec<Attribute>) -> Self {
        Entry { dn: dn.into(), attributes }
    }

    /// Converts a SearchResultEntry (RFC 4511, section 4.5.2) without copying values. The guard excludes `None`.
    pub(super) fn from_tag(tag: StructureTag) -> Option<Entry> {
        let mut parts = constructed(tag)?.into_iter();
        let dn = String::from_utf8(primitive(parts.next()?)?).ok()?;
        let list = constructed(parts.next()?)?;
        let mut attributes = Vec::with_capacity(list.len());
        for attribute in list {
            let mut parts = constructed(attribute)?.into_iter();
            let name = String::from_utf8(primitive(parts.next()?)?).ok()?;
            let values = constructed(parts.next()?)?.into_iter().map(primitive).collect::<Option<Vec<_>>>()?;
            attributes.push((name, values));
        }
        Some(Entry { dn, attributes })
    }

    /// Values of an attribute, ignoring case and options such as `member;range=0-1499`. The name without options has
    /// precedence; empty if absent.
    pub fn get(&self, name: &str) -> &[Vec<u8>] {
        let shown = || self.attributes.iter().filter(|(_, values)| !values.is_empty());
        let bare = |spelled: &str| spelled.eq_ignore_ascii_case(name);
        let with_options = |spelled: &str| spelled.split_once(';').is_some_and(|(base, _)| bare(base));
        let found = shown().find(|(spelled, _)| bare(spelled)).or_else(|| shown().find(|(s, _)| with_options(s)));
        found.map(|(_, values)| values.as_slice()).unwrap_or_default()
    }

    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.get(name).first().map(Vec::as_slice)
    }

    /// First value as text; `None` also if it is not UTF-8.
    pub fn first_text(&self, name: &str) -> Option<&str> {
        self.first(name).and_then(|value| std::str::from_utf8(value).ok())
    }

    /// Values that are UTF-8.
    pub fn texts<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.get(name).iter().filter_map(|value| std::str::from_utf8(value).ok())
    }

    /// DN and attributes, with options.
    pub fn into_parts(self) -> (String, Vec<Attribute>) {
        (self.dn, self.attributes)
    }

    /// All attributes in the order received, with options.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }
}

fn constructed(tag: StructureTag) -> Option<Vec<StructureTag>> {
    match tag.payload {
        PL::C(parts) => Some(parts),
        PL::P(_) => None,
    }
}

fn primitive(tag: StructureTag) -> Option<Vec<u8>> {
    match tag.payload {
        PL::P(bytes) => Some(bytes),
        PL::C(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_whatever_their_case_and_options() {
        let values = |v: &str| vec![v.as_bytes().to_vec()];
        let entry = Entry::new(
            "cn=a",
            vec![
                ("objectGUID".into(), vec![vec![0xff; 16]]),
                ("member".into(), vec![]),
                ("member;range=0-1499".into(), values("cn=b")),
                ("description;lang-de".into(), values("Verkauf")),
                ("Description".into(), values("Sales")),
                ("memberOf".into(), values("cn=c")),
            ],
        );
        assert_eq!(entry.first("OBJECTguid"), Some([0xff; 16].as_slice()));
        assert_eq!(entry.first_text("objectGUID"), None);
        assert_eq!(entry.first_text("Member"), Some("cn=b"));
        assert_eq!(entry.texts("memberof").collect::<Vec<_>>(), ["cn=c"]);
        assert_eq!(entry.first_text("description"), Some("Sales"));
        assert!(entry.get("mem").is_empty());
    }
}
