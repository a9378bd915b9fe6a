//! Address policy of outgoing connections. Private networks are allowed, since directories are there; ranges that never
//! hold a directory are denied, some of which expose the credentials of a cloud machine. The operator may narrow it.
//!
//! Pure: names are resolved elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::domain::network::Network;

/// The operator's list (`[ldap] allow`). Without a list every address outside the denied ranges is allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    place: Place,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Network(Network),
    Name(String),
    /// Suffix of names, with its leading dot.
    Below(String),
}

impl Policy {
    /// Parses networks (`10.0.0.0/8`), addresses, names and names with one leading `*.`, each with or without a port
    /// (`*.corp.example:636`, `[fd00::/8]:636`). The error is the first invalid text.
    pub fn parse<'t>(texts: impl IntoIterator<Item = &'t str>) -> Result<Policy, String> {
        texts.into_iter().map(|t| rule(t).ok_or_else(|| t.to_owned())).collect::<Result<_, _>>().map(Policy)
    }

    /// Whether a host is refused already before its name is resolved.
    pub fn refuses(&self, host: &str, port: u16) -> bool {
        match host.parse() {
            Ok(address) => !self.permits(host, SocketAddr::new(address, port)),
            Err(_) => {
                let any_network = |r: &Rule| matches!(r.place, Place::Network(..)) && r.covers_port(port);
                !self.0.is_empty() && !self.0.iter().any(any_network) && !self.names(host, port)
            }
        }
    }

    /// Whether a resolved address of the host may be connected to.
    pub fn permits(&self, host: &str, address: SocketAddr) -> bool {
        let (ip, port) = (address.ip(), address.port());
        let listed = |r: &Rule| match &r.place {
            Place::Network(network) => r.covers_port(port) && network.contains(ip),
            _ => false,
        };
        allowed(ip) && (self.0.is_empty() || self.0.iter().any(listed) || self.names(host, port))
    }

    fn names(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        self.0.iter().filter(|r| r.covers_port(port)).any(|r| match &r.place {
            Place::Network(..) => false,
            Place::Name(name) => host == *name,
            Place::Below(end) => host.len() > end.len() && host.ends_with(end.as_str()),
        })
    }
}

impl Rule {
    fn covers_port(&self, port: u16) -> bool {
        self.port.is_none_or(|p| p == port)
    }
}

fn rule(text: &str) -> Option<Rule> {
    let text = text.trim();
    if let Some((inside, behind)) = text.strip_prefix('[').and_then(|t| t.split_once(']')) {
        let port = if behind.is_empty() { None } else { Some(port(behind.strip_prefix(':')?)?) };
        return network(inside).map(|place| Rule { place, port });
    }
    if let Some(place) = network(text) {
        return Some(Rule { place, port: None });
    }
    let (place, port) = match text.split_once(':') {
        Some((place, digits)) => (place, Some(port(digits)?)),
        None => (text, None),
    };
    network(place).or_else(|| name(place)).map(|place| Rule { place, port })
}

fn port(digits: &str) -> Option<u16> {
    digits.parse().ok().filter(|p| *p > 0 && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn network(text: &str) -> Option<Place> {
    Network::parse(text).map(Place::Network)
}

fn name(text: &str) -> Option<Place> {
    let good = |name: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
    };
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("*.") {
        Some(rest) => good(rest).then(|| Place::Below(format!(".{rest}"))),
        None => good(&lower).then_some(Place::Name(lower)),
    }
}

/// Whether an address is outside the denied ranges, also one embedded in IPv6 (mapped, compatible, 6to4, NAT64).
pub fn allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => allowed_v4(v4),
        IpAddr::V6(v6) => allowed_v6(v6) && embedded(v6).is_none_or(allowed_v4),
    }
}

fn allowed_v4(address: Ipv4Addr) -> bool {
    let this_network = address.octets().first() == Some(&0);
    !(address.is_link_local() || address.is_multicast() || address.is_broadcast() || this_network)
}

fn allowed_v6(address: Ipv6Addr) -> bool {
    // Metadata service of a cloud provider, which returns credentials of the machine.
    let metadata = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
    // RFC 8215: the position of the IPv4 address depends on an unknown prefix length (RFC 6052, 2.2).
    let translated = matches!(address.segments(), [0x0064, 0xff9b, 1, ..]);
    !(address.is_unicast_link_local() || address.is_multicast() || address.is_unspecified())
        && address != metadata
        && !translated
}

