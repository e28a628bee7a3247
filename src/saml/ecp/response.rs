//! The envelope that answers an ECP request (`saml-ecp-v2.0-cs01`, 2.3): a Response, successful or not, or a SOAP fault.

use super::{ChannelBindings, Enclosed, SecondLevelStatus, StatusCode};
use crate::dsig::{Signed, Unsigned};
use crate::model::{RefusalKind, Timestamp};
use crate::saml::GeneratedKey;
use crate::saml::names::{CB, ECP, SAML2, SAML2P, SAMLEC};
use crate::xml::{Ns, UNQUALIFIED, Writer};

/// SOAP 1.1. A fault's `faultcode` is a QName with this prefix.
static S: Ns = Ns { prefix: "S", uri: "http://schemas.xmlsoap.org/soap/envelope/" };
const ACTOR_NEXT: &str = "http://schemas.xmlsoap.org/soap/actor/next";

/// Content-Type of every answer.
pub const CONTENT_TYPE: &str = "text/xml; charset=utf-8";

/// What a Response says whatever its status.
#[derive(Clone, Debug)]
pub struct ResponseHead<'a> {
    /// The Response's own ID.
    pub id: &'a str,
    /// When it is made.
    pub issue_instant: Timestamp,
    /// The issuer that the SP knows us by.
    pub issuer: &'a str,
    /// The assertion consumer service's address, from metadata: the client compares it with the SP's own word.
    pub acs_url: &'a str,
    /// The request's ID.
    pub in_response_to: &'a str,
    /// Whether the request's signature was verified. pysaml2 cannot read the header that says so.
    pub request_authenticated: bool,
    /// Channel bindings in which client and SP agree.
    pub channel_bindings: Option<&'a ChannelBindings>,
    /// The key that the assertion, encrypted, has for the SP.
    pub generated_key: Option<&'a GeneratedKey>,
}

/// What came of a request.
#[derive(Clone, Copy)]
pub enum Outcome<'a> {
    /// An assertion.
    Success(&'a Enclosed),
    /// Why there is none.
    Failure(StatusCode, Option<SecondLevelStatus>),
}

/// A whole `saml2p:Response`, to be signed.
pub struct Response;

/// Whose fault a SOAP fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultCode {
    /// The client's, or the SP's.
    Client,
    /// Ours.
    Server,
    /// The envelope is not SOAP 1.1.
    VersionMismatch,
    /// A header that we must understand and do not.
    MustUnderstand,
}

impl FaultCode {
    const fn qname(self) -> &'static str {
        match self {
            Self::Client => "S:Client",
            Self::Server => "S:Server",
            Self::VersionMismatch => "S:VersionMismatch",
            Self::MustUnderstand => "S:MustUnderstand",
        }
    }
}

/// The one place where a refusal becomes a fault, for what cannot be answered by a Response: the SP is unknown, or where
/// it wants the answer.
impl From<RefusalKind> for FaultCode {
    fn from(kind: RefusalKind) -> Self {
        match kind {
            RefusalKind::Version => Self::VersionMismatch,
            RefusalKind::MustUnderstand => Self::MustUnderstand,
            _ => Self::Client,
        }
    }
}

/// The envelope with the Response in it; HTTP 200. A failure has the same header as a success, without which requests-ecp,
/// keystoneauth and Lasso fail on their own.
pub fn answer(head: &ResponseHead<'_>, outcome: Outcome<'_>) -> String {
    let mut w = Writer::with_capacity(2048 + outcome.length());
    start_envelope(head, &mut w);
    // saml2aws cuts the Response out by its literal prefixes and reads it as a document of its own.
    start_response(head, &[&SAML2], &mut w);
    finish_response(outcome, &mut w);
    w.finish()
}

/// The Response by itself, to be signed: every namespace declared where it is used, the Signature's place right after the
/// Issuer, where the schema wants it.
pub fn response(head: &ResponseHead<'_>, outcome: Outcome<'_>) -> Unsigned<Response> {
    // The signature goes in later.
    let mut w = Writer::with_capacity(6144 + outcome.length());
    start_response(head, &[], &mut w);
    let signature_at = w.position();
    finish_response(outcome, &mut w);
    Unsigned { value: Response, xml: w.finish(), id: head.id.to_owned(), signature_at }
}

