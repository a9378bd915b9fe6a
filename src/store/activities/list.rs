//! Reading activities: one, its parts, and any page of the list in any order, searched or not.
//!
//! A page is found in two steps. First the subjects say how many activities match and, where they are what the list is
//! sorted by, in which of them the page lies. Then the list in short is read from the nearer end until the page is
//! complete, and only its rows are fetched. What is held in memory is the page and a few bytes for each subject.

use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row};
use time::OffsetDateTime;
use uuid::Uuid;

use super::blocks::{self, Way};
use super::id::{self, Id};
use super::{Status, subjects};
use crate::error::{Error, Result};
use crate::store::timestamp;

/// An activity as it is read.
#[derive(Debug, Clone)]
pub struct Activity {
    /// The id.
    pub id: Uuid,
    /// When it was recorded.
    pub created: OffsetDateTime,
    /// When it ended, if it has.
    pub ended: Option<OffsetDateTime>,
    /// How it stands.
    pub status: String,
    /// The kind of what it was done to.
    pub target_type: String,
    /// What was done.
    pub operation: String,
    /// The name of what it was done to.
    pub target_name: Option<String>,
    /// Where that is.
    pub target_context: Option<String>,
    /// One line of what happened.
    pub message: Option<String>,
    /// What deserves attention.
    pub warning: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// The kind of who caused it.
    pub by_type: String,
    /// The id of who caused it.
    pub by_id: Option<String>,
    /// The name of who caused it, at that time.
    pub by_name: Option<String>,
    /// The connected system.
    pub system: Option<i64>,
    /// How many things were asked for.
    pub to_process: i64,
    /// How many of them were done.
    pub processed: i64,
    /// What it is a part of.
    pub parent: Option<Uuid>,
    /// How many parts it has.
    pub children: i64,
}

/// What a list is sorted by; equal ones by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// When it was created. What is written so far is executed as soon as it is created.
    Created,
    /// The name of the status.
    Status,
    /// The target's type.
    Type,
    /// The target's name, ignoring case; those without come first.
    Target,
}

/// Which part of the list is wanted.
#[derive(Debug, Clone)]
pub struct Query {
    /// A text that one of the searched ones contains, ignoring case.
    pub search: Option<String>,
    /// The order.
    pub sort: Sort,
    /// The order turned round.
    pub descending: bool,
    /// Activities before the page.
    pub skip: u64,
    /// Activities of the page.
    pub take: u64,
}

/// A page of the list.
#[derive(Debug)]
pub struct Found {
    /// The page.
    pub items: Vec<Activity>,
    /// How many there are on all pages.
    pub total: u64,
}

const ROW: &str = "SELECT l.tick, l.tail, l.ended, l.status, s.target_type, l.operation, s.target_name,
        s.target_context, l.message, l.warning_message, l.error_message, s.initiated_by_type, s.initiated_by_id,
        s.initiated_by_name, l.connected_system_id, l.objects_to_process, l.objects_processed, p.tick, p.tail,
        (SELECT count(*) FROM activity_log c WHERE c.parent = l.tick)
    FROM activity_log l JOIN activity_subjects s ON s.id = l.subject LEFT JOIN activity_log p ON p.tick = l.parent
    WHERE l.tick = ?1";

impl Activity {
    fn from_row(r: &Row<'_>) -> rusqlite::Result<Self> {
        let id = Id { tick: r.get(0)?, tail: r.get(1)? };
        let parent: Option<(i64, i64)> = r.get::<_, Option<i64>>(17)?.zip(r.get(18)?);
        Ok(Activity {
            id: id.uuid(),
            created: id.created(),
            ended: timestamp::optional(r.get(2)?)?,
            status: r.get(3)?,
            target_type: r.get(4)?,
            operation: r.get(5)?,
            target_name: r.get(6)?,
            target_context: r.get(7)?,
            message: r.get(8)?,
            warning: r.get(9)?,
            error: r.get(10)?,
            by_type: r.get(11)?,
            by_id: r.get(12)?,
            by_name: r.get(13)?,
            system: r.get(14)?,
            to_process: r.get(15)?,
            processed: r.get(16)?,
            parent: parent.map(|(tick, tail)| Id { tick, tail }.uuid()),
            children: r.get(19)?,
        })
    }
}

/// One activity, or "not found".
pub fn get(c: &Connection, id: Uuid) -> Result<Activity> {
    let row = match Id::read(id) {
        Some(own) => c.prepare_cached(ROW)?.query_row([own.tick], Activity::from_row).optional()?,
        None => None,
    };
    row.filter(|a| a.id == id).ok_or_else(|| Error::not_found("activity", id))
}

