//! Client address from `X-Forwarded-For`. Only entries added by trusted proxies count: read from the right, the first
//! untrusted address is the client, and anything left of it may be forged.

use std::net::{IpAddr, SocketAddr};

use warp::http::HeaderMap;

/// Each proxy appends the address of its peer.
const HEADER: &str = "x-forwarded-for";

pub(super) fn client_address(headers: &HeaderMap, peer: IpAddr, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut client = peer;
    // Several lines are one list (RFC 9110 5.3).
    for entry in headers.get_all(HEADER).iter().rev().flat_map(|line| line.as_bytes().rsplit(|b| *b == b',')) {
        match address(entry) {
            Some(previous) if trusted(client) => client = previous,
            _ => return client,
        }
    }
    client
}

/// Parses an address, plain, in brackets or with a port.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse().ok().map(|s: SocketAddr| s.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use warp::http::HeaderValue;

    #[test]
    fn only_entries_of_trusted_proxies_count() {
        for (peer, lines, expected) in [
            ("192.0.2.1", &["203.0.113.5"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.5"], "203.0.113.5"),
            ("10.0.0.1", &["198.51.100.9, 203.0.113.5"], "203.0.113.5"),
            ("10.0.0.1", &["198.51.100.9", "203.0.113.5 ,10.0.0.2"], "203.0.113.5"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["203.0.113.5, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.5, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.5:4711"], "203.0.113.5"),
            ("10.0.0.1", &["[2001:db8::5]:4711"], "2001:db8::5"),
            ("10.0.0.1", &["[2001:db8::5]"], "2001:db8::5"),
            ("10.0.0.1", &["::ffff:203.0.113.5"], "203.0.113.5"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(HEADER, HeaderValue::from_str(line).expect("a header"));
            }
            let trusted = |address: IpAddr| address.to_string().starts_with("10.0.0.");
            let found = client_address(&headers, peer.parse().expect("an address"), trusted);
            assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
        }
    }
}
