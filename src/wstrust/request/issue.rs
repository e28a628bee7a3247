//! A request to issue a token.

use super::{KeyRequest, applies_to, single_text, unsupported};
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
    /// What it shall be bound to.
    pub key: KeyRequest,
}

impl IssueRequest {
    /// Reads a RequestSecurityToken whose RequestType is Issue. `header` is its message's.
    pub(super) fn read(body: &Element, version: TrustVersion, header: Option<&Element>) -> Result<Self, Refusal> {
        let uri = version.ns().uri;
        for asks_for_another in ["OnBehalfOf", "ActAs", "DelegateTo"] {
            if body.elements().any(|element| element.name.local == asks_for_another) {
                return Err(unsupported(asks_for_another.to_owned()));
            }
        }
        let key = KeyRequest::read(body, version, header)?;
        let token_type = match single_text(body, uri, "TokenType")? {
            None => TokenType::Saml11,
            Some(asked) => TokenType::of(&asked).ok_or_else(|| unsupported(format!("TokenType {}", quoted(&asked))))?,
        };
        let applies_to = applies_to(body)?.ok_or_else(|| Refusal::new(RefusalKind::Scope, "no AppliesTo"))?;
        Ok(Self { applies_to, token_type, key })
    }
}
