//! The list of activities in short: tick, subject and status of each, packed a few hundred to a block of one page of the
//! file. A million of them are read through in milliseconds, which is how the list is counted, searched and cut into
//! pages; no index could tell how many of its entries match a search without looking at each at a far higher price.

use rusqlite::{Connection, OptionalExtension};

use super::Status;
use crate::db::Tx;
use crate::error::{Error, Result};

/// Bytes of an entry: tick, subject, status.
const WIDTH: usize = 8 + 4 + 1;
/// Entries of a block. With more it would not fit into one page.
const MOST: usize = 300;

/// One activity of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When it was created; its place in the list.
    pub tick: i64,
    /// What it is about.
    pub subject: u32,
    /// Its place among [`super::Status::ALL`].
    pub status: u8,
}

impl Entry {
    fn write(self) -> [u8; WIDTH] {
        let mut bytes = [0; WIDTH];
        bytes[..8].copy_from_slice(&self.tick.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.subject.to_le_bytes());
        bytes[12] = self.status;
        bytes
    }

    fn read(bytes: &[u8; WIDTH]) -> Entry {
        let [a, b, c, d, e, f, g, h, i, j, k, l, status] = *bytes;
        Entry { tick: i64::from_le_bytes([a, b, c, d, e, f, g, h]), subject: u32::from_le_bytes([i, j, k, l]), status }
    }
}

/// Which way the list is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Oldest first.
    Forward,
    /// Newest first.
    Backward,
}

