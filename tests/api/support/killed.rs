//! The program killed at each of its system calls that change files, one run per call, by strace.

use std::path::PathBuf;

use super::program::{Place, Process};

/// Calls that change files, by kind. A question mark spares architectures that lack a name.
const KINDS: [&str; 10] = [
    "write",
    "?copy_file_range,?sendfile",
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "?rename,?renameat,?renameat2",
    "?mkdir,mkdirat",
    "?unlink,unlinkat",
    "?rmdir",
];

/// More calls of a kind than any run makes: a sweep that reaches it goes on for ever.
const TOO_MANY: usize = 100;

/// Runs the program again and again, killed at its first call of a kind, at its second and so on until it makes no
/// more of them; then the same with only those calls that touch one of `files`. strace counts calls by thread, so that
/// a thread that comes second is met with by its files only. Before each run `prepare` puts things as they were, after
/// each kill `inspect` is told where it was. Returns how many kills there were.
pub fn at_every_call(
    place: &Place,
    arguments: &[&str],
    files: &[&str],
    prepare: impl Fn(),
    mut inspect: impl FnMut(usize, &str),
) -> usize {
    let mut kills = 0;
    let only: Vec<Option<PathBuf>> = std::iter::once(None).chain(files.iter().map(|f| Some(place.path(f)))).collect();
    for file in &only {
        let path = file.as_ref().map_or(String::new(), |f| format!("-P {}", f.display()));
        for kind in KINDS {
            for n in 1.. {
                assert!(n < TOO_MANY, "{kind}: no end");
                prepare();
                let line = format!(
                    "exec strace -f -qq -o /dev/null {path} -e 'trace={kind}' -e 'inject={kind}:signal=KILL:when={n}' \
                     \"$@\""
                );
                let done = Process::start(place.shell(&line, arguments)).wait();
                if let Some(code) = done.code {
                    assert_eq!(code, 0, "{kind} {n}: {done:?}");
                    break;
                }
                kills += 1;
                inspect(kills, &format!("call {n} of {kind} {path}"));
            }
        }
    }
    kills
}
