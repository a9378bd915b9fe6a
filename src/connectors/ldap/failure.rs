//! What went wrong with a directory, in words that a person can act on and that are safe to show.
//!
//! Reasons come from a closed list. Text of the peer appears only after the cleaner went over it, and that of a
//! refused bind, of the operating system and of the TLS library never does.

use std::fmt;

/// The connection ended where an answer was due.
pub const LOST: &str = "connection lost";
/// The directory sent what is no LDAP, or no answer to what was asked.
pub const NOT_UNDERSTOOD: &str = "answer not understood";
/// The directory sent more than is read.
pub const EXCEEDS: &str = "answer exceeds the limit";
/// The directory refuses all but a change of the password.
pub const MUST_CHANGE: &str = "the account must change its password";
/// Not a form of name that all directories know.
pub const BARE_NAME: &str = "Username is a bare name";

/// How far a session had come. Displays in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Looking up the host name.
    Resolve,
    /// Opening the connection.
    Connect,
    /// StartTLS and the TLS handshake.
    Tls,
    /// Proving who we are.
    Bind,
    /// Reading the root entry.
    Root,
    /// Listing the partitions.
    Partitions,
    /// Reading the containers of a partition.
    Containers,
    /// Reading the schema.
    Schema,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Resolve => "resolve",
            Stage::Connect => "connect",
            Stage::Tls => "tls",
            Stage::Bind => "bind",
            Stage::Root => "root",
            Stage::Partitions => "partitions",
            Stage::Containers => "containers",
            Stage::Schema => "schema",
        })
    }
}

/// Who can put a failure right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The settings of the connected system are to be corrected.
    Settings,
    /// The directory, or the way to it, failed.
    Directory,
}

/// A failure that a person can act on. Displays as `<stage> at <host>:<port>: <reason>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{stage} at {target}: {reason}")]
pub struct Failure {
    /// How far it had come.
    pub stage: Stage,
    /// `host:port` of the settings.
    pub target: String,
    /// Why, safe to show.
    pub reason: String,
    /// Who can put it right.
    pub kind: FailureKind,
    /// Whether trying again may help: a connection that was dropped, a directory that was busy. Never a refused
    /// connection, an unknown name or refused credentials, which would lock the account.
    pub transient: bool,
    /// Whether a time limit is over, which ends a whole import and not only one partition.
    pub late: bool,
}

impl Failure {
    /// A failure of the directory that trying again does not mend.
    pub fn new(stage: Stage, target: &str, reason: impl Into<String>) -> Self {
        let target = target.to_owned();
        Failure { stage, target, reason: reason.into(), kind: FailureKind::Directory, transient: false, late: false }
    }

    /// The same failure, to be mended in the settings.
    pub fn of_settings(self) -> Self {
        Failure { kind: FailureKind::Settings, ..self }
    }

    /// A time limit that is over.
    pub fn out_of_time(stage: Stage, target: &str, seconds: u64) -> Self {
        Failure { late: true, ..Failure::new(stage, target, format!("timed out after {seconds} s")) }
    }

    /// The same failure, worth another try.
    pub fn worth_a_retry(self) -> Self {
        Failure { transient: true, ..self }
    }
}

/// An LDAP result as name and number, `noSuchObject (32)` (RFC 4511, appendix A); `result (<n>)` for one that is not
/// expected here.
pub fn result_name(code: u32) -> String {
    let name = match code {
        0 => "success",
        1 => "operationsError",
        2 => "protocolError",
        3 => "timeLimitExceeded",
        4 => "sizeLimitExceeded",
        7 => "authMethodNotSupported",
        8 => "strongerAuthRequired",
        10 => "referral",
        11 => "adminLimitExceeded",
        12 => "unavailableCriticalExtension",
        13 => "confidentialityRequired",
        32 => "noSuchObject",
        34 => "invalidDNSyntax",
        48 => "inappropriateAuthentication",
        49 => "invalidCredentials",
        50 => "insufficientAccessRights",
        51 => "busy",
        52 => "unavailable",
        53 => "unwillingToPerform",
        80 => "other",
        _ => "result",
    };
    format!("{name} ({code})")
}

/// A result with the words of the directory behind it, as a session gives them: `unwillingToPerform (53): "..."`.
pub fn result_text(code: u32, words: &str) -> String {
    let mut text = result_name(code);
    if !words.is_empty() {
        text.push_str(": ");
        text.push_str(words);
    }
    text
}

