//! Where a sign-in comes from.

use std::net::IpAddr;

/// Where a sign-in comes from, as far as somebody who is believed says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The client's own addresses: one, or as many as who speaks for it names. None where it is behind somebody whom many
    /// clients share, such as Exchange Online, who does not tell whom they speak for.
    pub clients: Vec<IpAddr>,
    /// What kind of client it is (`X-MS-Client-Application`, such as `Microsoft.Exchange.ActiveSync`); absent where nobody
    /// who is believed says so.
    pub application: Option<String>,
}
