//! Remarks on a working but unsafe or unsuitable connection, for tests and imports.

use std::fmt;
use std::net::IpAddr;

use super::connect::{Target, Transport};

/// Ports of the global catalogue (MS-ADTS 3.1.1.3).
const GLOBAL_CATALOGUE: [u16; 2] = [3268, 3269];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    pub code: String,
    /// Lower case, no full stop.
    pub message: String,
    pub remedy: &'static str,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {}", self.message, self.remedy.trim_end_matches('.'))
    }
}

pub(super) fn in_clear(target: &Target, peer: Option<IpAddr>) -> Option<Remark> {
    let loopback = peer.is_some_and(|ip| ip.to_canonical().is_loopback());
    (target.security == Transport::Plain && !loopback).then(|| Remark {
        code: "passwordInClear".to_owned(),
        message: format!("the password is sent without TLS to {}, which is not loopback", target.label()),
        remedy: "Turn on Use Secure Connection (LDAPS)? or Use StartTLS?.",
    })
}

pub(super) fn unverified(target: &Target) -> Option<Remark> {
    (target.security != Transport::Plain && !target.verify).then(|| Remark {
        code: "validationOff".to_owned(),
        message: format!("certificate validation is off: {} may be an impostor", target.label()),
        remedy: "Set Certificate Validation to Full Validation.",
    })
}

pub(super) fn global_catalogue(target: &Target, is_ad_family: bool) -> Option<Remark> {
    (is_ad_family && GLOBAL_CATALOGUE.contains(&target.port)).then(|| Remark {
        code: "globalCatalogue".to_owned(),
        message: format!(
            "port {} is the global catalogue, a read-only copy with some of the attributes only",
            target.port
        ),
        remedy: "Use port 636, or 389 with StartTLS.",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(port: u16, security: Transport, verify: bool) -> Target {
        Target { host: "dc1".to_owned(), port, security, verify }
    }

    #[test]
    fn a_password_in_clear_is_remarked_on_unless_it_stays_on_the_machine() {
        for (peer, security, remarked) in [
            ("10.0.0.1", Transport::Plain, true),
            ("fd00::1", Transport::Plain, true),
            ("127.8.0.1", Transport::Plain, false),
            ("::1", Transport::Plain, false),
            ("::ffff:127.0.0.1", Transport::Plain, false),
            ("10.0.0.1", Transport::StartTls, false),
            ("10.0.0.1", Transport::Ldaps, false),
        ] {
            let remark = in_clear(&target(389, security, true), peer.parse().ok());
            assert_eq!(remark.is_some(), remarked, "{peer} {security:?}");
        }
        // An address that is not known may be any.
        assert!(in_clear(&target(389, Transport::Plain, true), None).is_some());
    }

    #[test]
    fn the_global_catalogue_is_known_by_its_ports() {
        for (port, ad, remarked) in [(3268, true, true), (3269, true, true), (389, true, false), (3268, false, false)] {
            assert_eq!(global_catalogue(&target(port, Transport::Ldaps, true), ad).is_some(), remarked, "{port} {ad}");
        }
    }

    #[test]
    fn a_certificate_that_is_not_looked_at_is_remarked_on() {
        for (security, verify, remarked) in [
            (Transport::Ldaps, false, true),
            (Transport::StartTls, false, true),
            (Transport::Ldaps, true, false),
            (Transport::Plain, false, false),
        ] {
            assert_eq!(unverified(&target(636, security, verify)).is_some(), remarked, "{security:?} {verify}");
        }
    }
}
