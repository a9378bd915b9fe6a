//! What a power loss could have left of a run: the run is recorded by strace, and from the record images of its folder
//! are made as a disk could hold them at a moment.
//!
//! Whatever a synchronisation of a file covered is there. Of what was written later, some of each page is there, some
//! is not and some is torn at a sector, in any combination. A name that was made, changed or removed is so only once
//! its folder was synchronised; until then the names are as they were at some moment since.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::program::Dice;

/// Options of strace to record what is needed here. Copies that the kernel makes by itself show no bytes: they
/// are told to be unknown, and what is copied is read and written instead.
pub const RECORD: &str = "-f -qq -y -xx -s 70000 --seccomp-bpf -e trace=openat,pwrite64,ftruncate,fdatasync,fsync,write,\
                          writev,sendto,sendmsg,?unlink,unlinkat,?rename,?renameat,?renameat2,?link,linkat,?mkdir,mkdirat,\
                          ?rmdir,?copy_file_range,?sendfile,?splice \
                          -e inject=?copy_file_range,?sendfile,?splice:error=ENOSYS";

const SECTOR: usize = 512;

/// Something that happened in a recorded run.
#[derive(Debug)]
pub enum Event {
    Make(PathBuf),
    MakeFolder(PathBuf),
    Write(PathBuf, usize, Vec<u8>),
    Truncate(PathBuf, usize),
    Sync(PathBuf),
    Remove(PathBuf),
    Link(PathBuf, PathBuf),
    Rename(PathBuf, PathBuf),
    /// To a socket or a pipe: what others can know.
    Said(Vec<u8>),
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |b: u8| (b as char).to_digit(16).expect("a digit") as u8;
    text.as_bytes().chunks_exact(4).map(|c| digit(c[2]) << 4 | digit(c[3])).collect()
}

/// The quoted strings of a call.
fn quoted(call: &str) -> Vec<Vec<u8>> {
    call.split('"').skip(1).step_by(2).map(unhex).collect()
}

fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// The file behind the first descriptor of a call, as in `5</tmp/x>`.
fn described(call: &str) -> Option<(u32, PathBuf)> {
    let inner = call.split_once('(')?.1;
    let (fd, rest) = inner.split_once('<')?;
    Some((fd.parse().ok()?, path_of(&unhex(rest.split_once('>')?.0))))
}

/// Reads a record. Only what lies in `folder`, and what was said, is kept.
pub fn read(record: &str, folder: &Path) -> Vec<Event> {
    let mut begun: BTreeMap<String, String> = BTreeMap::new();
    let mut offsets: BTreeMap<(String, u32), usize> = BTreeMap::new();
    let mut events = Vec::new();
    for line in record.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let mut call = rest.trim_start().to_owned();
        if let Some(beginning) = call.strip_suffix(" <unfinished ...>") {
            begun.insert(thread.to_owned(), beginning.to_owned());
            continue;
        }
        if call.starts_with("<... ") {
            let end = call.split_once(" resumed>").map_or("", |(_, end)| end);
            call = begun.remove(thread).unwrap_or_default() + end;
        }
        let Some((call, result)) = call.rsplit_once(" = ") else { continue };
        let call = call.trim_end();
        let returned: String = result.chars().take_while(char::is_ascii_digit).collect();
        let Ok(returned) = returned.parse::<usize>() else { continue };
        let name = call.split('(').next().unwrap_or_default();
        let inside = |path: PathBuf| {
            let whole = if path.is_absolute() { path } else { folder.join(path) };
            let clean: PathBuf = whole.components().filter(|c| *c != Component::CurDir).collect();
            clean.strip_prefix(folder).ok().map(Path::to_owned)
        };
        let named: Vec<Option<PathBuf>> = match name {
            "pwrite64" | "write" | "writev" | "sendto" | "sendmsg" => Vec::new(),
            _ => quoted(call).iter().map(|p| inside(path_of(p))).collect(),
        };
        let on = described(call);
        // Sockets and pipes have no path.
        let file = on.clone().and_then(|(_, path)| path.is_absolute().then_some(path)).and_then(inside);
        match (name, file, &named[..]) {
            ("openat", _, [Some(path)]) => {
                offsets.insert((path.display().to_string(), returned as u32), 0);
                if call.contains("O_CREAT") {
                    events.push(Event::Make(path.clone()));
                }
                if call.contains("O_TRUNC") {
                    events.push(Event::Truncate(path.clone(), 0));
                }
            }
            ("pwrite64", Some(path), _) => {
                let at = call.trim_end_matches(')').rsplit_once(", ").and_then(|(_, at)| at.parse().ok());
                let mut bytes = quoted(call).remove(0);
                bytes.truncate(returned);
                events.push(Event::Write(path, at.expect("an offset"), bytes));
            }
            ("write", Some(path), _) => {
                let fd = on.map_or(0, |(fd, _)| fd);
                let at = offsets.entry((path.display().to_string(), fd)).or_default();
                let bytes = quoted(call).remove(0);
                events.push(Event::Write(path, *at, bytes));
                *at += returned;
            }
            ("ftruncate", Some(path), _) => {
                let to = call.trim_end_matches(')').rsplit_once(", ").and_then(|(_, to)| to.parse().ok());
                events.push(Event::Truncate(path, to.expect("a length")));
            }
            ("fsync" | "fdatasync", Some(path), _) => events.push(Event::Sync(path)),
            ("write" | "writev" | "sendto" | "sendmsg", None, _) => {
                events.push(Event::Said(quoted(call).concat()));
            }
            ("unlink" | "unlinkat" | "rmdir", _, [Some(path)]) => events.push(Event::Remove(path.clone())),
            ("rename" | "renameat" | "renameat2", _, [Some(from), Some(to)]) => {
                events.push(Event::Rename(from.clone(), to.clone()));
            }
            ("link" | "linkat", _, [Some(from), Some(to)]) => events.push(Event::Link(from.clone(), to.clone())),
            ("mkdir" | "mkdirat", _, [Some(path)]) => events.push(Event::MakeFolder(path.clone())),
            _ => {}
        }
    }
    events
}

enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Truncate(to) => bytes.resize(*to, 0),
        Change::Write(at, new) => {
            let end = at + new.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*at..end].copy_from_slice(new);
        }
    }
}

type Names = BTreeMap<String, usize>;

/// A file or a folder.
#[derive(Default)]
struct Node {
    is_folder: bool,
    synced: Vec<u8>,
    later: Vec<Change>,
    // As a running program sees them, as the disk holds them for certain, and all states between the two.
    names: Names,
    sure: Names,
    between: Vec<Names>,
}

/// The folder of a run as it goes on.
pub struct Disk {
    nodes: Vec<Node>,
}

impl Disk {
    /// The files that were there, safely, when the run began.
    pub fn new(files: &BTreeMap<String, Vec<u8>>) -> Disk {
        let mut disk = Disk { nodes: vec![Node { is_folder: true, ..Node::default() }] };
        for (name, bytes) in files {
            disk.nodes.push(Node { synced: bytes.clone(), ..Node::default() });
            let id = disk.nodes.len() - 1;
            disk.nodes[0].names.insert(name.clone(), id);
        }
        disk.nodes[0].sure = disk.nodes[0].names.clone();
        disk
    }

    fn find(&self, path: &Path) -> Option<usize> {
        let mut at = 0;
        for part in path.components() {
            at = *self.nodes[at].names.get(part.as_os_str().to_str()?)?;
        }
        Some(at)
    }

    /// Changes a name of the folder of this path.
    fn name(&mut self, path: &Path, to: Option<usize>) {
        let folder = self.find(path.parent().unwrap_or(Path::new(""))).expect("a folder");
        let name = path.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
        let node = &mut self.nodes[folder];
        match to {
            Some(id) => node.names.insert(name, id),
            None => node.names.remove(&name),
        };
        node.between.push(node.names.clone());
    }

    fn make(&mut self, path: &Path, is_folder: bool) {
        if self.find(path).is_none() {
            self.nodes.push(Node { is_folder, ..Node::default() });
            self.name(path, Some(self.nodes.len() - 1));
        }
    }

    /// Goes on by one event.
    pub fn happen(&mut self, event: &Event) {
        match event {
            Event::Make(path) => self.make(path, false),
            Event::MakeFolder(path) => self.make(path, true),
            // What is still open and has no name any more does not matter.
            Event::Write(path, at, bytes) => {
                if let Some(id) = self.find(path) {
                    self.nodes[id].later.push(Change::Write(*at, bytes.clone()));
                }
            }
            Event::Truncate(path, to) => {
                if let Some(id) = self.find(path) {
                    self.nodes[id].later.push(Change::Truncate(*to));
                }
            }
            Event::Sync(path) => {
                let Some(id) = self.find(path) else { return };
                let node = &mut self.nodes[id];
                for change in std::mem::take(&mut node.later) {
                    apply(&mut node.synced, &change);
                }
                node.sure = node.names.clone();
                node.between.clear();
            }
            Event::Remove(path) => self.name(path, None),
            Event::Link(from, to) => {
                let id = self.find(from);
                self.name(to, id);
            }
            Event::Rename(from, to) => {
                let id = self.find(from);
                self.name(to, id);
                let folder = self.find(from.parent().unwrap_or(Path::new(""))).expect("a folder");
                // Both names change at once, unless they are in different folders.
                if from.parent() == to.parent() {
                    self.nodes[folder].between.pop();
                }
                self.name(from, None);
            }
            Event::Said(_) => {}
        }
    }

    /// Writes down what may be left if the power goes now.
    pub fn image(&self, dice: &mut Dice, into: &Path) {
        self.image_of(0, dice, into);
    }

    fn image_of(&self, folder: usize, dice: &mut Dice, into: &Path) {
        let node = &self.nodes[folder];
        let moment = dice.below(node.between.len() as u64 + 1) as usize;
        let names = moment.checked_sub(1).map_or(&node.sure, |n| &node.between[n]);
        for (name, id) in names {
            let path = into.join(name);
            if self.nodes[*id].is_folder {
                fs::create_dir(&path).expect("a folder");
                self.image_of(*id, dice, &path);
            } else if !name.ends_with("-shm") {
                fs::write(&path, self.left_of(*id, dice)).expect("a file");
            }
        }
    }

    fn left_of(&self, file: usize, dice: &mut Dice) -> Vec<u8> {
        let node = &self.nodes[file];
        let mut bytes = node.synced.clone();
        for change in &node.later {
            match (dice.below(10), change) {
                (0..4, change) | (4..6, change @ Change::Truncate(_)) => apply(&mut bytes, change),
                (4..6, Change::Write(at, new)) => {
                    for (n, sector) in new.chunks(SECTOR).enumerate() {
                        if dice.below(2) == 0 {
                            apply(&mut bytes, &Change::Write(at + n * SECTOR, sector.to_vec()));
                        }
                    }
                }
                _ => {}
            }
        }
        bytes
    }
}
