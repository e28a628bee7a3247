//! Who the client is: the peer, or whom trusted proxies say they speak for.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

use crate::model::{ClientAddress, written_address as address};

/// The peer's address, unless the peer is a trusted proxy: then the last address in `X-Forwarded-For` (or, without
/// that, `Forwarded`, RFC 7239) that is not one. Whatever stands before an entry that is no address is not believed.
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> ClientAddress {
    if !is_trusted(peer, trusted) {
        return ClientAddress(peer);
    }
    let mut client = peer;
    for entry in forwarded_for(headers).into_iter().rev() {
        let Some(address) = entry else { break };
        client = address;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    ClientAddress(client)
}

/// Whether `address` is one of the proxies whose headers are believed.
pub fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// The addresses in order; `None` for an entry that is none (`unknown`, obfuscated, garbage).
fn forwarded_for(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let entries = |name| {
        let values = headers.get_all(name).into_iter();
        values.flat_map(|value| value.to_str().unwrap_or("?").split(',').map(str::trim))
    };
    if headers.contains_key("x-forwarded-for") {
        return entries("x-forwarded-for").filter(|entry| !entry.is_empty()).map(address).collect();
    }
    let parameter = |entry: &str| {
        let pairs = entry.split(';').filter_map(|pair| pair.trim().split_once('='));
        let value = pairs.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value).next();
        value.and_then(|value| address(value.trim_matches('"')))
    };
    entries("forwarded").map(parameter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believes_trusted_proxies_from_right_to_left() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "2001:db8::/32".parse().unwrap()];
        for (peer, header, value, expected) in [
            ("198.51.100.7", "x-forwarded-for", "203.0.113.1", "198.51.100.7"),
            ("198.51.100.7", "forwarded", "for=203.0.113.1", "198.51.100.7"),
            ("10.0.0.1", "x-other", "203.0.113.1", "10.0.0.1"),
            ("10.0.0.1", "x-forwarded-for", "203.0.113.1", "203.0.113.1"),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.9, 203.0.113.1", "203.0.113.1"),
            ("10.0.0.1", "x-forwarded-for", "198.51.100.9, 203.0.113.1, 10.0.0.2", "203.0.113.1"),
            ("10.0.0.1", "x-forwarded-for", "10.0.0.3,10.0.0.2", "10.0.0.3"),
            ("10.0.0.1", "x-forwarded-for", "203.0.113.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.1", "x-forwarded-for", "unknown", "10.0.0.1"),
            ("10.0.0.1", "x-forwarded-for", "203.0.113.1:4711", "203.0.113.1"),
            ("10.0.0.1", "x-forwarded-for", "[2001:db9::1]:4711", "2001:db9::1"),
            ("10.0.0.1", "x-forwarded-for", "::ffff:203.0.113.1", "203.0.113.1"),
            ("10.0.0.1", "x-forwarded-for", "", "10.0.0.1"),
            ("10.0.0.1", "forwarded", "for=198.51.100.9, for=\"[2001:db9::1]:80\";proto=https", "2001:db9::1"),
            ("10.0.0.1", "forwarded", "proto=https;For=203.0.113.1, for=10.1.1.1", "203.0.113.1"),
            ("2001:db8::1", "forwarded", "for=_hidden", "2001:db8::1"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header, value.parse().unwrap());
            let client = client_address(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(client.to_string(), expected, "{peer} {header}: {value}");
        }
    }

    #[test]
    fn joins_repeated_headers() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "203.0.113.1".parse().unwrap());
        headers.append("x-forwarded-for", "10.0.0.2".parse().unwrap());
        let client = client_address([10, 0, 0, 1].into(), &headers, &["10.0.0.0/8".parse().unwrap()]);
        assert_eq!(client.to_string(), "203.0.113.1");
    }
}
