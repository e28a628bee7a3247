//! The two versions of WS-Trust that clients speak.

use crate::xml::Ns;

/// A version, known by the namespace of the RequestSecurityToken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustVersion {
    /// 1.3 (200512).
    V13,
    /// February 2005.
    V200502,
}

static WST_13: Ns = Ns { prefix: "trust", uri: "http://docs.oasis-open.org/ws-sx/ws-trust/200512" };
static WST_200502: Ns = Ns { prefix: "t", uri: "http://schemas.xmlsoap.org/ws/2005/02/trust" };

impl TrustVersion {
    /// Both.
    pub const ALL: [Self; 2] = [Self::V13, Self::V200502];

    /// The version of a namespace.
    pub fn of(namespace: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.ns().uri == namespace)
    }

    /// Its namespace, with the prefix that AD FS writes.
    pub fn ns(self) -> &'static Ns {
        match self {
            Self::V13 => &WST_13,
            Self::V200502 => &WST_200502,
        }
    }

    /// The RequestType of Issue.
    pub const fn issue(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Issue",
            Self::V200502 => "http://schemas.xmlsoap.org/ws/2005/02/trust/Issue",
        }
    }

    /// The Action of a request to issue.
    pub const fn issue_action(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue",
            Self::V200502 => "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue",
        }
    }

    /// The Action of the answer to it.
    pub const fn issued_action(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RSTRC/IssueFinal",
            Self::V200502 => "http://schemas.xmlsoap.org/ws/2005/02/trust/RSTR/Issue",
        }
    }

    /// The KeyType of a bearer token. 2005/02 has none of its own; this is CardSpace's, which AD FS answers with.
    pub const fn bearer(self) -> &'static str {
        match self {
            Self::V13 => "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer",
            Self::V200502 => "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
        }
    }

    /// The label of metrics and audit records.
    pub const fn label(self) -> &'static str {
        match self {
            Self::V13 => "wstrust13",
            Self::V200502 => "wstrust2005",
        }
    }
}
