//! The requests of a tour, as Microsoft's libraries and Exchange Online write them.

use std::time::Duration;

use crate::model::Timestamp;
use crate::saml::names::{MICROSOFT_ONLINE, SAML2, SAML2P};
use crate::soap::{AddressingVersion, SoapVersion, WSSE, WSU};
use crate::wstrust::{TrustOperation, TrustVersion, WSP};
use crate::xml::Writer;

/// A RequestSecurityToken in the shape of MSAL's.
pub(super) fn request_security_token(
    version: TrustVersion,
    to: &str,
    (user, password): (&str, &str),
    now: Timestamp,
) -> String {
    let (soap, wsa, trust) = (SoapVersion::V12.ns(), AddressingVersion::V200508.ns(), version.ns());
    let mut w = Writer::with_capacity(4096);
    w.start(soap, "Envelope", &[]);
    w.start(soap, "Header", &[]);
    let must = || vec![(Some(soap), "mustUnderstand", "1")];
    w.start_with(wsa, "Action", &[], must());
    w.text(version.action(TrustOperation::Issue));
    w.end();
    w.leaf(wsa, "MessageID", "urn:uuid:00000000-0000-4000-8000-000000000001");
    w.start(wsa, "ReplyTo", &[]);
    w.leaf(wsa, "Address", AddressingVersion::V200508.anonymous());
    w.end();
    w.start_with(wsa, "To", &[], must());
    w.text(to);
    w.end();
    w.start_with(&WSSE, "Security", &[], must());
    w.start_with(&WSU, "Timestamp", &[], vec![(Some(&WSU), "Id", "_0")]);
    w.leaf(&WSU, "Created", &now.to_string());
    w.leaf(&WSU, "Expires", &now.plus(Duration::from_secs(600)).to_string());
    w.end();
    w.start(&WSSE, "UsernameToken", &[]);
    w.leaf(&WSSE, "Username", user);
    w.leaf(&WSSE, "Password", password);
    w.end();
    w.end();
    w.end();
    w.start(soap, "Body", &[]);
    w.start(trust, "RequestSecurityToken", &[]);
    w.start(&WSP, "AppliesTo", &[]);
    w.start(wsa, "EndpointReference", &[]);
    w.leaf(wsa, "Address", MICROSOFT_ONLINE);
    w.end();
    w.end();
    w.leaf(trust, "KeyType", version.bearer());
    w.leaf(trust, "RequestType", version.request_type(TrustOperation::Issue));
    w.finish()
}

/// An AuthnRequest in the shape of Exchange Online's for ActiveSync: SOAP 1.1 without a header, unsigned, the assertion
/// consumer service by index.
pub(super) fn authn_request(id: &str, now: Timestamp) -> String {
    let soap = SoapVersion::V11.ns();
    let mut w = Writer::with_capacity(1024);
    w.start(soap, "Envelope", &[]);
    w.start(soap, "Body", &[]);
    let now = now.to_string();
    let attributes =
        [("ID", id), ("IssueInstant", now.as_str()), ("Version", "2.0"), ("AssertionConsumerServiceIndex", "2")];
    w.start(&SAML2P, "AuthnRequest", &attributes);
    w.leaf(&SAML2, "Issuer", MICROSOFT_ONLINE);
    w.finish()
}