/// Failure of a refused bind. Of the directory's text only the meaning of Active Directory's code is shown: the
/// directory knows the password, and may write it in any form. `refusal` is what its password policy says.
pub fn bind_failure(target: &str, username: &str, code: u32, diagnostic: &str, refusal: Option<&str>) -> Failure {
    let mut reason = result_name(code);
    let meaning = (code == 49).then(|| credentials_meaning(diagnostic)).flatten().or(refusal);
    if let Some(meaning) = meaning {
        reason.push_str(": ");
        reason.push_str(meaning);
    }
    let about_the_name = matches!(meaning, None | Some(UNKNOWN_USER | UNKNOWN_OR_WRONG));
    if matches!(code, 34 | 49) && about_the_name && !username.contains(['=', '@', '\\']) {
        reason.push_str("; ");
        reason.push_str(BARE_NAME);
    }
    let failure = Failure::new(Stage::Bind, target, reason);
    match code {
        7 | 8 | 13 | 34 | 48 | 49 => failure.of_settings(),
        51 | 52 => failure.worth_a_retry(),
        _ => failure,
    }
}

const UNKNOWN_USER: &str = "unknown user";
/// Active Directory answers both the same, lest names be tried out.
const UNKNOWN_OR_WRONG: &str = "unknown name or wrong password";

/// What Active Directory says in the text of a 49: `..., data 52e, v1db1`.
fn credentials_meaning(diagnostic: &str) -> Option<&'static str> {
    let (_, after) = diagnostic.split_once(" data ")?;
    let code = after.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    Some(match code.to_ascii_lowercase().as_str() {
        "525" => UNKNOWN_USER,
        "52e" => UNKNOWN_OR_WRONG,
        "530" => "logon not allowed (time)",
        "531" => "logon not allowed (computer)",
        "532" => "password expired",
        "533" => "disabled",
        "701" => "account expired",
        "773" => "must change password",
        "775" => "locked",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_named() {
        assert_eq!(result_name(32), "noSuchObject (32)");
        assert_eq!(result_name(9999), "result (9999)");
        assert_eq!(result_text(50, ""), "insufficientAccessRights (50)");
        assert_eq!(result_text(50, "\"no\""), "insufficientAccessRights (50): \"no\"");
    }

    #[test]
    fn a_bind_failure_says_what_to_do() {
        let of = |code, text| bind_failure("dc1:389", "svc@lab.test", code, text, None);
        let wrong = of(49, "80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data 52e, v1db1\0");
        assert_eq!(wrong.to_string(), "bind at dc1:389: invalidCredentials (49): unknown name or wrong password");
        assert_eq!(wrong.kind, FailureKind::Settings);
        assert_eq!(of(49, "").reason, "invalidCredentials (49)");
        assert_eq!(of(49, "x, data 775, v1").reason, "invalidCredentials (49): locked");
        assert_eq!(of(53, "bad password s3cret").reason, "unwillingToPerform (53)");
        for code in [7, 8, 13, 34, 48, 49] {
            assert_eq!((of(code, "").kind, of(code, "").transient), (FailureKind::Settings, false));
        }
        for code in [51, 52] {
            assert_eq!((of(code, "").kind, of(code, "").transient), (FailureKind::Directory, true));
        }
        assert!(!of(53, "").transient);
    }

    #[test]
    fn a_bare_name_is_named_where_the_name_may_be_at_fault() {
        let of = |name, code, text| bind_failure("dc1:389", name, code, text, None).reason;
        let bare = |reason: &str| reason.ends_with("; Username is a bare name");
        for (name, code, text, expected) in [
            ("svc", 49, "x, data 52e, v1", true),
            ("svc", 49, "", true),
            ("svc", 34, "invalid DN", true),
            ("svc", 49, "x, data 775, v1", false),
            ("svc", 53, "", false),
            ("svc@lab.test", 49, "", false),
            ("LAB\\svc", 49, "", false),
            ("cn=svc", 49, "", false),
        ] {
            assert_eq!(bare(&of(name, code, text)), expected, "{name} {code} {text}");
        }
    }

    #[test]
    fn the_password_policy_says_why_a_bind_is_refused() {
        let of = |refusal| bind_failure("dir:389", "cn=svc", 49, "", refusal).reason;
        assert_eq!(of(Some("locked")), "invalidCredentials (49): locked");
        assert_eq!(of(None), "invalidCredentials (49)");
    }
}
