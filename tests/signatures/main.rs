//! What we sign, as others see it: xmlsec1 verifies it, and xmllint finds it valid against the OASIS schemas.
//!
//! Where a tool is missing the test says so and passes, unless `CI=true`: there it fails.
#![expect(clippy::disallowed_methods, reason = "a test asks its environment whether a peer may be missing")]

mod published;
#[path = "../random/mod.rs"]
mod random;
mod tools;

use std::path::Path;
use std::time::Duration;

use fedfront::dsig::{Signed, SigningKey, Unsigned, sign};
use fedfront::model::{AuthenticationMethod, SignatureAlgorithm, Timestamp};
use fedfront::saml::ecp::{self, Enclosed, FaultCode, Outcome, ResponseHead, SecondLevelStatus, StatusCode};
use fedfront::saml::metadata::{IdentityProvider, entity_descriptor};
use fedfront::saml::names::{MICROSOFT_ONLINE, NAMEID_PERSISTENT, NAMEID_UNSPECIFIED};
use fedfront::saml::{
    Advice, Assertion, AttributeOut, AuthnContextClass, Confirmation, NameIdentifier, Saml20Prefix, saml11, saml20,
};

use tools::{Tool, file, key, skip};

const ACS: &str = "https://login.microsoftonline.com/login.srf";
const ALGORITHMS: [SignatureAlgorithm; 2] = [SignatureAlgorithm::RsaSha256, SignatureAlgorithm::RsaSha1];
const ID11: &str = "AssertionID:urn:oasis:names:tc:SAML:1.0:assertion:Assertion";
const ID20: &str = "ID:urn:oasis:names:tc:SAML:2.0:assertion:Assertion";
const ID_METADATA: &str = "ID:urn:oasis:names:tc:SAML:2.0:metadata:EntityDescriptor";

#[test]
fn assertions_verify() {
    let Some(xmlsec) = Tool::find("xmlsec1") else { return };
    let key = key();
    for with in ALGORITHMS {
        for (name, id, xml) in assertions(&key, with) {
            xmlsec.verify(&format!("{name}_{with:?}"), id, &xml, &key, true);
        }
    }
}

#[test]
fn assertions_verify_inside_what_carries_them() {
    let Some(xmlsec) = Tool::find("xmlsec1") else { return };
    let key = key();
    let assertion = signed(saml20(alice(), Saml20Prefix::Ecp), &key, SignatureAlgorithm::RsaSha256);
    let enclosed = Enclosed::in_the_clear(assertion);
    xmlsec.verify("ecp_response", ID20, &ecp::answer(&head(), Outcome::Success(&enclosed)), &key, true);
}

#[test]
fn metadata_verifies() {
    let Some(xmlsec) = Tool::find("xmlsec1") else { return };
    let key = key();
    let metadata = signed(entity_descriptor(idp(&key)), &key, SignatureAlgorithm::RsaSha256);
    xmlsec.verify("metadata", ID_METADATA, metadata.xml(), &key, true);
}

#[test]
fn a_changed_assertion_does_not_verify() {
    let Some(xmlsec) = Tool::find("xmlsec1") else { return };
    let key = key();
    for (name, id, xml) in assertions(&key, SignatureAlgorithm::RsaSha256) {
        let changed = xml.replace("alice@example.com", "bobby@example.com");
        assert_ne!(changed, xml);
        xmlsec.verify(&format!("{name}_changed"), id, &changed, &key, false);
    }
}

#[test]
fn everything_obeys_its_schema() {
    let schemas = ["/usr/share/xml/opensaml/saml-schema-ecp-2.0.xsd", "/usr/share/xml/xmltooling/soap-envelope.xsd"];
    if let Some(missing) = schemas.iter().find(|path| !Path::new(path).exists()) {
        return skip(&format!("{missing} is not there (opensaml-schemas, xmltooling-schemas)"));
    }
    let Some(xmllint) = Tool::find("xmllint") else { return };
    let key = key();
    let with = SignatureAlgorithm::RsaSha256;
    for (name, _, xml) in assertions(&key, with) {
        validate(&xmllint, &name, &xml, true);
    }
    let nameless = Assertion { attributes: Vec::new(), ..alice() };
    validate(&xmllint, "no_attributes_11", signed(saml11(nameless.clone()), &key, with).xml(), true);
    validate(&xmllint, "no_attributes_20", signed(saml20(nameless, Saml20Prefix::Ecp), &key, with).xml(), true);

    let assertion = signed(saml20(alice(), Saml20Prefix::Ecp), &key, with);
    let success = ecp::answer(&head(), Outcome::Success(&Enclosed::in_the_clear(assertion)));
    validate(&xmllint, "success", &success, true);
    validate(&xmllint, "broken", &success.replace("Recipient", "Receiver"), false);
    let failure = ecp::answer(&head(), Outcome::Failure(StatusCode::Requester, Some(SecondLevelStatus::AuthnFailed)));
    validate(&xmllint, "failure", &failure, true);
    validate(&xmllint, "fault", &ecp::fault(FaultCode::Server), true);
    validate(&xmllint, "metadata", signed(entity_descriptor(idp(&key)), &key, with).xml(), true);
}