/// The parts of an activity, oldest first, or "not found".
pub fn children(c: &Connection, id: Uuid) -> Result<Vec<Activity>> {
    const SQL: &str = "SELECT tick FROM activity_log WHERE parent = ?1 ORDER BY tick";
    let tick = id::tick(get(c, id)?.created);
    let mut statement = c.prepare_cached(SQL)?;
    let ticks = statement.query_map([tick], |r| r.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
    fetch(c, &ticks)
}

/// A page of the activities that are no part of another.
pub fn list(c: &Connection, query: &Query) -> Result<Found> {
    let by_subject = matches!(query.sort, Sort::Type | Sort::Target);
    let subjects = match &query.search {
        None if !by_subject => None,
        search => Some(Subjects::read(c, search.as_deref())?),
    };
    let total = match &subjects {
        Some(subjects) => subjects.total(),
        None => all(c)?,
    };
    let (skip, end) = (query.skip.min(total), query.skip.saturating_add(query.take).min(total));
    if skip == end {
        return Ok(Found { items: Vec::new(), total });
    }
    // The order that is turned round is the same list seen from its end.
    let range = if query.descending { total - end..total - skip } else { skip..end };
    let cut = match (query.sort, subjects) {
        (Sort::Created, subjects) => Cut::by_age(subjects, total, range),
        (Sort::Status, subjects) => Cut::by_status(c, subjects, range)?,
        (Sort::Type, Some(subjects)) => Cut::by_subject(c, &subjects, TYPES, range)?,
        (Sort::Target, Some(subjects)) => Cut::by_subject(c, &subjects, TARGETS, range)?,
        (Sort::Type | Sort::Target, None) => Cut::default(),
    };
    let mut ticks = cut.ticks(c)?;
    if query.descending {
        ticks.reverse();
    }
    Ok(Found { items: fetch(c, &ticks)?, total })
}

/// How long the whole list is.
fn all(c: &Connection) -> Result<u64> {
    const SQL: &str = "SELECT ifnull(sum(listed), 0) FROM activity_counts";
    let total: i64 = c.prepare_cached(SQL)?.query_row([], |r| r.get(0))?;
    Ok(u64::try_from(total).unwrap_or_default())
}

fn fetch(c: &Connection, ticks: &[i64]) -> Result<Vec<Activity>> {
    let mut statement = c.prepare_cached(ROW)?;
    let rows = ticks.iter().map(|tick| statement.query_row([tick], Activity::from_row));
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// How many activities each subject has in the list, by its number; none for those that do not match.
struct Subjects {
    least: u32,
    listed: Vec<u32>,
}

impl Subjects {
    fn read(c: &Connection, search: Option<&str>) -> Result<Subjects> {
        const COUNTS: &str = "SELECT subject, listed FROM activity_counts";
        const BOUNDS: &str = "SELECT ifnull(min(subject), 0), ifnull(max(subject), 0) FROM activity_counts";
        let bounds: (u32, u32) = c.prepare_cached(BOUNDS)?.query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?;
        let mut subjects = Subjects { least: bounds.0, listed: vec![0; (bounds.1 - bounds.0) as usize + 1] };
        let mut counts = c.prepare_cached(COUNTS)?;
        let mut rows = counts.query([])?;
        while let Some(row) = rows.next()? {
            if let Some(listed) = subjects.of(row.get(0)?) {
                *listed = row.get(1)?;
            }
        }
        if let Some(text) = search {
            subjects.keep(c, &subjects::fold(text))?;
        }
        Ok(subjects)
    }

    /// Forgets those that do not contain the text.
    fn keep(&mut self, c: &Connection, text: &str) -> Result<()> {
        let mut statement = c.prepare_cached("SELECT id, searched FROM activity_subjects")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let searched = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            // The texts stand apart by NUL, which is in none of them.
            if (text.contains('\0') || !searched.contains(text))
                && let Some(listed) = self.of(row.get(0)?)
            {
                *listed = 0;
            }
        }
        Ok(())
    }

    fn of(&mut self, subject: u32) -> Option<&mut u32> {
        self.listed.get_mut(subject.checked_sub(self.least)? as usize)
    }

    fn total(&self) -> u64 {
        self.listed.iter().map(|n| u64::from(*n)).sum()
    }
}

const TYPES: &str = "SELECT id, target_type FROM activity_subjects ORDER BY target_type, id";
const TARGETS: &str = "SELECT id, target_folded FROM activity_subjects ORDER BY target_folded, id";

/// A part of the list whose activities are equal in what it is sorted by: the page lies in one or some of them.
struct Group {
    /// Activities in it.
    count: u64,
    /// Those that the page takes.
    wanted: Range<u64>,
}

/// Which activities make up a page.
#[derive(Default)]
struct Cut {
    /// The groups that the page has a part of, in order.
    groups: Vec<Group>,
    /// By subject, counted from the least one, which of them an activity is in, counted from 1.
    by_subject: Option<(u32, Vec<u8>)>,
    /// The same by status, for those that have a subject in any.
    by_status: Option<[u8; Status::ALL.len()]>,
}

impl Cut {
    fn by_age(subjects: Option<Subjects>, count: u64, wanted: Range<u64>) -> Cut {
        Cut { groups: vec![Group { count, wanted }], by_subject: subjects.map(matching), by_status: None }
    }

    fn by_status(c: &Connection, subjects: Option<Subjects>, range: Range<u64>) -> Result<Cut> {
        let mut cut = Cut { by_subject: subjects.map(matching), ..Cut::default() };
        let mut counts = [0u64; Status::ALL.len()];
        blocks::scan(c, Way::Forward, |entry| {
            if cut.group(entry) > 0
                && let Some(count) = counts.get_mut(usize::from(entry.status))
            {
                *count += 1;
            }
            true
        })?;
        let mut groups = [0; Status::ALL.len()];
        let mut start = 0;
        for (count, group) in counts.into_iter().zip(&mut groups) {
            *group = cut.add(start, count, &range);
            start += count;
        }
        cut.by_status = Some(groups);
        Ok(cut)
    }

    /// `sql` gives the subjects with what they are sorted by, in that order.
    fn by_subject(c: &Connection, subjects: &Subjects, sql: &str, range: Range<u64>) -> Result<Cut> {
        let mut cut = Cut::default();
        let mut groups = vec![0u8; subjects.listed.len()];
        let mut statement = c.prepare_cached(sql)?;
        let mut rows = statement.query([])?;
        let (mut key, mut members, mut start, mut count) = (None::<String>, Vec::new(), 0, 0);
        let mut close = |members: &mut Vec<usize>, start: u64, count: u64| {
            let group = cut.add(start, count, &range);
            for member in members.drain(..) {
                if let Some(place) = groups.get_mut(member) {
                    *place = group;
                }
            }
        };
        while let Some(row) = rows.next()? {
            let place = (row.get::<_, u32>(0)?.wrapping_sub(subjects.least)) as usize;
            let listed = u64::from(subjects.listed.get(place).copied().unwrap_or_default());
            if listed == 0 {
                continue;
            }
            let now = row.get_ref(1)?.as_str_or_null().map_err(rusqlite::Error::from)?;
            if now != key.as_deref() {
                close(&mut members, start, count);
                start += count;
                count = 0;
                if start >= range.end {
                    break;
                }
                key = now.map(str::to_owned);
            }
            members.push(place);
            count += listed;
        }
        close(&mut members, start, count);
        cut.by_subject = Some((subjects.least, groups));
        Ok(cut)
    }

    /// Adds the group that begins there, if the page has a part of it. Returns its number.
    fn add(&mut self, start: u64, count: u64, range: &Range<u64>) -> u8 {
        let wanted = range.start.max(start) - start..range.end.min(start + count).saturating_sub(start);
        if wanted.is_empty() {
            return 0;
        }
        self.groups.push(Group { count, wanted });
        // A page has fewer activities, and so fewer groups.
        u8::try_from(self.groups.len()).unwrap_or(u8::MAX)
    }

    /// The number of the group that an activity is in; 0 is none.
    fn group(&self, entry: blocks::Entry) -> u8 {
        let group = self.by_subject.as_ref().map_or(1, |(least, groups)| {
            let place = entry.subject.wrapping_sub(*least) as usize;
            groups.get(place).copied().unwrap_or_default()
        });
        match self.by_status {
            Some(by_status) if group > 0 => by_status.get(usize::from(entry.status)).copied().unwrap_or_default(),
            _ => group,
        }
    }

    /// The activities of the page, in order.
    fn ticks(&self, c: &Connection) -> Result<Vec<i64>> {
        let middle = |g: &&Group| (g.wanted.start + g.wanted.end) / 2 > g.count / 2;
        let far = self.groups.iter().max_by_key(|g| g.count).filter(middle).is_some();
        let mut seen = vec![0u64; self.groups.len()];
        let mut left: u64 = self.groups.iter().map(|g| g.wanted.end - g.wanted.start).sum();
        let mut found = Vec::new();
        blocks::scan(c, if far { Way::Backward } else { Way::Forward }, |entry| {
            let number = self.group(entry);
            let place = usize::from(number).wrapping_sub(1);
            let (Some(group), Some(seen)) = (self.groups.get(place), seen.get_mut(place)) else { return true };
            let position = if far { group.count.wrapping_sub(*seen + 1) } else { *seen };
            *seen += 1;
            if group.wanted.contains(&position) {
                found.push((number, entry.tick));
                left -= 1;
            }
            left > 0
        })?;
        found.sort_unstable();
        Ok(found.into_iter().map(|(_, tick)| tick).collect())
    }
}

/// The one group of all that match.
fn matching(subjects: Subjects) -> (u32, Vec<u8>) {
    (subjects.least, subjects.listed.into_iter().map(|n| u8::from(n > 0)).collect())
}
