//! To which addresses a connection may go. Directories live in private networks, so those are allowed; ranges that
//! are never a directory, and through which a cloud machine's own credentials can be read, are not.
//!
//! Pure: names are resolved elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether this address may be connected to. IPv4 addresses inside IPv6 ones (mapped, compatible, 6to4, NAT64) are
/// judged as what they lead to.
pub fn allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => allowed_v4(v4),
        IpAddr::V6(v6) => allowed_v6(v6) && embedded(v6).into_iter().flatten().all(allowed_v4),
    }
}

fn allowed_v4(address: Ipv4Addr) -> bool {
    let this_network = address.octets().first() == Some(&0);
    !(address.is_link_local() || address.is_multicast() || address.is_broadcast() || this_network)
}

fn allowed_v6(address: Ipv6Addr) -> bool {
    // The address at which one cloud provider hands out the credentials of the machine.
    let metadata = Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254);
    !(address.is_unicast_link_local() || address.is_multicast() || address.is_unspecified() || address == metadata)
}

/// The IPv4 addresses that an IPv6 address may lead to.
fn embedded(address: Ipv6Addr) -> [Option<Ipv4Addr>; 2] {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] => [v4(g, h), None],
        // ::1 is the loopback address, not 0.0.0.1.
        [0, 0, 0, 0, 0, 0] if g != 0 => [v4(g, h), None],
        [0x2002, ..] => [v4(b, c), None],
        [0x0064, 0xff9b, 0, 0, 0, 0] => [v4(g, h), None],
        // RFC 8215: the place of the IPv4 address depends on a prefix length that is not known (RFC 6052, 2.2).
        [0x0064, 0xff9b, 1, ..] => [v4(g, h), v4(d, ((e & 0xff) << 8) | (f >> 8))],
        _ => [None, None],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
