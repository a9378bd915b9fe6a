//! Schema import: discover, plan, apply.
//!
//! The connected system is read without a transaction. One transaction then loads what is stored, plans and applies, so
//! that no selection made meanwhile is lost.

use super::{Kind, Run, Summary, configure, start};
use crate::app::App;
use crate::connectors::connector::{Connector, Verb};
use crate::domain::schema::plan;
use crate::error::Result;
use crate::ops::Caller;
use crate::store::connected_systems as systems;
use crate::store::schema as rows;

/// Imports the schema of a system. Continues when the caller hangs up.
pub async fn run(app: &App, id: i64, caller: &Caller) -> Result<()> {
    let (system, connector) = configure(app, id, Verb::Schema).await?;
    let run = start(app, system, Kind::ImportSchema, caller).await?;
    run.carry_out(move |run| import(run, connector)).await
}

async fn import(run: Run, connector: Connector) -> Result<()> {
    let system = run.system.clone();
    let seen = connector.schema(run.hold()).await?;
    run.apply(move |tx| {
        let plan = plan(&rows::load(tx, system.id)?, &seen);
        rows::apply(tx, system.id, &seen, &plan)?;
        systems::schema_imported(tx, system.id, system.settings_revision)?;
        let (message, total) = (plan.summary(), plan.counts.types);
        Ok(((), Summary { message, warnings: plan.warnings, stopped: None, total }))
    })
    .await
}
