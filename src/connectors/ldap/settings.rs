//! Validated settings of a directory: the forms of Host, the choice of port and transport, and contradictions.

use super::connect::{Target, Transport};
use crate::connectors::definitions::{self, ldap_setting as id};
use crate::domain::setting::{SettingErrors, Values};

#[derive(Debug, Clone)]
pub struct LdapSettings {
    pub target: Target,
    pub username: String,
    /// To connect, secure and bind.
    pub connect_seconds: u64,
    /// For the whole import.
    pub total_seconds: u64,
    /// After transient failures.
    pub retries: u32,
    /// Before the first retry; doubles.
    pub retry_delay_ms: u64,
    pub skip_hidden: bool,
    pub auxiliary: bool,
    /// Member of groups that must not be empty; may be empty itself.
    pub placeholder: String,
}

impl LdapSettings {
    /// Validates all settings but the password.
    pub fn read(values: &Values) -> Result<LdapSettings, SettingErrors> {
        let mut errors = SettingErrors::default();
        let definition = definitions::by_id(definitions::LDAP).map(|d| d.settings).unwrap_or_default();
        for setting in definition.iter().filter(|s| s.required && s.id != id::PASSWORD) {
            if !values.0.contains_key(&setting.id) {
                errors.add(setting.id, format!("{} is required", setting.name));
            }
        }
        if values.text(id::AUTHENTICATION_TYPE) != "Simple" {
            errors.add(id::AUTHENTICATION_TYPE, "Authentication Type NTLM is not part of this build; use Simple");
        }
        let target = target(values, &mut errors);
        let Some(target) = target.filter(|_| errors.is_empty()) else { return Err(errors) };
        let number = |id, default: i64| u64::try_from(values.integer(id).unwrap_or(default)).unwrap_or_default();
        Ok(LdapSettings {
            target,
            username: values.text(id::USERNAME).to_owned(),
            connect_seconds: number(id::CONNECTION_TIMEOUT, 10),
            total_seconds: number(id::SEARCH_TIMEOUT, 300),
            retries: u32::try_from(number(id::MAXIMUM_RETRIES, 3)).unwrap_or(3),
            retry_delay_ms: number(id::RETRY_DELAY, 1000),
            skip_hidden: values.flag(id::SKIP_HIDDEN_PARTITIONS),
            auxiliary: values.flag(id::INCLUDE_AUXILIARY_CLASSES),
            placeholder: values.text(id::GROUP_PLACEHOLDER).to_owned(),
        })
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Host<'a> {
    secure_scheme: Option<bool>,
    name: &'a str,
    port: Option<u16>,
}

/// Error of Host that cannot be used.
const HOST_FORMS: &str =
    "Host must be a name, name:port, [v6 address]:port, an address, or an ldap:// or ldaps:// URL without path";

/// Target of the settings. Adds an error for each setting that is invalid or contradicts another.
fn target(values: &Values, errors: &mut SettingErrors) -> Option<Target> {
    let text = values.text(id::HOST);
    let host = host(text);
    if host.is_none() {
        errors.add(id::HOST, HOST_FORMS);
    }
    let secure_scheme = host.as_ref().and_then(|host| host.secure_scheme);
    let ldaps = values.flag(id::LDAPS);
    let start_tls = values.flag(id::START_TLS);
    let chosen_port = values.integer(id::PORT).and_then(|p| u16::try_from(p).ok()).filter(|p| *p != 389);
    if let (Some(inner), Some(chosen)) = (host.as_ref().and_then(|host| host.port), chosen_port)
        && inner != chosen
    {
        errors.add(id::PORT, format!("Host names port {inner}, but Port is {chosen}"));
    }
    if secure_scheme == Some(false) && ldaps {
        errors.add(id::LDAPS, format!("Host is {text}, but Use Secure Connection (LDAPS)? is on"));
    }
    if start_tls && ldaps {
        errors.add(id::START_TLS, "Use StartTLS? and Use Secure Connection (LDAPS)? are both on");
    } else if start_tls && secure_scheme == Some(true) {
        errors.add(id::START_TLS, format!("Use StartTLS? is on, but Host is {text}"));
    }
    let host = host?;
    let security = match (ldaps || host.secure_scheme == Some(true), start_tls) {
        (true, _) => Transport::Ldaps,
        (false, true) => Transport::StartTls,
        (false, false) => Transport::Plain,
    };
    let default = if security == Transport::Ldaps { 636 } else { 389 };
    Some(Target {
        host: host.name.to_owned(),
        port: host.port.or(chosen_port).unwrap_or(default),
        security,
        verify: !values.text(id::CERTIFICATE_VALIDATION).starts_with("Skip"),
    })
}

fn host(text: &str) -> Option<Host<'_>> {
    let (secure_scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ldap") => (Some(false), rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("ldaps") => (Some(true), rest),
        Some(_) => return None,
        None => (None, text),
    };
    let rest = rest.strip_suffix('/').filter(|_| secure_scheme.is_some()).unwrap_or(rest);
    let (name, port) = if let Some(bracketed) = rest.strip_prefix('[') {
        let (address, after) = bracketed.split_once(']')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        (address, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
    } else if rest.parse::<std::net::Ipv6Addr>().is_ok() {
        (rest, None)
    } else {
        let (name, port) = rest.split_once(':').map_or((rest, None), |(n, p)| (n, Some(p)));
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.len() > 253 || !name.chars().all(plain) {
            return None;
        }
        // A numeric last label makes it an address (WHATWG URL, "ends in a number"); other spellings that some
        // resolvers accept must not bypass the address policy.
        let last = name.strip_suffix('.').unwrap_or(name).rsplit('.').next().unwrap_or_default();
        if is_number(last) && name.parse::<std::net::Ipv4Addr>().is_err() {
            return None;
        }
        (name, port)
    };
    let port = match port {
        None => None,
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.parse().ok().filter(|p| *p > 0)?),
        Some(_) => return None,
    };
    Some(Host { secure_scheme, name, port })
}

