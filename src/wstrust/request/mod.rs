//! RequestSecurityToken: what is asked for, read and not judged yet.

mod claims;
mod delegation;
mod issue;
mod keys;
#[cfg(test)]
mod keys_tests;
mod later;
mod lifetime;
mod target;
#[cfg(test)]
mod tests;
mod token_type;

pub use claims::RequestedClaims;
pub use delegation::{DelegatedSubject, Delegation};
pub use issue::IssueRequest;
pub use keys::{ClientEntropy, KeyRequest, UseKey};
pub use later::{CancelRequest, RenewRequest, ValidateRequest};
pub use lifetime::{Renewing, RequestedLifetime};
pub use target::Target;
pub use token_type::TokenType;

use super::{TrustOperation, TrustVersion};
use crate::model::{Refusal, RefusalKind, quoted};
use crate::soap::{AddressingVersion, Envelope};
use crate::xml::Element;

/// A request.
#[derive(Clone, Debug)]
pub struct RequestSecurityToken<'e> {
    /// In which version of WS-Trust.
    pub version: TrustVersion,
    /// `Context`, which the answer repeats.
    pub context: Option<String>,
    /// How it spells the TokenType that it asks for.
    pub token_type_spelling: Option<&'static str>,
    /// What for.
    pub operation: Operation<'e>,
}

