//! The one error of the program, named by what the caller must do about it, never by the part that failed.
//!
//! `http::error` holds the one table from here to status and code. Causes ride along for the log and are never
//! sent to a caller.

use std::collections::BTreeMap;

use tokio::task::JoinError;

/// Shorthand used throughout the program.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Faults of a request by field path (`settingValues.4`), each with its readable texts.
pub type Faults = BTreeMap<String, Vec<String>>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Everything that an operation can answer instead of its result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The thing named does not exist. Not found.
    #[error("{what} {id} does not exist")]
    NotFound {
        /// The kind of thing, `connected system`.
        what: &'static str,
        /// The id as asked for.
        id: String,
    },
    /// What stands for an id is none, such as a name or DN. Not found.
    #[error("{what} {text} does not exist: {form} is asked for, which lists show as `id`")]
    NoId {
        /// The kind of thing.
        what: &'static str,
        /// The text, fit to be shown.
        text: String,
        /// `a number` or `a GUID`.
        form: &'static str,
    },
    /// The request cannot be read or a field is not acceptable; correct it and send it again.
    #[error("one or more fields are invalid")]
    Invalid(Faults),
    /// Well-formed, but not possible for this resource or its settings.
    #[error("{0}")]
    BadRequest(String),
    /// No credential, or one that is not accepted.
    #[error("{0}")]
    Unauthorised(&'static str),
    /// The credential lacks the role.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Not now: something else holds the resource, or a rule of the whole forbids it.
    #[error("{0}")]
    Conflict(String),
    /// Too many requests; the same request may succeed later.
    #[error("{why}; try again in {seconds} s")]
    TooMany {
        /// What there were too many of, for the caller.
        why: &'static str,
        /// How long to wait.
        seconds: u64,
    },
    /// The body is larger than the limit.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The body did not arrive in time.
    #[error("the request body did not arrive within {seconds} s")]
    TooSlow {
        /// The limit in seconds.
        seconds: u64,
    },
    /// The body is of a kind that is not read here; the text says which is.
    #[error("{0}")]
    MediaType(&'static str),
    /// An outside system failed; the text says stage, target and reason and may be shown.
    #[error("{0}")]
    External(String),
    /// Busy or not ready; the same request may succeed later.
    #[error("{why}")]
    Unavailable {
        /// What is busy, for the caller.
        why: &'static str,
        /// The cause, for the log.
        #[source]
        source: Option<Cause>,
    },
    /// The database file is not what was written to it; the operator has to bring back a backup.
    #[error("the database is damaged")]
    Damaged {
        /// How it was noticed, for the log.
        #[source]
        source: Cause,
    },
    /// A fault of ours. The caller gets a request id, the log gets the cause.
    #[error("{context}")]
    Internal {
        /// What was being done.
        context: &'static str,
        /// Why it failed.
        #[source]
        source: Cause,
    },
}

impl Error {
    /// One invalid field.
    pub fn field(path: impl Into<String>, text: impl Into<String>) -> Self {
        Error::Invalid(BTreeMap::from([(path.into(), vec![text.into()])]))
    }

    /// Something named by an id that does not exist.
    pub fn not_found(what: &'static str, id: impl ToString) -> Self {
        Error::NotFound { what, id: id.to_string() }
    }

    /// A fault of ours with its cause.
    pub fn internal(context: &'static str, source: impl Into<Cause>) -> Self {
        let source = source.into();
        // A task that panicked would tell the text of its panic, which can hold anything that was sent to us.
        let source = if source.is::<JoinError>() { "its task panicked or was stopped".into() } else { source };
        Error::Internal { context, source }
    }

    /// The causes behind the error, outermost first, for the log.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(e) = cause {
            text.push_str(": ");
            text.push_str(&e.to_string());
            cause = e.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_text_of_a_panic_is_in_no_chain_of_causes() {
        let panic = tokio::spawn(async { panic!("bound as {}", "secret") }).await.unwrap_err();
        assert!(panic.to_string().contains("secret"), "tasks tell of their panics: {panic}");
        let error = Error::internal("an import panicked", panic);
        assert_eq!(error.chain(), "an import panicked: its task panicked or was stopped");
        let other = Error::internal("reading", std::io::Error::other("the disk"));
        assert_eq!(other.chain(), "reading: the disk");
    }
}
