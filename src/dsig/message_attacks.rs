//! Messages made to pass a careless verifier of signatures over parts, each by our own hand: one that looks for signed
//! elements by their names, or for elements by their IDs alone.

use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{HasPublic, PKey, Public};
use openssl::rsa::Rsa;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::forgery::{KEY, RSA_SHA256, SHA256, rsa_sha256, signature};
use super::verify::Reason;
use super::*;
use crate::xml::{Canonicalization, Document, Element, Limits, ParseError, canonicalize, parse};

const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
const WSA: &str = "http://www.w3.org/2005/08/addressing";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const TIMESTAMP: &str = "<u:Timestamp u:Id=\"_ts\"><u:Created>2026-01-01T00:00:00Z</u:Created></u:Timestamp>";
const TO: &str = "<a:To u:Id=\"_to\">https://sts.example.com/</a:To>";
const CONTENT: &str = "<rst xmlns=\"urn:t\">alice</rst>";
const KEY_INFO: &str =
    "<ds:KeyInfo><o:SecurityTokenReference><o:Reference URI=\"#_bst\"/></o:SecurityTokenReference></ds:KeyInfo>";

/// A message whose header has `to` and, in its Security, a token and `security`; its Body is `body`.
fn message(to: &str, security: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{SOAP}\" xmlns:a=\"{WSA}\" xmlns:o=\"{WSSE}\" xmlns:u=\"{WSU}\"><s:Header>{to}<o:Security>\
         <o:BinarySecurityToken u:Id=\"_bst\">AAAA</o:BinarySecurityToken>{security}</o:Security></s:Header>{body}</s:Envelope>"
    )
}

fn body(id: &str, content: &str) -> String {
    format!("<s:Body u:Id=\"{id}\">{content}</s:Body>")
}

fn read(xml: &str) -> Document {
    parse(xml.as_bytes(), &Limits::message(65536)).unwrap()
}

fn reference(id: &str, canonical: &[u8]) -> String {
    let digest = STANDARD.encode(hash(MessageDigest::sha256(), canonical).unwrap());
    format!(
        "<ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"{EXCLUSIVE_C14N}\"></ds:Transform></ds:Transforms>\
         <ds:DigestMethod Algorithm=\"{SHA256}\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference>"
    )
}

/// `ds:SignedInfo` over those elements of an honest message.
fn signed_info(honest: &str, ids: &[&str]) -> String {
    let document = read(honest);
    let references: String = ids
        .iter()
        .map(|id| {
            let mut all = document.root.descendants();
            let element = all.find(|element| element.attribute_ns(WSU, "Id") == Some(*id)).unwrap();
            reference(id, &canonicalize(element, &Canonicalization::default()))
        })
        .collect();
    format!(
        "<ds:SignedInfo xmlns:ds=\"{}\"><ds:CanonicalizationMethod Algorithm=\"{EXCLUSIVE_C14N}\"></ds:CanonicalizationMethod>\
         <ds:SignatureMethod Algorithm=\"{RSA_SHA256}\"></ds:SignatureMethod>{references}</ds:SignedInfo>",
        DS.uri
    )
}

/// The honest signer's signature over Timestamp, To and Body.
fn honest_signature() -> String {
    let info = signed_info(&message(TO, TIMESTAMP, &body("_b", CONTENT)), &["_ts", "_to", "_b"]);
    signature(&info, &rsa_sha256(&info), KEY_INFO)
}

fn honest() -> String {
    message(TO, &format!("{TIMESTAMP}{}", honest_signature()), &body("_b", CONTENT))
}

/// The honest message, its SignedInfo changed before the honest key signs it.
fn signed_with(from: &str, to: &str) -> String {
    let info = signed_info(&message(TO, TIMESTAMP, &body("_b", CONTENT)), &["_ts", "_to", "_b"]);
    let changed = info.replacen(from, to, 1);
    assert_ne!(info, changed, "nothing to change");
    let signature = signature(&changed, &rsa_sha256(&changed), KEY_INFO);
    message(TO, &format!("{TIMESTAMP}{signature}"), &body("_b", CONTENT))
}

fn public<T: HasPublic>(key: &PKey<T>) -> PKey<Public> {
    PKey::public_key_from_der(&key.public_key_to_der().unwrap()).unwrap()
}

fn security(document: &Document) -> &Element {
    document.root.child(SOAP, "Header").and_then(|header| header.child(WSSE, "Security")).unwrap()
}

