//! Where a sign-in comes from: the peer, or whom a forwarder such as Exchange Online says that it speaks for.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::HeaderName;
use ipnet::IpNet;

use super::message::NativeRequest;
use crate::model::{ClientAddress, Origin, written_address};

/// In which Exchange Online says for whom it asks: addresses with commas between, the client's and those of proxies before it
/// (AD FS: `x-ms-forwarded-client-ip`).
pub(super) static CLIENT_IP: HeaderName = HeaderName::from_static("x-ms-forwarded-client-ip");
/// In which it says what that client is (AD FS: `x-ms-client-application`).
static APPLICATION: HeaderName = HeaderName::from_static("x-ms-client-application");

/// Addresses of one client at most: of more, nobody knows which is its own.
const MOST_ADDRESSES: usize = 16;
/// Characters of an application's name at most; Exchange Online's have 40.
const LONGEST_APPLICATION: usize = 100;

/// Where a request comes from. `forwarders` alone are believed in what they say of others; the address of one of `proxies` is
/// that of whoever it has not said that it speaks for.
pub(super) fn origin_of(request: &NativeRequest, forwarders: &[IpNet], proxies: &[IpNet]) -> Origin {
    if is_one_of(request.client, forwarders) {
        Origin { clients: clients(&request.headers), application: application(&request.headers) }
    } else if is_one_of(request.client, proxies) {
        Origin::default()
    } else {
        Origin { clients: vec![request.client.0], application: None }
    }
}

/// Whether an address is in one of these networks.
pub(super) fn is_one_of(client: ClientAddress, networks: &[IpNet]) -> bool {
    networks.iter().any(|network| network.contains(&client.0.to_canonical()))
}

/// The addresses that are told, each once, and what is none left out.
fn clients(headers: &HeaderMap) -> Vec<IpAddr> {
    let mut clients = Vec::new();
    let values = headers.get_all(&CLIENT_IP).iter().filter_map(|value| value.to_str().ok());
    for address in values.flat_map(|value| value.split(',')).filter_map(|part| written_address(part.trim())) {
        if clients.contains(&address) {
            continue;
        }
        if clients.len() == MOST_ADDRESSES {
            return Vec::new();
        }
        clients.push(address);
    }
    clients
}

/// The application that is told, once and in visible characters.
fn application(headers: &HeaderMap) -> Option<String> {
    let mut values = headers.get_all(&APPLICATION).iter();
    let (only, None) = (values.next()?.to_str().ok()?.trim(), values.next()) else { return None };
    let visible = |c: char| c.is_ascii_graphic() || c == ' ';
    (!only.is_empty() && only.len() <= LONGEST_APPLICATION && only.chars().all(visible)).then(|| only.to_owned())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderValue, Method};

    use super::*;
    use crate::model::Endpoint;

    const CLIENT: &str = "198.51.100.7/32";
    const ANOTHER: &str = "198.51.100.8/32";

    fn told(forwarder: &str, proxy: &str, said: &[(&HeaderName, &[u8])]) -> (String, Option<String>) {
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let request = NativeRequest {
            endpoint: Endpoint::Sts,
            method: Method::POST,
            path: String::new(),
            query: String::new(),
            headers,
            body: Bytes::new(),
            client: ClientAddress([198, 51, 100, 7].into()),
            certificate: None,
            correlation_id: String::new(),
            trace_id: None,
        };
        let Origin { clients, application } =
            origin_of(&request, &[forwarder.parse().unwrap()], &[proxy.parse().unwrap()]);
        let clients: Vec<String> = clients.iter().map(ToString::to_string).collect();
        (clients.join(" "), application)
    }

    #[test]
    fn a_forwarder_names_its_clients_addresses() {
        for (values, clients) in [
            (&[][..], ""),
            (&[&b""[..]], ""),
            (&[b"203.0.113.1"], "203.0.113.1"),
            (&[b" 203.0.113.1 ,\t10.1.2.3"], "203.0.113.1 10.1.2.3"),
            (&[b"203.0.113.1", b"10.1.2.3"], "203.0.113.1 10.1.2.3"),
            (
                &[b"203.0.113.1:4711,[2001:db8::1]:80,[2001:db8::2],2001:DB8::3"],
                "203.0.113.1 2001:db8::1 2001:db8::2 2001:db8::3",
            ),
            (&[b"::ffff:203.0.113.1, 203.0.113.1"], "203.0.113.1"),
            (&[b"unknown, 203.0.113.1, 300.1.1.1, 10.0.0.0/8, _x, ,"], "203.0.113.1"),
            (&[b"garbage"], ""),
            (&[b"\xff203.0.113.1"], ""),
            (&[b"203.0.113.1;10.1.2.3"], ""),
        ] {
            let said: Vec<_> = values.iter().map(|value| (&CLIENT_IP, *value)).collect();
            assert_eq!(told(CLIENT, ANOTHER, &said).0, clients, "{values:?}");
        }
    }

    #[test]
    fn too_many_addresses_are_none() {
        let list = |count: usize| (0..count).map(|last| format!("10.0.0.{last}")).collect::<Vec<_>>().join(",");
        for (count, told_of) in [(MOST_ADDRESSES, MOST_ADDRESSES), (MOST_ADDRESSES + 1, 0)] {
            let clients = told(CLIENT, ANOTHER, &[(&CLIENT_IP, list(count).as_bytes())]).0;
            assert_eq!(clients.split_whitespace().count(), told_of, "{count}");
        }
    }

    #[test]
    fn a_forwarder_names_an_application_in_visible_characters() {
        let long = "x".repeat(LONGEST_APPLICATION + 1);
        for (values, application) in [
            (&[&b"Microsoft.Exchange.ActiveSync"[..]][..], Some("Microsoft.Exchange.ActiveSync")),
            (&[b"  Microsoft.Exchange.Imap\t"], Some("Microsoft.Exchange.Imap")),
            (&[b"Two Words"], Some("Two Words")),
            (&[b"a", b"b"], None),
            (&[b"a", b"\xff"], None),
            (&[b""], None),
            (&[b" "], None),
            (&[b"a\tb"], None),
            (&["\u{202e}x".as_bytes()], None),
            (&[long.as_bytes()], None),
            (&[&long.as_bytes()[1..]], Some(&long[1..])),
        ] {
            let said: Vec<_> = values.iter().map(|value| (&APPLICATION, *value)).collect();
            assert_eq!(told(CLIENT, ANOTHER, &said).1.as_deref(), application, "{values:?}");
        }
    }

    #[test]
    fn what_a_stranger_says_is_not_believed() {
        let said: [(&HeaderName, &[u8]); 2] = [(&CLIENT_IP, b"10.1.2.3"), (&APPLICATION, b"Microsoft.Exchange.Imap")];
        assert_eq!(told(ANOTHER, ANOTHER, &said), ("198.51.100.7".to_owned(), None));
        // A proxy that says for whom it speaks is not who asks.
        assert_eq!(told(ANOTHER, CLIENT, &said), (String::new(), None));
        assert_eq!(told(CLIENT, CLIENT, &said).0, "10.1.2.3");
    }
}