/// The envelope with that Response, signed, in it; HTTP 200.
pub fn answer_signed(head: &ResponseHead<'_>, response: &Signed<Response>) -> String {
    let mut w = Writer::with_capacity(2048 + response.xml().len());
    start_envelope(head, &mut w);
    w.fragment(response.xml());
    w.finish()
}

/// A SOAP 1.1 fault; HTTP 500. Its text never changes, so that it tells nobody which SPs or users there are.
pub fn fault(code: FaultCode) -> String {
    let mut w = Writer::with_capacity(256);
    w.start(&S, "Envelope", &[]);
    w.start(&S, "Body", &[]);
    w.start(&S, "Fault", &[]);
    w.leaf(&UNQUALIFIED, "faultcode", code.qname());
    w.leaf(&UNQUALIFIED, "faultstring", "An error occurred.");
    w.finish()
}

/// Everything up to the Response. The Header comes first, and `ecp:Response` first in it: clients replace the first element of
/// the first element.
fn start_envelope(head: &ResponseHead<'_>, w: &mut Writer) {
    w.start(&S, "Envelope", &[]);
    w.start(&S, "Header", &[]);
    header(&ECP, "Response", Some(("AssertionConsumerServiceURL", head.acs_url)), w);
    w.end();
    // Neither this one nor the key is mustUnderstand: most clients do not know them.
    if head.request_authenticated {
        w.start_with(&ECP, "RequestAuthenticated", &[], vec![(Some(&S), "actor", ACTOR_NEXT)]);
        w.end();
    }
    if let Some(bindings) = head.channel_bindings {
        header(&CB, "ChannelBindings", bindings.kind.as_deref().map(|kind| ("Type", kind)), w);
        w.text(&bindings.value);
        w.end();
    }
    if let Some(key) = head.generated_key {
        w.start_with(&SAMLEC, "GeneratedKey", &[], vec![(Some(&S), "actor", ACTOR_NEXT)]);
        w.text(key.expose());
        w.end();
    }
    w.end();
    w.start(&S, "Body", &[]);
}

/// Up to the Response's Issuer.
fn start_response(head: &ResponseHead<'_>, declare: &[&'static Ns], w: &mut Writer) {
    let issue_instant = head.issue_instant.to_string();
    let attributes = vec![
        (None, "ID", head.id),
        (None, "Version", "2.0"),
        (None, "IssueInstant", &issue_instant),
        (None, "Destination", head.acs_url),
        (None, "InResponseTo", head.in_response_to),
    ];
    w.start_with(&SAML2P, "Response", declare, attributes);
    w.leaf(&SAML2, "Issuer", head.issuer);
}

/// What follows the Issuer; the Response is left open.
fn finish_response(outcome: Outcome<'_>, w: &mut Writer) {
    match outcome {
        Outcome::Success(enclosed) => {
            status(StatusCode::Success, None, w);
            w.fragment(enclosed.xml());
        }
        Outcome::Failure(top, second) => status(top, second, w),
    }
}

impl Outcome<'_> {
    fn length(&self) -> usize {
        match self {
            Self::Success(enclosed) => enclosed.xml().len(),
            Self::Failure(..) => 0,
        }
    }
}

/// Opens a header block for the client to understand.
fn header(ns: &'static Ns, name: &'static str, attribute: Option<(&'static str, &str)>, w: &mut Writer) {
    let mut attributes = vec![(Some(&S), "mustUnderstand", "1"), (Some(&S), "actor", ACTOR_NEXT)];
    attributes.extend(attribute.map(|(name, value)| (None, name, value)));
    w.start_with(ns, name, &[], attributes);
}

fn status(top: StatusCode, second: Option<SecondLevelStatus>, w: &mut Writer) {
    w.start(&SAML2P, "Status", &[]);
    w.start(&SAML2P, "StatusCode", &[("Value", top.uri())]);
    if let Some(second) = second {
        w.start(&SAML2P, "StatusCode", &[("Value", second.uri())]);
        w.end();
    }
    w.end();
    w.end();
}

#[cfg(test)]
#[path = "response_tests.rs"]
mod tests;
