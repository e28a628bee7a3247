//! The protocols that tokens are issued by.

/// What a sign-in speaks. Labels as in `tokens_issued_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// WS-Trust 1.3 and 1.4.
    WsTrust13,
    /// WS-Trust of February 2005.
    WsTrust2005,
    /// SAML 2.0 Enhanced Client or Proxy.
    Ecp,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Self; 3] = [Self::WsTrust13, Self::WsTrust2005, Self::Ecp];

    /// The word in the configuration, and the label in audit records and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::WsTrust13 => "wstrust13",
            Self::WsTrust2005 => "wstrust2005",
            Self::Ecp => "ecp",
        }
    }
}
