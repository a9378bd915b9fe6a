//! Whether a file is still the one that was opened, as it was.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cap_std::fs::{File, Metadata, MetadataExt};

use crate::connectors::file::open;

/// Identity, size and time of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    pub(super) fn of(file: &File) -> io::Result<Stamp> {
        file.metadata().map(|metadata| Stamp::read(&metadata))
    }

    fn read(metadata: &Metadata) -> Stamp {
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        }
    }

    /// Whether the open file and what the path now leads to both have this stamp.
    pub(super) fn holds(&self, file: &File, root: &Path, path: &str) -> bool {
        let same = |file: &File| Stamp::of(file).is_ok_and(|now| now == *self);
        same(file) && open::open(root, path).is_ok_and(|now| same(&now))
    }

    /// Time until the last change is this old.
    pub(super) fn until_settled(&self, age: Duration) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = u64::try_from(self.seconds).unwrap_or_default();
        let changed = Duration::new(seconds, u32::try_from(self.nanoseconds).unwrap_or_default());
        // A clock of another machine may be ahead of ours.
        now.checked_sub(changed).map_or(age, |old| age.saturating_sub(old))
    }
}