/// IPv4 address embedded in an IPv6 address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] => v4(g, h),
        // ::1 is the loopback address, not 0.0.0.1.
        [0, 0, 0, 0, 0, 0] if g != 0 => v4(g, h),
        [0x2002, ..] => v4(b, c),
        [0x0064, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(rules: &[&str], host: &str, address: &str) -> bool {
        let policy = Policy::parse(rules.iter().copied()).expect("rules");
        let address: SocketAddr = address.parse().expect("an address");
        let permitted = policy.permits(host, address);
        assert!(!(permitted && policy.refuses(host, address.port())), "{rules:?} {host}");
        permitted
    }

    #[test]
    fn a_list_narrows_but_never_widens() {
        let list = ["10.0.0.0/8", "*.Corp.example:636", "[fd00::/8]:636", "dc1.lab.test", "192.168.1.7:389"];
        for (host, address, expected) in [
            ("x", "10.1.2.3:389", true),
            ("x", "[::ffff:10.1.2.3]:389", true),
            ("x", "11.1.2.3:389", false),
            ("a.b.corp.EXAMPLE.", "192.0.2.1:636", true),
            ("a.corp.example", "192.0.2.1:389", false),
            ("corp.example", "192.0.2.1:636", false),
            ("evilcorp.example", "192.0.2.1:636", false),
            ("x", "[fd12::1]:636", true),
            ("x", "[fd12::1]:389", false),
            ("DC1.lab.test", "127.0.0.1:389", true),
            ("192.168.1.7", "192.168.1.7:389", true),
            ("192.168.1.7", "192.168.1.7:390", false),
            ("localhost", "127.0.0.1:389", false),
            // A denied range stays denied, regardless of the list.
            ("dc1.lab.test", "169.254.169.254:389", false),
        ] {
            assert_eq!(permits(&list, host, address), expected, "{host} {address}");
        }
        assert!(permits(&[], "anything", "127.0.0.1:389"));
        assert!(permits(&["0.0.0.0/0"], "x", "8.8.8.8:389") && permits(&["::/0"], "x", "[2001:db8::1]:389"));
        assert!(!permits(&["169.254.0.0/16"], "x", "169.254.0.1:389"));
    }

    #[test]
    fn a_host_that_cannot_be_listed_is_refused_before_it_is_resolved() {
        let names = Policy::parse(["*.corp.example", "dc1"]).expect("rules");
        assert!(names.refuses("elsewhere.example", 389) && !names.refuses("dc1", 389));
        assert!(names.refuses("10.0.0.1", 389));
        let networks = Policy::parse(["10.0.0.0/8:636"]).expect("rules");
        assert!(!networks.refuses("any.name", 636) && networks.refuses("any.name", 389));
        assert!(Policy::default().refuses("169.254.169.254", 389) && !Policy::default().refuses("any.name", 389));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_named() {
        for bad in [
            "",
            "10.0.0.0/33",
            "fd00::/129",
            "*",
            "*.",
            "a b",
            "x:0",
            "x:99999",
            "[10.0.0.1",
            "*.*.x",
            "x/8",
            "ldap://x",
        ] {
            assert_eq!(Policy::parse(["ok", bad]), Err(bad.to_owned()), "{bad}");
        }
    }

    #[test]
    fn only_the_denied_ranges_are_denied() {
        for text in [
            "127.0.0.1",
            "10.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "100.64.0.1",
            "8.8.8.8",
            "169.253.255.255",
            "::1",
            "fd00:ec2::253",
            "fc00::1",
            "2001:db8::1",
            "::ffff:10.0.0.1",
            "2002:0a00:0001::",
            "64:ff9b::10.0.0.1",
            "fec0::1",
        ] {
            assert!(allowed(text.parse().expect(text)), "{text}");
        }
        for text in [
            "169.254.0.0",
            "169.254.169.254",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "::ffff:0.0.0.0",
        ] {
            assert!(!allowed(text.parse().expect(text)), "{text}");
        }
    }
}
