//! Documents made to pass a careless verifier, each by our own hand: the catalogue of SAML signature attacks.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::ec::{EcGroup, EcKey};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{HasPublic, PKey, Private, Public};
use openssl::rsa::Rsa;
use openssl::sign::Signer;

use super::forgery::{
    KEY, RSA_SHA256, SHA256, alice_signature, assertion, changed, response, rsa_sha256, signature, signed_info,
    signed_with,
};
use super::testing::certificate;
use super::verify::Reason;
use super::*;
use crate::xml::{Document, Element, Limits, ParseError, parse};

pub(super) static EC_KEY: LazyLock<PKey<Private>> = LazyLock::new(|| {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
});

pub(super) fn public<T: HasPublic>(key: &PKey<T>) -> PKey<Public> {
    PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap()
}

pub(super) fn read(xml: &str) -> Document {
    parse(xml.as_bytes(), &Limits::message(65536)).unwrap()
}

fn check_element(document: &Document, element: &Element) -> Result<Verified, Reason> {
    verify(document, element, "ID", &[public(&KEY)], Accepted::Modern).map_err(|VerifyError(reason)| reason)
}

pub(super) fn check(xml: &str) -> Result<Verified, Reason> {
    let document = read(xml);
    check_element(&document, &document.root)
}

#[track_caller]
pub(super) fn refused(xml: &str, expected: &Reason) {
    let reason = check(xml).map(|_| ()).expect_err("verified");
    assert_eq!(reason.to_string(), expected.to_string());
}

/// Whatever element an application might take for the assertion or the response: it is refused, or what comes back is
/// about Alice and nobody else.
#[track_caller]
fn never_mallory(xml: &str) {
    let document = read(xml);
    let mut evil = 0;
    for element in document.root.descendants().filter(|element| element.attribute("ID").is_some()) {
        let about_mallory = element.descendants().any(|below| below.text() == Some("mallory"));
        evil += usize::from(about_mallory);
        if let Ok(verified) = check_element(&document, element) {
            assert!(!about_mallory && String::from_utf8_lossy(verified.canonical()).contains("alice"));
        }
    }
    assert!(evil > 0, "no attack in it");
}

#[test]
fn an_honest_signature_verifies() {
    let verified = check(&assertion("_a", "alice", &alice_signature())).unwrap();
    assert_eq!(String::from_utf8_lossy(verified.canonical()), assertion("_a", "alice", ""));
    let root = &verified.document().root;
    assert_eq!(root.elements().last().and_then(Element::text), Some("alice"));
    assert!(root.child(DS.uri, "Signature").is_none());
}

#[test]
fn our_own_signer_is_believed_unless_it_uses_sha1() {
    use crate::model::SignatureAlgorithm::{RsaSha1, RsaSha256};
    let certificate = certificate(&KEY);
    let key = SigningKey::new(KEY.clone(), certificate).unwrap();
    for (with, verifies) in [(RsaSha256, true), (RsaSha1, false)] {
        let xml = assertion("_a", "alice", "");
        let signature_at = xml.find("<saml:NameID>").unwrap();
        let signed = sign(Unsigned { value: (), xml, id: "_a".into(), signature_at }, &key, with).unwrap();
        assert_eq!(signed.xml().matches("xmlns:ds=").count(), 1);
        let document = read(signed.xml());
        assert_eq!(verify(&document, &document.root, "ID", &[public(&KEY)], Accepted::Modern).is_ok(), verifies);
    }
}

#[test]
fn xsw1_signed_response_inside_the_signature() {
    let info = signed_info("_r", &response("_r", &assertion("_a", "alice", "")));
    let wrapped = signature(&info, &rsa_sha256(&info), &response("_r", &assertion("_a", "alice", "")));
    never_mallory(&response("_evil", &format!("{wrapped}{}", assertion("_b", "mallory", ""))));
}

#[test]
fn xsw2_signed_response_beside_its_signature() {
    let original = response("_r", &assertion("_a", "alice", ""));
    let info = signed_info("_r", &original);
    let detached = signature(&info, &rsa_sha256(&info), "");
    never_mallory(&response("_evil", &format!("{original}{detached}{}", assertion("_b", "mallory", ""))));
}

