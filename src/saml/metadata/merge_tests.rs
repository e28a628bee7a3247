//! Documents as identity providers publish them, and as nobody should.

use openssl::pkey::PKey;

use super::*;
use crate::dsig::{Accepted, SigningKey, sign, testing, verify};
use crate::model::SignatureAlgorithm;
use crate::saml::assertion::tests::{at, reread};
use crate::saml::metadata::{DocumentTrust, MetadataDocument};
use crate::saml::names::BINDING_REDIRECT;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const WSO2: &str = include_str!("../../../tests/data/saml/metadata_wso2.xml");
const EVERYTHING: &str = include_str!("../../../tests/data/saml/metadata_idp_everything.xml");
const ECP: &str = "https://sts.example.com/oamfed/idp/soap";
const DAY: u64 = 86_400;

fn received(xml: &str, entity_id: &str) -> ReceivedMetadata {
    ReceivedMetadata::read(xml.as_bytes(), 1 << 20, entity_id, &DocumentTrust::Transport).unwrap()
}

fn idp(inner: &str) -> String {
    let ns = "xmlns='urn:oasis:names:tc:SAML:2.0:metadata' xmlns:ds='http://www.w3.org/2000/09/xmldsig#'";
    let protocol = "protocolSupportEnumeration='urn:oasis:names:tc:SAML:2.0:protocol'";
    let sso = "<SingleSignOnService Binding='urn:x' Location='https://idp/sso'/>";
    let role = ["<IDPSSODescriptor ", protocol, ">", sso, inner, "</IDPSSODescriptor>"].concat();
    ["<EntityDescriptor entityID='urn:idp' ", ns, ">", &role, "</EntityDescriptor>"].concat()
}

fn additions<'a>(certificates: &'a [String], moves: &'a Moves) -> Additions<'a> {
    Additions {
        sso_soap: Some(ECP),
        signing_certificates: certificates,
        scope: None,
        moves,
        valid_until: at(14 * DAY as i64),
        cache_duration: Duration::from_secs(6 * 3600),
        most: 1 << 20,
    }
}

fn merged(xml: &str, entity_id: &str) -> Unsigned<MergedMetadata> {
    let certificates = ["AAEC".to_owned(), "AwQF".to_owned()];
    merge(&received(xml, entity_id), &additions(&certificates, &Moves::default())).unwrap()
}

#[test]
fn the_browsers_endpoints_stay_and_ours_come_in() {
    let key = PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let own = testing::certificate(&key).to_der().unwrap();
    let certificates = [STANDARD.encode(&own)];
    let moves =
        Moves { from: vec![Move::parse("https://idp.example.com/logout").unwrap()], to: "https://sts".to_owned() };
    let theirs = received(WSO2, "https://idp.example.com");
    let out = merge(&theirs, &additions(&certificates, &moves)).unwrap();
    let document = MetadataDocument::read(out.xml.as_bytes(), 1 << 20).unwrap();
    let [idp] = document.identity_providers.as_slice() else { panic!("{document:?}") };
    assert_eq!(idp.entity_id, "https://idp.example.com");
    let sso: Vec<(&str, &str)> =
        idp.single_sign_on.iter().map(|endpoint| (endpoint.binding.as_str(), endpoint.location.as_str())).collect();
    let browser = "https://idp.example.com/samlsso";
    let post = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST";
    assert_eq!(sso, [(post, browser), (BINDING_REDIRECT, browser), (BINDING_SOAP, ECP)]);
    assert_eq!(idp.slo(BINDING_REDIRECT), Some("https://sts/logout"));
    // The response's address was not told to move.
    assert!(out.xml.contains("ResponseLocation=\"https://idp.example.com/samlsso\""));
    assert_eq!(idp.signing_certificates.len(), 3);
    assert_eq!(idp.signing_certificates[2].to_der().unwrap(), own, "ours is behind its own");
    assert_eq!(out.value.left_out, ["KeyDescriptor", "KeyInfo", "SingleSignOnService", "X509Certificate", "X509Data"]);
}

#[test]
fn its_own_soap_endpoint_stays_where_it_answers_ecp() {
    let theirs = received(WSO2, "https://idp.example.com");
    let moves = Moves::default();
    let out = merge(&theirs, &Additions { sso_soap: None, ..additions(&[], &moves) }).unwrap();
    assert!(out.xml.contains("https://idp.example.com/samlecp") && !out.xml.contains(ECP));
}