/// Decimal, octal or hexadecimal, as in C.
fn is_number(label: &str) -> bool {
    let lower = label.to_ascii_lowercase();
    match lower.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !lower.is_empty() && lower.bytes().all(|b| b.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::setting::Value;

    fn values(host: &str, extra: &[(i64, Value)]) -> Values {
        let definition = definitions::by_id(definitions::LDAP).expect("ldap");
        let mut values = Values(definition.settings.iter().filter_map(|s| Some((s.id, s.preset_value()?))).collect());
        values.0.insert(id::HOST, Value::Text(host.to_owned()));
        values.0.insert(id::USERNAME, Value::Text("cn=x".to_owned()));
        values.0.extend(extra.iter().cloned());
        values
    }

    fn reached(host: &str, extra: &[(i64, Value)]) -> Result<(String, Transport), String> {
        let read = LdapSettings::read(&values(host, extra));
        read.map(|s| (s.target.label(), s.target.security)).map_err(|errors| errors.to_string())
    }

    #[test]
    fn the_target_follows_host_port_and_switches() {
        let on = |setting| (setting, Value::Flag(true));
        let port = |n| (id::PORT, Value::Integer(n));
        for (host, extra, label, transport) in [
            ("dir.example.com", vec![], "dir.example.com:389", Transport::Plain),
            ("dir.example.com:3890", vec![], "dir.example.com:3890", Transport::Plain),
            ("ldap://directory.example.com:389", vec![port(389)], "directory.example.com:389", Transport::Plain),
            ("LDAPS://dir.example.com/", vec![], "dir.example.com:636", Transport::Ldaps),
            ("ldaps://dir.example.com:389", vec![], "dir.example.com:389", Transport::Ldaps),
            ("dir", vec![on(id::LDAPS)], "dir:636", Transport::Ldaps),
            ("dir", vec![on(id::START_TLS)], "dir:389", Transport::StartTls),
            ("dir", vec![port(1389)], "dir:1389", Transport::Plain),
            ("dir:1389", vec![port(1389)], "dir:1389", Transport::Plain),
            ("::1", vec![], "[::1]:389", Transport::Plain),
            ("[::1]:3389", vec![], "[::1]:3389", Transport::Plain),
            ("ldap://[fe80::1]", vec![], "[fe80::1]:389", Transport::Plain),
        ] {
            assert_eq!(reached(host, &extra), Ok((label.to_owned(), transport)), "{host}");
        }
    }

    #[test]
    fn odd_hosts_and_contradictions_are_refused() {
        for bad in [
            "",
            "http://x",
            "ldap://u@x",
            "x/y",
            "ldap://x/dc=y",
            "a b",
            "x:0",
            "x:99999",
            "x:y",
            "x?y",
            "x#",
            "[::1",
            "ü.example",
            "169.254.169.254.",
            "2852039166",
            "2852039166.",
            "0xa9fea9fe",
            "127.1",
            "0177.0.0.1",
            "dir.0x7f",
        ] {
            assert!(reached(bad, &[]).is_err(), "{bad}");
        }
        let on = |setting| (setting, Value::Flag(true));
        for (host, extra, named) in [
            ("x:1389", vec![(id::PORT, Value::Integer(1390))], "1390"),
            ("ldap://x", vec![on(id::LDAPS)], "LDAPS"),
            ("ldaps://x", vec![on(id::START_TLS)], "StartTLS"),
            ("x", vec![on(id::START_TLS), on(id::LDAPS)], "both on"),
            ("x", vec![(id::AUTHENTICATION_TYPE, Value::Text("NTLM".to_owned()))], "NTLM"),
        ] {
            assert!(reached(host, &extra).is_err_and(|e| e.contains(named)), "{host}");
        }
        let mut missing = values("x", &[]);
        missing.0.remove(&id::USERNAME);
        assert!(LdapSettings::read(&missing).is_err_and(|e| e.to_string() == "Username is required"));
    }
}
