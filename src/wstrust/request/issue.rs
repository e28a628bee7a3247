//! A request to issue a token.

use super::{Delegation, KeyRequest, Renewing, RequestedClaims, RequestedLifetime, applies_to, parameter, token_type};
use crate::model::{Refusal, RefusalKind};
use crate::wstrust::{TokenType, TrustVersion};
use crate::xml::Element;

/// What Issue asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssueRequest<'e> {
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
    /// The other user whose token it is to be; `None`: the asker's own.
    pub delegation: Option<Delegation<'e>>,
    /// What it asks for of the claims that the relying party may have; absent: all.
    pub claims: Option<RequestedClaims>,
}

impl<'e> IssueRequest<'e> {
    /// Reads a RequestSecurityToken whose RequestType is Issue. `header` is its message's.
    pub(super) fn read(body: &'e Element, version: TrustVersion, header: Option<&Element>) -> Result<Self, Refusal> {
        Ok(Self {
            applies_to: applies_to(body)?.ok_or_else(|| Refusal::new(RefusalKind::Scope, "no AppliesTo"))?,
            token_type: match parameter(body, version.ns().uri, "TokenType")? {
                Some(asked) => token_type(asked)?,
                None => TokenType::Saml11,
            },
            lifetime: RequestedLifetime::read(body, version)?,
            renewing: Renewing::read(body, version)?,
            key: KeyRequest::read(body, version, header)?,
            delegation: Delegation::read(body, version)?,
            claims: RequestedClaims::read(body, version)?,
        })
    }
}
