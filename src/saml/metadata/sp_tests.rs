//! Metadata as SPs publish it, beside this project's tests/data/saml.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;

use super::*;
use crate::dsig::testing;
use crate::saml::names::MICROSOFT_ONLINE;

const MICROSOFT: &str = include_str!("../../../tests/data/saml/metadata_microsoft.xml");
const FEDERATION: &str = include_str!("../../../tests/data/saml/metadata_federation.xml");

fn all(xml: &str) -> Result<Vec<ServiceProvider>, MetadataError> {
    ServiceProvider::all(xml.as_bytes(), 1 << 20)
}

#[test]
fn microsofts_metadata_says_what_is_built_in() {
    let sp = ServiceProvider::named(MICROSOFT.as_bytes(), 1 << 20, MICROSOFT_ONLINE).unwrap();
    let built_in = ServiceProvider::office365(MICROSOFT_ONLINE);
    assert_eq!(sp.assertion_consumer_services, built_in.assertion_consumer_services);
    assert_eq!(sp.name_id_formats, built_in.name_id_formats);
    assert!(!sp.authn_requests_signed && sp.supports_ecp());
    assert_eq!(sp.valid_until, None);
    // Three KeyDescriptors: one certificate twice, and one that cannot be read.
    assert_eq!(sp.signing_keys.len(), 1);
}

#[test]
fn office365_goes_by_the_name_that_is_configured() {
    let sp = ServiceProvider::office365("urn:federation:Other");
    assert_eq!(sp.entity_id, "urn:federation:Other");
    assert!(sp.supports_ecp());
}

#[test]
fn a_federation_has_several() {
    let found = all(FEDERATION).unwrap();
    let ids: Vec<&str> = found.iter().map(|sp| sp.entity_id.as_str()).collect();
    assert_eq!(ids, ["https://one.example.org/sp", "https://two.example.org/sp"]);
    let [one, two] = found.as_slice() else { panic!("{ids:?}") };

    assert!(one.authn_requests_signed && one.supports_ecp());
    assert_eq!(one.valid_until, Timestamp::parse("2026-02-01T00:00:00Z").ok());
    assert_eq!(one.signing_keys.len(), 1);
    let services: Vec<_> = one.assertion_consumer_services.iter().map(|acs| (acs.index, acs.is_default)).collect();
    assert_eq!(services, [(Some(1), Some(true)), (None, None)]);

    assert!(!two.supports_ecp());
    assert_eq!(two.valid_until, Timestamp::parse("2026-01-20T00:00:00Z").ok());
}

#[test]
fn the_named_one_or_none() {
    let two = ServiceProvider::named(FEDERATION.as_bytes(), 1 << 20, "https://two.example.org/sp").unwrap();
    assert_eq!(two.entity_id, "https://two.example.org/sp");
    for id in ["https://idp.example.org/idp", "https://old.example.org/sp", "https://one.example.org/SP", ""] {
        let found = ServiceProvider::named(FEDERATION.as_bytes(), 1 << 20, id);
        assert!(matches!(found, Err(MetadataError::Unknown(_))), "{id}");
    }
}

#[test]
fn takes_the_formats_that_it_lists_or_any() {
    let email = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";
    for (listed, takes_transient, takes_email) in [
        (vec![], true, true),
        (vec![NAMEID_PERSISTENT], false, false),
        (vec![email, NAMEID_PERSISTENT], false, true),
        (vec![NAMEID_PERSISTENT, NAMEID_TRANSIENT], true, false),
        (vec![email, NAMEID_UNSPECIFIED], true, true),
        (vec![NAMEID_UNSPECIFIED_20], true, true),
    ] {
        let name_id_formats = listed.iter().map(|format| (*format).to_owned()).collect();
        let sp = ServiceProvider { name_id_formats, ..ServiceProvider::office365(MICROSOFT_ONLINE) };
        assert_eq!((sp.takes(NAMEID_TRANSIENT), sp.takes(email)), (takes_transient, takes_email), "{listed:?}");
    }
}

