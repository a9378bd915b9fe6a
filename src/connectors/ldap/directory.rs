//! An open directory whose hierarchy is read: discover, then verify what is missing.

use super::hierarchy::{Discovery, discover};
use super::root_dse::RootDse;
use super::session::Session;
use super::{Access, Failure, Stage, partitions, removal};
use crate::domain::hierarchy::{DnIndex, Plan, RowId, Seen, StoredTree, Verdict, Verdicts};

/// Access to one directory within the time of one run.
pub(crate) struct Directory {
    access: Access,
    root: RootDse,
    /// `None` once a search was cut off.
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

    /// Reads partitions and containers. Entries that are spelled as stored ones share their texts.
    ///
    /// # Errors
    /// No partition could be read at all, or a time limit is over.
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

    /// Looks up what a plan asks for, over a new connection if the others were lost. Without a connection nothing
    /// is known and everything stays. `None` if there is nothing to look up.
    ///
    /// # Errors
    /// A time limit is over.
    pub async fn verify(&mut self, seen: &Seen, plan: &Plan) -> Result<Option<Verdicts>, Failure> {
        if !plan.needs_look_ups() {
            return Ok(None);
        }
        let mut session = match self.open().await {
            Ok(session) => session,
            Err(failure) if failure.late => return Err(failure),
            Err(failure) => {
                tracing::warn!(%failure, "missing containers cannot be looked up");
                let unclear = |row: RowId| (row, Verdict::LookUpFailed);
                return Ok(Some(Verdicts {
                    containers: plan.candidates.iter().chain(&plan.id_conflicts).map(|c| unclear(c.row)).collect(),
                    partitions: plan.partition_candidates.iter().map(|(row, _)| unclear(*row)).collect(),
                    ..Verdicts::default()
                }));
            }
        };
        let verdicts = removal::verify(&self.access, &mut session, &self.root, seen, plan).await?;
        session.close().await;
        Ok(Some(verdicts))
    }

    /// Ends the access and returns remarks on it.
    ///
    /// # Errors
    /// The time limit of the run is over: planning cannot be interrupted, and what took too long is not written.
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
