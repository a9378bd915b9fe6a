//! Codes and remedies of failures.

use super::connect::{NOT_ALLOWED, NOT_ALLOWED_CODE};
use super::failure::{BARE_NAME, Failure, FailureKind, MUST_CHANGE, Stage};
use super::remark::Remark;
use crate::connectors::invalid_settings;
use crate::error::Error;
use crate::security::tls::{CLIENT_CERTIFICATE, CLIENT_CERTIFICATE_ASKED};

const WITHOUT_CLIENT_CERTIFICATE: &str = "Let the directory accept connections without a client certificate (OpenLDAP: \
                                           TLSVerifyClient allow); there is none to show here.";

/// Prefixes of reasons, with code and remedy; the first match counts.
const REASONS: [(&str, &str, &str); 31] = [
    ("name not found", "nameNotFound", "Check the spelling of Host and that this machine's name server knows it."),
    (
        NOT_ALLOWED,
        NOT_ALLOWED_CODE,
        "Use the address of a directory server; which addresses are allowed is set by [ldap] allow in jim.toml.",
    ),
    (
        "connection refused",
        "connectionRefused",
        "Check Host and Port, that the directory is running, and that no firewall refuses the connection.",
    ),
    (
        "no answer",
        "noAnswer",
        "Check Host and Port, that the machine of the directory is up, and that no firewall drops the connection; else \
         raise Connection Timeout.",
    ),
    ("no route", "noRoute", "Check Host, and the network and routes of this machine."),
    ("not reachable", "notReachable", "Check Host and Port, and the network of this machine."),
    (
        "timed out",
        "timedOut",
        "Check Host, Port and firewalls, and whether LDAPS was chosen for a plain port or the reverse; else raise \
         Connection Timeout or Search Timeout.",
    ),
    ("certificate has expired", "certificateExpired", "Renew the certificate of the directory."),
    (
        "intermediate certificate has expired",
        "intermediateExpired",
        "Have the directory send the present certificate of this authority; its own need not be renewed.",
    ),
    (
        "certificate not yet valid",
        "certificateNotYetValid",
        "Check the clocks of this machine and of the directory, or wait until the certificate begins to count.",
    ),
    (
        "intermediate certificate not yet valid",
        "intermediateNotYetValid",
        "Check the clock of this machine, or have the directory send the present certificate of this authority.",
    ),
    (
        "certificate of X.509 version 1",
        "certificateVersion1",
        "Have it issued anew as version 3, with the host name as subjectAltName.",
    ),
    (
        "certificate too weak",
        "certificateTooWeak",
        "Have it issued anew with RSA of 2048 bits or more, or ECDSA, and with SHA-256 or better.",
    ),
    (
        "certificate not issued for servers",
        "certificateNotForServers",
        "Have it issued anew for server authentication (extendedKeyUsage serverAuth).",
    ),
    (
        "issuer not trusted",
        "issuerNotTrusted",
        "Upload the certificate of the authority that issued it, or the directory's own if it signed that itself \
         (POST /api/v1/certificates/upload); or put it, in PEM form, into the folder that [ldap] trust_dir names, \
         and start jim again.",
    ),
    (
        "host name not covered by the certificate, which has no subjectAltName",
        "hostNameNotCovered",
        "Have it issued anew with Host as subjectAltName; the common name (CN) does not count.",
    ),
    (
        "host name not covered by the certificate, which has the address as a DNS name",
        "hostNameNotCovered",
        "Have it issued anew with the address as an IP address in subjectAltName, or write Host as a name.",
    ),
    (
        "host name not covered",
        "hostNameNotCovered",
        "Write Host as one of the names in the certificate, or have a certificate issued that covers this one as \
         subjectAltName.",
    ),
    (CLIENT_CERTIFICATE, "clientCertificateRequired", WITHOUT_CLIENT_CERTIFICATE),
    (CLIENT_CERTIFICATE_ASKED, "clientCertificateRequired", WITHOUT_CLIENT_CERTIFICATE),
    (
        "no common TLS version",
        "noCommonTlsVersion",
        "Let the directory offer TLS 1.2 or 1.3; older versions are not used.",
    ),
    (
        "no common cipher suite",
        "noCommonCipherSuite",
        "Let the directory offer ECDHE with AES-GCM or ChaCha20-Poly1305, and check that it has a certificate.",
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
    ("username is empty", "credentialsMissing", "Enter Username and Password."),
    ("password is empty", "credentialsMissing", "Enter Username and Password."),
];

/// Prefix of the failure to read any of several partitions.
const NONE_READABLE: &str = "none of";

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let text = explain(&failure).to_string();
        match failure.kind {
            FailureKind::Settings => invalid_settings(text),
            FailureKind::Directory => Error::External(format!("Connection to the external store failed: {text}")),
        }
    }
}

