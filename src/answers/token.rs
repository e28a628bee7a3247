//! What an STS answered: a RequestSecurityTokenResponse of either version, or a fault.

use openssl::x509::X509;

use super::assertion::Carried;
use super::fault::Fault;
use super::issued::{Answer, Issued, Protocol, TrustResponse};
use super::message::{Message, Unreadable, instant, said};
use crate::soap::{AddressingVersion, WSU};
use crate::wstrust::{TrustVersion, WSP};
use crate::xml::{Element, Node};

/// Reads what an STS answered. Signatures are verified by the keys of `known` before the one inside.
///
/// # Errors
/// What is neither a RequestSecurityTokenResponse with a token nor a fault.
pub fn token(bytes: &[u8], known: &[X509]) -> Result<Answer, Unreadable> {
    let message = Message::read(bytes)?;
    if let Some(fault) = Fault::of(&message) {
        return Ok(Answer::Fault(fault));
    }
    let content = message.content()?;
    let version = TrustVersion::of(&content.name.namespace);
    let version = version.ok_or(Unreadable::Form("a SOAP message that is not of WS-Trust"))?;
    let wst = version.ns().uri;
    let (collection, response) = match content.name.local.as_str() {
        "RequestSecurityTokenResponse" => (false, content),
        "RequestSecurityTokenResponseCollection" => {
            let one = content.only_child(wst, "RequestSecurityTokenResponse");
            let one = one.map_err(|_| Unreadable::Form("a collection of more than one answer"))?;
            (true, one.ok_or(Unreadable::Form("a collection without an answer"))?)
        }
        _ => return Err(Unreadable::Form("a message of WS-Trust that is no answer to a request")),
    };
    let requested = response.only_child(wst, "RequestedSecurityToken");
    let requested = requested.map_err(|_| Unreadable::Form("an answer with more than one token"))?;
    let requested = requested.ok_or(Unreadable::Form("an answer without a RequestedSecurityToken"))?;
    let carried = Carried::within(&message.document, requested, known)?;
    let lifetime = |name: &str| {
        let instants = response.child(wst, "Lifetime").and_then(|lifetime| lifetime.child(WSU.uri, name));
        instant(instants.and_then(Element::trimmed_text))
    };
    let heading = TrustResponse {
        soap: message.soap,
        action: said(message.header(|block| is_addressing(block, "Action"))),
        version,
        collection,
        token_type: response.child(wst, "TokenType").and_then(Element::text).map(str::to_owned),
        applies_to: applies_to(response),
        key_type: said(response.child(wst, "KeyType")),
        created: lifetime("Created"),
        expires: lifetime("Expires"),
        proof: response.child(wst, "RequestedProofToken").is_some(),
        text_beside: requested.children.iter().any(|node| matches!(node, Node::Text(_))),
    };
    Ok(Answer::Issued(Box::new(Issued { protocol: Protocol::Trust(heading), carried })))
}

fn applies_to(response: &Element) -> Option<String> {
    let applies_to = response.child(WSP.uri, "AppliesTo")?;
    said(applies_to.descendants().find(|element| is_addressing(element, "Address")))
}

fn is_addressing(element: &Element, local: &str) -> bool {
    element.name.local == local && AddressingVersion::of(&element.name.namespace).is_some()
}