fn verified(document: &Document) -> Result<SignedParts<'_>, Reason> {
    let signature = security(document).child(DS.uri, "Signature").unwrap();
    let read = MessageSignature::read(document, signature).map_err(|VerifyError(reason)| reason)?;
    read.verify(&public(&KEY)).map_err(|VerifyError(reason)| reason)
}

#[track_caller]
fn refused(xml: &str, expected: &Reason) {
    let document = read(xml);
    let reason = verified(&document).map(|_| ()).expect_err("verified");
    assert_eq!(reason.to_string(), expected.to_string());
}

/// Which of Timestamp, To and Body stand where they count and are signed; in that order.
fn signed(xml: &str) -> [bool; 3] {
    let document = read(xml);
    let parts = verified(&document).unwrap();
    let header = document.root.child(SOAP, "Header").unwrap();
    let counted = [
        security(&document).only_child(WSU, "Timestamp").unwrap_or_default(),
        header.only_child(WSA, "To").unwrap_or_default(),
        document.root.only_child(SOAP, "Body").unwrap_or_default(),
    ];
    counted.map(|element| element.is_some_and(|element| parts.covers(element)))
}

#[test]
fn an_honest_message_verifies_part_by_part() {
    let xml = honest();
    assert_eq!(signed(&xml), [true; 3]);
    let document = read(&xml);
    let parts = verified(&document).unwrap();
    let body = document.root.child(SOAP, "Body").unwrap();
    let again = &parts.part(body).unwrap().document().root;
    assert_eq!(again.child("urn:t", "rst").and_then(Element::text), Some("alice"));
    assert!(!parts.covers(&document.root) && !parts.covers(body.child("urn:t", "rst").unwrap()));
    assert_eq!(
        parts.iter().map(|part| part.element().name.local.as_str()).collect::<Vec<_>>(),
        ["Timestamp", "To", "Body"]
    );
}

#[test]
fn the_key_is_named_and_never_taken() {
    let named = |key_info: &str| {
        let xml = honest().replacen(KEY_INFO, key_info, 1);
        let document = read(&xml);
        let signature = security(&document).child(DS.uri, "Signature").unwrap();
        match MessageSignature::read(&document, signature).unwrap().key() {
            KeyReference::Token(token) => format!("token {}", token.name.local),
            KeyReference::Identifier { value_type, value } => format!("identifier {value_type} {value}"),
            KeyReference::Unavailable(_) => "none".to_owned(),
        }
    };
    let str = |inside: &str| {
        format!("<ds:KeyInfo><o:SecurityTokenReference>{inside}</o:SecurityTokenReference></ds:KeyInfo>")
    };
    assert_eq!(named(KEY_INFO), "token BinarySecurityToken");
    assert_eq!(named(&str("<o:KeyIdentifier ValueType=\"urn:v\">_x</o:KeyIdentifier>")), "identifier urn:v _x");
    for nowhere in [
        String::new(),
        "<ds:KeyInfo></ds:KeyInfo>".to_owned(),
        "<ds:KeyInfo><ds:KeyName>a</ds:KeyName></ds:KeyInfo>".to_owned(),
        str(""),
        str("<o:Reference URI=\"#_nobody\"/>"),
        str("<o:Reference URI=\"_bst\"/>"),
        str("<o:Reference URI=\"#\"/>"),
        str("<o:Reference URI=\"#_bst\"/><o:Reference URI=\"#_ts\"/>"),
        str("<o:KeyIdentifier/>"),
        str("<ds:X509Data><ds:X509IssuerSerial/></ds:X509Data>"),
    ] {
        assert_eq!(named(&nowhere), "none", "{nowhere}");
    }
}

#[test]
fn a_second_timestamp_before_or_after_the_signed_one() {
    let forged = TIMESTAMP.replace("_ts", "_x").replace("2026", "2030");
    for both in [format!("{forged}{TIMESTAMP}"), format!("{TIMESTAMP}{forged}")] {
        let xml = message(TO, &format!("{both}{}", honest_signature()), &body("_b", CONTENT));
        assert_eq!(signed(&xml), [false, true, true], "{both}");
    }
}

