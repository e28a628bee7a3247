//! From where, with what and by which protocol users may sign in to a relying party.

use ipnet::IpNet;

use super::Protocol;

/// One rule of a relying party. It fits where all of its conditions do; without any, everybody. The first that fits decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessRule {
    /// Whether whom it fits may have tokens.
    pub allows: bool,
    /// Where the client is: each address that is told of it, for a rule that allows, or one of them, for a rule that denies. A
    /// client of which none is told is nowhere. Empty: anywhere.
    pub networks: Vec<IpNet>,
    /// Whether the request comes through one of `guard.forwarders`; `None`: either way.
    pub forwarded: Option<bool>,
    /// What it speaks, one of these; empty: anything.
    pub protocols: Vec<Protocol>,
    /// The client application, one of these, whatever its letter case; with a `*` at the end, what begins like it. A client of
    /// which none is told has none. Empty: any.
    pub applications: Vec<String>,
    /// The groups, by common name or DN, of which the user is in one; empty: anybody.
    pub groups: Vec<String>,
}

impl AccessRule {
    /// Whether it has no condition.
    pub fn is_for_everybody(&self) -> bool {
        *self == Self { allows: self.allows, ..Self::default() }
    }
}
