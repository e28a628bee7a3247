//! Which token is asked for.

/// Which SAML a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenType {
    /// SAML 1.1.
    Saml11,
    /// SAML 2.0.
    Saml20,
}

impl TokenType {
    /// Every spelling of a SAML TokenType in use: the namespaces of the assertions (Microsoft), the WSS SAML Token
    /// Profile's 1.1 (WSO2, CXF) and 1.0, and WCF's own (`SecurityTokenTypes.Saml`).
    pub fn of(uri: &str) -> Option<Self> {
        match uri {
            "urn:oasis:names:tc:SAML:1.0:assertion"
            | "urn:oasis:names:tc:SAML:1.1:assertion"
            | "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1"
            | "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertion-1.1"
            | "http://docs.oasis-open.org/wss/2004/01/oasis-2004-01-saml-token-profile-1.0#SAMLAssertion-1.1"
            | "http://schemas.microsoft.com/ws/2006/05/identitymodel/tokens/Saml" => Some(Self::Saml11),
            "urn:oasis:names:tc:SAML:2.0:assertion"
            | "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0"
            | "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID" => Some(Self::Saml20),
            _ => None,
        }
    }

    /// The label of metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Saml11 => "saml11",
            Self::Saml20 => "saml20",
        }
    }
}
