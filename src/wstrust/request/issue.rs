//! A request to issue a token.

use super::{KeyRequest, Renewing, RequestedClaims, RequestedLifetime, applies_to, token_type, unsupported};
use crate::model::{Refusal, RefusalKind};
use crate::wstrust::{TokenType, TrustVersion};
use crate::xml::Element;

/// What Issue asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueRequest {
    /// The address in `wsp:AppliesTo`: for whom the token is.
    pub applies_to: String,
    /// Which token; SAML 1.1 where the request does not say, as none of Microsoft's does.
    pub token_type: TokenType,
    /// What it shall be bound to.
    pub key: KeyRequest,
    /// How long.
    pub lifetime: RequestedLifetime,
    /// Whether it is to be renewed later.
    pub renewing: Renewing,
    /// What it asks for of the claims that the relying party may have; absent: all.
    pub claims: Option<RequestedClaims>,
}

impl IssueRequest {
    /// Reads a RequestSecurityToken whose RequestType is Issue. `header` is its message's.
    pub(super) fn read(body: &Element, version: TrustVersion, header: Option<&Element>) -> Result<Self, Refusal> {
        for asks_for_another in ["OnBehalfOf", "ActAs", "DelegateTo"] {
            if body.elements().any(|element| element.name.local == asks_for_another) {
                return Err(unsupported(asks_for_another.to_owned()));
            }
        }
        let key = KeyRequest::read(body, version, header)?;
        let token_type = token_type(body, version)?.unwrap_or(TokenType::Saml11);
        let applies_to = applies_to(body)?.ok_or_else(|| Refusal::new(RefusalKind::Scope, "no AppliesTo"))?;
        let claims = RequestedClaims::read(body, version)?;
        let lifetime = RequestedLifetime::read(body, version)?;
        Ok(Self { applies_to, token_type, key, claims, lifetime, renewing: Renewing::read(body, version)? })
    }
}
