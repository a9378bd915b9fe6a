//! Networks as operators write them: `10.0.0.0/8`, `fd00::/8`, a single address.

// The addresses alone: core knows no sockets.
use core::net::IpAddr;

/// Addresses that share their first bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads an address with or without `/bits`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Network { address, bits })
    }

    /// Whether the address lies in it. An IPv4 address in the form of an IPv6 one is taken as what it is.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (address, network, width) = match (address.to_canonical(), self.address) {
            (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
            (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
            _ => return false,
        };
        // Shifting by the full width of 128 bits is what `checked_shr` refuses: then nothing is compared.
        (address ^ network).checked_shr(width - u32::from(self.bits)).unwrap_or(0) == 0
    }
}
