//! Removal brake (contract, 31): a run that would take away too much of a region holds all of it back.

/// Limits of a day, by region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Removals up to this number are never held for their share.
    pub minimum: u64,
    /// Share of the region; 100 turns this part off.
    pub percent: u64,
    /// Removals above this number are held whatever their share; 0 turns this part off.
    pub maximum: u64,
}

/// Objects of one region, and those that a run would take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RegionCount {
    /// Objects before the run.
    pub size: u64,
    /// Removals applied in the last 24 hours without an approval.
    pub applied: u64,
    /// Removals of this run.
    pub wanted: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Brake {
    Released,
    /// Over one of the limits.
    Held,
    /// All objects of the region would go.
    HeldEmpty,
}

impl Brake {
    pub(crate) fn judge(region: RegionCount, limits: Limits) -> Brake {
        let RegionCount { size, applied, wanted } = region;
        if wanted == 0 {
            return Brake::Released;
        }
        if wanted >= size && size >= 2 {
            return Brake::HeldEmpty;
        }
        let (gone, whole) = (wanted + applied, size + applied);
        let over_share = limits.percent < 100
            && gone > limits.minimum
            && u128::from(gone) * 100 > u128::from(whole) * u128::from(limits.percent);
        let over_maximum = limits.maximum > 0 && gone > limits.maximum;
        if over_share || over_maximum { Brake::Held } else { Brake::Released }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removals_beyond_a_limit_are_held() {
        let limits = Limits { minimum: 5, percent: 10, maximum: 500 };
        for (size, applied, wanted, held) in [
            (60, 0, 5, Brake::Released),
            (60, 0, 6, Brake::Released),
            (60, 0, 7, Brake::Held),
            (60, 0, 8, Brake::Held),
            (10, 0, 5, Brake::Released),
            (10, 0, 6, Brake::Held),
            (1, 0, 1, Brake::Released),
            (2, 0, 2, Brake::HeldEmpty),
            (2, 0, 1, Brake::Released),
            (100_000, 0, 500, Brake::Released),
            (100_000, 0, 501, Brake::Held),
            // Steps of 4 % are held from the third on.
            (100, 0, 4, Brake::Released),
            (96, 4, 4, Brake::Released),
            (92, 8, 4, Brake::Held),
            (1_000, 0, 0, Brake::Released),
        ] {
            assert_eq!(
                Brake::judge(RegionCount { size, applied, wanted }, limits),
                held,
                "{wanted} of {size}, {applied}"
            );
        }
    }

    #[test]
    fn each_limit_can_be_turned_off() {
        let region = RegionCount { size: 1_000, applied: 0, wanted: 900 };
        let off = Limits { minimum: 5, percent: 100, maximum: 0 };
        assert_eq!(Brake::judge(region, off), Brake::Released);
        assert_eq!(Brake::judge(region, Limits { maximum: 500, ..off }), Brake::Held);
        assert_eq!(Brake::judge(region, Limits { percent: 50, ..off }), Brake::Held);
        let all = RegionCount { wanted: 1_000, ..region };
        assert_eq!(Brake::judge(all, off), Brake::HeldEmpty);
    }
}
