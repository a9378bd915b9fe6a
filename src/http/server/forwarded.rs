//! Whom a proxy speaks for. Its word counts only if the operator trusts it, and only as far back as every proxy on the
//! way is trusted: what stands further left in the header was written by a stranger.

use std::net::{IpAddr, SocketAddr};

use warp::http::HeaderMap;

/// Each proxy appends the address that it was called from.
const HEADER: &str = "x-forwarded-for";

/// The address of the caller, who came through `peer`.
pub(super) fn caller(headers: &HeaderMap, peer: IpAddr, trusted: impl Fn(IpAddr) -> bool) -> IpAddr {
    let mut known = peer;
    // Several lines are one list.
    for line in headers.get_all(HEADER).iter().rev() {
        for told in line.as_bytes().rsplit(|b| *b == b',') {
            if !trusted(known) {
                return known;
            }
            match address(told) {
                Some(before) => known = before,
                None => return known,
            }
        }
    }
    known
}

/// An address as proxies write it: alone, in brackets, or with a port.
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
    fn only_the_word_of_a_trusted_proxy_counts() {
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
            let found = caller(&headers, peer.parse().expect("an address"), trusted);
            assert_eq!(found.to_string(), expected, "{peer} {lines:?}");
        }
    }
}
