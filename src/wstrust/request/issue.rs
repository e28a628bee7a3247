//! A request to issue a token.

use super::{Delegation, Renewing, RequestedLifetime, applies_to, single_text, token_type, unsupported};
use crate::model::{Refusal, RefusalKind, quoted};
use crate::wstrust::{TokenType, TrustVersion};
use crate::xml::Element;

/// What Issue asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueRequest<'e> {
    /// The address in `wsp:AppliesTo`: for whom the token is.
    pub applies_to: String,
    /// Which token; SAML 1.1 where the request does not say, as none of Microsoft's does.
    pub token_type: TokenType,
    /// How long.
    pub lifetime: RequestedLifetime,
    /// Whether it is to be renewed later.
    pub renewing: Renewing,
    /// The other user whose token it is to be; `None`: the asker's own.
    pub delegation: Option<Delegation<'e>>,
}

impl<'e> IssueRequest<'e> {
    /// Reads a RequestSecurityToken whose RequestType is Issue.
    pub(super) fn read(body: &'e Element, version: TrustVersion) -> Result<Self, Refusal> {
        let uri = version.ns().uri;
        if body.elements().any(|element| element.name.local == "UseKey") {
            return Err(unsupported("UseKey".to_owned()));
        }
        if let Some(key_type) = single_text(body, uri, "KeyType")?.filter(|key_type| !is_bearer(key_type)) {
            return Err(unsupported(format!("KeyType {}", quoted(&key_type))));
        }
        let token_type = token_type(body, version)?.unwrap_or(TokenType::Saml11);
        let applies_to = applies_to(body)?.ok_or_else(|| Refusal::new(RefusalKind::Scope, "no AppliesTo"))?;
        let lifetime = RequestedLifetime::read(body, version)?;
        let renewing = Renewing::read(body, version)?;
        let delegation = Delegation::read(body, version)?;
        Ok(Self { applies_to, token_type, lifetime, renewing, delegation })
    }
}

/// 2005/02 has no bearer of its own, so clients use either version's, or CardSpace's.
fn is_bearer(key_type: &str) -> bool {
    TrustVersion::ALL.iter().any(|version| version.bearer() == key_type)
        || key_type == "http://schemas.xmlsoap.org/ws/2005/02/trust/Bearer"
        || key_type == "http://docs.oasis-open.org/ws-sx/wstrust/200512/Bearer"
}
