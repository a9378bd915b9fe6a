//! Reasons of failed handshakes, from a closed list, with the certificate of the chain that caused the failure. Text of
//! certificates is shown as [`Certificate`] has it, without control characters and of limited length.

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;

use time::OffsetDateTime;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::security::certificate::Certificate;
use crate::security::certificate::strength::Strength;

pub const CLIENT_CERTIFICATE: &str = "client certificate required";
/// The connection ended without a reason after a request for a client certificate, as servers with GnuTLS do.
pub const CLIENT_CERTIFICATE_ASKED: &str = "client certificate asked for, then connection lost";
pub const NOT_COVERED: &str = "host name not covered by the certificate";

const FAILED: &str = "handshake failed";
const NO_VERSION: &str = "no common TLS version";
const NO_SUITE: &str = "no common cipher suite";
/// Names of a certificate that are listed.
const MAX_NAMES: usize = 5;

/// Facts about a failed handshake.
pub(super) struct Diagnosis<'a> {
    /// The directory's own certificate first.
    pub chain: &'a [CertificateDer<'static>],
    /// Trusted certificates, without the system's.
    pub known: &'a HashSet<CertificateDer<'static>>,
    /// Whether a client certificate was requested.
    pub asked: bool,
    pub host: &'a str,
    pub now: OffsetDateTime,
}

/// Whether the directory ended a connection because it requires a client certificate. With TLS 1.3 the alert arrives after
/// our side of the handshake, when none of these has another cause.
pub fn wants_client_certificate(error: &io::Error) -> bool {
    use AlertDescription as Alert;
    matches!(
        library_error(error),
        Some(Error::AlertReceived(
            Alert::CertificateRequired
                | Alert::NoCertificate
                | Alert::BadCertificate
                | Alert::CertificateUnknown
                | Alert::AccessDenied
                | Alert::HandshakeFailure
        ))
    )
}

fn library_error(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref::<Error>()
}

impl Diagnosis<'_> {
    pub fn reason(&self, error: &io::Error) -> String {
        use AlertDescription as Alert;
        let reason = match library_error(error) {
            Some(Error::InvalidCertificate(error)) => return self.certificate_error(error),
            Some(Error::AlertReceived(_)) if self.asked && wants_client_certificate(error) => CLIENT_CERTIFICATE,
            Some(Error::AlertReceived(Alert::ProtocolVersion)) => NO_VERSION,
            Some(Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            )) => NO_VERSION,
            Some(Error::AlertReceived(Alert::HandshakeFailure | Alert::InsufficientSecurity))
            | Some(Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon)) => NO_SUITE,
            None if self.asked => CLIENT_CERTIFICATE_ASKED,
            _ => FAILED,
        };
        reason.to_owned()
    }

    fn certificate_error(&self, error: &CertificateError) -> String {
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                self.invalid_now("certificate has expired", "on", |c| (c.valid_to < self.now).then_some(c.valid_to))
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                let later = |c: &Certificate| (c.valid_from > self.now).then_some(c.valid_from);
                self.invalid_now("certificate not yet valid", "before", later)
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => self.not_covered(),
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                let reason = "certificate not issued for servers";
                let first = self.first(|s| s.is_not_for_servers);
                first.map_or_else(|| reason.to_owned(), |c| format!("{reason}: {}", c.subject))
            }
            // A bad signature: the signer only has the name of a trusted issuer, or its key is not accepted.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                self.short_key().unwrap_or_else(|| self.not_trusted())
            }
            // A CA certificate presented as a server's own: the usual self-signed one. The library has no code for it,
            // only this name.
            CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => self.not_trusted(),
            _ => {
                let old = self.first(|s| s.is_version_1);
                let old = old.map(|c| format!("certificate of X.509 version 1: {}", c.subject));
                old.or_else(|| self.short_key()).or_else(|| self.old_digest()).unwrap_or_else(|| FAILED.to_owned())
            }
        }
    }

    /// Names the first certificate of the chain that is not valid now, and the end or start of its validity.
    fn invalid_now(
        &self,
        reason: &str,
        preposition: &str,
        limit: impl Fn(&Certificate) -> Option<OffsetDateTime>,
    ) -> String {
        let found = self.read().enumerate().find_map(|(place, c)| Some((place, limit(&c)?, c)));
        let Some((place, at, certificate)) = found else { return reason.to_owned() };
        let which = if place == 0 { "" } else { "intermediate " };
        format!("{which}{reason}: {}, {preposition} {}", certificate.subject, at.date())
    }

    fn not_covered(&self) -> String {
        let Some(own) = self.read().next() else { return NOT_COVERED.to_owned() };
        let subject = own.subject;
        if own.names.is_empty() {
            return format!("{NOT_COVERED}, which has no subjectAltName: {subject}");
        }
        if self.host.parse::<IpAddr>().is_ok() && own.names.iter().any(|name| name == self.host) {
            return format!("{NOT_COVERED}, which has the address as a DNS name: {subject}");
        }
        let more = if own.names.len() > MAX_NAMES { ", ..." } else { "" };
        let names: Vec<String> = own.names.into_iter().take(MAX_NAMES).collect();
        format!("{NOT_COVERED}: {subject} is for {}{more}", names.join(", "))
    }

    fn not_trusted(&self) -> String {
        let reason = "issuer not trusted";
        // Presented certificates only: a trusted one of the issuer's name did not sign it.
        let Some(top) = self.path(self.chain.iter().skip(1)).pop().and_then(|der| Certificate::read(der)) else {
            return reason.to_owned();
        };
        let issuer = if top.issuer == top.subject { "itself" } else { &top.issuer };
        format!("{reason}: {} was issued by {issuer}", top.subject)
    }

    fn short_key(&self) -> Option<String> {
        self.weakest(|s| s.short_key.map(|bits| format!("has an RSA key of {bits} bits")))
    }

    fn old_digest(&self) -> Option<String> {
        self.weakest(|s| s.old_digest.map(|digest| format!("is signed with {digest}")))
    }

    /// Names the first certificate of the path with this weakness.
    fn weakest(&self, weakness: impl Fn(Strength) -> Option<String>) -> Option<String> {
        self.path(self.chain.iter().skip(1).chain(self.known)).into_iter().find_map(|der| {
            let weakness = weakness(Strength::read(der))?;
            Some(format!("certificate too weak: {} {weakness}", Certificate::read(der)?.subject))
        })
    }

    /// Certification path by names: the directory's own certificate, its issuer and so on.
    fn path<'c>(
        &'c self,
        issuers: impl Iterator<Item = &'c CertificateDer<'static>>,
    ) -> Vec<&'c CertificateDer<'static>> {
        let issuers: Vec<_> = issuers.collect();
        let mut path: Vec<&CertificateDer<'static>> = self.chain.first().into_iter().collect();
        while let Some(issuer) = path.last().and_then(|last| Certificate::read(last)).map(|last| last.issuer) {
            let signed = |der: &&&CertificateDer<'static>| {
                !path.contains(*der) && Certificate::read(der).is_some_and(|c| c.subject == issuer)
            };
            let Some(next) = issuers.iter().find(signed).copied() else { break };
            path.push(next);
        }
        path
    }

    fn read(&self) -> impl Iterator<Item = Certificate> {
        self.chain.iter().filter_map(|der| Certificate::read(der))
    }

    fn first(&self, has: impl Fn(Strength) -> bool) -> Option<Certificate> {
        self.chain.iter().find(|der| has(Strength::read(der))).and_then(|der| Certificate::read(der))
    }
}