/// What a request asks for, with what it needs.
#[derive(Clone, Debug)]
pub enum Operation<'e> {
    /// A new token.
    Issue(IssueRequest<'e>),
    /// A token that goes on.
    Renew(RenewRequest<'e>),
    /// Whether a token is valid, or another in its place.
    Validate(ValidateRequest<'e>),
    /// A token's end.
    Cancel(CancelRequest<'e>),
}

impl<'e> Operation<'e> {
    /// The ID of the token, somewhere in the message, that a request in another's name refers to.
    pub fn refers_to(&self) -> Option<&'e str> {
        let Self::Issue(IssueRequest { delegation: Some(delegation), .. }) = self else { return None };
        match delegation.subject {
            DelegatedSubject::Token(Target::Reference(id)) => Some(id),
            DelegatedSubject::Token(Target::Whole(_)) | DelegatedSubject::Name(_) => None,
        }
    }

    /// Which it is.
    pub const fn kind(&self) -> TrustOperation {
        match self {
            Self::Issue(_) => TrustOperation::Issue,
            Self::Renew(_) => TrustOperation::Renew,
            Self::Validate(_) => TrustOperation::Validate,
            Self::Cancel(_) => TrustOperation::Cancel,
        }
    }
}

impl<'e> RequestSecurityToken<'e> {
    /// The version, and the operation where it names one, of a body that may not be readable otherwise.
    pub fn peek(envelope: &Envelope) -> Option<(TrustVersion, Option<TrustOperation>)> {
        let body = envelope.content().ok().filter(|body| body.name.local == "RequestSecurityToken")?;
        let version = TrustVersion::of(&body.name.namespace)?;
        let request_type = single_text(body, version.ns().uri, "RequestType").ok().flatten();
        let operation = request_type.and_then(TrustOperation::of_request_type);
        Some((version, operation.map(|(operation, _)| operation)))
    }

    /// Reads the body of a message.
    ///
    /// # Errors
    /// [`RefusalKind::Malformed`], [`RefusalKind::BadRequest`] for a RequestType that is none, [`RefusalKind::Scope`]
    /// for Issue without an AppliesTo, [`RefusalKind::Unsupported`] for what is well-formed and not offered.
    pub fn read(envelope: &'e Envelope) -> Result<Self, Refusal> {
        let body = envelope.content()?;
        let version = TrustVersion::of(&body.name.namespace)
            .filter(|_| body.name.local == "RequestSecurityToken")
            .ok_or_else(|| malformed("the Body holds no RequestSecurityToken"))?;
        let request_type =
            single_text(body, version.ns().uri, "RequestType")?.ok_or_else(|| malformed("no RequestType"))?;
        let (operation, _) = TrustOperation::of_request_type(request_type).ok_or_else(|| {
            Refusal::new(RefusalKind::BadRequest, format!("RequestType {} is none", quoted(request_type)))
        })?;
        let action = envelope.addressing.as_ref().and_then(|addressing| addressing.action.as_deref());
        // WSO2's sample renews with the Action of the request before it: Rampart goes by the RequestType alone.
        let fits = |named| named == operation || (named, operation) == (TrustOperation::Issue, TrustOperation::Renew);
        let other = |action: &&str| TrustOperation::of_action(action).is_none_or(|(named, _)| !fits(named));
        if let Some(action) = action.filter(other) {
            return Err(malformed(format!("wsa:Action {} for {operation:?}", quoted(action))));
        }
        let context = body.attribute("Context").map(str::to_owned);
        let operation = match operation {
            TrustOperation::Issue => Operation::Issue(IssueRequest::read(body, version, envelope.header())?),
            TrustOperation::Renew => Operation::Renew(RenewRequest::read(body, version)?),
            TrustOperation::Validate => Operation::Validate(ValidateRequest::read(body, version)?),
            TrustOperation::Cancel => Operation::Cancel(CancelRequest::read(body, version)?),
        };
        let token_type = parameter(body, version.ns().uri, "TokenType")?;
        let token_type_spelling = token_type.and_then(TokenType::spelling);
        Ok(Self { version, context, token_type_spelling, operation })
    }
}

fn applies_to(body: &Element) -> Result<Option<String>, Refusal> {
    const POLICIES: [&str; 3] = [
        "http://schemas.xmlsoap.org/ws/2004/09/policy",
        "http://www.w3.org/ns/ws-policy",
        "http://schemas.xmlsoap.org/ws/2002/12/policy",
    ];
    let mut found = body
        .elements()
        .filter(|element| element.name.local == "AppliesTo" && POLICIES.contains(&&*element.name.namespace));
    let Some(applies_to) = found.next() else { return Ok(None) };
    let reference = applies_to.elements().find(|element| {
        element.name.local == "EndpointReference" && AddressingVersion::of(&element.name.namespace).is_some()
    });
    let address = reference.and_then(|reference| reference.child(&reference.name.namespace, "Address"));
    match (address.and_then(Element::trimmed_text), found.next()) {
        (Some(address), None) if !address.is_empty() => Ok(Some(address.to_owned())),
        _ => Err(malformed("an AppliesTo without exactly one address")),
    }
}

/// The TokenType that somebody wrote.
fn token_type(asked: &str) -> Result<TokenType, Refusal> {
    let told = "Tokens are SAML 1.1 and SAML 2.0: leave TokenType out, or name one of them.";
    TokenType::of(asked).ok_or_else(|| unsupported(format!("TokenType {}", quoted(asked))).telling(told))
}

/// What the request says, or else the SecondaryParameters, in which WCF and CXF pass a relying party's wishes on (WS-Trust
/// 1.3, 4.2).
fn parameter<'e>(body: &'e Element, uri: &str, name: &'static str) -> Result<Option<&'e str>, Refusal> {
    match single_text(body, uri, name)? {
        Some(said) => Ok(Some(said)),
        None => match body.child(uri, "SecondaryParameters") {
            Some(secondary) => single_text(secondary, uri, name),
            None => Ok(None),
        },
    }
}

/// The one child of that name, if there is one.
fn only<'e>(parent: &'e Element, uri: &str, name: &'static str) -> Result<Option<&'e Element>, Refusal> {
    parent.only_child(uri, name).map_err(|duplicate| malformed(duplicate.to_string()))
}

/// Its text.
fn single_text<'e>(parent: &'e Element, uri: &str, name: &'static str) -> Result<Option<&'e str>, Refusal> {
    let Some(element) = only(parent, uri, name)? else { return Ok(None) };
    element.trimmed_text().map(Some).ok_or_else(|| malformed(format!("{name} is not text")))
}

fn malformed(reason: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Malformed, reason)
}

fn unsupported(reason: String) -> Refusal {
    Refusal::new(RefusalKind::Unsupported, format!("{reason} is not offered"))
}