#[test]
fn refuses_what_is_no_metadata() {
    assert!(matches!(all("<x/>"), Err(MetadataError::NotMetadata)));
    assert!(matches!(all("<!DOCTYPE x><x/>"), Err(MetadataError::Xml(ParseError::Forbidden(_)))));
    assert!(matches!(all(MICROSOFT.trim_end().trim_end_matches('>')), Err(MetadataError::Xml(_))));
    assert!(matches!(ServiceProvider::all(MICROSOFT.as_bytes(), 64), Err(MetadataError::Xml(ParseError::TooLarge(_)))));
    let broken = FEDERATION.replace("2026-01-20T00:00:00Z", "soon");
    let left_out = LeftOut { name: "https://two.example.org/sp".to_owned(), why: LeftOutReason::ValidUntil };
    assert!(matches!(all(&broken), Err(MetadataError::LeftOut(found)) if found == left_out));
    let named = |id: &str| ServiceProvider::named(broken.as_bytes(), 1 << 20, id);
    assert!(matches!(named("https://two.example.org/sp"), Err(MetadataError::LeftOut(_))));
    assert!(named("https://one.example.org/sp").is_ok());
    let broken = FEDERATION.replace("2026-02-01T00:00:00Z", "soon");
    assert!(matches!(all(&broken), Err(MetadataError::ValidUntil(_))));
}

#[test]
fn a_thousand_keys_are_not_tried_on_what_a_stranger_sends() {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let certificate = || {
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        STANDARD.encode(testing::certificate(&key).to_der().unwrap())
    };
    const DESCRIBED: &str = "<KeyDescriptor><d:KeyInfo><d:X509Data><d:X509Certificate>KEY</d:X509Certificate></d:X509Data></d:KeyInfo>\
         </KeyDescriptor>";
    const ENTITY: &str = "<EntityDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata' xmlns:d='http://www.w3.org/2000/09/xmldsig#' \
         entityID='urn:sp'><SPSSODescriptor protocolSupportEnumeration='urn:oasis:names:tc:SAML:2.0:protocol'>KEYS</SPSSODescriptor>\
         </EntityDescriptor>";
    let keys: String = (0..20).map(|_| DESCRIBED.replace("KEY", &certificate())).collect();
    let xml = ENTITY.replace("KEYS", &keys);
    assert_eq!(all(&xml).unwrap()[0].signing_keys.len(), MOST_SIGNING_KEYS);
}

#[test]
fn a_key_for_encryption_that_cannot_be_read_is_no_leave_to_send_in_the_clear() {
    let entity = |key: &str| {
        let namespaces = ["xmlns='", MD.uri, "' xmlns:d='", DS.uri, "'"].concat();
        let role = ["<SPSSODescriptor protocolSupportEnumeration='", SAML20_PROTOCOL, "'>", key, "</SPSSODescriptor>"]
            .concat();
        let xml = ["<EntityDescriptor entityID='urn:sp' ", &namespaces, ">", &role, "</EntityDescriptor>"].concat();
        all(&xml).unwrap().remove(0).encryption(None).map(|found| found.is_some())
    };
    for (key, refused) in [
        ("<KeyDescriptor use='encryption'><d:KeyInfo><d:KeyName>x</d:KeyName></d:KeyInfo></KeyDescriptor>", true),
        (
            "<KeyDescriptor use='encryption'><d:KeyInfo><d:X509Data><d:X509Certificate>!</d:X509Certificate></d:X509Data>\
             </d:KeyInfo></KeyDescriptor>",
            true,
        ),
        ("<KeyDescriptor><d:KeyInfo><d:KeyName>x</d:KeyName></d:KeyInfo></KeyDescriptor>", false),
        ("<KeyDescriptor use='signing'><d:KeyInfo><d:KeyName>x</d:KeyName></d:KeyInfo></KeyDescriptor>", false),
        ("", false),
    ] {
        assert_eq!(entity(key).is_err(), refused, "{key}");
        assert!(refused || entity(key) == Ok(false), "{key}");
    }
}
