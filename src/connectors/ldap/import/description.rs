//! Attribute descriptions (RFC 4512, section 2.5): a name and options.

/// A name with what its options say about the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Description<'a> {
    pub name: &'a str,
    pub part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Values of the attribute itself, also with the option `binary` (RFC 4522).
    Whole,
    /// Some of the values (MS-ADTS 3.1.1.3.1.3.3); the last range has no end.
    Range { first: u64, last: Option<u64> },
    /// Values of a language or of another subtype.
    Other,
}

impl Description<'_> {
    pub fn of(text: &str) -> Description<'_> {
        let mut parts = text.split(';');
        let name = parts.next().unwrap_or_default();
        let part = parts
            .filter(|option| !option.eq_ignore_ascii_case("binary"))
            .try_fold(Part::Whole, |_, option| range(option));
        Description { name, part: part.unwrap_or(Part::Other) }
    }
}

/// Range of `range=0-1499` or `range=1500-*`.
fn range(option: &str) -> Option<Part> {
    let (key, range) = option.split_once('=')?;
    let (first, last) = range.split_once('-').filter(|_| key.eq_ignore_ascii_case("range"))?;
    let first = first.parse().ok()?;
    let last = if last == "*" { None } else { Some(last.parse().ok().filter(|last| *last >= first)?) };
    Some(Part::Range { first, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_say_what_the_values_are() {
        for (text, name, part) in [
            ("member", "member", Part::Whole),
            ("userCertificate;binary", "userCertificate", Part::Whole),
            ("userCertificate;BINARY", "userCertificate", Part::Whole),
            ("member;range=0-1499", "member", Part::Range { first: 0, last: Some(1499) }),
            ("member;Range=1500-*", "member", Part::Range { first: 1500, last: None }),
            ("member;range=5-4", "member", Part::Other),
            ("member;range=x-*", "member", Part::Other),
            ("member;range=0", "member", Part::Other),
            ("cn;lang-de", "cn", Part::Other),
            ("cn;lang-de;binary", "cn", Part::Other),
            ("cn;", "cn", Part::Other),
            ("", "", Part::Whole),
        ] {
            assert_eq!(Description::of(text), Description { name, part }, "{text}");
        }
    }
}