#[test]
fn the_signed_timestamp_moved_away_and_another_in_its_place() {
    let forged = TIMESTAMP.replace("_ts", "_x").replace("2026", "2030");
    let moved = format!("<o:Wrapper>{TIMESTAMP}</o:Wrapper>");
    for (before, inside) in [(moved.clone(), String::new()), (String::new(), moved.clone())] {
        let to = format!("{TO}{before}");
        let xml = message(&to, &format!("{forged}{inside}{}", honest_signature()), &body("_b", CONTENT));
        assert_eq!(signed(&xml), [false, true, true]);
    }
}

#[test]
fn the_signed_to_moved_out_of_the_header() {
    let forged = TO.replace("_to", "_x").replace("sts.example.com", "evil.example");
    let wrapped = format!("{forged}<o:Wrapper>{TO}</o:Wrapper>");
    let xml = message(&wrapped, &format!("{TIMESTAMP}{}", honest_signature()), &body("_b", CONTENT));
    assert_eq!(signed(&xml), [true, false, true]);
    let in_security = format!("{TIMESTAMP}{TO}{}", honest_signature());
    assert_eq!(signed(&message(&forged, &in_security, &body("_b", CONTENT))), [true, false, true]);
}

#[test]
fn a_second_to_beside_the_signed_one() {
    let forged = TO.replace("_to", "_x").replace("sts.example.com", "evil.example");
    for both in [format!("{forged}{TO}"), format!("{TO}{forged}")] {
        let xml = message(&both, &format!("{TIMESTAMP}{}", honest_signature()), &body("_b", CONTENT));
        assert_eq!(signed(&xml), [true, false, true]);
    }
}

#[test]
fn the_signed_body_moved_into_a_header() {
    let evil = body("_evil", &CONTENT.replace("alice", "mallory"));
    let moved = format!("{TO}<o:Wrapper>{}</o:Wrapper>", body("_b", CONTENT));
    let xml = message(&moved, &format!("{TIMESTAMP}{}", honest_signature()), &evil);
    assert_eq!(signed(&xml), [true, true, false]);
}

#[test]
fn the_signed_body_within_another() {
    let evil = body("_evil", &format!("{}{}", CONTENT.replace("alice", "mallory"), body("_b", CONTENT)));
    let xml = message(TO, &format!("{TIMESTAMP}{}", honest_signature()), &evil);
    assert_eq!(signed(&xml), [true, true, false]);
}

#[test]
fn an_id_twice_does_not_even_parse() {
    let evil = body("_b", &CONTENT.replace("alice", "mallory"));
    let moved = format!("{TO}<o:Wrapper>{}</o:Wrapper>", body("_b", CONTENT));
    for id in ["u:Id", "ID", "Id", "AssertionID", "xml:id"] {
        let evil = evil.replace("u:Id", id);
        let xml = message(&moved, &format!("{TIMESTAMP}{}", honest_signature()), &evil);
        let error = parse(xml.as_bytes(), &Limits::message(65536)).unwrap_err();
        assert_eq!(error, ParseError::Forbidden("an ID twice"), "{id}");
    }
}

#[test]
fn an_id_of_another_vocabulary_names_nothing() {
    for id in ["Id", "ID", "AssertionID", "id", "a:Id", "o:Id"] {
        let xml = honest().replace("<s:Body u:Id=", &format!("<s:Body {id}="));
        refused(&xml, &Reason::NoPart);
    }
}

#[test]
fn an_assertion_is_named_by_its_own_id() {
    for (namespace, id) in
        [("urn:oasis:names:tc:SAML:1.0:assertion", "AssertionID"), ("urn:oasis:names:tc:SAML:2.0:assertion", "ID")]
    {
        let assertion = format!("<Assertion xmlns=\"{namespace}\" {id}=\"_as\"></Assertion>");
        let key_info = KEY_INFO.replace("_bst", "_as");
        let xml = honest().replacen(KEY_INFO, &key_info, 1).replacen(TIMESTAMP, &format!("{TIMESTAMP}{assertion}"), 1);
        let document = read(&xml);
        let signature = security(&document).child(DS.uri, "Signature").unwrap();
        let read = MessageSignature::read(&document, signature).unwrap();
        assert!(matches!(read.key(), KeyReference::Token(token) if token.name.local == "Assertion"), "{id}");
    }
}

