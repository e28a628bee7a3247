//! Answers as clients read them.

use openssl::pkey::PKey;

use super::*;
use crate::dsig::testing::{certificate, rsa};
use crate::dsig::{Accepted, FreshKey, KeyTransport, Recipient, SigningKey, sign, verify};
use crate::model::{ContentEncryption, SignatureAlgorithm};
use crate::saml::assertion::tests::{HOSTILE, alice, at, mallory, reread};
use crate::saml::{Saml20Prefix, saml20};
use crate::xml::{Document, Element, Limits, parse};

const RESPONDER: Outcome<'_> = Outcome::Failure(StatusCode::Responder, None);

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
        generated_key: None,
    }
}

fn response_in(document: &Document) -> &Element {
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
    let xml = answer(&head, Outcome::Failure(StatusCode::Requester, Some(SecondLevelStatus::AuthnFailed)));
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
    let key = GeneratedKey::new(&[0; 32]);
    let head = ResponseHead {
        request_authenticated: true,
        channel_bindings: Some(&bindings),
        generated_key: Some(&key),
        ..head("x")
    };
    let document = read(&answer(&head, RESPONDER));
    let headers = document.root.elements().next().unwrap();
    assert!(headers.is(S.uri, "Header"));
    let names: Vec<&str> = headers.elements().map(|header| header.name.local.as_str()).collect();
    assert_eq!(names, ["Response", "RequestAuthenticated", "ChannelBindings", "GeneratedKey"]);
    assert!(headers.elements().all(|header| header.attribute_ns(S.uri, "actor") == Some(ACTOR_NEXT)));
    let must: Vec<Option<&str>> = headers.elements().map(|h| h.attribute_ns(S.uri, "mustUnderstand")).collect();
    assert_eq!(must, [Some("1"), None, Some("1"), None]);
    assert_eq!(ChannelBindings::among(headers), [bindings]);
}

#[test]
fn hostile_values_stay_values() {
    let document = read(&answer(&head(HOSTILE), RESPONDER));
    let response = response_in(&document);
    for name in ["ID", "Destination", "InResponseTo"] {
        assert_eq!(response.attribute(name), Some(HOSTILE), "{name}");
    }
    assert_eq!(response.child(SAML2.uri, "Issuer").and_then(Element::text), Some(HOSTILE));
    let header = document.root.descendants().find(|element| element.is(ECP.uri, "Response")).unwrap();
    assert_eq!(header.attribute("AssertionConsumerServiceURL"), Some(HOSTILE));
    assert_eq!(document.root.descendants().count(), 8);
}

/// Signed it is what was written, and encloses an assertion that is signed on its own, in the clear or encrypted.
#[test]
fn a_signed_response_encloses_the_assertion() {
    let key = rsa();
    let signing = SigningKey::new(key.clone(), certificate(&key)).unwrap();
    let recipient = Recipient::by_certificate(&certificate(&key), KeyTransport::default()).unwrap();
    let public = [PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap()];
    let head = ResponseHead { id: "_r", ..head(HOSTILE) };
    let assertion = || sign(saml20(mallory(), Saml20Prefix::Ecp), &signing, SignatureAlgorithm::RsaSha256).unwrap();
    let sevens = |octets: &mut [u8]| {
        octets.fill(7);
        Ok::<_, ()>(())
    };
    let fresh = FreshKey::drawn(sevens).unwrap();
    let encrypted = Enclosed::encrypted(assertion(), &recipient, ContentEncryption::Aes256Gcm, fresh).unwrap();
    let clear = Enclosed::in_the_clear(assertion());
    for (outcome, last) in [
        (Outcome::Success(&clear), "Assertion"),
        (Outcome::Success(&encrypted), "EncryptedAssertion"),
        (Outcome::Failure(StatusCode::Requester, None), "Status"),
    ] {
        let unsigned = response(&head, outcome);
        reread(&unsigned.xml);
        let signed = sign(unsigned, &signing, SignatureAlgorithm::RsaSha256).unwrap();
        let document = read(&answer_signed(&head, &signed));
        let element = response_in(&document);
        let verified = verify(&document, element, "ID", &public, Accepted::Modern).unwrap();
        let children = |root: &Element| root.elements().map(|child| child.name.local.clone()).collect::<Vec<_>>();
        assert_eq!(children(element)[..3], ["Issuer", "Signature", "Status"]);
        assert_eq!(children(&verified.document().root).last().map(String::as_str), Some(last));
        assert_eq!(document.root.child(S.uri, "Header").unwrap().elements().count(), 1);
    }
}

/// The assertion's own signature holds wherever it is put.
#[test]
fn the_assertion_is_verified_where_it_stands() {
    let key = rsa();
    let signing = SigningKey::new(key.clone(), certificate(&key)).unwrap();
    let public = [PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap()];
    let signed = sign(saml20(alice(), Saml20Prefix::Ecp), &signing, SignatureAlgorithm::RsaSha256).unwrap();
    let enclosed = Enclosed::in_the_clear(signed);
    let head = head("_r");
    let signed_response = sign(response(&head, Outcome::Success(&enclosed)), &signing, SignatureAlgorithm::RsaSha256);
    for xml in [answer(&head, Outcome::Success(&enclosed)), answer_signed(&head, &signed_response.unwrap())] {
        let document = read(&xml);
        let assertion = response_in(&document).child(SAML2.uri, "Assertion").unwrap();
        assert!(verify(&document, assertion, "ID", &public, Accepted::Modern).is_ok());
    }
}