#[test]
fn xsw3_forged_assertion_before_the_signed_one() {
    let original = assertion("_a", "alice", &alice_signature());
    never_mallory(&response("_r", &format!("{}{original}", assertion("_evil", "mallory", ""))));
}

#[test]
fn xsw4_signed_assertion_inside_the_forged_one() {
    let original = assertion("_a", "alice", &alice_signature());
    never_mallory(&response("_r", &assertion("_evil", "mallory", &original)));
}

#[test]
fn xsw5_signature_moved_into_the_forged_assertion() {
    let forged = assertion("_evil", "mallory", &alice_signature());
    never_mallory(&response("_r", &format!("{forged}{}", assertion("_a", "alice", ""))));
}

#[test]
fn xsw6_signed_assertion_inside_the_moved_signature() {
    let info = signed_info("_a", &assertion("_a", "alice", ""));
    let moved = signature(&info, &rsa_sha256(&info), &assertion("_a", "alice", ""));
    never_mallory(&response("_r", &assertion("_evil", "mallory", &moved)));
}

#[test]
fn xsw7_forged_assertion_in_extensions() {
    let extensions = format!("<samlp:Extensions>{}</samlp:Extensions>", assertion("_evil", "mallory", ""));
    never_mallory(&response("_r", &format!("{extensions}{}", assertion("_a", "alice", &alice_signature()))));
}

#[test]
fn xsw8_signed_assertion_in_an_object() {
    let info = signed_info("_a", &assertion("_a", "alice", ""));
    let object = format!("<ds:Object>{}</ds:Object>", assertion("_a", "alice", ""));
    let forged = assertion("_evil", "mallory", &signature(&info, &rsa_sha256(&info), &object));
    never_mallory(&response("_r", &forged));
}

#[test]
fn duplicate_ids_do_not_even_parse() {
    let xml =
        response("_r", &format!("{}{}", assertion("_a", "mallory", &alice_signature()), assertion("_a", "alice", "")));
    assert_eq!(parse(xml.as_bytes(), &Limits::message(65536)).unwrap_err(), ParseError::Forbidden("an ID twice"));
}

#[test]
fn content_changed() {
    refused(&changed("alice", "mallory"), &Reason::Digest);
    refused(&changed("idp<", "idp <"), &Reason::Digest);
    refused(&changed("ID=\"_a\"", "ID=\"_a\" Version=\"2.0\""), &Reason::Digest);
    refused(&changed("<ds:DigestValue>", "<ds:DigestValue>AAAA"), &Reason::Signature);
}

#[test]
fn comments_never_split_a_signed_text() {
    let verified = check(&changed("alice", "al<!-- -->ice")).unwrap();
    assert_eq!(verified.document().root.elements().last().and_then(Element::text), Some("alice"));
}

#[test]
fn comment_in_a_digest_or_signature_value() {
    refused(&changed("<ds:DigestValue>", "<ds:DigestValue><!--AAAA-->"), &Reason::Base64);
    refused(&changed("<ds:SignatureValue>", "<ds:SignatureValue><!--AAAA-->"), &Reason::Base64);
}

#[test]
fn base64_that_only_a_lenient_decoder_reads() {
    for junk in ["-", "=", "\u{a0}", "<b/>"] {
        refused(&changed("</ds:SignatureValue>", &format!("{junk}</ds:SignatureValue>")), &Reason::Base64);
    }
    check(&changed("<ds:SignatureValue>", "<ds:SignatureValue>\n\t &#13;")).unwrap();
}

#[test]
fn two_signed_infos() {
    let forged = signed_info("_a", &assertion("_a", "mallory", ""));
    refused(&changed("<ds:SignedInfo ", &format!("{forged}<ds:SignedInfo ")), &Reason::Form("signature"));
    refused(&changed("<ds:SignatureValue>", &format!("{forged}<ds:SignatureValue>")), &Reason::Form("signature"));
}

