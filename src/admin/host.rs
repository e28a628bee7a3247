//! By what names a loopback listener answers.

use std::net::IpAddr;

use http::header::{HOST, HeaderMap, HeaderValue};
use http::uri::Authority;

/// Told to who asks by another.
pub(super) const STRANGER: &str =
    "on a loopback address the admin listener answers to localhost and to addresses alone: ask for one of these\n";

/// Whether somebody asked for an address or for localhost. By any other name it may be a page of another site that asks, in a
/// browser on this machine, for which that name was turned to a loopback address.
pub(super) fn is_of_this_machine(headers: &HeaderMap) -> bool {
    headers.get_all(HOST).iter().all(is_ours)
}

fn is_ours(host: &HeaderValue) -> bool {
    let Ok(authority) = Authority::try_from(host.as_bytes()) else { return false };
    let name = authority.host();
    let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use http::{Method, Uri};

    use super::super::routes::tests::status;
    use super::super::routes::{Door, answer};
    use super::*;

    #[test]
    fn a_page_of_another_site_could_read_the_status_by_a_name_that_it_turned_to_loopback() {
        let status = status();
        for (host, code) in [
            (Some("localhost"), 200),
            (Some("LocalHost:9464"), 200),
            (Some("127.0.0.1:9464"), 200),
            (Some("10.0.0.5"), 200),
            (Some("[::1]:9464"), 200),
            (Some("[::1]"), 200),
            (None, 200),
            (Some("rebound.example"), 421),
            (Some("rebound.example:9464"), 421),
            (Some("localhost.rebound.example"), 421),
            (Some("127.0.0.1.rebound.example"), 421),
            (Some("[::1"), 421),
            (Some(""), 421),
        ] {
            let headers: HeaderMap = host.map(|host| (HOST, HeaderValue::from_static(host))).into_iter().collect();
            for (door, code) in [(Door::Loopback, code), (Door::Network, 200), (Door::Socket, 200)] {
                for path in ["/", "/status.json", "/metrics"] {
                    let uri = Uri::from_static(path);
                    let answer = answer(door, &Method::GET, &uri, &headers, b"", &status).now_or_never().unwrap();
                    assert_eq!(answer.status().as_u16(), code, "{host:?} {path}");
                }
            }
        }
    }
}
