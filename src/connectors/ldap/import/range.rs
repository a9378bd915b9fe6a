//! Attributes that Active Directory sends in ranges (MS-ADTS 3.1.1.3.1.3.3), read to the end or not at all.

use super::description::{Description, Part};
use crate::connectors::ldap::entry::Entry;
use crate::connectors::ldap::failure::Failure;
use crate::connectors::ldap::session::{EVERY_ENTRY, Session};

/// Further tries when a range is missing, since the values may change while they are read.
const MAX_RETRIES: u32 = 3;
/// Bytes of the values of one attribute.
const MAX_BYTES: usize = 64 * 1024 * 1024;

pub(super) const NOT_WHOLE: &str = "its ranges do not fit together or end early";
const TOO_LARGE: &str = "its values are larger than 64 MiB";

/// What one answer says about the next range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    End,
    From(u64),
    /// A gap, an overlap, or no range at all.
    Broken,
}

/// Reads all values of an attribute from its first range. The inner error says why they are not whole.
pub(super) async fn read(
    session: &mut Session,
    base: &str,
    attribute: &str,
) -> Result<Result<Vec<Vec<u8>>, &'static str>, Failure> {
    for _ in 0..=MAX_RETRIES {
        match read_once(session, base, attribute).await? {
            Err(NOT_WHOLE) => {}
            read => return Ok(read),
        }
    }
    Ok(Err(NOT_WHOLE))
}

async fn read_once(
    session: &mut Session,
    base: &str,
    attribute: &str,
) -> Result<Result<Vec<Vec<u8>>, &'static str>, Failure> {
    let (mut values, mut bytes, mut first) = (Vec::new(), 0, 0);
    loop {
        let wanted = format!("{attribute};range={first}-*");
        let answer = session.read(base, EVERY_ENTRY, &[&wanted]).await?;
        let Some(entry) = answer.entry.filter(|_| answer.code == 0) else { return Ok(Err(NOT_WHOLE)) };
        let before = values.len();
        let next = take(entry, attribute, first, &mut values);
        bytes += values.iter().skip(before).map(Vec::len).sum::<usize>();
        match next {
            _ if bytes > MAX_BYTES => return Ok(Err(TOO_LARGE)),
            Next::End => return Ok(Ok(values)),
            Next::From(next) => first = next,
            Next::Broken => return Ok(Err(NOT_WHOLE)),
        }
    }
}

/// Takes the values from number `first` on.
fn take(entry: Entry, attribute: &str, first: u64, values: &mut Vec<Vec<u8>>) -> Next {
    let mut next = Next::Broken;
    for (name, found) in entry.into_parts().1 {
        let description = Description::of(&name);
        if !description.name.eq_ignore_ascii_case(attribute) {
            continue;
        }
        let count = found.len() as u64;
        let fits = match description.part {
            // The directory names the attribute twice, once without values.
            Part::Whole if count == 0 => continue,
            Part::Whole if first == 0 => Next::End,
            Part::Range { first: from, last: None } if from == first => Next::End,
            Part::Range { first: from, last: Some(last) }
                if from == first && (last - from).checked_add(1) == Some(count) =>
            {
                last.checked_add(1).map_or(Next::Broken, Next::From)
            }
            _ => Next::Broken,
        };
        if fits == Next::Broken || next != Next::Broken {
            return Next::Broken;
        }
        values.extend(found);
        next = fits;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(attributes: &[(&str, usize)], first: u64) -> (Next, usize) {
        let value = |n: usize| (0..n).map(|i| vec![i as u8]).collect();
        let attributes = attributes.iter().map(|(name, n)| ((*name).to_owned(), value(*n))).collect();
        let mut values = Vec::new();
        let next = take(Entry::new("cn=g", attributes), "member", first, &mut values);
        (next, values.len())
    }

    #[test]
    fn ranges_follow_each_other_without_a_gap() {
        for (attributes, first, expected) in [
            (&[("member;range=0-2", 3)][..], 0, (Next::From(3), 3)),
            (&[("MEMBER;range=3-*", 2)], 3, (Next::End, 2)),
            (&[("member", 0), ("member;range=0-1", 2)], 0, (Next::From(2), 2)),
            (&[("member", 4)], 0, (Next::End, 4)),
            (&[("member;range=3-*", 0)], 3, (Next::End, 0)),
            // Gap, overlap, wrong count, none, two at once, the whole in the middle.
            (&[("member;range=4-5", 2)], 3, (Next::Broken, 0)),
            (&[("member;range=2-4", 3)], 3, (Next::Broken, 0)),
            (&[("member;range=3-5", 2)], 3, (Next::Broken, 0)),
            (&[("cn", 1)], 3, (Next::Broken, 0)),
            (&[], 0, (Next::Broken, 0)),
            (&[("member", 0)], 0, (Next::Broken, 0)),
            (&[("member;range=0-1", 2), ("member;range=0-1", 2)], 0, (Next::Broken, 2)),
            (&[("member", 4)], 3, (Next::Broken, 0)),
            (&[("member;lang-de", 1)], 0, (Next::Broken, 0)),
            (&[("member;range=0-18446744073709551615", 1)], 0, (Next::Broken, 0)),
        ] {
            assert_eq!(taken(attributes, first), expected, "{attributes:?} from {first}");
        }
    }
}