#[test]
fn two_references() {
    let info = signed_info("_a", &assertion("_a", "mallory", ""));
    let (_, reference) = info.split_at(info.find("<ds:Reference").unwrap());
    let reference = reference.trim_end_matches("</ds:SignedInfo>");
    refused(&signed_with("<ds:Reference ", &format!("{reference}<ds:Reference ")), &Reason::Form("signature"));
}

#[test]
fn no_signature_or_two_or_deeper() {
    let alice = alice_signature();
    refused(&assertion("_a", "alice", ""), &Reason::Unsigned);
    refused(&assertion("_a", "alice", &format!("{alice}{alice}")), &Reason::Form("element"));
    refused(&assertion("_a", "alice", &format!("<saml:Advice>{alice}</saml:Advice>")), &Reason::Unsigned);
}

#[test]
fn reference_to_anything_but_the_element() {
    for uri in ["", "#", "#_b", "_a", "#xpointer(/)", "#xpointer(id('_a'))", "https://attacker.example/#_a"] {
        refused(&signed_with("URI=\"#_a\"", &format!("URI=\"{uri}\"")), &Reason::Reference);
    }
    refused(&signed_with(" URI=\"#_a\"", ""), &Reason::Reference);
    refused(&changed(" ID=\"_a\"", ""), &Reason::NoId);
    refused(&changed(" ID=\"_a\"", " AssertionID=\"_a\""), &Reason::NoId);
}

#[test]
fn transforms_other_than_the_two() {
    let enveloped = format!("<ds:Transform Algorithm=\"{ENVELOPED_SIGNATURE}\"></ds:Transform>");
    let exclusive = format!("<ds:Transform Algorithm=\"{EXCLUSIVE_C14N}\"></ds:Transform>");
    for other in [
        "http://www.w3.org/TR/1999/REC-xslt-19991116",
        "http://www.w3.org/TR/1999/REC-xpath-19991116",
        "http://www.w3.org/2002/06/xmldsig-filter2",
        "http://www.w3.org/2000/09/xmldsig#base64",
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
    ] {
        let other = format!("<ds:Transform Algorithm=\"{other}\"></ds:Transform>");
        refused(&signed_with(&enveloped, &other), &Reason::Transforms);
        refused(&signed_with(&exclusive, &other), &Reason::Transforms);
        refused(&signed_with(&enveloped, &format!("{enveloped}{other}")), &Reason::Transforms);
    }
    refused(&signed_with(&enveloped, ""), &Reason::Transforms);
    refused(&signed_with(&exclusive, ""), &Reason::Transforms);
    refused(&signed_with(&format!("{enveloped}{exclusive}"), &format!("{exclusive}{enveloped}")), &Reason::Transforms);
}

#[test]
fn canonicalization_that_is_not_exclusive() {
    let method = format!("CanonicalizationMethod Algorithm=\"{EXCLUSIVE_C14N}\"");
    for other in ["http://www.w3.org/TR/2001/REC-xml-c14n-20010315", "urn:none", ""] {
        let other = format!("CanonicalizationMethod Algorithm=\"{other}\"");
        refused(&signed_with(&method, &other), &Reason::Canonicalization);
    }
}

#[test]
fn hmac_keyed_with_the_public_key() {
    for method in ["http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", "http://www.w3.org/2000/09/xmldsig#hmac-sha1"]
    {
        let info = signed_info("_a", &assertion("_a", "mallory", "")).replace(RSA_SHA256, method);
        let key = PKey::hmac(&KEY.public_key_to_pem().unwrap()).unwrap();
        let value = Signer::new(MessageDigest::sha256(), &key).unwrap().sign_oneshot_to_vec(info.as_bytes()).unwrap();
        refused(&assertion("_a", "mallory", &signature(&info, &value, "")), &Reason::Algorithm);
    }
    let shortened = format!("{RSA_SHA256}\"><ds:HMACOutputLength>1</ds:HMACOutputLength><");
    refused(&signed_with(&format!("{RSA_SHA256}\"><"), &shortened), &Reason::Form("signature"));
}

