//! Proof that a region was read completely: the only source of "was not seen, so it may be gone".

use super::RowId;

/// Objects of one partition, or of the whole file. All selected types are in it, because each search asks for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Region {
    /// `None` for a file.
    pub partition: Option<RowId>,
}

/// End of one search or reading of a region, as the connector saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReadingEnd {
    /// The last result was success.
    pub success: bool,
    /// Entries or rows that were dropped because they could not be understood.
    pub dropped: u64,
    /// Continuation references below the base: entries behind them were not read.
    pub referrals: u64,
}

/// A region that was read completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Complete(Region);

impl Complete {
    /// The proof, if there was a reading at all and each ended with success and dropped nothing.
    pub(crate) fn proved(region: Region, readings: &[ReadingEnd]) -> Option<Complete> {
        let whole = |end: &ReadingEnd| end.success && end.dropped == 0 && end.referrals == 0;
        (!readings.is_empty() && readings.iter().all(whole)).then_some(Complete(region))
    }

    pub(crate) fn region(self) -> Region {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_readings_that_all_succeeded_prove_a_region() {
        let region = Region { partition: Some(1) };
        let good = ReadingEnd { success: true, dropped: 0, referrals: 0 };
        assert!(Complete::proved(region, &[good, good]).is_some());
        for bad in [
            ReadingEnd { success: false, ..good },
            ReadingEnd { dropped: 1, ..good },
            ReadingEnd { referrals: 1, ..good },
        ] {
            assert_eq!(Complete::proved(region, &[good, bad]), None, "{bad:?}");
        }
        assert_eq!(Complete::proved(region, &[]), None);
    }
}
