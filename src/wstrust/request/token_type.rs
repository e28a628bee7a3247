//! Which token is asked for.

use serde::{Deserialize, Serialize};

/// Which SAML a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenType {
    /// SAML 1.1.
    Saml11,
    /// SAML 2.0.
    Saml20,
}

impl TokenType {
    /// The type that a URI means.
    pub fn of(uri: &str) -> Option<Self> {
        SPELLINGS.iter().find(|(spelling, _)| *spelling == uri).map(|(_, token_type)| *token_type)
    }

    /// The spelling itself, if it is one.
    pub(super) fn spelling(uri: &str) -> Option<&'static str> {
        SPELLINGS.iter().find(|(spelling, _)| *spelling == uri).map(|(spelling, _)| *spelling)
    }

    /// The label of metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Saml11 => "saml11",
            Self::Saml20 => "saml20",
        }
    }
}

/// Every spelling of a SAML TokenType in use: the namespaces of the assertions (Microsoft), the WSS SAML Token Profile's 1.1
/// (WSO2, CXF) and 1.0, and WCF's own (`SecurityTokenTypes.Saml`).
const SPELLINGS: [(&str, TokenType); 9] = [
    ("urn:oasis:names:tc:SAML:1.0:assertion", TokenType::Saml11),
    ("urn:oasis:names:tc:SAML:1.1:assertion", TokenType::Saml11),
    ("http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1", TokenType::Saml11),
    ("http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertion-1.1", TokenType::Saml11),
    (
        "http://docs.oasis-open.org/wss/2004/01/oasis-2004-01-saml-token-profile-1.0#SAMLAssertion-1.1",
        TokenType::Saml11,
    ),
    ("http://schemas.microsoft.com/ws/2006/05/identitymodel/tokens/Saml", TokenType::Saml11),
    ("urn:oasis:names:tc:SAML:2.0:assertion", TokenType::Saml20),
    ("http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0", TokenType::Saml20),
    ("http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID", TokenType::Saml20),
];