#[test]
fn whatever_was_signed_may_not_change() {
    for (from, to) in [("2026", "2030"), ("sts.example.com", "evil.example"), (">alice<", ">mallory<")] {
        refused(&honest().replace(from, to), &Reason::Digest);
    }
    refused(&honest().replacen("<ds:DigestValue>", "<ds:DigestValue>AAAA", 1), &Reason::Signature);
    let attacker = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
    let xml = honest();
    let document = read(&xml);
    let signature = security(&document).child(DS.uri, "Signature").unwrap();
    let read = MessageSignature::read(&document, signature).unwrap();
    assert!(read.verify(&public(&attacker)).is_err());
}

#[test]
fn comments_never_split_a_signed_text() {
    let xml = honest().replace(">alice<", ">al<!-- -->ice<");
    let document = read(&xml);
    let parts = verified(&document).unwrap();
    let body = parts.part(document.root.child(SOAP, "Body").unwrap()).unwrap();
    assert_eq!(body.document().root.child("urn:t", "rst").and_then(Element::text), Some("alice"));
}

#[test]
fn no_changed_byte_changes_what_is_signed() {
    let xml = honest();
    let originals: Vec<String> = [TIMESTAMP, TO, CONTENT].map(|part| text_of(&read_part(part))).to_vec();
    let mut verified_still = 0;
    for at in 0..xml.len() {
        for flip in [0x01, 0x20] {
            let mut bytes = xml.clone().into_bytes();
            bytes[at] ^= flip;
            let Ok(document) = parse(&bytes, &Limits::message(65536)) else { continue };
            let Some(signature) = document.root.descendants().find(|element| element.is(DS.uri, "Signature")) else {
                continue;
            };
            let Ok(signature) = MessageSignature::read(&document, signature) else { continue };
            let Ok(parts) = signature.verify(&public(&KEY)) else { continue };
            let texts: Vec<String> = parts.iter().map(|part| text_of(&part.document().root)).collect();
            assert_eq!(texts, originals, "byte {at}");
            verified_still += 1;
        }
    }
    assert!(verified_still > 0, "what is not signed may change");
}

fn read_part(part: &str) -> Element {
    let document = read(&format!("<w xmlns:a=\"{WSA}\" xmlns:u=\"{WSU}\">{part}</w>"));
    document.root.elements().next().cloned().unwrap()
}

fn text_of(element: &Element) -> String {
    element.descendants().filter_map(Element::text).collect()
}

#[test]
fn transforms_other_than_exclusive_canonicalisation() {
    let exclusive = format!("<ds:Transform Algorithm=\"{EXCLUSIVE_C14N}\"></ds:Transform>");
    for (other, reason) in [
        ("http://www.w3.org/TR/1999/REC-xslt-19991116", Reason::Transforms),
        (ENVELOPED_SIGNATURE, Reason::Transforms),
        ("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", Reason::Transforms),
        (STR_TRANSFORM, Reason::StrTransform),
    ] {
        let other = format!("<ds:Transform Algorithm=\"{other}\"></ds:Transform>");
        refused(&signed_with(&exclusive, &other), &reason);
        refused(&signed_with(&exclusive, &format!("{exclusive}{other}")), &reason);
    }
    refused(&signed_with(&exclusive, &format!("{exclusive}{exclusive}")), &Reason::Transforms);
    refused(&signed_with(&exclusive, ""), &Reason::Transforms);
}

