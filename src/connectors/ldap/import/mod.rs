//! Full imports: what a directory shows of the selection, page by page, and what is proved by it.
//!
//! `borders` and `locate` say where entries are in scope, `request` what is asked for, `reader` searches, `object` and
//! `value` take entries apart, `range` completes large groups, and `absent` looks up what was not seen.

mod absent;
mod borders;
mod description;
mod locate;
mod object;
mod range;
mod reader;
mod request;
#[cfg(test)]
mod tests;
mod time;
mod types;
mod value;

use super::entry::Entry;
use super::failure::Stage;
use super::ids::ids;
use super::limits::MAX_OBJECT as MAX_MESSAGE;
use super::removal::LookUp;
use super::root_dse::{Kind, RootDse};
use super::schema::{Classes, classes};
use super::session::{Question, Session};
use super::{Access, Failure};
use crate::connectors::import::{Absence, MissingObject, Pages, Reading};
use crate::domain::connector_space::ImportScope;
use crate::domain::text::one_line;
use object::{Counts, Parser};
use reader::Reader;
use request::Request;
use types::Types;

/// Classes counted by name.
const MAX_CLASSES: usize = 50;
/// Warnings of an import.
const MAX_WARNINGS: usize = 1_000;

/// Reads the scope and passes on what it finds. Ends early, with nothing proved, once `pages` takes no more. Fails if
/// nothing could be read at all.
pub(super) async fn import(access: &Access, scope: &ImportScope, mut pages: Pages) -> Result<Reading, Failure> {
    let stopped = pages.stopped();
    tokio::select! {
        biased;
        () = stopped => Ok(Reading::default()),
        reading = read(access, scope, &mut pages) => reading,
    }
}

async fn read(access: &Access, scope: &ImportScope, pages: &mut Pages) -> Result<Reading, Failure> {
    pages.progress().enter("Connecting");
    let (mut session, root) = access.connect().await?;
    let mut reading = Reading { warnings: access.warnings(&session, &root), ..Reading::default() };
    let types = types(access, &mut session, &root, scope, &mut reading.warnings).await;
    let parser = Parser::new(scope, types, &access.settings.placeholder);
    let request = Request::new(scope, root.kind);
    let (session, failure, any_read) = (Some(session), None, false);
    let mut reader = Reader { access, root: &root, scope, pages, parser, request, session, reading, failure, any_read };
    for partition in &scope.partitions {
        if reader.partition(partition).await.is_err() {
            return Ok(Reading::default());
        }
    }
    let Reader { session, mut reading, failure, any_read, parser, request, .. } = reader;
    if let Some(session) = session {
        session.close().await;
    }
    match failure {
        Some(failure) if !any_read => Err(failure),
        _ => {
            reading.notes.extend(notes(&parser.seen, &request.secrets));
            Ok(reading)
        }
    }
}

/// Looks up objects that a complete reading did not show; the answers are in their order.
pub(super) async fn look_up(
    access: &Access,
    scope: &ImportScope,
    missing: &[MissingObject],
) -> Result<Vec<Absence>, Failure> {
    let (mut session, root) = access.connect().await?;
    let types = types(access, &mut session, &root, scope, &mut Vec::new()).await;
    let absences = absent::look_up(access, &mut session, &root, scope, &types, missing).await?;
    session.close().await;
    Ok(absences)
}

/// Whether each DN answers with its immutable id; the answers are in their order.
pub(super) async fn holders(access: &Access, names: &[(String, [u8; 16])]) -> Result<Vec<bool>, Failure> {
    let (mut session, root) = access.connect().await?;
    session.enter(Stage::Containers);
    let dns: Vec<&str> = names.iter().map(|(dn, _)| dn.as_str()).collect();
    let mut look_up = LookUp { access, session: &mut session, kind: root.kind };
    let answers = look_up.read_each(&dns, Question::Ids).await?;
    session.close().await;
    let holds = |entry: &Entry, own: &[u8; 16]| ids(entry).iter().any(|id| id.value == *own);
    let pairs = answers.iter().zip(names);
    Ok(pairs.map(|(a, (_, own))| a.as_ref().and_then(|a| a.entry.as_ref()).is_some_and(|e| holds(e, own))).collect())
}

/// Types of entries; without the classes, as far as the entries themselves say.
async fn types(
    access: &Access,
    session: &mut Session,
    root: &RootDse,
    scope: &ImportScope,
    warnings: &mut Vec<String>,
) -> Types {
    let ordered = root.kind.is_ad_family();
    let classes: Option<Classes> = match classes(access, session, root).await {
        Ok(classes) => Some(classes),
        Err(failure) => {
            tracing::warn!(%failure, "the classes of the directory cannot be read");
            if !ordered && root.kind != Kind::OpenLdap {
                let why = &failure.reason;
                warnings.push(format!("schema not readable, so entries of several classes have no type: {why}"));
            }
            None
        }
    };
    Types::new(scope, classes, ordered)
}

fn notes(seen: &Counts, secrets: &[Box<str>]) -> Vec<String> {
    let entries = |n: u64| if n == 1 { "1 entry".to_owned() } else { format!("{n} entries") };
    let others =
        seen.other_types.iter().map(|(class, n)| format!("{} of {}: not selected", entries(*n), one_line(class)));
    let options = (seen.options > 0)
        .then(|| format!("{} with attribute options such as lang-de, which are not read", entries(seen.options)));
    let secrets = (!secrets.is_empty()).then(|| format!("never read, being secrets: {}", secrets.join(", ")));
    others.chain(options).chain(secrets).collect()
}
