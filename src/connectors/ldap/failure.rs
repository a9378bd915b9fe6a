//! Failures of a directory, with reasons that are safe to show.
//!
//! Reasons come from a closed list. The directory's text appears only sanitised; text of a refused bind, of the
//! operating system and of the TLS library never does.

use std::fmt;

pub const LOST: &str = "connection lost";
/// The directory violated the protocol.
pub const NOT_UNDERSTOOD: &str = "answer not understood";
pub const EXCEEDS: &str = "answer exceeds the limit";
pub const MUST_CHANGE: &str = "the account must change its password";
/// A form of username that only some directories accept.
pub const BARE_NAME: &str = "Username is a bare name";

/// Stage of a session. Displays in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Resolve,
    Connect,
    /// StartTLS included.
    Tls,
    Bind,
    Root,
    Partitions,
    Containers,
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

/// Where a failure is remedied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    Settings,
    /// In the directory or the network.
    Directory,
}

/// A failure with a reason for the administrator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{stage} at {target}: {reason}")]
pub struct Failure {
    pub stage: Stage,
    /// `host:port` of the settings.
    pub target: String,
    pub reason: String,
    pub kind: FailureKind,
    /// Worth a retry: a dropped connection or a busy directory. Never a refused connection, an unknown name or refused
    /// credentials, which would lock the account.
    pub transient: bool,
    /// A time limit is exceeded, which ends the whole import and not only one partition.
    pub timed_out: bool,
}

impl Failure {
    /// A permanent failure of the directory.
    pub fn new(stage: Stage, target: &str, reason: impl Into<String>) -> Self {
        let target = target.to_owned();
        Failure {
            stage,
            target,
            reason: reason.into(),
            kind: FailureKind::Directory,
            transient: false,
            timed_out: false,
        }
    }

    pub fn in_settings(self) -> Self {
        Failure { kind: FailureKind::Settings, ..self }
    }

    pub fn timeout(stage: Stage, target: &str, seconds: u64) -> Self {
        Failure { timed_out: true, ..Failure::new(stage, target, format!("timed out after {seconds} s")) }
    }

    pub fn as_transient(self) -> Self {
        Failure { transient: true, ..self }
    }
}

/// Name and number of an LDAP result, such as `noSuchObject (32)` (RFC 4511, appendix A); `result (<n>)` if unexpected.
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

/// A result with the directory's diagnostic: `unwillingToPerform (53): "..."`.
pub fn result_text(code: u32, words: &str) -> String {
    let mut text = result_name(code);
    if !words.is_empty() {
        text.push_str(": ");
        text.push_str(words);
    }
    text
}

/// Failure of a refused bind. The directory's text may hold the password in any form, so only the meaning of Active
/// Directory's code is shown. `refusal` comes from the password policy.
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
        7 | 8 | 13 | 34 | 48 | 49 => failure.in_settings(),
        51 | 52 => failure.as_transient(),
        _ => failure,
    }
}

const UNKNOWN_USER: &str = "unknown user";
/// Active Directory does not distinguish the two, against guessing of names.
const UNKNOWN_OR_WRONG: &str = "unknown name or wrong password";

/// Meaning of the code in Active Directory's text of a 49: `..., data 52e, v1db1`.
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