#[test]
fn sha1_and_hmac_are_unsupported_algorithms() {
    for (from, to) in [
        (RSA_SHA256, "http://www.w3.org/2000/09/xmldsig#rsa-sha1"),
        (RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
        (SHA256, "http://www.w3.org/2000/09/xmldsig#sha1"),
    ] {
        let xml = signed_with(from, to);
        let document = read(&xml);
        let signature = security(&document).child(DS.uri, "Signature").unwrap();
        let error = MessageSignature::read(&document, signature).map(|_| ()).unwrap_err();
        assert!(error.is_unsupported_algorithm(), "{to}: {error}");
    }
    let xml = honest().replace(">alice<", ">mallory<");
    let document = read(&xml);
    assert!(!VerifyError(verified(&document).unwrap_err()).is_unsupported_algorithm());
}

#[test]
fn references_are_few_and_each_to_another_element() {
    let document = message(TO, TIMESTAMP, &body("_b", CONTENT));
    let info = |ids: &[&str]| signed_info(&document, ids);
    let signed = |info: &str| {
        let signature = signature(info, &rsa_sha256(info), KEY_INFO);
        message(TO, &format!("{TIMESTAMP}{signature}"), &body("_b", CONTENT))
    };
    refused(&signed(&info(&[])), &Reason::References(16));
    refused(&signed(&info(&["_ts"; 17])), &Reason::References(16));
    refused(&signed(&info(&["_ts", "_ts"])), &Reason::NoPart);
    for uri in ["", "#", "_ts", "#xpointer(/)", "#xpointer(id('_ts'))", "https://attacker.example/#_ts", "#_nothing"] {
        refused(&signed_with("URI=\"#_ts\"", &format!("URI=\"{uri}\"")), &Reason::NoPart);
    }
    refused(&signed_with(" URI=\"#_ts\"", ""), &Reason::NoPart);
}

#[test]
fn anything_else_in_the_signature() {
    let xml = honest();
    for (from, to) in [
        ("</ds:Signature>", "<ds:Object></ds:Object></ds:Signature>"),
        ("<ds:SignatureValue>", "<ds:SignedInfo></ds:SignedInfo><ds:SignatureValue>"),
        ("</ds:SignedInfo>", "<evil></evil></ds:SignedInfo>"),
    ] {
        refused(&xml.replacen(from, to, 1), &Reason::Form("signature"));
    }
}

#[test]
fn a_listed_prefix_is_canonicalised_with_its_part() {
    let list =
        format!("<ec:InclusiveNamespaces xmlns:ec=\"{EXCLUSIVE_C14N}\" PrefixList=\"o s\"></ec:InclusiveNamespaces>");
    let honest = message(TO, TIMESTAMP, &body("_b", CONTENT));
    let document = read(&honest);
    let timestamp = security(&document).child(WSU, "Timestamp").unwrap();
    let scope_above = document.scope_above(timestamp).unwrap();
    let how = Canonicalization { inclusive_prefixes: &["o", "s"], scope_above: &scope_above, ..Default::default() };
    let canonical = canonicalize(timestamp, &how);
    assert!(String::from_utf8_lossy(&canonical).contains("xmlns:s="));
    let part = reference("_ts", &canonical);
    let part = part.replace("\"></ds:Transform>", &format!("\">{list}</ds:Transform>"));
    let info = signed_info(&honest, &["_to"]).replace("</ds:SignedInfo>", &format!("{part}</ds:SignedInfo>"));
    let signature = signature(&info, &rsa_sha256(&info), KEY_INFO);
    assert_eq!(signed(&message(TO, &format!("{TIMESTAMP}{signature}"), &body("_b", CONTENT))), [true, true, false]);
}

/// What a stranger signs is canonicalised before anybody knows whose key it is.
#[test]
fn a_short_message_makes_no_long_work() {
    let uri = |n: usize| format!("urn:{n}:{}", "x".repeat(480));
    let declared: String = (0..32).map(|n| format!(" xmlns:p{n}=\"{}\"", uri(n))).collect();
    let used: String = (0..32).map(|n| format!(" p{n}:a=\"\"")).collect();
    let content = format!("<x{declared}>{}</x>", format!("<y{used}></y>").repeat(100));
    let honest = message(TO, TIMESTAMP, &body("_b", &content));
    let document = read(&honest);
    let whole = canonicalize(&document.root, &Canonicalization::default());
    assert!(honest.len() < 65536 && whole.len() > 20 * honest.len(), "{} of {}", whole.len(), honest.len());
    let info = signed_info(&honest, &["_b"]);
    let signature_of = |info: &str| format!("{TIMESTAMP}{}", signature(info, &rsa_sha256(info), KEY_INFO));
    refused(&message(TO, &signature_of(&info), &body("_b", &content)), &Reason::TooLong);

    // Nor by signing the same again and again.
    let text = "t".repeat(30_000);
    let nested: String = (0..12).map(|n| format!("<n u:Id=\"_n{n}\">")).collect();
    let content = format!("{nested}{text}{}", "</n>".repeat(12));
    let ids: Vec<String> = (0..12).map(|n| format!("_n{n}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    for (signed, refusal) in [(&ids[..8], None), (&ids[..], Some(Reason::TooLong))] {
        let info = signed_info(&message(TO, TIMESTAMP, &body("_b", &content)), signed);
        let xml = message(TO, &signature_of(&info), &body("_b", &content));
        let found = verified(&read(&xml)).err();
        assert_eq!(found.map(|found| found.to_string()), refusal.map(|refusal| refusal.to_string()));
    }
}