/// Code, message and remedy of a failure.
pub(super) fn explain(failure: &Failure) -> Remark {
    let reason = failure.reason.as_str();
    let (code, remedy) = if let Some((_, code, remedy)) = REASONS.iter().find(|(start, ..)| reason.starts_with(start)) {
        (*code, *remedy)
    } else {
        let (code, remedy) = match result(reason) {
            Some((name, number)) => (name, of_result(failure, number)),
            None => ("unexpectedAnswer", of_stage(failure.stage)),
        };
        (if reason.starts_with(NONE_READABLE) { "noPartitionReadable" } else { code }, remedy)
    };
    Remark { code: code.to_owned(), message: failure.to_string(), remedy }
}

/// Name and number of the first LDAP result in a reason: `dc=x: root entry not readable: noSuchObject (32): ...`.
fn result(reason: &str) -> Option<(&str, u32)> {
    let known = |(at, _): (usize, &str)| {
        let (before, rest) = (reason.get(..at)?, reason.get(at + 2..)?);
        let number = rest.split_once(')')?.0.parse().ok()?;
        let name = before.rsplit(": ").next()?;
        let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
        plain.then_some((name, number))
    };
    reason.match_indices(" (").find_map(known)
}

fn of_result(failure: &Failure, number: u32) -> &'static str {
    let reason = failure.reason.as_str();
    match (failure.stage, number) {
        _ if reason.contains(MUST_CHANGE) => {
            "Change the account's password in the directory and enter it here, or exempt the account from the password \
             policy."
        }
        (Stage::Bind, 49 | 34) if reason.ends_with(BARE_NAME) => {
            "Write Username as name@domain, DOMAIN\\name or its full DN, and check Password."
        }
        (Stage::Bind, 49) if reason.contains("unknown user") => {
            "Check Username: its full DN, or name@domain, or DOMAIN\\name."
        }
        (Stage::Bind, 49) if reason.contains("password expired") || reason.contains("must change password") => {
            "Give the account a new password in the directory and enter it here, or exempt it from the policy."
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
        (_, 3 | 4 | 11) => "Raise the size, time and look-through limits of the account.",
        (_, 50) => "Grant the account read.",
        (stage, _) => of_stage(stage),
    }
}

fn of_stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Schema => "Grant the account read on the schema entry.",
        Stage::Partitions => "Grant the account read on the partitions.",
        Stage::Containers => "Grant the account read on the partitions' own entries.",
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
            (Stage::Connect, "connection refused", "connectionRefused", "running"),
            (Stage::Connect, "no answer within 10 s", "noAnswer", "drops"),
            (Stage::Connect, "no route", "noRoute", "routes"),
            (Stage::Bind, "timed out after 10 s", "timedOut", "firewalls"),
            (Stage::Tls, "intermediate certificate has expired: CN=M, on 2020-01-01", "intermediateExpired", "present"),
            (Stage::Tls, "certificate has expired: CN=x, on 2020-01-01", "certificateExpired", "Renew"),
            (Stage::Tls, "host name not covered by the certificate: CN=x", "hostNameNotCovered", "Write Host"),
            (Stage::Bind, "client certificate required", "clientCertificateRequired", "client certificate"),
            (Stage::Bind, "invalidCredentials (49); Username is a bare name", "invalidCredentials", "name@domain"),
            (Stage::Bind, "invalidCredentials (49): must change password", "invalidCredentials", "exempt"),
            (
                Stage::Containers,
                "dc=x (y): not readable: insufficientAccessRights (50): \"no (0)\"; the account must change its password",
                "insufficientAccessRights",
                "exempt",
            ),
            (Stage::Containers, "dc=x: not readable: noSuchObject (32)", "noSuchObject", "own entries"),
            (Stage::Containers, "adminLimitExceeded (11) after 0 entries", "adminLimitExceeded", "Raise"),
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
            let Remark { code: name, remedy: sentence, .. } = explain(&Failure::new(stage, "dir:389", reason));
            assert_eq!(name, code, "{reason}");
            assert!(sentence.contains(remedy), "{reason}: {sentence}");
        }
    }
}
