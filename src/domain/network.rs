//! Networks as operators write them: `10.0.0.0/8`, `fd00::/8`, a single address.

// From `core`, which has no sockets.
use core::net::IpAddr;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Parses an address with or without `/bits`.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let max = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(max);
        (bits <= max).then_some(Network { address, bits })
    }

    /// Treats an IPv4-mapped IPv6 address as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (address, network, width) = match (address.to_canonical(), self.address) {
            (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
            _ => return false,
        };
        // `checked_shr` refuses to shift by all 128 bits: a network of 0 bits holds every address.
        (address ^ network).checked_shr(width - u32::from(self.bits)).unwrap_or(0) == 0
    }
}
