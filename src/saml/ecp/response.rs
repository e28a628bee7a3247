//! The envelope that answers an ECP request (`saml-ecp-v2.0-cs01`, 2.3): a Response, successful or not, or a SOAP fault.

use super::{ChannelBindings, SecondLevelStatus, StatusCode};
use crate::dsig::Signed;
use crate::model::{RefusalKind, Timestamp};
use crate::saml::Assertion;
use crate::saml::names::{CB, ECP, SAML2, SAML2P};
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
}

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

/// The envelope around a signed assertion; HTTP 200.
pub fn success(head: &ResponseHead<'_>, assertion: &Signed<Assertion>) -> String {
    let mut w = Writer::with_capacity(2048 + assertion.xml().len());
    start_response(head, &mut w);
    status(StatusCode::Success, None, &mut w);
    w.fragment(assertion.xml());
    w.finish()
}

/// The envelope that says why there is no assertion; HTTP 200. It has the same header as a success, without which
/// requests-ecp, keystoneauth and Lasso fail on their own.
pub fn failure(head: &ResponseHead<'_>, top: StatusCode, second: Option<SecondLevelStatus>) -> String {
    let mut w = Writer::with_capacity(2048);
    start_response(head, &mut w);
    status(top, second, &mut w);
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

/// Everything up to the Response's Issuer. The Header comes first, and `ecp:Response` first in it: clients replace the
/// first element of the first element.
fn start_response(head: &ResponseHead<'_>, w: &mut Writer) {
    w.start(&S, "Envelope", &[]);
    w.start(&S, "Header", &[]);
    header(&ECP, "Response", Some(("AssertionConsumerServiceURL", head.acs_url)), w);
    w.end();
    if head.request_authenticated {
        // Not mustUnderstand: most clients do not know it.
        w.start_with(&ECP, "RequestAuthenticated", &[], vec![(Some(&S), "actor", ACTOR_NEXT)]);
        w.end();
    }
    if let Some(bindings) = head.channel_bindings {
        header(&CB, "ChannelBindings", bindings.kind.as_deref().map(|kind| ("Type", kind)), w);
        w.text(&bindings.value);
        w.end();
    }
    w.end();

    w.start(&S, "Body", &[]);
    let issue_instant = head.issue_instant.to_string();
    let attributes = vec![
        (None, "ID", head.id),
        (None, "Version", "2.0"),
        (None, "IssueInstant", &issue_instant),
        (None, "Destination", head.acs_url),
        (None, "InResponseTo", head.in_response_to),
    ];
    // saml2aws cuts the Response out by its literal prefixes and reads it as a document of its own.
    w.start_with(&SAML2P, "Response", &[&SAML2], attributes);
    w.leaf(&SAML2, "Issuer", head.issuer);
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
mod tests {
    use super::*;
    use crate::saml::assertion::tests::{HOSTILE, at};
    use crate::xml::{Document, Element, Limits, parse};

    fn read(xml: &str) -> Document {
        parse(xml.as_bytes(), &Limits::message(65536)).unwrap()
    }

    fn head(word: &str) -> ResponseHead<'_> {
        ResponseHead {
            id: word,
            issue_instant: at(0),
            issuer: word,
            acs_url: word,
            in_response_to: word,
            request_authenticated: false,
            channel_bindings: None,
        }
    }

    fn response(document: &Document) -> &Element {
        document.root.child(S.uri, "Body").and_then(|body| body.child(SAML2P.uri, "Response")).unwrap()
    }

    #[test]
    fn a_failure_has_the_header_and_both_status_codes() {
        let head = ResponseHead {
            id: "_r",
            issuer: "https://sts.example.com/oam/fed",
            acs_url: "https://sp.example.org/ECP",
            in_response_to: "_q",
            ..head("")
        };
        let xml = failure(&head, StatusCode::Requester, Some(SecondLevelStatus::AuthnFailed));
        assert_eq!(xml, include_str!("../../../tests/data/saml/response_failed.xml").replace('\n', ""));
    }

    #[test]
    fn a_fault_is_constant() {
        let expected = include_str!("../../../tests/data/saml/fault.xml").replace('\n', "");
        assert_eq!(fault(RefusalKind::Scope.into()), expected);
        assert_eq!(fault(RefusalKind::Version.into()), expected.replace("Client", "VersionMismatch"));
        assert_eq!(fault(FaultCode::Server), expected.replace("Client", "Server"));
    }

    #[test]
    fn further_headers_follow_ecp_response() {
        let bindings = ChannelBindings { kind: Some("tls-unique".to_owned()), value: "AAEC".to_owned() };
        let head = ResponseHead { request_authenticated: true, channel_bindings: Some(&bindings), ..head("x") };
        let document = read(&failure(&head, StatusCode::Responder, None));
        let headers = document.root.elements().next().unwrap();
        assert!(headers.is(S.uri, "Header"));
        let names: Vec<&str> = headers.elements().map(|header| header.name.local.as_str()).collect();
        assert_eq!(names, ["Response", "RequestAuthenticated", "ChannelBindings"]);
        assert!(headers.elements().all(|header| header.attribute_ns(S.uri, "actor") == Some(ACTOR_NEXT)));
        let must: Vec<Option<&str>> = headers.elements().map(|h| h.attribute_ns(S.uri, "mustUnderstand")).collect();
        assert_eq!(must, [Some("1"), None, Some("1")]);
        assert_eq!(ChannelBindings::among(headers), [bindings]);
    }

    #[test]
    fn hostile_values_stay_values() {
        let document = read(&failure(&head(HOSTILE), StatusCode::Responder, None));
        let response = response(&document);
        for name in ["ID", "Destination", "InResponseTo"] {
            assert_eq!(response.attribute(name), Some(HOSTILE), "{name}");
        }
        assert_eq!(response.child(SAML2.uri, "Issuer").and_then(Element::text), Some(HOSTILE));
        let header = document.root.descendants().find(|element| element.is(ECP.uri, "Response")).unwrap();
        assert_eq!(header.attribute("AssertionConsumerServiceURL"), Some(HOSTILE));
        assert_eq!(document.root.descendants().count(), 8);
    }
}
