//! Why a handshake failed, in reasons of a closed list, and which certificate of the chain is at fault.
//!
//! The TLS library decides; here its verdict is put into words. The text of a certificate is shown as
//! [`Certificate`] has it, without control characters and of limited length.

use std::collections::HashSet;
use std::io;
use std::net::IpAddr;

use time::OffsetDateTime;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use crate::security::certificate::Certificate;
use crate::security::certificate::strength::Strength;

/// The directory ended the connection because it wants a certificate of ours.
pub const CLIENT_CERTIFICATE: &str = "client certificate required";
/// It asked for one and hung up without a reason, as servers with GnuTLS do when they insist.
pub const CLIENT_CERTIFICATE_ASKED: &str = "client certificate asked for, then connection lost";
pub const NOT_COVERED: &str = "host name not covered by the certificate";

const FAILED: &str = "handshake failed";
const NO_VERSION: &str = "no common TLS version";
const NO_SUITE: &str = "no common cipher suite";
/// Names of a certificate that are listed.
const MAX_NAMES: usize = 5;

/// What is known of a handshake that failed.
pub(super) struct Diagnosis<'a> {
    /// The directory's own certificate first.
    pub chain: &'a [CertificateDer<'static>],
    /// Certificates that are trusted, without the system's.
    pub known: &'a HashSet<CertificateDer<'static>>,
    /// Whether a certificate of ours was asked for.
    pub asked: bool,
    /// Host of the settings.
    pub host: &'a str,
    pub now: OffsetDateTime,
}

/// Whether the directory ended a connection because it wants a certificate of ours. With TLS 1.3 it says so when the
/// handshake is over for us, and then none of these alerts has another cause.
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
        let fault = match library_error(error) {
            Some(Error::InvalidCertificate(fault)) => return self.of_certificate(fault),
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
        fault.to_owned()
    }

    fn of_certificate(&self, fault: &CertificateError) -> String {
        match fault {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                self.of_period("certificate has expired", "on", |c| (c.valid_to < self.now).then_some(c.valid_to))
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                let later = |c: &Certificate| (c.valid_from > self.now).then_some(c.valid_from);
                self.of_period("certificate not yet valid", "before", later)
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => self.of_name(),
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                let fault = "certificate not issued for servers";
                self.first(|s| s.is_not_for_servers).map_or_else(|| fault.to_owned(), |c| named(fault, &c.subject))
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
                let old = old.map(|c| named("certificate of X.509 version 1", &c.subject));
                old.or_else(|| self.short_key()).or_else(|| self.old_digest()).unwrap_or_else(|| FAILED.to_owned())
            }
        }
    }

    /// The first certificate of the chain whose period is at fault, and the moment.
    fn of_period(
        &self,
        fault: &str,
        preposition: &str,
        moment: impl Fn(&Certificate) -> Option<OffsetDateTime>,
    ) -> String {
        let found = self.read().enumerate().find_map(|(place, c)| Some((place, moment(&c)?, c)));
        let Some((place, at, certificate)) = found else { return fault.to_owned() };
        let whose = if place == 0 { "" } else { "intermediate " };
        format!("{whose}{fault}: {}, {preposition} {}", certificate.subject, at.date())
    }

    fn of_name(&self) -> String {
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
        let fault = "issuer not trusted";
        // Of what was presented only: a trusted certificate of the issuer's name did not sign it, or does not count.
        let Some(top) = self.way(self.chain.iter().skip(1)).pop().and_then(|der| Certificate::read(der)) else {
            return fault.to_owned();
        };
        let issuer = if top.issuer == top.subject { "itself" } else { &top.issuer };
        format!("{fault}: {} was issued by {issuer}", top.subject)
    }

    /// A key on the way from the directory's certificate upwards with which nothing is verified.
    fn short_key(&self) -> Option<String> {
        self.known_way().into_iter().find_map(|der| {
            let bits = Strength::read(der).short_key?;
            Some(format!("certificate too weak: {} has an RSA key of {bits} bits", Certificate::read(der)?.subject))
        })
    }

    fn old_digest(&self) -> Option<String> {
        self.known_way().into_iter().find_map(|der| {
            let digest = Strength::read(der).old_digest?;
            Some(format!("certificate too weak: {} is signed with {digest}", Certificate::read(der)?.subject))
        })
    }

    fn known_way(&self) -> Vec<&CertificateDer<'static>> {
        self.way(self.chain.iter().skip(1).chain(self.known))
    }

    /// The directory's own certificate, its issuer and so on, going by the names.
    fn way<'c>(
        &'c self,
        issuers: impl Iterator<Item = &'c CertificateDer<'static>>,
    ) -> Vec<&'c CertificateDer<'static>> {
        let issuers: Vec<_> = issuers.collect();
        let mut way: Vec<&CertificateDer<'static>> = self.chain.first().into_iter().collect();
        while let Some(issuer) = way.last().and_then(|last| Certificate::read(last)).map(|last| last.issuer) {
            let signed = |der: &&&CertificateDer<'static>| {
                !way.contains(*der) && Certificate::read(der).is_some_and(|c| c.subject == issuer)
            };
            let Some(next) = issuers.iter().find(signed).copied() else { break };
            way.push(next);
        }
        way
    }

    fn read(&self) -> impl Iterator<Item = Certificate> {
        self.chain.iter().filter_map(|der| Certificate::read(der))
    }

    fn first(&self, has: impl Fn(Strength) -> bool) -> Option<Certificate> {
        self.chain.iter().find(|der| has(Strength::read(der))).and_then(|der| Certificate::read(der))
    }
}

fn named(fault: &str, subject: &str) -> String {
    format!("{fault}: {subject}")
}
