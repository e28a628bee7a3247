//! A request to issue a token.

use super::{RequestedClaims, applies_to, single_text, unsupported};
use crate::model::{Refusal, RefusalKind, quoted};
use crate::wstrust::{TokenType, TrustVersion};
use crate::xml::Element;

/// What Issue asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueRequest {
    /// The address in `wsp:AppliesTo`: for whom the token is.
    pub applies_to: String,
    /// Which token; SAML 1.1 where the request does not say, as none of Microsoft's does.
    pub token_type: TokenType,
    /// What it asks for of the claims that the relying party may have; absent: all.
    pub claims: Option<RequestedClaims>,
}

impl IssueRequest {
    /// Reads a RequestSecurityToken whose RequestType is Issue.
    pub(super) fn read(body: &Element, version: TrustVersion) -> Result<Self, Refusal> {
        let uri = version.ns().uri;
        for asks_for_another in ["OnBehalfOf", "ActAs", "UseKey", "DelegateTo"] {
            if body.elements().any(|element| element.name.local == asks_for_another) {
                return Err(unsupported(asks_for_another.to_owned()));
            }
        }
        if let Some(key_type) = single_text(body, uri, "KeyType")?.filter(|key_type| !is_bearer(key_type)) {
            return Err(unsupported(format!("KeyType {}", quoted(&key_type))));
        }
        let token_type = match single_text(body, uri, "TokenType")? {
            None => TokenType::Saml11,
            Some(asked) => TokenType::of(&asked).ok_or_else(|| unsupported(format!("TokenType {}", quoted(&asked))))?,
        };
        let applies_to = applies_to(body)?.ok_or_else(|| Refusal::new(RefusalKind::Scope, "no AppliesTo"))?;
        let claims = RequestedClaims::read(body, version)?;
        Ok(Self { applies_to, token_type, claims })
    }
}

/// 2005/02 has no bearer of its own, so clients use either version's, or CardSpace's.
fn is_bearer(key_type: &str) -> bool {
    TrustVersion::ALL.iter().any(|version| version.bearer() == key_type)
        || key_type == "http://schemas.xmlsoap.org/ws/2005/02/trust/Bearer"
        || key_type == "http://docs.oasis-open.org/ws-sx/wstrust/200512/Bearer"
}
