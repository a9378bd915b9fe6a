//! Evaluation of List Contents in a self-relative security descriptor of Active Directory (MS-DTYP 2.4.6).
//!
//! Pure. Unclear cases are denied: a wrong grant would take a hidden entry for a removed one.

use std::collections::HashSet;

/// Security identifier in binary form (MS-DTYP 2.4.2.2).
pub type Sid = Vec<u8>;

const HEADER: usize = 20;
const LIST_HEADER: usize = 8;
const ACE_HEADER: usize = 4;
/// SE_DACL_PRESENT: without it everyone has all rights.
const LIST_PRESENT: u16 = 0x0004;
/// INHERIT_ONLY_ACE: applies to entries below, not to this one.
const INHERIT_ONLY: u8 = 0x08;
const LIST_CONTENTS: u32 = 0x0000_0004;
/// With GENERIC_ALL and GENERIC_READ, which include List Contents. In grants the system writes out the right itself.
const DENIES_LISTING: u32 = LIST_CONTENTS | 0x9000_0000;
const ALLOW: u8 = 0;
/// Conditional denials (10 and 12) count as if the condition were met.
const DENIALS: [u8; 4] = [1, 6, 10, 12];
/// Types with a mask and a SID, and types with object types between the two.
const PLAIN: [u8; 3] = [ALLOW, 1, 10];
const OBJECT: [u8; 3] = [5, 6, 12];

/// S-1-1-0, everyone, and S-1-5-11, authenticated users: identifiers of any account.
const EVERYONE: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
const AUTHENTICATED: &[u8] = &[1, 1, 0, 0, 0, 0, 0, 5, 11, 0, 0, 0];

#[derive(Debug, Clone)]
pub enum Account {
    /// From `tokenGroups` of the root entry.
    Known(HashSet<Sid>),
    /// Unreadable: grants count for everyone's identifiers only, denials always.
    Unknown,
}

impl Account {
    fn may_be(&self, sid: &[u8], denied: bool) -> bool {
        match self {
            Account::Known(sids) => sids.contains(sid) || sid == EVERYONE || sid == AUTHENTICATED,
            Account::Unknown => denied || sid == EVERYONE || sid == AUTHENTICATED,
        }
    }
}

/// Whether the account may list the entries directly below; `None` if the descriptor is malformed.
pub fn grants_list_contents(descriptor: &[u8], account: &Account) -> Option<bool> {
    if *descriptor.first()? != 1 || descriptor.len() < HEADER {
        return None;
    }
    let offset = usize::try_from(u32_at(descriptor, 16)?).ok()?;
    if u16_at(descriptor, 2)? & LIST_PRESENT == 0 || offset == 0 {
        return Some(true);
    }
    let list = descriptor.get(offset..)?;
    let list = list.get(..usize::from(u16_at(list, 2)?))?;
    let count = u16_at(list, 4)?;
    let mut rest = list.get(LIST_HEADER..)?;
    for _ in 0..count {
        let size = usize::from(u16_at(rest, 2)?);
        let (ace, behind) = rest.split_at_checked(size)?;
        rest = behind;
        if let Some(decided) = decides(ace, account)? {
            return Some(decided);
        }
    }
    Some(false)
}

