//! What a person can do about a failure: a short name of it that programs can compare, and a sentence.
//!
//! Pure. The reasons themselves are made where things fail.

use super::connect::{NOT_ALLOWED, NOT_ALLOWED_CODE};
use super::failure::{Failure, Stage};

/// Reasons of the closed list that are no LDAP results, with their names and remedies.
const REASONS: [(&str, &str, &str); 16] = [
    ("name not found", "nameNotFound", "Check the spelling of Host and that this machine's name server knows it."),
    (
        NOT_ALLOWED,
        NOT_ALLOWED_CODE,
        "Use the address of a directory server; which addresses are allowed is set by [ldap] allow in jim.toml.",
    ),
    (
        "not reachable",
        "notReachable",
        "Check Host and Port, that the directory is running, and that no firewall refuses the connection.",
    ),
    (
        "timed out",
        "timedOut",
        "Check Host, Port and firewalls, and whether LDAPS was chosen for a plain port or the reverse; else raise \
         Connection Timeout or Search Timeout.",
    ),
    ("certificate has expired", "certificateExpired", "Renew the certificate of the directory."),
    (
        "certificate not yet valid",
        "certificateNotYetValid",
        "Check the clocks of this machine and of the directory, or wait until the certificate begins to count.",
    ),
    (
        "issuer not trusted",
        "issuerNotTrusted",
        "Upload the certificate of the authority that issued it, or the directory's own if it signed that itself \
         (POST /api/v1/certificates/upload); or put it, in PEM form, into the folder that [ldap] trust_dir names, \
         and start jim again.",
    ),
    (
        "host name not covered",
        "hostNameNotCovered",
        "Write Host as one of the names in the certificate, or have a certificate issued that covers this one as \
         subjectAltName.",
    ),
    (
        "StartTLS refused",
        "startTlsRefused",
        "Give the directory a certificate so that it offers StartTLS, or use LDAPS.",
    ),
    (
        "handshake failed",
        "handshakeFailed",
        "Check that the port speaks TLS (636 for LDAPS) and that the directory offers TLS 1.2 or 1.3.",
    ),
    (
        "connection lost",
        "connectionLost",
        "Look into the log of the directory; LDAPS on a plain port, or plain LDAP on a TLS port, ends like this too.",
    ),
    ("answer not understood", "answerNotUnderstood", "Check that Host and Port lead to an LDAP server."),
    ("answer exceeds the limit", "answerExceedsLimit", "Check that Host and Port lead to the right directory."),
    ("none of", "noPartitionReadable", "Grant the account read on the partitions' own entries."),
    (
        "the directory lists no partition",
        "noPartition",
        "Grant the account read on namingContexts of the root entry, and on the entries at the top of the tree.",
    ),
    (
        "the server shows no schema",
        "noSchema",
        "Grant the account read on subschemaSubentry of the root entry; the hierarchy can be imported without it.",
    ),
];

/// The name of a failure and what to do about it.
pub fn explain(failure: &Failure) -> (String, &'static str) {
    let reason = failure.reason.as_str();
    if let Some((_, code, remedy)) = REASONS.iter().find(|(start, _, _)| reason.starts_with(start)) {
        return ((*code).to_owned(), remedy);
    }
    match result(reason) {
        Some((name, number)) => (name.to_owned(), of_result(failure, number)),
        None => ("unexpectedAnswer".to_owned(), of_stage(failure.stage)),
    }
}

/// Name and number of `invalidCredentials (49)...`.
fn result(reason: &str) -> Option<(&str, u32)> {
    let (name, rest) = reason.split_once(" (")?;
    let (number, _) = rest.split_once(')')?;
    let number = number.parse().ok()?;
    name.bytes().all(|b| b.is_ascii_alphabetic()).then_some((name, number))
}

fn of_result(failure: &Failure, number: u32) -> &'static str {
    let reason = failure.reason.as_str();
    match (failure.stage, number) {
        (Stage::Bind, 49) if reason.contains("unknown user") => {
            "Check Username: its full DN, or name@domain, or DOMAIN\\name."
        }
        (Stage::Bind, 49) if reason.contains("password expired") || reason.contains("must change password") => {
            "Give the account a new password in the directory and enter it here."
        }
        (Stage::Bind, 49) if reason.contains("locked") => {
            "Unlock the account in the directory, then enter its password."
        }
        (Stage::Bind, 49) if reason.contains("disabled") || reason.contains("account expired") => {
            "Enable the account in the directory."
        }
        (Stage::Bind, 49) if reason.contains("logon not allowed") => {
            "Allow the account to log on at this time and from this machine."
        }
        (Stage::Bind, 49 | 48 | 34) => "Check Username, which is usually a DN, and Password.",
        (Stage::Bind, 8 | 13) => {
            "The directory wants encryption: turn on Use Secure Connection (LDAPS)? or Use StartTLS?."
        }
        (Stage::Bind, 7) => "Allow simple binds in the directory.",
        (_, 51 | 52) => "The directory is busy or shutting down: try again.",
        (_, 50) => "Grant the account read.",
        (stage, _) => of_stage(stage),
    }
}

fn of_stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Schema => "Grant the account read on the schema entry.",
        Stage::Partitions => "Grant the account read on the partitions.",
        Stage::Root => "Grant the account read on the root entry.",
        _ => "Look into the log of the directory.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_name_and_a_remedy() {
        for (stage, reason, code, remedy) in [
            (Stage::Resolve, "name not found", "nameNotFound", "spelling"),
            (Stage::Connect, "timed out after 10 s", "timedOut", "firewalls"),
            (Stage::Tls, "StartTLS refused: unavailable (52)", "startTlsRefused", "certificate"),
            (Stage::Tls, "issuer not trusted", "issuerNotTrusted", "Upload"),
            (Stage::Bind, "invalidCredentials (49)", "invalidCredentials", "Username"),
            (Stage::Bind, "invalidCredentials (49): locked", "invalidCredentials", "Unlock"),
            (Stage::Bind, "strongerAuthRequired (8): \"x (y)\"", "strongerAuthRequired", "LDAPS"),
            (Stage::Root, "busy (51)", "busy", "again"),
            (Stage::Schema, "insufficientAccessRights (50)", "insufficientAccessRights", "Grant"),
            (Stage::Schema, "no entry", "unexpectedAnswer", "schema entry"),
            (Stage::Partitions, "none of 2 partitions can be read: x", "noPartitionReadable", "Grant"),
        ] {
            let (name, sentence) = explain(&Failure::new(stage, "dir:389", reason));
            assert_eq!(name, code, "{reason}");
            assert!(sentence.contains(remedy), "{reason}: {sentence}");
        }
    }
}
