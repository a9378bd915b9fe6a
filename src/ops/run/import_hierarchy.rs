//! Hierarchy import: connect, discover, plan, verify, apply.
//!
//! The directory is read without a transaction. One transaction then applies the plan with flags and activity. If
//! selections changed meanwhile, it plans again, so that no selection is lost.

use super::{Kind, Run, Summary, configure, start};
use crate::app::App;
use crate::connectors::connector::{Connector, Verb};
use crate::db::{Db, Tx};
use crate::domain::hierarchy::{Changes, Plan, Policy, Seen, StoredTree, plan, summary};
use crate::error::Result;
use crate::ops::Caller;
use crate::store::connected_systems as systems;
use crate::store::hierarchy;

/// Options of an import.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Plan without applying.
    pub preview: bool,
    /// Removes what is missing but not verified.
    pub accept_removals: bool,
}

/// Changes that an import made, or would make.
#[derive(Debug)]
pub struct Report {
    /// Why the removal guard stopped it; nothing was changed then.
    pub stopped: Option<String>,
    pub total_partitions: usize,
    pub total_containers: usize,
    pub changes: Changes,
    /// One line of the changes.
    pub summary: String,
    pub warnings: Vec<String>,
}

/// Stored tree, and its revision when it was loaded.
struct Stored {
    revision: i64,
    tree: StoredTree,
}

/// Imports the hierarchy of a system. Continues when the caller hangs up.
pub async fn run(app: &App, id: i64, options: Options, caller: &Caller) -> Result<Report> {
    let (system, connector) = configure(app, id, Verb::Hierarchy).await?;
    let kind = if options.preview { Kind::PreviewHierarchy } else { Kind::ImportHierarchy };
    let run = start(app, system, kind, caller).await?;
    run.carry_out(move |run| import(run, connector, options)).await
}

async fn import(run: Run, connector: Connector, options: Options) -> Result<Report> {
    let system = run.system.clone();
    let (mut directory, stored) = tokio::try_join!(connector.hierarchy(), load(&run.app.db, system.id))?;
    let seen = directory.discover(&stored.tree).await?;
    let mut policy = Policy { accept_removals: options.accept_removals, ..Policy::default() };
    let mut planned = plan_aside(&stored.tree, &seen, &policy);
    if let Some(verdicts) = directory.verify(&seen, &planned).await? {
        policy.verdicts = verdicts;
        planned = plan_aside(&stored.tree, &seen, &policy);
    }
    let remarks = directory.close()?;
    if options.preview {
        let report = report(planned, &stored.tree, &seen, remarks, "Preview: ");
        tracing::info!(items = report.total_containers, "hierarchy preview ended: {}", report.summary);
        return Ok(report);
    }
    run.apply(move |tx| {
        let (applied, tree) = apply(tx, system.id, stored, &seen, &policy, planned)?;
        if applied.guard.is_none() {
            systems::hierarchy_imported(tx, system.id, system.settings_revision)?;
        }
        let warnings = applied.warnings.clone();
        let report = report(applied, &tree, &seen, remarks, "");
        let (message, stopped, total) = (report.summary.clone(), report.stopped.clone(), report.total_containers);
        Ok((report, Summary { message, warnings, stopped, total }))
    })
    .await
}

/// Plans on a blocking thread: a large tree takes a while.
fn plan_aside(stored: &StoredTree, seen: &Seen, policy: &Policy) -> Plan {
    tokio::task::block_in_place(|| plan(stored, seen, policy))
}

async fn load(db: &Db, id: i64) -> Result<Stored> {
    db.read(move |c| {
        let revision = systems::get(c, id)?.hierarchy_revision;
        Ok(Stored { revision, tree: hierarchy::load(c, id)? })
    })
    .await
}

/// Applies a plan unless the guard stopped it. Plans again if selections were changed while the directory was read; a
/// row that is missing only now has no verdict and is kept.
fn apply(
    tx: &Tx<'_>,
    id: i64,
    stored: Stored,
    seen: &Seen,
    policy: &Policy,
    planned: Plan,
) -> Result<(Plan, StoredTree)> {
    let (planned, tree) = if systems::get(tx, id)?.hierarchy_revision == stored.revision {
        (planned, stored.tree)
    } else {
        let tree = hierarchy::load(tx, id)?;
        (plan(&tree, seen, policy), tree)
    };
    if planned.guard.is_none() && !planned.is_empty() {
        hierarchy::apply(tx, id, seen, &planned)?;
    }
    Ok((planned, tree))
}

fn report(plan: Plan, stored: &StoredTree, seen: &Seen, remarks: Vec<String>, prefix: &str) -> Report {
    let stopped = plan.guard;
    let prefix = if stopped.is_some() { "Not applied: " } else { prefix };
    let (total_partitions, total_containers) = match stopped {
        Some(_) => (stored.partitions.len(), stored.containers.len()),
        None => (plan.total_partitions, plan.total_containers),
    };
    let mut warnings = remarks;
    warnings.extend(plan.warnings);
    Report {
        stopped,
        total_partitions,
        total_containers,
        summary: format!("{prefix}{}", summary(&plan.changes, seen)),
        changes: plan.changes,
        warnings,
    }
}
