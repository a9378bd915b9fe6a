//! An open directory during a hierarchy import: discover, then look up missing entries.

use super::hierarchy::{Discovery, discover};
use super::root_dse::RootDse;
use super::session::Session;
use super::{Access, Failure, Stage, partitions, removal};
use crate::domain::hierarchy::{DnIndex, Plan, RowId, Seen, StoredTree, Verdict, Verdicts};

pub(crate) struct Directory {
    access: Access,
    root: RootDse,
    /// `None` once a search was cancelled.
    session: Option<Session>,
    /// Remarks on how the password travels.
    remarks: Vec<String>,
    /// Warnings on the account and the server.
    warnings: Vec<String>,
}

impl Directory {
    pub async fn connect(system: i64, access: Access) -> Result<Directory, Failure> {
        let (session, root) = access.connect().await?;
        let remarks = access.transport_remarks(&session);
        for remark in &remarks {
            tracing::warn!(connected_system.id = system, "{remark}");
        }
        let warnings = access.warnings(&session, &root);
        Ok(Directory { access, root, session: Some(session), remarks, warnings })
    }

    /// Reads partitions and containers; fails if none is readable or a time limit is exceeded.
    pub async fn discover(&mut self, stored: &StoredTree) -> Result<Seen, Failure> {
        let mut session = self.open().await?;
        let listing = partitions::list(&self.access, &mut session, &self.root).await?;
        let Discovery { mut seen, session } =
            discover(&self.access, session, &self.root, &listing.partitions, &DnIndex::new(stored)).await?;
        seen.warnings.extend(listing.remark);
        self.session = session;
        seen.warnings.append(&mut self.warnings);
        Ok(seen)
    }

    /// Looks up the candidates of a plan, over a new connection if the others were lost; without a connection all rows
    /// are kept. `None` if the plan needs no look-up. Fails only if a time limit is exceeded.
    pub async fn verify(&mut self, seen: &Seen, plan: &Plan) -> Result<Option<Verdicts>, Failure> {
        if !plan.needs_look_ups() {
            return Ok(None);
        }
        let mut session = match self.open().await {
            Ok(session) => session,
            Err(failure) if failure.timed_out => return Err(failure),
            Err(failure) => {
                tracing::warn!(%failure, "missing containers cannot be looked up");
                let failed = |row: RowId| (row, Verdict::LookUpFailed);
                return Ok(Some(Verdicts {
                    containers: plan.candidates.iter().chain(&plan.id_conflicts).map(|c| failed(c.row)).collect(),
                    partitions: plan.partition_candidates.iter().map(|(row, _)| failed(*row)).collect(),
                    ..Verdicts::default()
                }));
            }
        };
        let verdicts = removal::verify(&self.access, &mut session, &self.root, seen, plan).await?;
        session.close().await;
        Ok(Some(verdicts))
    }

    /// Returns the remarks. Fails if the time limit is exceeded, since planning cannot be cancelled.
    pub fn close(self) -> Result<Vec<String>, Failure> {
        self.access.in_time(Stage::Containers)?;
        Ok(self.remarks)
    }

    async fn open(&mut self) -> Result<Session, Failure> {
        match self.session.take() {
            Some(session) => Ok(session),
            None => Ok(self.access.connect().await?.0),
        }
    }
}
