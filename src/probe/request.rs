//! The requests of a sign-in, as Microsoft's libraries and Exchange Online write them.

use std::time::Duration;

use zeroize::Zeroizing;

use crate::model::{Password, Timestamp, Username};
use crate::saml::names::{SAML2, SAML2P};
use crate::soap::{AddressingVersion, SoapVersion, WSSE, WSU};
use crate::wstrust::mex::GET_ACTION;
use crate::wstrust::{TrustOperation, TrustVersion, WSP};
use crate::xml::Writer;

/// What a request for a token asks.
pub struct Asked<'a> {
    /// In which version.
    pub version: TrustVersion,
    /// Where, as MEX writes it.
    pub to: &'a str,
    /// For whom.
    pub applies_to: &'a str,
    /// Its MessageID, an xs:ID.
    pub id: &'a str,
    /// When.
    pub now: Timestamp,
}

/// A RequestSecurityToken in the shape of MSAL's, with a password in it.
pub fn request_security_token(asked: &Asked<'_>, user: &Username, password: &Password) -> Zeroizing<String> {
    let Asked { version, to, applies_to, id, now } = *asked;
    let (soap, wsa, trust) = (SoapVersion::V12.ns(), AddressingVersion::V200508.ns(), version.ns());
    let mut w = Writer::with_capacity(8192);
    w.start(soap, "Envelope", &[]);
    w.start(soap, "Header", &[]);
    let must = || vec![(Some(soap), "mustUnderstand", "1")];
    w.start_with(wsa, "Action", &[], must());
    w.text(version.action(TrustOperation::Issue));
    w.end();
    w.leaf(wsa, "MessageID", &urn(id));
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
    w.leaf(&WSSE, "Username", user.as_str());
    w.leaf(&WSSE, "Password", password.expose());
    w.end();
    w.end();
    w.end();
    w.start(soap, "Body", &[]);
    w.start(trust, "RequestSecurityToken", &[]);
    w.start(&WSP, "AppliesTo", &[]);
    w.start(wsa, "EndpointReference", &[]);
    w.leaf(wsa, "Address", applies_to);
    w.end();
    w.end();
    w.leaf(trust, "KeyType", version.bearer());
    w.leaf(trust, "RequestType", version.request_type(TrustOperation::Issue));
    Zeroizing::new(w.finish())
}

/// An AuthnRequest of a service provider. With the index it is in the shape of Exchange Online's for ActiveSync: SOAP 1.1
/// without a header, unsigned, the assertion consumer service by index.
pub fn authn_request(id: &str, issuer: &str, acs_index: Option<&str>, now: Timestamp) -> String {
    let soap = SoapVersion::V11.ns();
    let mut w = Writer::with_capacity(1024);
    w.start(soap, "Envelope", &[]);
    w.start(soap, "Body", &[]);
    let now = now.to_string();
    let mut attributes = vec![("ID", id), ("IssueInstant", now.as_str()), ("Version", "2.0")];
    attributes.extend(acs_index.map(|index| ("AssertionConsumerServiceIndex", index)));
    w.start(&SAML2P, "AuthnRequest", &attributes);
    w.leaf(&SAML2, "Issuer", issuer);
    w.finish()
}

/// A WS-Transfer Get, by which WSO2's clients ask for metadata.
pub fn get_metadata(id: &str) -> String {
    let (soap, wsa) = (SoapVersion::V12.ns(), AddressingVersion::V200508.ns());
    let mut w = Writer::with_capacity(1024);
    w.start(soap, "Envelope", &[]);
    w.start(soap, "Header", &[]);
    w.leaf(wsa, "Action", GET_ACTION);
    w.leaf(wsa, "MessageID", &urn(id));
    w.end();
    w.start(soap, "Body", &[]);
    w.finish()
}

/// A URN of an xs:ID's 128 bits (RFC 9562, version 4).
fn urn(id: &str) -> String {
    let digits: Vec<char> = id.chars().filter(char::is_ascii_hexdigit).collect();
    let mut urn = String::from("urn:uuid:");
    for (place, digit) in digits.iter().take(32).enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            urn.push('-');
        }
        urn.push(match place {
            12 => '4',
            16 => 'a',
            _ => *digit,
        });
    }
    urn
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::soap::{Envelope, understood_by_wstrust};
    use crate::wstrust::{Operation, RequestSecurityToken};
    use crate::xml::Limits;

    #[test]
    fn the_server_reads_what_is_asked() {
        for version in TrustVersion::ALL {
            let asked = Asked {
                version,
                to: "https://sts.example.com/sts",
                applies_to: "urn:federation:MicrosoftOnline",
                id: "_0123456789abcdef0123456789abcdef",
                now: Timestamp::from_unix_millis(0),
            };
            let text = request_security_token(&asked, &Username::new("<alice>"), &Password::new("a&b"));
            let envelope = Envelope::parse(text.as_bytes(), &Limits::message(1 << 16), understood_by_wstrust).unwrap();
            let id = envelope.addressing.clone().unwrap().message_id.unwrap();
            assert_eq!(id, "urn:uuid:01234567-89ab-4def-a123-456789abcdef");
            let request = RequestSecurityToken::read(&envelope).unwrap();
            assert_eq!(request.version, version);
            assert!(matches!(request.operation, Operation::Issue(_)));
        }
    }

    #[test]
    fn only_microsoft_names_its_service_by_index() {
        let now = Timestamp::from_unix_millis(0);
        assert!(authn_request("_1", "urn:sp", Some("2"), now).contains("AssertionConsumerServiceIndex=\"2\""));
        assert!(!authn_request("_1", "urn:sp", None, now).contains("AssertionConsumerServiceIndex"));
    }
}
