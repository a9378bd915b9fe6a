//! The lock of a database: a file of its own beside it, which is held by the process that uses the database and never
//! removed.
#![expect(clippy::disallowed_methods, reason = "the lock file and /proc/locks")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::fault::OpenFault;

/// How often the system's list of locks is read until a holder is found in it: the list changes while it is read, and
/// what was there all the time may be missing from one reading.
const LOOKS: usize = 20;

/// Holds the lock of a database file until it is dropped or the process ends, however it ends.
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock of the database at `path`, or says who holds it. Creates the lock file beside it.
    pub fn take(path: &Path) -> Result<FileLock, OpenFault> {
        let lock_path = path.with_added_extension("lock");
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
            .open(&lock_path)
            .map_err(|e| OpenFault::io(&format!("cannot open {}", lock_path.display()), e))?;
        if !lock(&file, &lock_path)? {
            return Err(held(path, holder(&mut file)));
        }
        // For people: who holds it. The lock itself is the system's.
        let wrote = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
        wrote
            .and_then(|_| writeln!(file, "{}", std::process::id()))
            .map_err(|e| OpenFault::io(&format!("cannot write {}", lock_path.display()), e))?;
        Ok(FileLock { _file: file })
    }

    /// Looks whether somebody holds the lock, writing nothing: the lock is taken if it is free and its file exists.
    pub(super) fn look(path: &Path) -> Result<Look, OpenFault> {
        let lock_path = path.with_added_extension("lock");
        let mut file = match File::open(&lock_path) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Look::Absent),
            Err(e) => return Err(OpenFault::io(&format!("cannot open {}", lock_path.display()), e)),
        };
        match lock(&file, &lock_path)? {
            true => Ok(Look::Taken(FileLock { _file: file })),
            false => Ok(Look::Held(holder(&mut file))),
        }
    }

    /// Refuses a database that is there and that somebody holds. Makes and writes nothing.
    pub fn refuse_held(path: &Path) -> Result<(), OpenFault> {
        match FileLock::look(path)? {
            Look::Held(who) => Err(held(path, who)),
            Look::Taken(_) | Look::Absent => Ok(()),
        }
    }
}

/// What a look at the lock found.
pub(super) enum Look {
    /// There is no lock file: no server was ever here.
    Absent,
    /// It was free, and is held now.
    Taken(FileLock),
    /// A process holds it, whose id is known or not.
    Held(Option<u32>),
}

fn held(path: &Path, who: Option<u32>) -> OpenFault {
    let who = who.map_or("another process".to_owned(), |pid| format!("process {pid}"));
    OpenFault::Locked(format!("{} is in use by {who}", path.display()))
}

/// Whether the lock could be taken; another process has it otherwise.
fn lock(file: &File, path: &Path) -> Result<bool, OpenFault> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        // A file system that knows no locks, or has no more of them.
        Err(e) => Err(OpenFault::io(&format!("cannot lock {}", path.display()), std::io::Error::from(e))),
    }
}

/// The process that holds the lock. Who only looks does not write its id into the file, so that the one there may be
/// that of an earlier server: the system's list of locks decides.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    let _ = file.take(32).read_to_string(&mut text);
    let noted = text.trim().parse().ok();
    let meta = file.metadata().ok()?;
    let (major, minor) = (rustix::fs::major(meta.dev()), rustix::fs::minor(meta.dev()));
    let device = format!("{major:02x}:{minor:02x}");
    found_again(|| holder_in(&std::fs::read_to_string("/proc/locks").ok()?, &device, meta.ino(), noted))
}

/// What one of several looks finds.
fn found_again(mut look: impl FnMut() -> Option<u32>) -> Option<u32> {
    (0..LOOKS).find_map(|_| look())
}

/// Finds who holds a lock in lines such as `1: FLOCK  ADVISORY  WRITE 4711 fd:00:1234 0 EOF`. Some file systems show
/// another device there than to programs; then the process that was noted must hold one on a file of this number.
fn holder_in(locks: &str, device: &str, inode: u64, noted: Option<u32>) -> Option<u32> {
    let held = locks.lines().filter_map(|line| {
        let mut words = line.split_whitespace().skip(1).filter(|w| *w != "->");
        let (kind, _, _, pid, place) = (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
        let (on, number) = place.rsplit_once(':')?;
        let pid: u32 = pid.parse().ok().filter(|pid| *pid > 0)?;
        (kind == "FLOCK" && !line.contains("->") && number.parse() == Ok(inode)).then_some((on, pid))
    });
    let held: Vec<(&str, u32)> = held.collect();
    let exact = held.iter().find(|(on, _)| *on == device).map(|(_, pid)| *pid);
    exact.or(noted.filter(|noted| held.iter().any(|(_, pid)| pid == noted)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_the_real_one_or_none() {
        let locks = "1: FLOCK  ADVISORY  WRITE 11 fe:00:500 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 12 fe:01:500 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 13 fe:01:500 0 EOF\n\
                     3: -> FLOCK  ADVISORY  WRITE 14 fe:01:500 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 0 fe:02:600 0 EOF\n";
        assert_eq!(holder_in(locks, "fe:01", 500, Some(99)), Some(13));
        assert_eq!(holder_in(locks, "fe:00", 500, None), Some(11));
        assert_eq!(holder_in(locks, "00:2a", 500, Some(11)), Some(11), "a device of another name");
        assert_eq!(holder_in(locks, "00:2a", 500, Some(99)), None);
        assert_eq!(holder_in(locks, "fe:02", 600, Some(600)), None, "a process that cannot be seen from here");
        assert_eq!(holder_in("", "fe:00", 500, Some(11)), None);
    }

    #[test]
    fn who_is_missing_from_one_reading_is_looked_for_again() {
        let mut readings = ["", "3: FLOCK  ADVISORY  WRITE 13 fe:01:500 0 EOF"].into_iter();
        assert_eq!(found_again(|| holder_in(readings.next()?, "fe:01", 500, None)), Some(13));
        let mut looks = 0;
        let nobody = found_again(|| {
            looks += 1;
            None
        });
        assert_eq!((nobody, looks), (None, LOOKS));
    }

    #[test]
    fn who_looks_is_named_and_not_who_was_there_before() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("jim.db");
        assert!(matches!(FileLock::look(&path), Ok(Look::Absent)));
        std::fs::write(path.with_added_extension("lock"), "1\n").expect("a stale id");
        let looking = FileLock::look(&path).expect("looks");
        assert!(matches!(looking, Look::Taken(_)));
        let Err(OpenFault::Locked(told)) = FileLock::take(&path) else { panic!("it is held") };
        assert!(told.ends_with(&format!("in use by process {}", std::process::id())), "{told}");
        assert!(matches!(FileLock::refuse_held(&path), Err(OpenFault::Locked(_))));
        drop(looking);
        FileLock::refuse_held(&path).expect("free");
        FileLock::take(&path).expect("free");
    }
}
