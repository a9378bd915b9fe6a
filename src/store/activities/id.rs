//! Ids of activities: GUIDs of version 7 whose front is the time of creation, so that they sort like it and an activity
//! is found by its id without an index. The rest is random.

use time::OffsetDateTime;
use uuid::Uuid;

/// Ticks of 100 ns in a millisecond.
const IN_A_MILLISECOND: i64 = 10_000;
/// Bits of the random rest.
const TAIL: u128 = (1 << 60) - 1;

/// An id as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Id {
    /// When the activity was created, in 100 ns since 1970.
    pub tick: i64,
    /// The random rest.
    pub tail: i64,
}

impl Id {
    /// A new one for what begins now. Nothing is older than 1970.
    pub fn new(at: OffsetDateTime) -> Id {
        Id { tick: tick(at).max(0), tail: (Uuid::new_v4().as_u128() & TAIL) as i64 }
    }

    /// The id behind a GUID, unless it is none of ours.
    pub fn read(guid: Uuid) -> Option<Id> {
        let bits = guid.as_u128();
        let fraction = ((bits >> 62) & 0x3ffc | (bits >> 60) & 3) as i64;
        let tick = ((bits >> 80) as i64) * IN_A_MILLISECOND + fraction;
        let id = Id { tick, tail: (bits & TAIL) as i64 };
        // What is not written in our way, its version for example, would be written otherwise.
        (fraction < IN_A_MILLISECOND && id.uuid() == guid).then_some(id)
    }

    /// As callers see it: 48 bits of milliseconds, 14 bits for the ticks of one, on both sides of the variant, the rest.
    pub fn uuid(self) -> Uuid {
        let (milliseconds, fraction) = (self.tick / IN_A_MILLISECOND, self.tick % IN_A_MILLISECOND);
        let (milliseconds, fraction) = (milliseconds as u128, fraction as u128);
        let front = milliseconds << 80 | 7 << 76 | (fraction >> 2) << 64;
        Uuid::from_u128(front | 2 << 62 | (fraction & 3) << 60 | self.tail as u128 & TAIL)
    }

    /// When the activity was created.
    pub fn created(self) -> OffsetDateTime {
        created(self.tick)
    }
}

/// The tick of a point in time.
pub fn tick(at: OffsetDateTime) -> i64 {
    i64::try_from(at.unix_timestamp_nanos() / 100).unwrap_or(i64::MAX)
}

/// The point in time of a tick.
pub fn created(tick: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(tick) * 100).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_like_their_ticks_and_are_read_back() {
        let now = OffsetDateTime::now_utc();
        let mut before = Uuid::nil();
        for step in [0, 1, 2, 3, 4, 5, 9_999, 10_000, 10_001, 1 << 40] {
            let mut id = Id::new(now);
            id.tick += step;
            let guid = id.uuid();
            assert!(guid > before, "{guid} after {before}");
            assert_eq!((guid.get_version_num(), guid.get_variant()), (7, uuid::Variant::RFC4122));
            assert_eq!(Id::read(guid), Some(id));
            assert_eq!(tick(id.created()), id.tick);
            before = guid;
        }
        for other in [Uuid::nil(), Uuid::max(), Uuid::new_v4(), Uuid::from_u128(7 << 76 | 2 << 62 | 0xfff << 64)] {
            assert_eq!(Id::read(other), None, "{other}");
        }
    }
}
