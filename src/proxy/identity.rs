//! Whether a server is the one that its address says. Pingora compares names only; an address stands in a certificate on
//! its own (RFC 5280 4.2.1.6).

use std::net::IpAddr;
use std::sync::Arc;

use openssl::ssl::SslRef;
use pingora::protocols::Digest;
use pingora::upstreams::peer::HttpPeer;

/// What was found when the connection was made.
struct NamesAddress(bool);

/// From now on a certificate must be for `address`, see [`is_stranger`]. It is still for Pingora to verify who signed it.
pub(super) fn expect_address(peer: &mut HttpPeer, address: IpAddr) {
    peer.options.verify_hostname = false;
    peer.options.upstream_tls_handshake_complete_hook =
        Some(Arc::new(move |tls| Some(Arc::new(NamesAddress(names(tls, address))))));
}

/// Whether the connection leads to somebody else than the address that `peer` expects.
pub(super) fn is_stranger(peer: &HttpPeer, digest: Option<&Digest>) -> bool {
    let found = || digest?.ssl_digest.as_ref()?.extension.get::<NamesAddress>();
    peer.options.upstream_tls_handshake_complete_hook.is_some() && !found().is_some_and(|found| found.0)
}

fn names(tls: &SslRef, address: IpAddr) -> bool {
    let bytes = match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let certificate = tls.peer_certificate();
    let alternatives = certificate.and_then(|certificate| certificate.subject_alt_names());
    alternatives.iter().flatten().any(|name| name.ipaddress() == Some(&bytes))
}
