//! What an identity provider answered over ECP: a Response, successful or not, or a fault.

use openssl::x509::X509;

use super::assertion::Carried;
use super::fault::{Fault, Status};
use super::issued::{Answer, EcpResponse, Issued, Protocol};
use super::message::{Message, Unreadable, instant, said};
use super::signature::Signature;
use crate::saml::names::{ECP, SAML2, SAML2P};
use crate::xml::Element;

/// Reads what an identity provider answered over ECP. Signatures are verified by the keys of `known` before the one inside. An
/// assertion that is encrypted says no more than that.
///
/// # Errors
/// What is neither a Response nor a fault.
pub fn ecp(bytes: &[u8], known: &[X509]) -> Result<Answer, Unreadable> {
    let message = Message::read(bytes)?;
    if let Some(fault) = Fault::of(&message) {
        return Ok(Answer::Fault(fault));
    }
    let response = message.content()?;
    if !response.is(SAML2P.uri, "Response") {
        return Err(Unreadable::Form("a SOAP message without a samlp:Response"));
    }
    if let Some(status) = Status::of(response) {
        return Ok(Answer::Refused(status));
    }
    let carried = Carried::within(&message.document, response, known)?;
    let header = message.header(|block| block.is(ECP.uri, "Response"));
    let attribute = |element: Option<&Element>, name: &str| element.and_then(|e| e.attribute(name)).map(str::to_owned);
    let heading = EcpResponse {
        acs_url: attribute(header, "AssertionConsumerServiceURL"),
        destination: attribute(Some(response), "Destination"),
        in_response_to: attribute(Some(response), "InResponseTo"),
        issuer: said(response.child(SAML2.uri, "Issuer")),
        issue_instant: instant(response.attribute("IssueInstant")),
        signature: Signature::of(&message.document, response, "ID", known).map(|(signature, _)| signature),
    };
    Ok(Answer::Issued(Box::new(Issued { protocol: Protocol::Ecp(heading), carried })))
}