#[test]
fn weak_or_unknown_digest() {
    for digest in ["http://www.w3.org/2000/09/xmldsig#sha1", "http://www.w3.org/2001/04/xmldsig-more#md5", ""] {
        refused(&signed_with(SHA256, digest), &Reason::Algorithm);
    }
}

#[test]
fn certificate_of_the_attacker_in_key_info() {
    let attacker = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let certificate = STANDARD.encode(certificate(&attacker).to_der().unwrap());
    let info = signed_info("_a", &assertion("_a", "mallory", ""));
    let value = Signer::new(MessageDigest::sha256(), &attacker).unwrap().sign_oneshot_to_vec(info.as_bytes()).unwrap();
    let key_info = format!(
        "<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    );
    refused(&assertion("_a", "mallory", &signature(&info, &value, &key_info)), &Reason::Signature);
}

#[test]
fn object_or_anything_else_in_the_signature() {
    for more in ["<ds:Object></ds:Object>", "<ds:KeyInfo></ds:KeyInfo><ds:Object></ds:Object>", "<evil></evil>"] {
        refused(&changed("</ds:Signature>", &format!("{more}</ds:Signature>")), &Reason::Form("signature"));
    }
    check(&changed("</ds:Signature>", "<ds:KeyInfo></ds:KeyInfo></ds:Signature>")).unwrap();
}

#[test]
fn truncated_signature() {
    let info = signed_info("_a", &assertion("_a", "alice", ""));
    let value = rsa_sha256(&info);
    for bytes in [0, 1, 128, 255] {
        let xml = assertion("_a", "alice", &signature(&info, value.get(..bytes).unwrap(), ""));
        refused(&xml, &Reason::Signature);
    }
}

#[test]
fn key_of_another_type_or_none() {
    let document = read(&assertion("_a", "alice", &alice_signature()));
    for keys in [vec![], vec![public(&EC_KEY)]] {
        let VerifyError(reason) = verify(&document, &document.root, "ID", &keys, Accepted::Modern).unwrap_err();
        assert_eq!(reason.to_string(), Reason::KeyType.to_string());
    }
    verify(&document, &document.root, "ID", &[public(&EC_KEY), public(&KEY)], Accepted::Modern).unwrap();
}

#[test]
fn ecdsa_is_two_numbers_and_nothing_else() {
    let info = signed_info("_a", &assertion("_a", "alice", "")).replace("rsa-sha256", "ecdsa-sha256");
    let der = Signer::new(MessageDigest::sha256(), &EC_KEY).unwrap().sign_oneshot_to_vec(info.as_bytes()).unwrap();
    let numbers = EcdsaSig::from_der(&der).unwrap();
    let padded =
        |bytes| [numbers.r().to_vec_padded(bytes).unwrap(), numbers.s().to_vec_padded(bytes).unwrap()].concat();
    let longer = [numbers.r().to_vec_padded(32).unwrap(), numbers.s().to_vec_padded(33).unwrap()].concat();
    for (value, verifies) in
        [(padded(32), true), (padded(33), false), (longer, false), (der, false), (vec![0; 64], false)]
    {
        let document = read(&assertion("_a", "alice", &signature(&info, &value, "")));
        assert_eq!(verify(&document, &document.root, "ID", &[public(&EC_KEY)], Accepted::Modern).is_ok(), verifies);
    }
}

#[test]
fn no_changed_byte_changes_what_is_read() {
    let signed = assertion("_a", "alice", &alice_signature());
    let canonical = assertion("_a", "alice", "");
    for at in 0..signed.len() {
        for flip in [0x01, 0x20] {
            let mut bytes = signed.clone().into_bytes();
            bytes[at] ^= flip;
            let Ok(document) = parse(&bytes, &Limits::message(65536)) else { continue };
            if let Ok(verified) = check_element(&document, &document.root) {
                assert_eq!(String::from_utf8_lossy(verified.canonical()), canonical, "byte {at}");
            }
        }
    }
}

#[test]
fn element_of_another_document() {
    let document = read(&assertion("_a", "alice", &alice_signature()));
    let other = document.clone();
    assert!(matches!(check_element(&document, &other.root), Err(Reason::Foreign)));
}