/// Shows the list to `see`, entry by entry, until that says false.
pub fn scan(c: &Connection, way: Way, mut see: impl FnMut(Entry) -> bool) -> Result<()> {
    const FORWARD: &str = "SELECT entries FROM activity_blocks ORDER BY first";
    const BACKWARD: &str = "SELECT entries FROM activity_blocks ORDER BY first DESC";
    let mut statement = c.prepare_cached(if way == Way::Forward { FORWARD } else { BACKWARD })?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (entries, _) = row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?.as_chunks::<WIDTH>();
        let goes_on = match way {
            Way::Forward => entries.iter().all(|e| see(Entry::read(e))),
            Way::Backward => entries.iter().rev().all(|e| see(Entry::read(e))),
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

/// A block that is being changed.
struct Block {
    first: i64,
    entries: Vec<Entry>,
}

impl Block {
    /// The one whose range covers a tick.
    fn around(c: &Connection, tick: i64) -> Result<Option<Block>> {
        const SQL: &str = "SELECT first, entries FROM activity_blocks WHERE first <= ?1 ORDER BY first DESC LIMIT 1";
        // What is older than all belongs to the first.
        const OLDEST: &str = "SELECT first, entries FROM activity_blocks ORDER BY first LIMIT 1";
        let read = |r: &rusqlite::Row<'_>| {
            let (entries, _) = r.get_ref(1)?.as_blob()?.as_chunks::<WIDTH>();
            Ok(Block { first: r.get(0)?, entries: entries.iter().map(Entry::read).collect() })
        };
        match c.prepare_cached(SQL)?.query_row([tick], read).optional()? {
            Some(block) => Ok(Some(block)),
            None => Ok(c.prepare_cached(OLDEST)?.query_row([], read).optional()?),
        }
    }

    /// Stores it as it is now; without entries it goes.
    fn store(&self, tx: &Tx<'_>) -> Result<()> {
        match self.entries.first() {
            Some(entry) => {
                const SQL: &str = "UPDATE activity_blocks SET first = ?2, entries = ?3 WHERE first = ?1";
                tx.prepare_cached(SQL)?.execute((self.first, entry.tick, bytes(&self.entries)))?
            }
            None => tx.prepare_cached("DELETE FROM activity_blocks WHERE first = ?1")?.execute([self.first])?,
        };
        Ok(())
    }
}

fn bytes(entries: &[Entry]) -> Vec<u8> {
    entries.iter().flat_map(|e| e.write()).collect()
}

fn add(tx: &Tx<'_>, entries: &[Entry]) -> Result<()> {
    let Some(first) = entries.first() else { return Ok(()) };
    const SQL: &str = "INSERT INTO activity_blocks (first, entries) VALUES (?1, ?2)";
    tx.prepare_cached(SQL)?.execute((first.tick, bytes(entries)))?;
    Ok(())
}

/// Puts an entry in its place: nearly always the end, before it if the clock was set back.
pub fn insert(tx: &Tx<'_>, entry: Entry) -> Result<()> {
    let Some(mut block) = Block::around(tx, entry.tick)? else { return add(tx, &[entry]) };
    let place = block.entries.partition_point(|e| e.tick < entry.tick);
    if place == MOST {
        return add(tx, &[entry]);
    }
    block.entries.insert(place, entry);
    let after = if block.entries.len() > MOST { block.entries.split_off(MOST / 2) } else { Vec::new() };
    block.store(tx)?;
    add(tx, &after)
}

/// Tells how an activity stands now.
pub fn set_status(tx: &Tx<'_>, tick: i64, status: u8) -> Result<()> {
    let mut block = Block::around(tx, tick)?.ok_or_else(missing)?;
    let place = block.entries.binary_search_by_key(&tick, |e| e.tick).map_err(|_| missing())?;
    let entry = block.entries.get_mut(place).ok_or_else(missing)?;
    if entry.status == status {
        return Ok(());
    }
    entry.status = status;
    block.store(tx)
}

/// Takes entries out, given by their ticks, ascending.
pub fn remove(tx: &Tx<'_>, mut ticks: &[i64]) -> Result<()> {
    while let Some(tick) = ticks.first() {
        let mut block = Block::around(tx, *tick)?.ok_or_else(missing)?;
        let last = block.entries.last().map_or(*tick, |e| e.tick);
        let (here, later) = ticks.split_at(ticks.partition_point(|t| *t <= last));
        let before = block.entries.len();
        block.entries.retain(|e| here.binary_search(&e.tick).is_err());
        if here.is_empty() || before - block.entries.len() != here.len() {
            return Err(missing());
        }
        block.store(tx)?;
        ticks = later;
    }
    Ok(())
}

/// Activities that the list in short tells otherwise than the log, or not, or that it makes up: at most `most`.
pub fn faults(c: &Connection, most: usize) -> Result<Vec<String>> {
    const LOG: &str = "SELECT tick, subject, status FROM activity_log WHERE parent IS NULL ORDER BY tick";
    const BLOCKS: &str = "SELECT first, entries FROM activity_blocks ORDER BY first";
    let mut log = c.prepare(LOG)?;
    let mut log = log.query([])?;
    let mut blocks = c.prepare(BLOCKS)?;
    let mut blocks = blocks.query([])?;
    let mut faults = Vec::new();
    while let Some(row) = blocks.next()? {
        let (entries, _) = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?.as_chunks::<WIDTH>();
        if entries.first().map(|e| Entry::read(e).tick) != row.get(0)? {
            faults.push(format!("block {}", row.get::<_, i64>(0)?));
        }
        for entry in entries.iter().map(Entry::read) {
            let told = log.next()?.map(|r| Ok::<_, rusqlite::Error>((r.get(0)?, r.get(1)?, r.get(2)?))).transpose()?;
            let status = Status::ALL.get(usize::from(entry.status)).map(|(_, name)| (*name).to_owned());
            if told != status.map(|status| (entry.tick, entry.subject, status)) {
                faults.push(format!("activity {}", entry.tick));
            }
            // What comes after the first difference may only be out of step.
            if faults.len() >= most || !faults.is_empty() && told.is_none() {
                return Ok(faults);
            }
        }
    }
    while let Some(row) = log.next()?
        && faults.len() < most
    {
        faults.push(format!("activity {}", row.get::<_, i64>(0)?));
    }
    Ok(faults)
}

fn missing() -> Error {
    Error::internal("the list of activities is not true to the log", "an activity is missing in it")
}
