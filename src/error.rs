//! The error of the program, by what the caller must do about it, not by the part that failed. `http::error` maps it to
//! status and code. Causes are for the log only.

use std::collections::BTreeMap;

use tokio::task::JoinError;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Validation errors by field path (`settingValues.4`).
pub type FieldErrors = BTreeMap<String, Vec<String>>;

type Cause = Box<dyn std::error::Error + Send + Sync>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{what} {id} does not exist")]
    NotFound { what: &'static str, id: String },
    /// A text that is no id, such as a name or DN, in place of one: not found.
    #[error("{what} {text} does not exist: {form} is asked for, which lists show as `id`")]
    NoId {
        what: &'static str,
        /// Sanitised for display.
        text: String,
        /// `a number` or `a GUID`.
        form: &'static str,
    },
    /// The request cannot be parsed or a field is invalid; correct it and send it again.
    #[error("one or more fields are invalid")]
    Invalid(FieldErrors),
    /// Well-formed, but not possible for this resource or its settings.
    #[error("{0}")]
    BadRequest(String),
    /// No credential, or one that is not accepted.
    #[error("{0}")]
    Unauthorised(&'static str),
    #[error("{0}")]
    Forbidden(&'static str),
    /// Not now: the resource is in use, or a rule over several resources forbids it.
    #[error("{0}")]
    Conflict(String),
    /// Too many requests; the same request may succeed later.
    #[error("{why}; try again in {seconds} s")]
    TooMany { why: &'static str, seconds: u64 },
    #[error("the request body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the request body did not arrive within {seconds} s")]
    TooSlow { seconds: u64 },
    /// The media type of the body is not supported; the text names those that are.
    #[error("{0}")]
    MediaType(&'static str),
    /// An outside system failed; the text names stage, target and reason and may be shown.
    #[error("{0}")]
    External(String),
    /// Busy or not ready; the same request may succeed later.
    #[error("{why}")]
    Unavailable { why: &'static str, source: Option<Cause> },
    /// The content of the database file changed by itself; the operator has to restore a backup.
    #[error("the database is damaged")]
    Damaged { source: Cause },
    /// A bug. The caller gets a request id, the log gets the cause.
    #[error("{context}")]
    Internal { context: &'static str, source: Cause },
}

impl Error {
    pub fn field(path: impl Into<String>, text: impl Into<String>) -> Self {
        Error::Invalid(BTreeMap::from([(path.into(), vec![text.into()])]))
    }

    pub fn not_found(what: &'static str, id: impl ToString) -> Self {
        Error::NotFound { what, id: id.to_string() }
    }

    pub fn internal(context: &'static str, source: impl Into<Cause>) -> Self {
        let source = source.into();
        // The message of a panicked task can contain anything that was sent to us.
        let source = if source.is::<JoinError>() { "its task panicked or was stopped".into() } else { source };
        Error::Internal { context, source }
    }

    /// The error and its causes, outermost first, for the log.
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
    async fn no_chain_of_causes_contains_a_panic_message() {
        let panic = tokio::spawn(async { panic!("bound as {}", "secret") }).await.unwrap_err();
        assert!(panic.to_string().contains("secret"), "the error of a task contains its panic: {panic}");
        let error = Error::internal("an import panicked", panic);
        assert_eq!(error.chain(), "an import panicked: its task panicked or was stopped");
        let other = Error::internal("reading", std::io::Error::other("the disk"));
        assert_eq!(other.chain(), "reading: the disk");
    }
}