/// Decision of an access control entry: `Some(None)` if it does not apply.
fn decides(ace: &[u8], account: &Account) -> Option<Option<bool>> {
    let (kind, flags) = (*ace.first()?, *ace.get(1)?);
    let plain = PLAIN.contains(&kind);
    if !plain && !OBJECT.contains(&kind) {
        return Some(None);
    }
    let denied = DENIALS.contains(&kind);
    let rights = if denied { DENIES_LISTING } else { LIST_CONTENTS };
    if flags & INHERIT_ONLY != 0 || u32_at(ace, ACE_HEADER)? & rights == 0 {
        return Some(None);
    }
    let mut at = ACE_HEADER + 4;
    if !plain {
        // Two flags announce which of the two object types follow, 16 bytes each.
        let present = u32_at(ace, at)?;
        at += 4 + 16 * usize::try_from((present & 3).count_ones()).ok()?;
    }
    let sid = ace.get(at..)?;
    let sid = sid.get(..8 + 4 * usize::from(*sid.get(1)?))?;
    if !account.may_be(sid, denied) {
        return Some(None);
    }
    // A granting object entry applies to one property or class only.
    Some(if denied { Some(false) } else { (kind == ALLOW).then_some(true) })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sid(last: u32) -> Sid {
        let mut sid = vec![1, 2, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0];
        sid.extend(last.to_le_bytes());
        sid
    }

    fn ace(kind: u8, flags: u8, mask: u32, sid: &[u8]) -> Vec<u8> {
        let mut body = mask.to_le_bytes().to_vec();
        if OBJECT.contains(&kind) {
            body.extend(1u32.to_le_bytes());
            body.extend([7; 16]);
        }
        body.extend(sid);
        let mut ace = vec![kind, flags];
        ace.extend((body.len() as u16 + 4).to_le_bytes());
        ace.extend(body);
        ace
    }

    fn descriptor(aces: &[Vec<u8>]) -> Vec<u8> {
        let body: Vec<u8> = aces.concat();
        let mut sd = vec![1, 0];
        sd.extend(0x8004u16.to_le_bytes());
        sd.extend([0u32, 0, 0, 20].iter().flat_map(|o| o.to_le_bytes()));
        sd.extend([4, 0]);
        sd.extend((body.len() as u16 + 8).to_le_bytes());
        sd.extend((aces.len() as u16).to_le_bytes());
        sd.extend([0, 0]);
        sd.extend(body);
        sd
    }

    fn known() -> Account {
        Account::Known(HashSet::from([sid(1104), sid(513)]))
    }

    #[test]
    fn the_first_entry_that_concerns_the_account_decides() {
        let allow = |s: &[u8]| ace(0, 0, 0x14, s);
        let deny = |s: &[u8]| ace(1, 0, 0x4, s);
        for (aces, known_account, unknown_account) in [
            (vec![allow(AUTHENTICATED)], true, true),
            (vec![allow(EVERYONE)], true, true),
            (vec![allow(&sid(513))], true, false),
            (vec![allow(&sid(500))], false, false),
            (vec![deny(&sid(1104)), allow(AUTHENTICATED)], false, false),
            (vec![deny(&sid(500)), allow(AUTHENTICATED)], true, false),
            (vec![allow(AUTHENTICATED), deny(&sid(1104))], true, true),
            // Inherit only, another right, a right on one property only.
            (vec![ace(1, 8, 4, &sid(1104)), allow(AUTHENTICATED)], true, true),
            (vec![ace(1, 0, 0x10, &sid(1104)), allow(AUTHENTICATED)], true, true),
            (vec![ace(5, 0, 4, AUTHENTICATED)], false, false),
            (vec![ace(6, 0, 4, &sid(1104)), allow(AUTHENTICATED)], false, false),
            // With a condition, and by a right that holds the one asked about.
            (vec![ace(10, 0, 4, &sid(1104)), allow(AUTHENTICATED)], false, false),
            (vec![ace(12, 0, 4, &sid(1104)), allow(AUTHENTICATED)], false, false),
            (vec![ace(1, 0, 0x8000_0000, &sid(1104)), allow(AUTHENTICATED)], false, false),
            (vec![ace(0, 0, 0x8000_0000, AUTHENTICATED)], false, false),
            // Audit entries and unknown types are passed over.
            (vec![ace(2, 0, 4, &sid(1104)), allow(AUTHENTICATED)], true, true),
            (vec![], false, false),
        ] {
            let descriptor = descriptor(&aces);
            assert_eq!(grants_list_contents(&descriptor, &known()), Some(known_account), "{aces:?}");
            assert_eq!(grants_list_contents(&descriptor, &Account::Unknown), Some(unknown_account), "{aces:?}");
        }
    }

    #[test]
    fn no_list_at_all_allows_everything() {
        let mut absent = descriptor(&[]);
        absent[2] = 0;
        assert_eq!(grants_list_contents(&absent, &known()), Some(true));
        let mut null = descriptor(&[]);
        null[16] = 0;
        assert_eq!(grants_list_contents(&null, &known()), Some(true));
    }

    #[test]
    fn what_is_cut_short_or_lies_about_lengths_is_not_understood() {
        let good = descriptor(&[ace(1, 0, 4, &sid(1)), ace(0, 0, 4, AUTHENTICATED)]);
        assert_eq!(grants_list_contents(&good, &known()), Some(true));
        for cut in 0..good.len() {
            assert_eq!(grants_list_contents(&good[..cut], &known()), None, "{cut}");
        }
        for at in 0..good.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bent = good.clone();
                bent[at] = value;
                // Whatever comes out, it comes out.
                let _ = grants_list_contents(&bent, &Account::Unknown);
            }
        }
    }
}
