//! RequestSecurityTokenResponse, in the byte shape of AD FS: it is what clients were written against.

mod proof;
mod status;

pub use proof::{IssuedKey, Proof};
pub use status::{Status, cancelled, status};

use std::time::Duration;

use super::{TokenType, TrustOperation, TrustVersion, WSP};
use crate::model::{Timestamp, TokenTypeSpelling};
use crate::soap::{Addressing, AddressingVersion, SoapVersion, WSSE, WSU};
use crate::xml::{Ns, Writer};

/// How long the answer itself is to be taken for fresh.
const FRESH: Duration = Duration::from_secs(5 * 60);

static WSU_IN_LIFETIME: Ns = Ns { prefix: "wsu", uri: WSU.uri };
static WSA_IN_APPLIES_TO: Ns = Ns { prefix: "wsa", uri: "http://www.w3.org/2005/08/addressing" };
static WSA_IN_APPLIES_TO_200408: Ns = Ns { prefix: "wsa", uri: "http://schemas.xmlsoap.org/ws/2004/08/addressing" };
static WSSE11: Ns = Ns { prefix: "k", uri: "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd" };

/// What every answer takes from its request, and when it is given.
#[derive(Clone, Copy)]
pub struct Heading<'a> {
    /// The version of WS-Trust.
    pub version: TrustVersion,
    /// The request's `Context`.
    pub context: Option<&'a str>,
    /// The version of SOAP.
    pub soap: SoapVersion,
    /// Addressing, if the request has any.
    pub addressing: Option<&'a Addressing>,
    /// Now.
    pub now: Timestamp,
}

/// What an answer says about the token in it.
pub struct Rstr<'a> {
    /// Whom it answers.
    pub heading: Heading<'a>,
    /// What was asked for.
    pub operation: TrustOperation,
    /// The AppliesTo that the token was issued for.
    pub applies_to: &'a str,
    /// Which token.
    pub token_type: TokenType,
    /// How its type is spelt.
    pub spelling: TokenTypeSpelling,
    /// How the request spells it.
    pub asked_as: Option<&'static str>,
    /// The assertion's ID, for references to it.
    pub assertion_id: &'a str,
    /// The signed assertion, or what it is encrypted in: spliced in, no white space around it (MSAL for Java would send it
    /// twice).
    pub token: &'a str,
    /// What it is bound to.
    pub key: &'a IssuedKey,
    /// From when the token is valid.
    pub created: Timestamp,
    /// Until when.
    pub expires: Timestamp,
    /// Validate: what became of the token that was asked about.
    pub status: Option<&'a Status>,
}

/// The whole envelope: an RSTRC for Issue in 1.3, a bare RSTR for all else.
pub fn render(rstr: &Rstr<'_>) -> String {
    let mut w = Writer::with_capacity(4096 + rstr.token.len());
    let Heading { version, addressing, .. } = rstr.heading;
    open(&mut w, rstr.operation, &rstr.heading);
    let trust = version.ns();
    rstr.key.before_token(&mut w, version);
    w.start(trust, "Lifetime", &[]);
    w.leaf(&WSU_IN_LIFETIME, "Created", &rstr.created.to_string());
    w.leaf(&WSU_IN_LIFETIME, "Expires", &rstr.expires.to_string());
    w.end();
    applies_to(&mut w, rstr.applies_to, addressing);
    w.start(trust, "RequestedSecurityToken", &[]);
    w.fragment(rstr.token);
    w.end();
    rstr.key.after_token(&mut w, version);
    for reference in ["RequestedAttachedReference", "RequestedUnattachedReference"] {
        w.start(trust, reference, &[]);
        token_reference(&mut w, rstr);
        w.end();
    }
    w.leaf(trust, "TokenType", rstr.spelt());
    w.leaf(trust, "RequestType", version.request_type(rstr.operation));
    w.leaf(trust, "KeyType", rstr.key.key_type(version));
    if let Some(status) = rstr.status {
        status.write(&mut w, version);
    }
    w.finish()
}

/// From the envelope to what is in the RSTR.
fn open(w: &mut Writer, operation: TrustOperation, heading: &Heading<'_>) {
    let Heading { version, context, soap, addressing, now } = *heading;
    soap.open(w, addressing, version.answer_action(operation));
    security_header(w, soap, now);
    soap.body(w);
    if (operation, version) == (TrustOperation::Issue, TrustVersion::V13) {
        w.start(version.ns(), "RequestSecurityTokenResponseCollection", &[]);
    }
    let context: Vec<(&'static str, &str)> = context.map(|context| ("Context", context)).into_iter().collect();
    w.start(version.ns(), "RequestSecurityTokenResponse", &context);
}

fn security_header(w: &mut Writer, soap: SoapVersion, now: Timestamp) {
    w.start_with(&WSSE, "Security", &[], vec![(Some(soap.ns()), "mustUnderstand", "1")]);
    w.start_with(&WSU, "Timestamp", &[], vec![(Some(&WSU), "Id", "_0")]);
    w.leaf(&WSU, "Created", &now.to_string());
    w.leaf(&WSU, "Expires", &now.plus(FRESH).to_string());
    w.end();
    w.end();
}

fn applies_to(w: &mut Writer, address: &str, addressing: Option<&Addressing>) {
    let wsa = match addressing.map(|addressing| addressing.version) {
        Some(AddressingVersion::V200408) => &WSA_IN_APPLIES_TO_200408,
        Some(AddressingVersion::V200508) | None => &WSA_IN_APPLIES_TO,
    };
    w.start(&WSP, "AppliesTo", &[]);
    w.start(wsa, "EndpointReference", &[]);
    w.leaf(wsa, "Address", address);
    w.end();
    w.end();
}

fn token_reference(w: &mut Writer, rstr: &Rstr<'_>) {
    let value_type = match rstr.token_type {
        TokenType::Saml11 => "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.0#SAMLAssertionID",
        TokenType::Saml20 => "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID",
    };
    let token_type = profile(rstr.token_type);
    w.start_with(&WSSE, "SecurityTokenReference", &[], vec![(Some(&WSSE11), "TokenType", token_type)]);
    w.start(&WSSE, "KeyIdentifier", &[("ValueType", value_type)]);
    w.text(rstr.assertion_id);
    w.end();
    w.end();
}

impl Rstr<'_> {
    fn spelt(&self) -> &'static str {
        match (self.spelling, self.token_type) {
            (TokenTypeSpelling::SamlNamespace, TokenType::Saml11) => "urn:oasis:names:tc:SAML:1.0:assertion",
            (TokenTypeSpelling::SamlNamespace, TokenType::Saml20) => "urn:oasis:names:tc:SAML:2.0:assertion",
            (TokenTypeSpelling::AsAsked, token_type) => self.asked_as.unwrap_or_else(|| profile(token_type)),
            (TokenTypeSpelling::TokenProfile, token_type) => profile(token_type),
        }
    }
}

/// The WSS SAML Token Profile's spelling.
const fn profile(token_type: TokenType) -> &'static str {
    match token_type {
        TokenType::Saml11 => "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1",
        TokenType::Saml20 => "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0",
    }
}
