//! Check of an installation, without changing it.

use std::path::Path;

use crate::db::check::Inspection;
use crate::db::{Holder, OpenError};
use crate::security::secret::Keyring;
use crate::store::activities::Line;
use crate::store::rules::RULES;
use crate::store::{activities, secrets};

/// Newest activities in the report.
const ACTIVITIES: usize = 20;

/// Findings of a check.
#[derive(Debug, Default)]
pub struct CheckReport {
    /// Checks that passed.
    pub checked: Vec<String>,
    /// Errors of the database.
    pub damaged: Vec<String>,
    /// Errors of the keyring or of file modes.
    pub misconfigured: Vec<String>,
    /// Newest activities.
    pub activities: Vec<Line>,
}

/// Checks the database file and whether the keyring opens what is sealed in it.
///
/// # Errors
/// The file cannot be opened at all.
pub fn run(database: &Path, keyring: &Path) -> Result<CheckReport, OpenError> {
    let inspection = Inspection::open(database)?;
    let mut report = CheckReport::default();
    report.checked.push(match inspection.holder {
        Some(Holder(Some(pid))) => format!("a server is running on it (process {pid}); looked at it from beside"),
        Some(Holder(None)) => "another process uses it; looked at it from beside".to_owned(),
        None => "no server is running; the lock was held during the check".to_owned(),
    });
    for (what, violations) in inspection.violations(RULES)? {
        if violations.is_empty() {
            report.checked.push(what.to_owned());
        }
        report.damaged.extend(violations.into_iter().map(|v| format!("{what}: {v}")));
    }
    match Keyring::load(keyring) {
        Ok(ring) => sealed(&inspection, &ring, &mut report)?,
        Err(fault) => report.misconfigured.push(fault.to_string()),
    }
    let last = activities::latest(inspection.connection(), ACTIVITIES);
    report.activities = last.map_err(|e| OpenError::Damaged(e.chain()))?;
    Ok(report)
}

fn sealed(inspection: &Inspection, ring: &Keyring, report: &mut CheckReport) -> Result<(), OpenError> {
    let c = inspection.connection();
    let broken = |e: crate::error::Error| OpenError::Damaged(e.chain());
    let mut foreign = secrets::checks(c).map_err(broken)?;
    foreign.retain(|(kid, value)| !ring.passes_check(*kid, value));
    if foreign.is_empty() {
        report.checked.push(format!("keyring {} belongs to it", ring.path().display()));
    }
    let lacking = foreign.iter().map(|(kid, _)| format!("the keyring lacks or has another key {kid:08x}"));
    report.misconfigured.extend(lacking);
    let sealed = secrets::sealed_settings(c).map_err(broken)?;
    let closed = sealed.iter().filter(|(system, setting, s)| ring.open_setting(*system, *setting, s).is_err());
    match closed.count() {
        0 => report.checked.push(format!("{} sealed values open", sealed.len())),
        n => report.misconfigured.push(format!("{n} of {} sealed values do not open", sealed.len())),
    }
    Ok(())
}
