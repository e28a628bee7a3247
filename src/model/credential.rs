//! What a client presents: its address, a name and a password.

use std::fmt;
use std::net::IpAddr;

use zeroize::Zeroizing;

/// A user name as typed: UPN, login, `DOMAIN\login` or `DOMAIN/login`. Personal: the audit log may show it, nothing
/// else does, so it has no `Display`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Username(String);

impl Username {
    /// The name as the client typed it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name, for a directory or the audit log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in the one spelling by which names are counted and compared: lower case, no space around it.
    pub fn folded(&self) -> String {
        self.0.trim().to_lowercase()
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Username(…)")
    }
}

/// A password: wiped from memory when dropped, without `Debug`, `Display`, `Serialize` or comparison.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes the password out of a message.
    pub fn new(password: impl Into<String>) -> Self {
        Self(Zeroizing::new(password.into()))
    }

    /// The password in the clear, for the bind or the keyed digest and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was typed. An empty password is never sent to a directory: LDAP would take it for an anonymous
    /// bind and succeed (RFC 4513, 5.1.2).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where a request came from, after trusted forwarders have been heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl fmt::Display for ClientAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
