//! Where a sign-in comes from.

use std::net::{IpAddr, SocketAddr};

/// Where a sign-in comes from, as far as somebody who is believed says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's own addresses: one, or as many as who speaks for it names. None where it is behind somebody whom many
    /// clients share, such as Exchange Online or a trusted proxy, who does not tell whom they speak for.
    pub clients: Vec<IpAddr>,
    /// What kind of client it is (`X-MS-Client-Application`, such as `Microsoft.Exchange.ActiveSync`); absent where nobody
    /// who is believed says so.
    pub application: Option<String>,
}

/// An address as proxies write it: with or without a port; IPv6 with or without brackets.
pub fn written_address(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    plain.or_else(bracketed).or_else(with_port).map(|address| address.to_canonical())
}