/// Who reads the second role would send passwords past us.
#[test]
fn no_second_role_keeps_a_soap_endpoint() {
    let second = ["<SingleSignOnService Binding='", BINDING_SOAP, "' Location='https://idp/soap'/>"].concat();
    let role = idp(&second);
    let (at, end) = (role.find("<IDPSSODescriptor").unwrap(), role.find("</EntityDescriptor>").unwrap());
    let two = role.replace("</EntityDescriptor>", &format!("{}</EntityDescriptor>", &role[at..end]));
    let out = merged(&two, "urn:idp");
    assert_eq!(out.xml.matches("<md:IDPSSODescriptor").count(), 2);
    assert_eq!((out.xml.matches(ECP).count(), out.xml.matches("https://idp/soap").count()), (1, 0));
}

#[test]
fn a_key_of_ours_that_is_its_own_is_published_once() {
    let theirs = received(WSO2, "https://idp.example.com");
    let known = signing_certificates(theirs.entity.child(MD.uri, "IDPSSODescriptor").unwrap()).next().unwrap();
    let (certificates, moves) = ([STANDARD.encode(known.to_der().unwrap())], Moves::default());
    let out = merge(&theirs, &additions(&certificates, &moves)).unwrap();
    let document = MetadataDocument::read(out.xml.as_bytes(), 1 << 20).unwrap();
    assert_eq!(document.identity_providers[0].signing_certificates.len(), 2);
}

#[test]
fn our_scope_is_beside_its_own_and_there_once() {
    let moves = Moves::default();
    let ours = Additions { scope: Some("example.com"), ..additions(&[], &moves) };
    let said = |text: &str, regexp: &str| ["<s:Scope", regexp, ">", text, "</s:Scope>"].concat();
    let around = |inner: &str| {
        let ns = "xmlns:s='urn:mace:shibboleth:metadata:1.0'";
        ["<Extensions ", ns, ">", inner, "</Extensions>"].concat()
    };
    let literal = |text: &str| (text.to_owned(), "false".to_owned());
    for (inner, expected) in [
        (String::new(), vec![literal("example.com")]),
        (around(""), vec![literal("example.com")]),
        (around(&said("other", " regexp='0'")), vec![literal("other"), literal("example.com")]),
        (around(&said(" example.com\n", " regexp='0'")), vec![literal("example.com")]),
        (
            around(&said("example.com", " regexp='1'")),
            vec![("example.com".to_owned(), "true".to_owned()), literal("example.com")],
        ),
    ] {
        let out = merge(&received(&idp(&inner), "urn:idp"), &ours).unwrap();
        let root = reread(&out.xml).root;
        let role = root.child(MD.uri, "IDPSSODescriptor").unwrap();
        let extensions = role.elements().next().unwrap();
        assert!(extensions.is(MD.uri, "Extensions"), "{}", out.xml);
        let scope = |scope: &Element| {
            (scope.text().unwrap_or_default().to_owned(), scope.attribute("regexp").unwrap_or_default().to_owned())
        };
        let scopes: Vec<_> = extensions.children_named(SHIBMD.uri, "Scope").map(scope).collect();
        assert_eq!(scopes, expected, "{inner}");
    }
}

#[test]
fn it_is_never_valid_longer_than_its_own() {
    for (inner, around, until, cache) in [
        ("", "", 14 * DAY, "PT21600S"),
        ("", "validUntil='2026-01-01T00:00:00Z'", 0, "PT21600S"),
        ("<Extensions><x xmlns='urn:x'/></Extensions>", "validUntil='2099-01-01T00:00:00Z'", 14 * DAY, "PT21600S"),
        ("", "cacheDuration='PT10M'", 14 * DAY, "PT600S"),
        ("", "cacheDuration='P1Y'", 14 * DAY, "PT21600S"),
        ("<Organization validUntil='2026-01-02T00:00:00Z'/>", "", DAY, "PT21600S"),
    ] {
        let xml = idp(inner).replacen("<EntityDescriptor ", &["<EntityDescriptor ", around, " "].concat(), 1);
        let out = merged(&xml, "urn:idp");
        let root = reread(&out.xml).root;
        assert_eq!(out.value.valid_until, at(until as i64), "{inner} {around}");
        assert_eq!(root.attribute("validUntil"), Some(at(until as i64).to_string().as_str()));
        assert_eq!(root.attribute("cacheDuration"), Some(cache), "{inner} {around}");
    }
}