/// Each kind of assertion, signed: a name, xmlsec1's word for its ID attribute, its bytes. One has words in it that
/// canonicalisation must treat as we do.
fn assertions(key: &SigningKey, with: SignatureAlgorithm) -> Vec<(String, &'static str, String)> {
    let words = "<&>\"'\t\r\n]]> é \u{1F511}".to_owned();
    let mut odd = alice();
    odd.attributes.push(AttributeOut { values: vec![words.clone(), words.clone()], ..attribute("urn:oid:2.5.4.4") });
    odd.name_identifier.value = words.clone();
    odd.session_index = Some(words.clone());
    odd.issuer = words;
    let unsigned = [
        ("saml11", ID11, saml11(alice())),
        ("saml11_odd", ID11, saml11(odd.clone())),
        ("saml20_rstr", ID20, saml20(alice(), Saml20Prefix::Rstr)),
        ("saml20_ecp", ID20, saml20(alice(), Saml20Prefix::Ecp)),
        ("saml20_odd", ID20, saml20(odd, Saml20Prefix::Ecp)),
    ];
    unsigned.map(|(name, id, xml)| (name.to_owned(), id, signed(xml, key, with).xml().to_owned())).to_vec()
}

fn signed<T>(unsigned: Unsigned<T>, key: &SigningKey, with: SignatureAlgorithm) -> Signed<T> {
    sign(unsigned, key, with).unwrap()
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_767_225_600_000 + seconds * 1000)
}

fn attribute(name: &str) -> AttributeOut {
    AttributeOut {
        name: name.to_owned(),
        namespace: None,
        name_format: None,
        friendly_name: None,
        values: vec!["alice@example.com".to_owned()],
    }
}

fn alice() -> Assertion {
    Assertion {
        id: "_a1".to_owned(),
        issuer: "http://example.com/adfs/services/trust/".to_owned(),
        issue_instant: at(0),
        not_before: at(0),
        not_on_or_after: at(3600),
        audience: MICROSOFT_ONLINE.to_owned(),
        name_identifier: NameIdentifier {
            value: "AAECAwQFBgcICQoLDA0ODw==".to_owned(),
            format: NAMEID_UNSPECIFIED.to_owned(),
            qualifiers: None,
        },
        confirmation: Confirmation::BearerFor {
            recipient: ACS.to_owned(),
            in_response_to: Some("_6f3c".to_owned()),
            not_on_or_after: at(300),
        },
        attributes: vec![attribute("http://schemas.xmlsoap.org/claims/UPN"), attribute("IDPEmail")],
        authn_instant: at(0),
        method: AuthenticationMethod::Password,
        authn_context: AuthnContextClass::default(),
        session_index: Some("_s1".to_owned()),
        one_time_use: false,
        not_to_be_proxied: false,
        advice: Advice::default(),
    }
}

fn head() -> ResponseHead<'static> {
    ResponseHead {
        id: "_r1",
        issue_instant: at(0),
        issuer: "https://sts.example.com/oam/fed",
        acs_url: ACS,
        in_response_to: "_6f3c",
        request_authenticated: true,
        channel_bindings: None,
        generated_key: None,
    }
}

fn idp(key: &SigningKey) -> IdentityProvider {
    let at_idp = |path: &str| Some(["https://sts.example.com", path].concat());
    IdentityProvider {
        entity_id: "https://sts.example.com/oam/fed".to_owned(),
        id: "_md1".to_owned(),
        valid_until: at(7 * 86_400),
        cache_duration: Duration::from_secs(6 * 3600),
        signing_certificates: vec![key.certificate_base64().to_owned(), key.certificate_base64().to_owned()],
        sso_soap: "https://sts.example.com/oamfed/idp/soap".to_owned(),
        sso_redirect: at_idp("/oamfed/idp/samlv20"),
        sso_post: at_idp("/oamfed/idp/samlv20"),
        slo_redirect: at_idp("/oamfed/idp/samlv20"),
        slo_post: at_idp("/oamfed/idp/samlv20"),
        name_id_formats: vec![NAMEID_PERSISTENT.to_owned()],
        scope: Some("example.org".to_owned()),
    }
}

fn validate(xmllint: &Tool, name: &str, xml: &str, good: bool) {
    xmllint.validate("saml.xsd", &[file(&format!("{name}_schema.xml"), xml.as_bytes())], good);
}
