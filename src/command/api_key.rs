//! `jim api-key`: keys of a stopped server. A running one has its API for this.

use std::io::Write;
use std::path::Path;

use clap::Subcommand;
use jim::db::{Db, OpenFault};
use jim::domain::role;
use jim::http::wire;
use jim::ops::api_keys::{self as ops, KeyFields};
use jim::ops::start::{Files, StartError, open_files};
use jim::security::api_key::Hasher;
use jim::security::secret::Secret;
use jim::store::api_keys;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Exit, load_config, plain};

#[derive(Subcommand)]
pub enum Action {
    /// Make a key and print it, alone on one line. It is never shown again.
    Create {
        /// A name of its own, 1-200 characters.
        #[arg(long)]
        name: String,
        /// Administrator or Reader; may be given more than once. Without a role a key may only ask who it is.
        #[arg(long = "role", value_parser = role)]
        roles: Vec<i64>,
        /// A date (2027-01-31) or a date and time (2027-01-31T12:00:00Z) at which the key ends.
        #[arg(long, value_name = "DATE", value_parser = date)]
        expires: Option<OffsetDateTime>,
    },
    /// List the keys.
    List,
    /// Delete a key by its id.
    Delete {
        /// The id as `jim api-key list` shows it.
        id: Uuid,
    },
}

fn role(text: &str) -> Result<i64, String> {
    role::parse(text).ok_or_else(|| "must be Administrator or Reader".to_owned())
}

fn date(text: &str) -> Result<OffsetDateTime, String> {
    match wire::parse_date_or_day(text) {
        None => Err("must be a date such as 2027-01-31 or 2027-01-31T12:00:00Z".to_owned()),
        // Over the API it is an accepted way to disable a key (contract, chapter 9).
        Some(end) if end <= OffsetDateTime::now_utc() => Err("must lie in the future".to_owned()),
        Some(end) => Ok(end),
    }
}

/// Runs an action on the files of a stopped server.
pub async fn run(named: Option<&Path>, action: Action) -> Result<(), Exit> {
    let config = load_config(named)?;
    let instead = match &action {
        Action::Create { .. } => "POST /api/v1/apikeys".to_owned(),
        Action::List => "GET /api/v1/apikeys".to_owned(),
        Action::Delete { id } => format!("DELETE /api/v1/apikeys/{id}"),
    };
    if let Action::Create { name, .. } = &action
        && (!(1..=200).contains(&name.trim().chars().count()) || name.contains('\0'))
    {
        return Err(Exit::usage("the name must be 1-200 characters"));
    }
    if !matches!(action, Action::Create { .. }) {
        // Only a first key makes a database.
        Db::refuse_missing(&config.database)?;
    }
    let Files { db, hasher, .. } = open_files(&config).await.map_err(|fault| match fault {
        StartError::Database(OpenFault::Locked(who)) => Exit::locked(format!("{who}; call {instead} of that server")),
        other => other.into(),
    })?;
    let done = act(&db, &hasher, action).await;
    let without = ops::lacks_administrator(&db).await?;
    // A refused request leaves the database in one file too.
    db.checkpoint().await?;
    let mut out = std::io::stdout().lock();
    for line in done? {
        writeln!(out, "{}", line.expose()).map_err(|e| Exit::io(format!("cannot write: {e}")))?;
    }
    out.flush().map_err(|e| Exit::io(format!("cannot write: {e}")))?;
    if without {
        let _ = writeln!(std::io::stderr(), "jim: {}", ops::NO_ADMINISTRATOR);
    }
    Ok(())
}

/// Runs an action and returns the lines to print, which may hold the clear key.
async fn act(db: &Db, hasher: &Hasher, action: Action) -> Result<Vec<Secret>, Exit> {
    match action {
        Action::Create { name, mut roles, expires } => {
            let name = name.trim().to_owned();
            roles.sort_unstable();
            roles.dedup();
            let fields = KeyFields { name, description: None, roles, expires_at: expires, is_enabled: true };
            Ok(vec![ops::create_stored(db, hasher, fields).await?])
        }
        Action::List => {
            let (keys, now) = (db.read(api_keys::list).await?, OffsetDateTime::now_utc());
            let head = columns("ID", "PREFIX", "STATE", "EXPIRES", "LAST USED", "ROLES", "NAME");
            let lines = keys.iter().map(|key| line(key, now));
            Ok(std::iter::once(head).chain(lines).map(Secret::new).collect())
        }
        Action::Delete { id } => {
            ops::delete_stored(db, id).await?;
            Ok(Vec::new())
        }
    }
}

fn line(key: &api_keys::ApiKey, now: OffsetDateTime) -> String {
    let roles = match key.roles.as_slice() {
        [] => "-".to_owned(),
        roles => role::names(roles).join(","),
    };
    let date = |at: Option<OffsetDateTime>| at.map_or("never".to_owned(), wire::date);
    let state = match (key.is_enabled, key.expires_at.is_some_and(|end| end <= now)) {
        (false, _) => "disabled",
        (true, true) => "expired",
        (true, false) => "enabled",
    };
    let (id, name) = (key.id.to_string(), plain::one_line(&key.name));
    let prefix = plain::one_line(&key.key_prefix);
    columns(&id, &prefix, state, &date(key.expires_at), &date(key.last_used_at), &roles, &name)
}

/// The name comes last, because it may be long.
fn columns(id: &str, prefix: &str, state: &str, expires: &str, used: &str, roles: &str, name: &str) -> String {
    format!("{id:<36}  {prefix:<16}  {state:<8}  {expires:<20}  {used:<20}  {roles:<20}  {name}")
}