#[test]
fn the_same_document_makes_the_same_bytes_and_another_another_id() {
    let first = merged(&idp(""), "urn:idp");
    let again = merged(&idp("\n<!-- a comment -->  "), "urn:idp");
    let other = merged(&idp("<NameIDFormat>urn:y</NameIDFormat>"), "urn:idp");
    assert_eq!(first.xml, again.xml);
    assert_ne!(first.id, other.id);
    assert!(first.xml.contains(&format!(" ID=\"{}\"", first.id)));
}

#[test]
fn what_comes_out_is_its_own_canonical_form_and_signed_by_us_alone() {
    let private = testing::rsa();
    let key = SigningKey::new(private.clone(), testing::certificate(&private)).unwrap();
    for (xml, entity_id) in [(WSO2, "https://idp.example.com"), (EVERYTHING, "https://idp.example.com/everything")] {
        let unsigned = merged(xml, entity_id);
        assert!(!unsigned.xml.contains("Signature>"), "a signature of the identity provider's");
        let canonical = canonicalize_within(&reread(&unsigned.xml).root, &Canonicalization::default(), 1 << 20);
        assert_eq!(canonical.unwrap(), unsigned.xml.as_bytes());
        assert!(unsigned.xml[unsigned.signature_at..].starts_with("<md:"));
        let signed = sign(unsigned, &key, SignatureAlgorithm::RsaSha256).unwrap();
        let document = reread(signed.xml());
        let keys = [key.certificate().public_key().unwrap()];
        verify(&document, &document.root, "ID", &keys, Accepted::Modern).unwrap();
    }
}

#[test]
fn extensions_that_are_harmless_stay() {
    let out = merged(EVERYTHING, "https://idp.example.com/everything");
    for kept in ["shibmd:Scope", "mdui:DisplayName", "x:Unknown", "saml2:AttributeValue", "hoksso:ProtocolBinding"] {
        assert!(out.xml.contains(kept), "{kept}: {}", out.xml);
    }
    for gone in ["PublicationInfo", "RoleDescriptor", "xsi:", "javascript:", "stale", "y:Signed", "evil"] {
        assert!(!out.xml.contains(gone), "{gone}: {}", out.xml);
    }
}

/// Prefixes are the document's choice, and ours are written beside them.
#[test]
fn a_document_cannot_take_our_prefixes() {
    let extension =
        "<Extensions><md:a xmlns:md='urn:evil:1' xmlns:ds='urn:evil:2' ds:b='1'><c xmlns=''/></md:a></Extensions>";
    let attribute = "<SingleLogoutService xmlns:md='urn:evil:3' md:x='y' Binding='urn:x' Location='https://idp/slo'/>";
    let out = merged(&idp(&[extension, attribute].concat()), "urn:idp");
    let root = reread(&out.xml).root;
    let role = root.child(MD.uri, "IDPSSODescriptor").unwrap();
    let kept = role.child(MD.uri, "Extensions").unwrap().child("urn:evil:1", "a").unwrap();
    assert_eq!(kept.attribute_ns("urn:evil:2", "b"), Some("1"));
    assert!(role.child(MD.uri, "SingleLogoutService").unwrap().attribute_ns("urn:evil:3", "x").is_none());
}

#[test]
fn without_an_identity_provider_nothing_is_published() {
    let protocol = "urn:oasis:names:tc:SAML:2.0:protocol";
    for (from, to) in [
        ("IDPSSODescriptor", "SPSSODescriptor"),
        (protocol, "urn:oasis:names:tc:SAML:1.1:protocol"),
        (protocol, "urn:oasis:names:tc:SAML:2.0:protocol no-uri"),
    ] {
        let theirs = received(&idp("").replace(from, to), "urn:idp");
        let moves = Moves::default();
        let error = merge(&theirs, &additions(&[], &moves)).err().unwrap();
        assert_eq!(error, MergeError::NoIdentityProvider("urn:idp".to_owned()), "{to}");
    }
    let long = received(&idp("<NameIDFormat>urn:y</NameIDFormat>"), "urn:idp");
    let moves = Moves::default();
    let most = merge(&long, &Additions { most: 300, ..additions(&[], &moves) });
    assert_eq!(most.err(), Some(MergeError::TooLong(300)));
}
