//! Finding a page of the list without going through rows.
//!
//! First the subjects say how many activities match and, where they are what the list is sorted by, in which of them the
//! page lies. Then the list in short is read from the nearer end until the page is complete. What is held in memory is
//! the page and a few bytes for each subject.

use std::ops::Range;

use rusqlite::Connection;

use super::blocks::{self, Way};
use super::{Status, subjects};
use crate::error::Result;

/// How many activities each subject has in the list, by its number; none for those that do not match.
pub struct Subjects {
    least: u32,
    listed: Vec<u32>,
}

impl Subjects {
    /// Those of the list that match, all without a search.
    pub fn read(c: &Connection, search: Option<&str>) -> Result<Subjects> {
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

    /// How many activities they have.
    pub fn total(&self) -> u64 {
        self.listed.iter().map(|n| u64::from(*n)).sum()
    }
}

/// Subjects by the type of the target.
pub const TYPES: &str = "SELECT id, target_type FROM activity_subjects ORDER BY target_type, id";
/// Subjects by the name of the target.
pub const TARGETS: &str = "SELECT id, target_folded FROM activity_subjects ORDER BY target_folded, id";

/// A part of the list whose activities are equal in what it is sorted by: the page lies in one or some of them.
struct Group {
    /// Activities in it.
    count: u64,
    /// Those that the page takes.
    wanted: Range<u64>,
}

/// Which activities make up a page.
#[derive(Default)]
pub struct Cut {
    /// The groups that the page has a part of, in order.
    groups: Vec<Group>,
    /// By subject, counted from the least one, which of them an activity is in, counted from 1.
    by_subject: Option<(u32, Vec<u8>)>,
    /// The same by status, for those that have a subject in any.
    by_status: Option<[u8; Status::ALL.len()]>,
}

impl Cut {
    /// By age, among `count` that match.
    pub fn by_age(subjects: Option<Subjects>, count: u64, wanted: Range<u64>) -> Cut {
        Cut { groups: vec![Group { count, wanted }], by_subject: subjects.map(matching), by_status: None }
    }

    /// By status.
    pub fn by_status(c: &Connection, subjects: Option<Subjects>, range: Range<u64>) -> Result<Cut> {
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

    /// By something that subjects have: `sql` gives it for each of them, in that order.
    pub fn by_subject(c: &Connection, subjects: &Subjects, sql: &str, range: Range<u64>) -> Result<Cut> {
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
    pub fn ticks(&self, c: &Connection) -> Result<Vec<i64>> {
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
